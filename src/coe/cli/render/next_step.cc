#include "coe/cli/render/next_step.h"

#include "coe/ask/ask.h"
#include "coe/base/parse.h"
#include "coe/base/run_files.h"
#include "coe/base/shell_word.h"
#include "coe/model/text_part/text_part.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe::cli {

namespace {

using Words = std::vector<std::string>;

constexpr std::string_view kHeldOut = "HELD-OUT.jsonl";

std::string or_else(const Path& path, std::string_view placeholder) {
  return path.empty() ? std::string(placeholder) : path.string();
}

// The parent's file.
std::string parent_of(const Finished& done) { return or_else(done.model, "PARENT.gguf"); }

std::string text_of(const Finished& done, std::string_view placeholder) {
  return done.text.empty() ? std::string(placeholder) : done.text.front().string();
}

// "web.mask.json" of "web.profile.gguf", in the same folder; never `taken`.
std::string beside(const Path& path, std::string_view ending, const Path& taken = {}) {
  std::string name = path.string();
  while (name.size() > 1 && name.ends_with('/')) name.pop_back();  // of a folder
  if (name == "-" || name == "." || name == ".." || name == "/") name = "specialist";
  for (const std::string_view old :
       {".profile.gguf", ".recon.gguf", ".mask.json", ".jsonl.gz", ".jsonl.zst", ".jsonl", ".json",
        ".gguf", ".toml", ".txt", ".md"})
    if (name.ends_with(old) && name.size() > old.size()) {
      name.resize(name.size() - old.size());
      break;
    }
  auto made = fmt::format("{}{}", name, ending);
  return made == taken.string() ? fmt::format("{}.specialist{}", name, ending) : made;
}

Words specialize_by(const Finished& done, const Path& text) {
  return {"coe", "specialize",
          "-m",  parent_of(done),
          "-f",  text.string(),
          "-k",  done.keep,
          "-o",  beside(text, ".gguf", done.model)};
}

// As the web specialist's card says.
// llama-server cannot load a file with a tower in it; `coe serve` gives it the text part.
Words serve(const Path& model) {
  if (needs_text_part(model)) return {"coe", "serve", model.string()};
  const auto card = specialist_defaults().sampling;
  const auto number = [](float value) { return fmt::format("{:g}", value); };
  return {"llama-server",
          "-m",
          model.string(),
          "-c",
          fmt::format("{}", kSpecialistContext),
          "--reasoning",
          "off",
          "--temp",
          number(card.temperature),
          "--top-k",
          fmt::format("{}", card.top_k),
          "--top-p",
          number(card.top_p),
          "--min-p",  // llama-server's own default is 0.05
          "0",
          "--repeat-penalty",
          number(card.repeat_penalty),
          "--repeat-last-n",
          fmt::format("{}", card.repeat_last_n)};
}

Words after_inspect(const Finished& done) {
  if (done.is_specialist) return serve(done.model);
  return {"coe", "specialize", "-m", done.model.string(), "-f", "DOMAIN.jsonl",
          "-k",  done.keep,    "-o", "specialist.gguf"};
}

Words after_init(const Finished& done) {
  Words words = {
      "coe", "corpus", "build", done.output.string(), "-o", beside(done.output, ".jsonl")};
  if (!done.model.empty()) words.insert(words.end(), {"-m", done.model.string()});
  return words;
}

Words after_corpus(const Finished& done) { return specialize_by(done, done.output); }

// Nothing is made of it: it is held to what the specialist is made of.
Words after_held_out(const Finished& done) {
  return {"coe", "corpus", "check", "DOMAIN.jsonl", "--against", done.output.string()};
}

Words after_check(const Finished& done) {
  return specialize_by(done, text_of(done, "DOMAIN.jsonl"));
}

Words after_generate(const Finished& done) {
  return specialize_by(done, done.output / run_files::kAnswers);
}

Words after_profile(const Finished& done) {
  return {"coe", "mask",    "-p", done.output.string(),
          "-k",  done.keep, "-o", beside(done.output, ".mask.json")};
}

Words after_recon(const Finished& done) {
  return {"coe",
          "mask",
          "-p",
          "DOMAIN.profile.gguf",
          "--score-table",
          done.output.string(),
          "-k",
          done.keep,
          "-o",
          beside(done.output, ".mask.json")};
}

Words after_mask(const Finished& done) {
  return {"coe",    "prune",
          "-m",     parent_of(done),
          "--mask", done.output.string(),
          "-o",     beside(done.output, ".gguf", done.model)};
}

Words after_sweep(const Finished& done) {
  Words words = {"coe", "mask"};
  for (const auto& profile : done.profiles) words.insert(words.end(), {"-p", profile.string()});
  // A weight may follow the file's name.
  const Path first = split_last(done.profiles.front().string()).first;
  words.insert(words.end(), {"-k", done.keep, "-o", beside(first, ".mask.json")});
  return words;
}

Words after_compare(const Finished& done) {
  Words words = {"coe", "eval", "-m", parent_of(done)};
  for (const auto& mask : done.masks) words.insert(words.end(), {"--mask", mask.string()});
  words.insert(words.end(), {"-f", std::string(kHeldOut)});
  return words;
}

Words after_prune(const Finished& done) {
  if (!done.output.empty()) return {"coe", "verify", done.model.string(), done.output.string()};
  if (done.masks.empty()) return {};  // a plan was shown, of a child that keeps all experts
  const auto& mask = done.masks.front();
  return {"coe",    "prune",       "-m", done.model.string(),
          "--mask", mask.string(), "-o", beside(mask, ".gguf", done.model)};
}

Words after_heal(const Finished& done) {
  return {"coe", "verify", "--healed", done.parent.string(), done.model.string()};
}

Words after_verify(const Finished& done) {
  return {"coe",      "eval",
          "-m",       done.model.string(),
          "--parent", done.parent.string(),
          "-f",       text_of(done, kHeldOut)};
}

Words after_eval(const Finished& done) {
  if (done.masks.empty()) return serve(done.model);
  const auto& mask = done.masks.front();
  return {"coe",    "prune",       "-m", done.model.string(),
          "--mask", mask.string(), "-o", beside(mask, ".gguf", done.model)};
}

Words after_specialize(const Finished& done) { return serve(done.output); }

Words after_package(const Finished& done) {
  Words words = {"coe", "package", "--check", done.output.string()};
  if (!done.parent.empty()) words.insert(words.end(), {"-m", done.parent.string()});
  return words;
}

Words after_report(const Finished& done) { return {"xdg-open", done.output.string()}; }

Words after_dispatcher(const Finished& done) {
  return {"coe", "dispatcher", "--ask", done.output.string(), "-f", "REQUESTS.jsonl"};
}

Words after_speed(const Finished& done) { return serve(done.model); }

Words after_transfer(const Finished& done) {
  return specialize_by(done, text_of(done, "DOMAIN.jsonl"));
}

Words after_scores(const Finished& done) {
  auto words = specialize_by(done, text_of(done, "DOMAIN.jsonl"));
  if (done.score == "recon")
    words.emplace_back("--recon");
  else if (!done.score.empty())
    words.insert(words.end(), {"--score", done.score});
  if (!done.heal.empty()) words.insert(words.end(), {"--heal", done.heal});
  return words;
}

// The same questions to a specialist, held to these answers; after a specialist's own it is used.
Words after_choice(const Finished& done) {
  if (!done.parent.empty()) return done.model.empty() ? Words() : serve(done.model);
  Words words = {"coe", "bench", "choice"};
  for (const auto& file : done.text) words.push_back(file.string());
  words.insert(words.end(), {"-m", "SPECIALIST.gguf", "--parent", done.output.string(), "-o",
                             beside(done.output, "-specialist")});
  return words;
}

Words after_web(const Finished& done) {
  return {"xdg-open", (done.output / run_files::kGallery).string()};
}

using After = Words (*)(const Finished&);
constexpr std::array<std::pair<std::string_view, After>, 26> kSteps = {{
    {"specialize", after_specialize},
    {"inspect", after_inspect},
    {"corpus init", after_init},
    {"corpus build", after_corpus},
    {"corpus build --held-out", after_held_out},
    {"corpus check", after_check},
    {"corpus generate", after_generate},
    {"profile", after_profile},
    {"merge", after_profile},
    {"recon", after_recon},
    {"mask", after_mask},
    {"mask --sweep", after_sweep},
    {"compare", after_compare},
    {"prune", after_prune},
    {"heal", after_heal},
    {"verify", after_verify},
    {"eval", after_eval},
    {"report", after_report},
    {"package", after_package},
    {"dispatcher", after_dispatcher},
    {"bench transfer", after_transfer},
    {"bench scores", after_scores},
    {"bench choice", after_choice},
    {"bench web", after_web},
    {"bench memory", after_speed},
    {"bench speed", after_speed},
}};

}  // namespace

std::string next_step(std::string_view verb, const Finished& done) {
  const auto* const step =
      std::ranges::find(kSteps, verb, &std::pair<std::string_view, After>::first);
  if (step == kSteps.end()) return {};
  std::string line;
  for (const auto& word : step->second(done)) line += " " + shell_word(word);
  return line.empty() ? line : fmt::format("next:{}\n", line);
}

}  // namespace coe::cli
