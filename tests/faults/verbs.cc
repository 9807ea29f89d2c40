#include "faults/verbs.h"

#include <ostream>

namespace coe::testing {

std::span<const FaultVerb> fault_verbs() {
  static const std::vector<FaultVerb> verbs = {
      {.name = "profile",
       .command = "profile -t 1 -m @model -f @in/text.jsonl -o @out/p.gguf --coactivation "
                  "--stability --checkpoint 0.001 --resume",
       .outputs = {"p.stability.json", "p.stability.svg", "p.gguf"},
       .reuses = true,
       .work = {"p.gguf"},
       .is_long = true,
       .weight = 4},
      {.name = "profile_chats",
       .command = "profile -t 1 -m @model -f @in/few.jsonl --text problem --generate "
                  "--max-new-tokens 24 --save-text @out/chats.jsonl -o @out/p.gguf --force",
       .outputs = {"chats.jsonl", "p.gguf"},
       .is_long = true,
       .weight = 2},
      {.name = "merge",
       .command = "merge @in/a.gguf @in/b.gguf -o @out/merged.gguf",
       .outputs = {"merged.gguf"},
       .weight = 6},
      {.name = "mask",
       .command = "mask -p @in/a.gguf -k 64 --whitelist @in/b.gguf -o @out/mask.json",
       .outputs = {"mask.json"},
       .weight = 6},
      {.name = "mask_auto",
       .command = "mask -p @in/a.gguf -k 64 --score auto -t 1 -m @model -f @in/few.jsonl "
                  "-o @out/mask.json",
       .outputs = {"mask.json"},
       .is_long = true,
       .weight = 2},
      {.name = "mask_sweep",
       .command = "mask -p @in/a.gguf --sweep 32,64 -t 1 -m @model -f @in/few.jsonl "
                  "--svg @out/sweep.svg",
       .outputs = {"sweep.svg"},
       .is_long = true,
       .weight = 2},
      {.name = "compare",
       .command = "compare @in/mask0.json @in/mask1.json -m @model -p @in/a.gguf "
                  "--svg @out/alike.svg",
       .outputs = {"alike.svg"},
       .weight = 4},
      {.name = "report",
       .command = "report @in/mask0.json -p @in/a.gguf -o @out/report.html",
       .outputs = {"report.html"},
       .weight = 4},
      {.name = "prune",
       .command = "prune -m @model --mask @in/mask0.json -o @out/child.gguf",
       .outputs = {"child.gguf"},
       .weight = 6},
      {.name = "prune_parts",
       .command = "prune -m @model --mask @in/mask0.json --split-max-size 5M -o @out/child.gguf",
       .outputs = {"child-00003-of-00003.gguf", "child-00002-of-00003.gguf",
                   "child-00001-of-00003.gguf"},
       .weight = 6},
      {.name = "recon",
       .command = "recon -t 1 -m @model -f @in/text.jsonl --tokens 48 --memory 2 "
                  "-o @out/r.gguf",
       .outputs = {"r.gguf"},
       .is_long = true,
       .weight = 3},
      {.name = "heal",
       .command = "heal -t 1 -m @model --mask @in/mask0.json -f @in/text.jsonl --tokens 100 "
                  "--validation-tokens 20 --record-tokens 32 --method ridge -o @out/h.gguf",
       .outputs = {"h.gguf"},
       .is_long = true,
       .weight = 3},
      {.name = "eval",
       .command = "eval -t 1 -m @model -f @in/few.jsonl --mask @in/mask0.json "
                  "--parent-cache @out/parent.cache -o @out/rows.jsonl",
       .outputs = {"parent.cache", "rows.jsonl"},
       .work = {"parent.cache"},
       .is_long = true,
       .weight = 3},
      {.name = "dispatcher",
       .command = "dispatcher -t 1 -m @model --domain a=@in/text.jsonl --domain b=@in/cot.jsonl "
                  "--method both --layers 2 --tokens 500 --requests 4 -o @out/d.dispatcher.gguf",
       .outputs = {"d.blocks.gguf", "d.dispatcher.gguf"},
       .is_long = true,
       .weight = 2},
      {.name = "specialize",
       .command = "specialize -t 1 -m @model -f @in/text.jsonl -k 64 --cot @in/cot.jsonl "
                  "--cot-skip 3 --t06 --score auto --random 1 --checkpoint 0.001 -o @out/s.gguf",
       .outputs = {"s.profile.gguf", "s.cot.profile.gguf", "s.cot-t06.profile.gguf",
                   "s.choice.json", "s.mask.json", "s.gguf", "s.eval.json", "s.report.html"},
       .reuses = true,
       .work = {"s.profile.gguf", "s.cot.profile.gguf", "s.cot-t06.profile.gguf", "s.choice.json",
                "s.mask.json", "s.gguf", "s.eval.json"},
       .is_long = true,
       .weight = 3},
      {.name = "specialize_heal",
       .command = "specialize -t 1 -m @model -f @in/text.jsonl -k 64 --random 0 --no-chat-check "
                  "--no-report --heal ridge --heal-tokens 100 -o @out/s.gguf",
       .outputs = {"s.profile.gguf", "s.mask.json", "s.heal.json", "s.gguf", "s.eval.json"},
       .reuses = true,
       .work = {"s.profile.gguf", "s.mask.json", "s.heal.json", "s.gguf", "s.eval.json"},
       .is_long = true,
       .weight = 3},
      {.name = "corpus_build",
       .command = "corpus build @in/spec.toml --root @source -o @out/corpus.jsonl",
       .outputs = {"corpus.jsonl.manifest.json", "corpus.jsonl"},
       .weight = 6},
      {.name = "corpus_generate",
       .command = "corpus generate @in/questions.jsonl --endpoint @url -j 2 -o @out/g",
       .outputs = {"g/answers.jsonl", "g/thinking.jsonl", "g/left_out.jsonl", "g/failed.jsonl"},
       .reuses = true,
       .journal = "g/journal.jsonl",
       .is_long = true,
       .weight = 4},
      {.name = "bench_choice",
       .command = "bench choice @in/choice.jsonl --endpoint @url -j 2 -o @out/c",
       .outputs = {"c/answers.jsonl", "c/rows.jsonl"},
       .reuses = true,
       .journal = "c/journal.jsonl",
       .is_long = true,
       .weight = 4},
      {.name = "bench_web",
       .command = "bench web --suite @source/web --task css-toggle -n 2 --browsers 1 "
                  "--endpoint @url -o @out/w",
       .outputs = {"w/rows.jsonl", "w/index.html"},
       .reuses = true,
       .journal = "w/journal.jsonl",
       .is_long = true,
       .is_slow = true,
       .weight = 2},
      {.name = "bench_transfer",
       .command = "bench transfer -t 1 -m @model -f @in/text.jsonl --eval @in/few.jsonl -k 64 "
                  "--random-seeds 1 -o @out/t",
       .outputs = {"t/profile.gguf", "t/matrix-k64.svg", "t/rows.jsonl"},
       .work = {"t/profile.gguf"},
       .is_long = true,
       .weight = 3},
  };
  return verbs;
}

void PrintTo(const FaultVerb& verb, std::ostream* out) { *out << verb.name; }

}  // namespace coe::testing
