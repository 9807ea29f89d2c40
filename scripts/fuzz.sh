#!/usr/bin/env bash
# Builds the fuzz targets with libFuzzer and runs each for some seconds. A crash is written to the current folder; keep
# it under testdata/regressions/<target>/ with its fix.
#   scripts/fuzz.sh 20
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-20}
cmake --preset fuzz --log-level=NOTICE
cmake --build build-fuzz --target fuzzers
for target in build-fuzz/fuzz/*_fuzz; do
  name=$(basename "$target")
  seeds=testdata/regressions/$name
  corpus=build-fuzz/corpus/$name
  mkdir -p "$corpus"
  [ -d "$seeds" ] && cp -n "$seeds"/* "$corpus"
  scripts/with-sanitizers.sh "$target" -max_total_time="$seconds" -verbosity=0 -print_final_stats=1 "$corpus" \
    >"$corpus.log" 2>&1 || { cat "$corpus.log"; exit 1; }
  echo "fuzz: $name: $(grep number_of_executed_units "$corpus.log")"
done
