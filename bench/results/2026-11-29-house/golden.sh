#!/usr/bin/env bash
# Runs what a coe can do from text to a cut file, the same commands for every coe: golden.sh COE MODEL TEXTS OUT.
# TEXTS has web.jsonl, python.jsonl, reasoning.jsonl (chats) and heldout.jsonl. Everything runs in OUT with relative
# names, so that two runs differ in nothing but the program. What a command prints lies beside what it writes, as NAME.out
# and NAME.err, its exit code in NAME.rc.
set -u
coe=$(realpath "$1") model=$(realpath "$2") texts=$(realpath "$3") out=$4
mkdir -p "$out/tree" "$out/bin" && cd "$out" || exit 2
ln -sf "$coe" bin/coe
ln -sf "$model" model.gguf
PATH=$PWD/bin:$PATH
cp "$texts"/{web,python,reasoning,heldout}.jsonl .
python3 - <<'PY'
import json
for i, line in enumerate(open("python.jsonl", encoding="utf-8")):
    open(f"tree/{i:03}.py", "w", encoding="utf-8").write(json.loads(line)["text"])
lines = open("reasoning.jsonl", encoding="utf-8").readlines()
open("one.jsonl", "w", encoding="utf-8").writelines(lines[::2])
open("two.jsonl", "w", encoding="utf-8").writelines(lines[1::2])
PY
cat >spec.toml <<'TOML'
seed = 3
max_chars = 1500
near_duplicate = 0.8

[[domain]]
name = "web"
weight = 0.7
max_tokens = 9000

[[domain.source]]
kind = "jsonl"
path = "web.jsonl"

[[domain]]
name = "python"
weight = 0.2

[[domain.source]]
kind = "files"
root = "tree"
include = ["**/*.py"]
exclude = ["000.py"]
max_files = 20
pieces = 1

[[domain]]
name = "sums"
weight = 0.1

[[domain.source]]
kind = "reasoning"
n = 60
fold = "0/2"
format = "chat"
template = "<|turn>user\n{problem}<turn|>\n<|turn>model\n<|channel>thought\n{thinking}\n<channel|>{solution}<turn|>\n"
TOML
echo '[[0, 3], [2, 9], [2, 100], [5, 77]]' >list.json

run() {  # NAME WORDS…
  local name=$1
  shift
  "$@" >"$name.out" 2>"$name.err"
  echo $? >"$name.rc"
}
cpu=(-ngl 0 -t 2)

run build coe corpus build spec.toml -o built.jsonl -m model.gguf --json
run check coe corpus check built.jsonl --against heldout.jsonl --json

run inspect coe inspect model.gguf --json
run inspect-text coe inspect model.gguf

profile() { run "profile-$1" coe profile -m model.gguf -f "$2" -o "$1.gguf" "${cpu[@]}" "${@:3}" --json; }
profile web web.jsonl
profile built built.jsonl --coactivation
profile chats reasoning.jsonl --roles
profile chats-cold reasoning.jsonl --roles --router-temperature 0.6
profile one one.jsonl --roles
profile two two.jsonl --roles
profile shard1 web.jsonl --shard 1/2
profile shard2 web.jsonl --shard 2/2
profile plain web.jsonl --no-outputs
run merge coe merge shard1.gguf shard2.gguf -o merged.gguf --json

mask() { run "mask-$1" coe mask -k 64 -o "$1.json" --json "${@:2}"; }
for score in util freq rank ean reap reap_sum decisive share random; do mask "web-$score" -p web.gguf --score $score; done
mask sample -p web.gguf --aggregate sample
mask plain -p web.gguf --plain
for score in util freq reap_sum; do mask "built-$score" -p built.gguf --score $score; done
for how in token sample subdomain max maxmin; do mask "built-$how" -p built.gguf --aggregate $how; done
mask built-blend -p built.gguf --blend web=0.5,sums=0.5
mask built-rank-token -p built.gguf --score rank --aggregate token
mask blend -p web.gguf:3 -p chats.gguf:1
mask sum -p web.gguf -p chats.gguf
mask whitelist -p web.gguf --whitelist web.gguf chats.gguf
mask whitelist-built -p web.gguf --whitelist built.gguf
mask whitelist-tight -p web.gguf --whitelist chats.gguf --whitelist-rank 1.5 --whitelist-first 4
mask cot -p web.gguf --cot chats.gguf
mask cot-thinking -p web.gguf --cot chats.gguf --cot-domain '*/thinking' --cot-cap 6 --cot-skip 1 --cot-score reap_sum
mask cot-t06 -p web.gguf --cot chats.gguf --cot-t06 chats-cold.gguf
mask cot-built -p built.gguf --aggregate token --cot chats.gguf
mask closure -p web.gguf --closure one.gguf two.gguf
mask lists -p web.gguf --structural list.json --exempt list.json --protect chats.gguf:2
mask all -p web.gguf --whitelist chats.gguf --cot chats.gguf --closure one.gguf two.gguf --structural list.json \
  --protect built.gguf:2:reap_sum --exempt list.json
run mask-recipe coe mask --recipe all.json -p web.gguf -p chats.gguf -p one.gguf -p two.gguf -p built.gguf -o again.json --json
run mask-swaps coe mask -p web.gguf -k 64 --cot chats.gguf -o swaps.json --swaps
run mask-sweep coe mask -p web.gguf --sweep 32,64,96 --json

run compare coe compare web-util.json web-reap_sum.json cot.json --json
run compare-weights coe compare web-util.json web-reap_sum.json -m model.gguf -p web.gguf --json --svg compare.svg
run compare-text coe compare web-util.json cot.json

prune() { run "prune-$1" coe prune -m model.gguf --mask "$2.json" -o "$1.gguf" --json "${@:3}"; }
prune child web-util
prune child-cot cot
prune child-bare web-util --no-provenance
prune child-zero web-util --mode zero
run prune-plan coe prune -m model.gguf --mask web-util.json --dry-run
run verify coe verify model.gguf child.gguf --json
run verify-cot coe verify model.gguf child-cot.gguf --mask cot.json --json
run verify-wrong coe verify model.gguf child-cot.gguf --mask web-util.json --json

eval() { run "eval-$1" coe eval -f heldout.jsonl "${cpu[@]}" --json "${@:2}"; }
eval parent -m model.gguf
eval mask -m model.gguf --mask web-util.json
eval masks -m model.gguf --mask web-util.json --mask cot.json
eval child -m child.gguf --parent model.gguf
eval windows -m child.gguf --window 128 --stride 64
