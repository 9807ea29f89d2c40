#!/usr/bin/env bash
# All set-up (packages, engine, build, demo text), then the main job on the bundled model: a web specialist with 64 of
# its 128 experts. Afterwards the binary stands at build/coe and the results in demo-out/.
set -euo pipefail
cd "$(dirname "$0")"

scripts/setup.sh
cmake --preset release --log-level=NOTICE
cmake --build build --target coe | tail -n 1
sources=$(scripts/fetch-demo-sources.sh)

mkdir -p demo-out
for text in profile heldout; do
  if [ ! -e "demo-out/$text.jsonl" ] || [ "demo/$text.toml" -nt "demo-out/$text.jsonl" ]; then
    build/coe corpus build "demo/$text.toml" --root "$sources" -o "demo-out/$text.jsonl" --force
  fi
done
build/coe specialize -m models/gemma4-tiny-moe-q4_k_m.gguf -f demo-out/profile.jsonl --domain web \
  --eval demo-out/heldout.jsonl --max-tokens 256 --random 1 -k 64 -o demo-out/web.gguf --force
