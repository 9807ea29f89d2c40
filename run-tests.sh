#!/usr/bin/env bash
# All set-up (packages, engine, build, demo text), then all tests. Afterwards the binary stands at build/coe.
set -euo pipefail
cd "$(dirname "$0")"

cat >&2 <<'END'
coe: 1. packages   2. the inference engine   3. coe and its tests   4. the demo's text   5. the tests
The first time, on two cores, this takes about 2, 5, 12, 1 and 9 minutes; what is done already is not done again.
END
scripts/setup.sh web
cmake --preset release --log-level=NOTICE
scripts/build.sh build
scripts/fetch-demo-sources.sh >/dev/null
ctest --test-dir build --output-on-failure --no-tests=error -j "$(nproc)"
