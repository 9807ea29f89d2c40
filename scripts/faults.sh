#!/usr/bin/env bash
# Kills, interrupts and starves `coe prune` many times over, on a model of some size; then kills, interrupts and starves
# every verb that writes, and runs it twice at once (tests/faults/verbs.cc). What is left is checked each time.
#   scripts/faults.sh              200 kills of each kind, parent of 500 MB, another seed each time
#   scripts/faults.sh 1000 2000    1000 kills of each kind, parent of 2 GB
# Over all verbs together: COE_FAULT_VERB_KILLS (700, every fourth an interrupt), COE_FAULT_DISKS (51), COE_FAULT_PAIRS (34).
# Files go under TMPDIR. A few of each, on a smaller model, are part of ctest (label `faults`).
set -euo pipefail
cd "$(dirname "$0")/.."
kills=${1:-200}
mb=${2:-500}
export COE_FAULT_SEED=${COE_FAULT_SEED:-$(date +%s)}
export COE_FAULT_VERB_KILLS=${COE_FAULT_VERB_KILLS:-700} COE_FAULT_DISKS=${COE_FAULT_DISKS:-51} COE_FAULT_PAIRS=${COE_FAULT_PAIRS:-34}
cmake --preset release --log-level=NOTICE
scripts/build.sh build coe fault_test profile_fault_test verb_fault_test
echo "faults: $kills kills of each kind, parent of $mb MB; $COE_FAULT_VERB_KILLS kills, $COE_FAULT_DISKS disks and" \
  "$COE_FAULT_PAIRS pairs over all verbs; seed $COE_FAULT_SEED"
COE_FAULT_KILLS=$kills COE_FAULT_MB=$mb build/tests/fault_test
build/tests/profile_fault_test
build/tests/verb_fault_test
