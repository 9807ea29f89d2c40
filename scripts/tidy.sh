#!/usr/bin/env bash
# clang-tidy over all our sources, with the compile commands of a configured build folder.
#   scripts/tidy.sh build
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build}
# Precompiled headers are another compiler's; clang-tidy reads the plain ones.
git ls-files 'src/*.cc' 'tests/*.cc' 'fuzz/*.cc' |
  { [ -f "$build/src/coe/engine_llama/libcoe_engine_llama.a" ] && grep -v engine_absent || grep -v engine_l; } |
  xargs -P "$(nproc)" -n 4 clang-tidy-19 -p "$build" --quiet --warnings-as-errors='*' \
    --extra-arg=-Wno-unknown-warning-option --extra-arg=-Wno-ignored-optimization-argument
