#!/usr/bin/env bash
# All set-up (packages, engine, build, demo text), then all tests. Afterwards the binary stands at build/coe.
set -euo pipefail
cd "$(dirname "$0")"

scripts/setup.sh web
cmake --preset release --log-level=NOTICE
cmake --build build
scripts/fetch-demo-sources.sh >/dev/null
ctest --test-dir build --output-on-failure --no-tests=error -j "$(nproc)"
