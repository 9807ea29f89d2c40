#!/usr/bin/env bash
# Counts the files of each tree that name a thing that exists: named.sh TREE TREE…
set -eu
count() {  # TREE WHAT PATTERN
  printf '%-12s %-22s' "$(basename "$1")" "$2"
  for where in src tests "docs README.md HACKING.md" "schemas fuzz"; do
    # shellcheck disable=SC2086
    printf ' %s %2d' "${where%% *}" "$(git -C "$1" grep -lE "$3" -- $where | wc -l)"
  done
  echo
}
for tree in "$@"; do
  count "$tree" "score ean" '\b(ean|kEan)\b'
  count "$tree" "score reap_sum" '\b(reap_sum|kReapSum)\b'
  count "$tree" "pass structural" '[Ss]tructural|\binject\('
  count "$tree" "pass cot" 'CotPass|"cot"|--cot|cot_(rule|score|cap)|arbitrat'
  count "$tree" "verb compare" 'add_compare|cli_compare|compare_output|(verbs|render)/compare|coe compare'
  count "$tree" "verb verify" 'add_verify|cli_verify|verify_output|(verbs|render)/verify|coe verify'
done
