#!/usr/bin/env bash
# Fuzzes the readers of foreign bytes, each for some seconds: scripts/fuzz.sh [SECONDS [TARGET…]]. Not part of the tests.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds="${1:-60}"
shift || true
[ $# -gt 0 ] || set -- $(sed -n 's/^name = "\([a-z_]*\)"$/\1/p' tests/fuzz/Cargo.toml)

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/sensei/target}/fuzz"
for target in "$@"; do
  echo "== $target, $seconds s"
  cargo +nightly fuzz run --fuzz-dir tests/fuzz "$target" -- \
    -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1
done
