#!/usr/bin/env bash
# Builds a configured folder and shows how far it is: on a terminal in one line that changes, elsewhere in a line every
# 15 seconds. Warnings and errors come out whole.
#   scripts/build.sh build
#   scripts/build.sh build coe fault_test
set -euo pipefail
folder=$1
shift
[ $# -gt 0 ] || set -- all
export NINJA_STATUS='[%f of %t, %e s] '
if [ -t 1 ]; then
  exec cmake --build "$folder" --target "$@"
fi
cmake --build "$folder" --target "$@" | {
  next=0
  held=
  while IFS= read -r line; do
    if [[ $line != \[*\ of\ *\ s\]\ * ]]; then
      printf '%s\n' "$line"
    elif ((SECONDS >= next)); then
      printf '%s\n' "$line"
      held=
      next=$((SECONDS + 15))
    else
      held=$line
    fi
  done
  if [ -n "$held" ]; then printf '%s\n' "$held"; fi
}
