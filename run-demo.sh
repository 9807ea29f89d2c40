#!/usr/bin/env bash
# All set-up (packages, engine, build, demo text), then the main job on the bundled model: a web specialist with 64 of
# its 128 experts. Text of chats gives up to eight places a layer to experts that answering needs (--cot, --cot-cap): without
# them it repeats markers when it is chatted with. Afterwards the binary stands at build/coe and the results in demo-out/.
#   ./run-demo.sh            the main job
#   ./run-demo.sh college    five specialists behind one address, and one question of each domain
set -euo pipefail
cd "$(dirname "$0")"

cat >&2 <<'END'
coe: 1. packages   2. the inference engine   3. coe   4. the demo's text   5. the demo
The first time, on two cores, this takes about 1, 5, 5, 1 and 2 minutes; what is done already is not done again.
END
scripts/setup.sh
cmake --preset release --log-level=NOTICE
scripts/build.sh build coe
sources=$(scripts/fetch-demo-sources.sh)

mkdir -p demo-out
for text in profile cot heldout; do
  if [ ! -e "demo-out/$text.jsonl" ] || [ "demo/$text.toml" -nt "demo-out/$text.jsonl" ]; then
    build/coe corpus build "demo/$text.toml" --root "$sources" -o "demo-out/$text.jsonl" --force
  fi
done
if [ "${1:-}" = college ]; then
  exec scripts/demo-college.sh
fi
build/coe specialize -m models/gemma4-tiny-moe-q4_k_m.gguf -f demo-out/profile.jsonl --domain web \
  --cot demo-out/cot.jsonl --cot-cap 8 --eval demo-out/heldout.jsonl --max-tokens 256 --random 1 -k 64 \
  -o demo-out/web.gguf --force
