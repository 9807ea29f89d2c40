#!/usr/bin/env bash
# What passes and healing do to thinking. COE=… MODEL=… CORPORA=… HELDOUT=… ./run.sh, in an empty folder.
set -euo pipefail

# Records with i mod 8 ≠ 3 are seen, as in the other results.
for domain in web reasoning; do
  awk 'NR % 8 != 4' "$CORPORA/$domain.jsonl" >$domain.jsonl
done
for half in 0 1; do
  awk -v half=$half 'NR % 2 == 1 - half' reasoning.jsonl >chats-$half.jsonl
done

# What the parent answers to the problems of these chats, as chats with their thinking.
python3 -c 'import json, sys
for line in sys.stdin:
    print(json.dumps({"question": json.loads(line)["problem"]}))' <reasoning.jsonl >questions.jsonl
"$COE" corpus generate questions.jsonl -m "$MODEL" --max-new-tokens 256 -o traces -q
cat >traces.toml <<'END'
[[domain]]
name = "traces"
[[domain.source]]
kind = "jsonl"
path = "traces/answers.jsonl"
chat = { user = "problem", assistant = "solution", thinking = "thinking" }
END
"$COE" corpus build traces.toml -m "$MODEL" -o traces.jsonl -q

"$COE" profile -m "$MODEL" -f web.jsonl -o web.profile.gguf -q
for half in 0 1; do
  "$COE" profile -m "$MODEL" -f chats-$half.jsonl --roles -o chats-$half.profile.gguf -q
done
"$COE" mask -p web.profile.gguf -k 64 -o cut.json -q
"$COE" mask -p web.profile.gguf -k 64 --cot chats-0.profile.gguf --cot-cap 8 --closure chats-0.profile.gguf chats-1.profile.gguf \
  --closure-cap 8 -o passes.json -q

heal() { "$COE" heal -m "$MODEL" --mask "$1.json" "${@:3}" --method adam -o "$1-$2.gguf" -q; }
for mask in cut passes; do
  "$COE" prune -m "$MODEL" --mask $mask.json -o $mask.gguf -q
  heal $mask web -f web.jsonl
  heal $mask unmarked -f web.jsonl -f traces/answers.jsonl -f traces/thinking.jsonl
  heal $mask chats -f web.jsonl -f traces.jsonl
done

for child in {cut,passes}{,-web,-unmarked,-chats}; do
  "$COE" eval -m "$child.gguf" --parent "$MODEL" -f "$HELDOUT/web.jsonl" -f "$HELDOUT/reasoning.jsonl" --max-tokens 400 --json -q >"$child.eval.json"
done
for temperature in 0.6 0; do
  for child in "$MODEL" {cut,passes}{,-web,-unmarked,-chats}.gguf; do
    "$COE" bench choice "$HELDOUT/reasoning.jsonl" --make-options 4 -m "$child" --think on --temp $temperature --max-new-tokens 256 --no-retry \
      -o "asked-$temperature-$(basename "$child" .gguf)" -q
  done
done
