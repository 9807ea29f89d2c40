#!/usr/bin/env bash
# Runs a command of an -fsanitize build with the settings that such builds need here.
#   scripts/with-sanitizers.sh ctest --test-dir build-asan
set -euo pipefail
# The engine's libraries are not instrumented: containers that cross into them would raise false alarms, and
# what OpenMP keeps for its threads is no leak of ours.
export ASAN_OPTIONS=detect_container_overflow=0:strict_string_checks=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
LSAN_OPTIONS=suppressions=$(cd "$(dirname "$0")" && pwd)/lsan.supp:print_suppressions=0
export LSAN_OPTIONS
exec "$@"
