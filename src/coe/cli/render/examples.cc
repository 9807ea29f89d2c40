// Two commands or more for each verb, as people begin with it. A test parses each of them.
#include "coe/cli/render/command_text.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace coe::cli {

namespace {

constexpr auto kExamples = std::to_array<Example>({
    {"specialize", "a specialist with half of the experts, from text of its domain",
     "coe specialize -m PARENT.gguf -f web.jsonl -o web.gguf"},
    {"specialize", "as many experts as fit into 12 GB with a context of 16,384 tokens",
     "coe specialize -m PARENT.gguf -f web.jsonl --fit 12GB -c 16k -o web.gguf"},
    {"specialize", "the reference's method: reasoning, capped, filtered by router temperature",
     "coe specialize -m PARENT.gguf -f web.jsonl -k 64 --cot reasoning.jsonl --cot-cap 3 --t06 -o "
     "web.gguf"},
    {"specialize", "from text as it is: a folder, notes, chats exported from ChatGPT or Claude",
     "coe specialize -m PARENT.gguf -f project -f notes.md -f conversations.json -o mine.gguf"},
    {"models", "what other programs have on this disk", "coe models"},
    {"models", "only what Ollama and Hugging Face's programs fetched", "coe models ollama hf"},
    {"inspect", "what is in a model", "coe inspect PARENT.gguf"},
    {"inspect", "the most experts that fit into 12 GB",
     "coe inspect PARENT.gguf --fit 12GB -c 16k"},
    {"corpus init", "a first spec for a folder, to be edited", "coe corpus init project"},
    {"corpus init", "by another name", "coe corpus init project -o project.toml"},
    {"corpus build", "text as a spec says", "coe corpus build web.toml -o web.jsonl"},
    {"corpus build", "chats in the parent's template",
     "coe corpus build chats.toml -m PARENT.gguf -o chats.jsonl"},
    {"corpus check", "what is in a corpus", "coe corpus check web.jsonl"},
    {"corpus check", "whether evaluation text leaks into it",
     "coe corpus check web.jsonl --against held-out.jsonl"},
    {"corpus generate", "the parent answers questions",
     "coe corpus generate questions.jsonl -m PARENT.gguf -o answers"},
    {"corpus generate", "a server does",
     "coe corpus generate questions.jsonl --endpoint http://127.0.0.1:8080 -o answers"},
    {"profile", "which experts the routers choose on a text",
     "coe profile -m PARENT.gguf -f web.jsonl -o web.profile.gguf"},
    {"profile", "until more text changes nothing; goes on after a kill",
     "coe profile -m PARENT.gguf -f web.jsonl --until-stable --resume -o web.profile.gguf"},
    {"merge", "two halves of a profile into one",
     "coe merge a.profile.gguf b.profile.gguf -o web.profile.gguf"},
    {"merge", "all shards of a cluster's run",
     "coe merge shard-1.gguf shard-2.gguf shard-3.gguf -o all.gguf"},
    {"recon", "what removing each expert does to its layer",
     "coe recon -m PARENT.gguf -f web.jsonl -o web.recon.gguf"},
    {"recon", "the same on few tokens, for a first look",
     "coe recon -m PARENT.gguf -f web.jsonl --tokens 1024 -o web.recon.gguf"},
    {"mask", "the 64 best experts of each layer",
     "coe mask -p web.profile.gguf -k 64 -o web.mask.json"},
    {"mask", "how much K experts cover, for several K",
     "coe mask -p web.profile.gguf --sweep 32,48,64,96"},
    {"mask", "the mask of a recipe once more, byte for byte",
     "coe mask --recipe web.mask.json -p web.profile.gguf -o again.mask.json"},
    {"compare", "how alike masks are", "coe compare web.mask.json prose.mask.json"},
    {"compare", "also their weights, and what they cover",
     "coe compare web.mask.json prose.mask.json -m PARENT.gguf -p web.profile.gguf"},
    {"prune", "cut, and prove what was written",
     "coe prune -m PARENT.gguf --mask web.mask.json -o web.gguf"},
    {"prune", "what it would do", "coe prune -m PARENT.gguf --mask web.mask.json --dry-run"},
    {"prune", "and use 6 experts for a token instead of 8",
     "coe prune -m PARENT.gguf --mask web.mask.json --experts-used 6 -o web.gguf"},
    {"heal", "cut, and make up for what is lost",
     "coe heal -m PARENT.gguf --mask web.mask.json -f web.jsonl -o web.gguf"},
    {"heal", "in closed form, on text that is kept apart from the evaluation's",
     "coe heal -m PARENT.gguf --mask web.mask.json -f web.jsonl --eval held-out.jsonl --method "
     "ridge "
     "-o web.gguf"},
    {"verify", "every expert of the child, byte for byte", "coe verify PARENT.gguf web.gguf"},
    {"verify", "and that it computes what the masked parent does",
     "coe verify PARENT.gguf web.gguf -f held-out.jsonl"},
    {"eval", "a child against its parent",
     "coe eval -m web.gguf --parent PARENT.gguf -f held-out.jsonl"},
    {"eval", "two masks, before a byte is written",
     "coe eval -m PARENT.gguf --mask a.mask.json --mask b.mask.json -f held-out.jsonl"},
    {"bench transfer", "what each specialist keeps of every other's text",
     "coe bench transfer -m PARENT.gguf -f all.jsonl --eval held-out.jsonl -k 64 -o transfer"},
    {"bench transfer", "of masks that are there",
     "coe bench transfer -m PARENT.gguf --masks web=web.mask.json --eval held-out.jsonl -o "
     "transfer"},
    {"bench scores", "every score at three sizes, on held-out text",
     "coe bench scores -m PARENT.gguf -f all.jsonl --eval held-out.jsonl -o scores"},
    {"bench scores", "two of them, from a profile that is there",
     "coe bench scores -m PARENT.gguf -p all.profile.gguf --eval held-out.jsonl --scores "
     "util,reap_sum -k 64 -o scores"},
    {"bench choice", "multiple choice asked of a server",
     "coe bench choice mmlu-pro.jsonl --endpoint http://127.0.0.1:8080 -o choice"},
    {"bench choice", "of a specialist, question by question beside its parent's answers",
     "coe bench choice mmlu-pro.jsonl -m web.gguf --parent choice -o choice-web"},
    {"bench web", "what the 40 tasks are", "coe bench web --list"},
    {"bench web", "40 web pages asked of a server",
     "coe bench web --endpoint http://127.0.0.1:8080 --model web -o pages"},
    {"bench web", "one task, three times",
     "coe bench web --endpoint http://127.0.0.1:8080 --task css-toggle -n 3 -o pages"},
    {"bench memory", "what parent and child take",
     "coe bench memory -m PARENT.gguf web.gguf -c 16384,65536"},
    {"bench memory", "of one model", "coe bench memory -m PARENT.gguf"},
    {"bench speed", "tokens a second, turn by turn", "coe bench speed -m PARENT.gguf web.gguf"},
    {"bench speed", "of one model, all layers on the GPU",
     "coe bench speed -m PARENT.gguf --n-gpu-layers 99"},
    {"report", "one specialist and its parent", "coe report web.gguf -m PARENT.gguf -o web.html"},
    {"report", "several side by side", "coe report web.gguf prose.gguf -o college.html"},
    {"package", "a folder for Ollama, llama-server and LM Studio",
     "coe package web.gguf -o web-package -m PARENT.gguf"},
    {"package", "the proof of one", "coe package --check web-package -m PARENT.gguf"},
    {"dispatcher", "who answers what, by the words of requests",
     "coe dispatcher --domain web=web.jsonl --domain prose=prose.jsonl -o d.dispatcher.gguf"},
    {"dispatcher", "what one says to requests",
     "coe dispatcher --ask d.dispatcher.gguf -f requests.jsonl"},
    {"chat", "talk to a model", "coe chat web.gguf"},
    {"chat", "talk to what a mask would leave, before a file is written",
     "coe chat PARENT.gguf --mask web.mask.json"},
    {"serve", "several specialists behind one address", "coe serve college.toml"},
    {"serve", "one file", "coe serve web.gguf"},
    {"doctor", "what works here, and what mends the rest", "coe doctor"},
    {"doctor", "for a program", "coe doctor --json"},
    {"help", "the options of a verb", "coe help specialize"},
    {"help", "a topic", "coe help exit-codes"},
    {"completion", "for the bash that runs", "source <(coe completion bash)"},
    {"completion", "for fish, for good",
     "coe completion fish >~/.config/fish/completions/coe.fish"},
});

}  // namespace

std::vector<Example> examples_of(std::string_view verb) {
  std::vector<Example> out;
  std::ranges::copy_if(kExamples, std::back_inserter(out),
                       [&](const Example& example) { return example.verb == verb; });
  return out;
}

}  // namespace coe::cli
