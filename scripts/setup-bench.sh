#!/usr/bin/env bash
# Brings the tools that `make bench` measures Sensei beside. Those from PyPI go into an environment of their own; those of the
# distribution are named when they are missing, and their scenarios are skipped.
set -euo pipefail

environment="${XDG_CACHE_HOME:-$HOME/.cache}/sensei/bench"
# Pinned: figures beside another version are other figures.
wanted=(sling-linux-amd64==1.4.11 reladiff==0.6.0 psycopg2-binary==2.9.13 duckdb==2.0.0)

if [ "$(cat "$environment/.wanted" 2>/dev/null || true)" != "${wanted[*]}" ]; then
  echo "installing into $environment: ${wanted[*]}"
  rm -rf "$environment"
  mkdir -p "$(dirname "$environment")"
  if python3 -m venv "$environment" && "$environment/bin/pip" install --quiet --disable-pip-version-check "${wanted[@]}"; then
    printf '%s' "${wanted[*]}" >"$environment/.wanted"
  else
    echo "these could not be installed from PyPI; their scenarios are skipped" >&2
  fi
fi

missing=()
command -v pgloader >/dev/null 2>&1 || missing+=(pgloader)
command -v wrk >/dev/null 2>&1 || missing+=(wrk)
command -v valgrind >/dev/null 2>&1 || missing+=(valgrind)
if [ ${#missing[@]} -gt 0 ]; then
  echo "missing, and skipped: ${missing[*]} (Debian, Ubuntu: apt-get install ${missing[*]})" >&2
fi
