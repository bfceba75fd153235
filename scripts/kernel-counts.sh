#!/usr/bin/env bash
# Counts the instructions each kernel takes per row (callgrind) and compares them with bench/kernels.counts: more than 5 % above
# fails. A busy machine does not change the counts; another compiler does, and so do other vector instructions, by which BLAKE3
# chooses its code. Counts made under others are therefore not compared. `UPDATE=1` writes the file anew.
set -euo pipefail
cd "$(dirname "$0")/.."

counts=bench/kernels.counts
tolerance_percent=5
rows=8192
# Enough runs that one run's share of what is counted besides is nothing.
times=4

if ! command -v valgrind >/dev/null 2>&1; then
  echo "kernel counts: skipped, valgrind is missing (Debian, Ubuntu: apt-get install valgrind)"
  exit 0
fi

"${CARGO:-cargo}" build --release --locked --quiet --workspace --example kernel
kernel="${CARGO_TARGET_DIR:-target}/release/examples/kernel"

instructions() { # NAME TIMES
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$kernel" "$@" 2>&1 | sed -n 's/.*Collected : //p'
}

# As seen inside: valgrind knows fewer instructions than the processor.
platform="$(valgrind --tool=none --quiet "$kernel" | sed -n 's/^platform //p') with $(rustc --version | cut -d' ' -f1,2)"
measured="$(
  echo "platform $platform"
  for name in $("$kernel" | sed -n 's/^kernel //p'); do
    once="$(instructions "$name" 1)"
    more="$(instructions "$name" $((times + 1)))"
    echo "$name $(((more - once) / times / rows))"
  done
)"

if [ -n "${UPDATE:-}" ]; then
  printf '%s\n' "$measured" >"$counts"
  printf 'kernel counts, instructions per row, written to %s:\n%s\n' "$counts" "$measured"
  exit 0
fi

if [ ! -f "$counts" ]; then
  echo "kernel counts: $counts is missing; write it with UPDATE=1"
  exit 1
fi
before="$(sed -n 's/^platform //p' "$counts")"
if [ "$platform" != "$before" ]; then
  echo "kernel counts: not compared, $counts was made on $before and this is $platform; write it anew with UPDATE=1"
  exit 0
fi

printf '%s\n' "$measured" | awk -v tolerance="$tolerance_percent" -v file="$counts" '
  BEGIN { while ((getline line < file) > 0) { split(line, word, " "); known[word[1]] = word[2] } }
  $1 == "platform" { next }
  !($1 in known) { printf "%s: %d instructions per row, and none on record\n", $1, $2; bad = 1; next }
  {
    change = 100 * ($2 - known[$1]) / known[$1]
    printf "%s: %d instructions per row, %d on record, %+.1f %%\n", $1, $2, known[$1], change
    if (change > tolerance) bad = 1
    if (change < -tolerance) faster = 1
  }
  END {
    if (bad) { print "kernel counts: more than " tolerance " % above the record; if that is wanted: make bench-kernels UPDATE=1"; exit 1 }
    if (faster) print "kernel counts: fewer than on record; keep them with make bench-kernels UPDATE=1"
  }'
