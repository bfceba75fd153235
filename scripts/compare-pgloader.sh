#!/usr/bin/env bash
# Runs pgloader and Sensei on the same inputs, compares both results with the source by SQL, and writes docs/compared.md.
# Needs pgloader, a MariaDB and a PostgreSQL server's programs, python3, the corpora (SENSEI_CORPORA, by default
# ../shared/corpora) and a release build of sensei.
set -euo pipefail

cd "$(dirname "$0")/.."
target="${CARGO_TARGET_DIR:-target}"
for program in pgloader mariadb psql python3 "$target/release/sensei"; do
  command -v "$program" >/dev/null 2>&1 || { echo "missing: $program" >&2; exit 1; }
done
SENSEI="$(realpath "$target/release/sensei")" SENSEI_CORPORA="${SENSEI_CORPORA:-$PWD/../shared/corpora}" \
  PYTHONDONTWRITEBYTECODE=1 python3 scripts/compared/main.py > docs/compared.md.new
mv docs/compared.md.new docs/compared.md
