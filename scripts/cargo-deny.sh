#!/usr/bin/env bash
# Runs cargo-deny, built once into the user's cache (under two minutes on two cores, unoptimised on purpose).
set -euo pipefail

version=0.20.2
tools="${XDG_CACHE_HOME:-$HOME/.cache}/sensei/tools/cargo-deny-$version"
if [ ! -x "$tools/bin/cargo-deny" ]; then
  build="$(mktemp -d)"
  trap 'rm -rf "$build"' EXIT
  CARGO_TARGET_DIR="$build" cargo install cargo-deny --version "$version" --locked --debug --quiet --root "$tools"
  rm -rf "$build"
fi
exec "$tools/bin/cargo-deny" "$@"
