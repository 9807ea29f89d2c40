#!/usr/bin/env bash
# Kills, interrupts and starves `coe prune` many times over, on a model of some size, and checks what is left each time;
# kills `coe profile` at 20 random moments (COE_FAULT_PROFILE_KILLS) and holds the resumed profile to an undisturbed one.
#   scripts/faults.sh              200 kills of each kind, parent of 500 MB, another seed each time
#   scripts/faults.sh 1000 2000    1000 kills of each kind, parent of 2 GB
# Files go under TMPDIR. A few kills on a smaller model are part of ctest (label `faults`).
set -euo pipefail
cd "$(dirname "$0")/.."
kills=${1:-200}
mb=${2:-500}
seed=${COE_FAULT_SEED:-$(date +%s)}
cmake --preset release --log-level=NOTICE
scripts/build.sh build coe fault_test profile_fault_test
echo "faults: $kills kills of each kind, parent of $mb MB, seed $seed"
COE_FAULT_KILLS=$kills COE_FAULT_MB=$mb COE_FAULT_SEED=$seed build/tests/fault_test
COE_FAULT_PROFILE_KILLS=${COE_FAULT_PROFILE_KILLS:-20} COE_FAULT_SEED=$seed build/tests/profile_fault_test
