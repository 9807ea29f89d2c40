#!/usr/bin/env bash
# clang-tidy over what a configured build folder compiles of src/, tools/, bench/ and fuzz/.
#   scripts/tidy.sh build          without the path-sensitive analyzer, which takes half a minute a file
#   scripts/tidy.sh build full     with it, and over the tests too
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build}
checks='--checks=-clang-analyzer-*'
rooms='src|tools|bench|fuzz'
if [ "${2:-}" = full ]; then
  checks=--checks=
  rooms='src|tools|bench|tests|fuzz'
fi
# Flags of another compiler are not findings.
grep -o '"file": "[^"]*"' "$build/compile_commands.json" | cut -d'"' -f4 | grep -E "^$PWD/($rooms)/.*\.cc$" | sort -u |
  xargs -P "$(nproc)" -n 4 clang-tidy-19 -p "$build" --quiet "$checks" \
    --extra-arg=-Wno-unknown-warning-option --extra-arg=-Wno-ignored-optimization-argument
