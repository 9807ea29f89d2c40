#!/usr/bin/env bash
# Builds the fuzz targets with libFuzzer and runs each for some seconds, from the regressions, from small valid inputs and
# from what earlier runs found. A crash stays in build-asan/crashes/; keep it under testdata/regressions/<target>/ with its
# fix.
#   scripts/fuzz.sh 20                           every target for 20 s, one after the other
#   scripts/fuzz.sh -j 4 1200                    four at a time, 20 minutes each
#   scripts/fuzz.sh 60 surgery_fuzz              one target
set -euo pipefail
cd "$(dirname "$0")/.."
jobs=1
while getopts j: option; do
  case $option in
    j) jobs=$OPTARG ;;
    *) exit 2 ;;
  esac
done
shift $((OPTIND - 1))
seconds=${1:-20}
shift $(($# > 0 ? 1 : 0))

cmake --preset asan --log-level=NOTICE
scripts/build.sh build-asan fuzzers
build-asan/fuzz/make_fuzz_seeds build-asan/seeds
mkdir -p build-asan/crashes
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
  for path in build-asan/fuzz/*_fuzz; do targets+=("$(basename "$path")"); done
fi

run_one() {
  local name=$1 seconds=$2
  local corpus=build-asan/corpus/$name dictionary=fuzz/json.dict folder
  local inputs=() folders=("testdata/regressions/$name" "build-asan/seeds/$name")
  case $name in
    gguf_* | surgery_* | profile_file_* | dispatcher_file_*)
      dictionary=fuzz/gguf.dict
      folders+=(testdata/regressions/gguf_reader_fuzz)
      ;;
  esac
  mkdir -p "$corpus"
  for folder in "${folders[@]}"; do
    if [ -d "$folder" ]; then inputs+=("$folder"); fi
  done
  # The first folder is the only one that libFuzzer writes to.
  if ! scripts/with-sanitizers.sh "build-asan/fuzz/$name" -max_total_time="$seconds" -verbosity=0 \
    -print_final_stats=1 -dict="$dictionary" -artifact_prefix="build-asan/crashes/$name-" \
    "$corpus" "${inputs[@]}" >"$corpus.log" 2>&1; then
    cat "$corpus.log"
    echo "fuzz: $name: failed; the input is in build-asan/crashes/"
    return 1
  fi
  echo "fuzz: $name: $(grep -a number_of_executed_units "$corpus.log"), $(find "$corpus" -type f | wc -l) inputs kept"
}
export -f run_one
printf '%s\n' "${targets[@]}" | xargs -P "$jobs" -I{} bash -euo pipefail -c "run_one {} $seconds"
