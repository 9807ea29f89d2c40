#!/usr/bin/env bash
# All set-up (packages, engine, build, demo text), then the main job on the bundled model: a web specialist with 64 of
# its 128 experts. Afterwards the binary stands at build/coe and the results in demo-out/.
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
for text in profile heldout; do
  if [ ! -e "demo-out/$text.jsonl" ] || [ "demo/$text.toml" -nt "demo-out/$text.jsonl" ]; then
    build/coe corpus build "demo/$text.toml" --root "$sources" -o "demo-out/$text.jsonl" --force
  fi
done
build/coe specialize -m models/gemma4-tiny-moe-q4_k_m.gguf -f demo-out/profile.jsonl --domain web \
  --eval demo-out/heldout.jsonl --max-tokens 256 --random 1 -k 64 -o demo-out/web.gguf --force
