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
  corpus=build-fuzz/corpus/$name
  mkdir -p "$corpus"
  echo "fuzz: $name"
  scripts/with-sanitizers.sh "$target" -max_total_time="$seconds" -verbosity=0 -print_final_stats=1 \
    "$corpus" $([ -d "testdata/regressions/$name" ] && echo "testdata/regressions/$name") 2>&1 |
    grep -E "number_of_executed_units|ERROR|SUMMARY|Test unit" || true
  [ "${PIPESTATUS[0]}" -eq 0 ]
done
