#!/usr/bin/env bash
# The college's part of run-demo.sh, which has built coe and the demo's text: masks for five specialists of the bundled
# model, a server that cuts them when they are asked for, and one question of each domain.
set -euo pipefail
cd "$(dirname "$0")/.."
coe=build/coe
model=models/gemma4-tiny-moe-q4_k_m.gguf
out=demo-out/college
domains=(web python systems prose reasoning)

mkdir -p "$out"
for text in profile cot; do
  if [ ! -e "$out/$text.profile.gguf" ] || [ "demo-out/$text.jsonl" -nt "$out/$text.profile.gguf" ]; then
    "$coe" profile -q -m "$model" -f "demo-out/$text.jsonl" -o "$out/$text.profile.gguf" --force
  fi
done
{
  echo 'unsure = "parent"'
  echo '[server]'
  echo 'context = 1024'
  echo 'max_tokens = 48'
  echo 'cache = "cuts"'
  echo 'log = "requests.jsonl"'
  for domain in "${domains[@]}"; do
    "$coe" mask -q -p "$out/profile.profile.gguf" --domain "$domain" --cot "$out/cot.profile.gguf" --cot-cap 8 -k 64 \
      -o "$out/$domain.mask.json" --force >&2
    printf '\n[[specialist]]\nname = "%s"\nparent = "../../%s"\nmask = "%s.mask.json"\n' "$domain" "$model" "$domain"
    printf 'text = "../profile.jsonl"\ndomain = "%s"\n' "$domain"
  done
  printf '\n[[specialist]]\nname = "parent"\nabout = "all 128 experts"\nmodel = "../../%s"\n' "$model"
} >"$out/college.toml.new"
mv "$out/college.toml.new" "$out/college.toml"

"$coe" serve "$out/college.toml" --port 0 --json >"$out/serve.json" &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true' EXIT
python3 scripts/ask_college.py "$out/serve.json" demo/questions.json "$server"
echo "The same by hand: $coe serve $out/college.toml, then the page at the address that it says." >&2
