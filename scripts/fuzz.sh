#!/usr/bin/env bash
# Fuzzes the readers of foreign bytes: scripts/fuzz.sh [SECONDS [TARGET…]], by default every target for 60 seconds. Not part
# of the tests. Says how many inputs each target took and whether it found something; fails if any did.
#
# Needs a nightly toolchain (rustup toolchain install nightly), cargo-fuzz (cargo install cargo-fuzz) and a C++ compiler. The
# first run builds every dependency with coverage. FUZZ_SANITIZER=address builds with that sanitizer: slower, and of use
# only against unsafe code, of which there is none here outside dependencies.
set -euo pipefail

# Not from the root: a target is built the same from wherever the script is called.
fuzz="$(cd "$(dirname "$0")/../tests/fuzz" && pwd)"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/sensei/fuzz}"
sanitizer="${FUZZ_SANITIZER:-none}"

seconds="${1:-60}"
shift || true
case "$seconds" in '' | *[!0-9]*) echo "usage: scripts/fuzz.sh [SECONDS [TARGET…]]" >&2; exit 2 ;; esac
known="$(sed -n '/^\[\[bin\]\]/,$s/^name = "\([a-z_]*\)"$/\1/p' "$fuzz/Cargo.toml")"
[ $# -gt 0 ] || set -- $known
for target in "$@"; do
  grep -qx "$target" <<<"$known" || { echo "no target $target; there are:" $known >&2; exit 2; }
done

cargo +nightly --version >/dev/null 2>&1 || { echo "no nightly toolchain: rustup toolchain install nightly" >&2; exit 2; }
cargo fuzz --version >/dev/null 2>&1 || { echo "no cargo-fuzz: cargo install cargo-fuzz" >&2; exit 2; }

for target in "$@"; do
  cargo +nightly fuzz build --fuzz-dir "$fuzz" --sanitizer "$sanitizer" "$target"
done

# What is learnt and what is found stays outside of the source.
built="$CARGO_TARGET_DIR/$(rustc +nightly -vV | sed -n 's/^host: //p')/release"
corpora="$CARGO_TARGET_DIR/corpora"
finds="$CARGO_TARGET_DIR/finds"
findings=0
printf '%-16s %12s %10s  %s\n' target executions seconds verdict
for target in "$@"; do
  mkdir -p "$corpora/$target" "$finds/$target"
  log="$finds/$target.log"
  options=(-max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=16384 -print_final_stats=1)
  options+=(-artifact_prefix="$finds/$target/")
  [ ! -f "$fuzz/dictionaries/$target.dict" ] || options+=(-dict="$fuzz/dictionaries/$target.dict")
  began=$SECONDS verdict=clean
  "$built/$target" "${options[@]}" "$corpora/$target" "$fuzz/seeds/$target" >"$log" 2>&1 || verdict="FINDING, see $log"
  executions="$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -1)"
  printf '%-16s %12s %10s  %s\n' "$target" "${executions:-?}" "$((SECONDS - began))" "$verdict"
  [ "$verdict" = clean ] || findings=$((findings + 1))
done
[ "$findings" = 0 ] || { echo "$findings of $# targets found something; the inputs are in $finds" >&2; exit 1; }
