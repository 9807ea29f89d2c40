#include "coe/college/package/card.h"

#include "coe/base/stats/bootstrap.h"
#include "coe/base/stats/interval_text.h"
#include "coe/base/text.h"
#include "coe/college/package/quoting.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace coe {
namespace {

// The Hub lists these: https://huggingface.co/docs/hub/repositories-licenses.
constexpr std::array<std::string_view, 66> kHubLicenses = {
    "afl-3.0",
    "agpl-3.0",
    "apache-2.0",
    "artistic-2.0",
    "bigcode-openrail-m",
    "bigscience-bloom-rail-1.0",
    "bigscience-openrail-m",
    "bsd",
    "bsd-2-clause",
    "bsd-3-clause",
    "bsd-3-clause-clear",
    "bsl-1.0",
    "c-uda",
    "cc",
    "cc-by-2.0",
    "cc-by-2.5",
    "cc-by-3.0",
    "cc-by-4.0",
    "cc-by-nc-2.0",
    "cc-by-nc-3.0",
    "cc-by-nc-4.0",
    "cc-by-nc-nd-3.0",
    "cc-by-nc-nd-4.0",
    "cc-by-nc-sa-2.0",
    "cc-by-nc-sa-3.0",
    "cc-by-nc-sa-4.0",
    "cc-by-nd-4.0",
    "cc-by-sa-3.0",
    "cc-by-sa-4.0",
    "cc0-1.0",
    "cdla-permissive-1.0",
    "cdla-permissive-2.0",
    "cdla-sharing-1.0",
    "creativeml-openrail-m",
    "deepfloyd-if-license",
    "ecl-2.0",
    "epl-1.0",
    "epl-2.0",
    "etalab-2.0",
    "eupl-1.1",
    "gemma",
    "gfdl",
    "gpl",
    "gpl-2.0",
    "gpl-3.0",
    "isc",
    "lgpl",
    "lgpl-2.1",
    "lgpl-3.0",
    "lgpl-lr",
    "llama2",
    "lppl-1.3c",
    "mit",
    "mpl-2.0",
    "ms-pl",
    "ncsa",
    "odbl",
    "odc-by",
    "ofl-1.1",
    "openrail",
    "openrail++",
    "osl-3.0",
    "pddl",
    "postgresql",
    "unlicense",
    "zlib",
};

std::string front_matter(const CardFacts& facts) {
  const auto& m = facts.manifest;
  std::string text = "---\n";
  if (!m.base_model.empty())
    // The Hub knows adapter, merge, quantized and finetune; none of them is a cut.
    text +=
        fmt::format("base_model: {}\nbase_model_relation: quantized\n", yaml_text(m.base_model));
  if (!m.license.empty()) {
    if (is_hub_license(m.license)) {
      text += fmt::format("license: {}\n", m.license);
    } else {
      text += fmt::format("license: other\nlicense_name: {}\n", yaml_text(m.license));
      if (!facts.license_link.empty())
        text += fmt::format("license_link: {}\n", yaml_text(facts.license_link));
    }
  }
  text += "pipeline_tag: text-generation\ntags:\n";
  for (const auto* tag : {"gguf", "moe", "mixture-of-experts", "pruned", "expert-pruning", "coe"})
    text += fmt::format("  - {}\n", tag);
  std::vector<std::string> seen;
  for (const auto& domain : mask_domains(facts.child.mask)) {
    auto tag = lower_ascii(file_slug(domain));
    if (tag.empty() || std::ranges::find(seen, tag) != seen.end()) continue;
    text += fmt::format("  - {}\n", yaml_text(tag));
    seen.push_back(std::move(tag));
  }
  return text + "---\n";
}

// A row of a table.
std::string row(const std::vector<std::string>& cells) {
  return fmt::format("| {} |\n", fmt::join(cells, " | "));
}

// Cells after the first are numbers, or they are text.
enum class Cells { kNumbers, kText };
std::string head(const std::vector<std::string>& cells, Cells kind) {
  std::vector<std::string> rule(cells.size(), kind == Cells::kNumbers ? "---:" : "---");
  rule.front() = "---";
  return row(cells) + row(rule);
}

std::string code(std::string_view text) { return markdown_code(text, InTable::kYes); }

std::string summary(const CardFacts& facts) {
  const auto& m = facts.manifest;
  const auto domain = m.domain.empty() ? std::string("a domain that its mask does not name")
                                       : markdown_text(m.domain);
  return fmt::format(
      "# {}\n\n"
      "A specialist for {}, carved out of {} without training: in each of {} layers {} of {} "
      "experts were kept{}. Nothing was quantised again: every kept expert is the parent's, "
      "byte for byte.\n",
      markdown_text(m.name), domain, markdown_text(m.parent.name), facts.child.mask.layers().size(),
      facts.child.mask.n_keep(), m.parent.n_expert,
      m.recipe.mode == "zero" ? ", the others are zeroed and cannot be chosen" : "");
}

std::string model_table(const CardFacts& facts) {
  const auto& m = facts.manifest;
  const auto or_missing = [](const std::string& text) {
    return text.empty() ? std::string("not known") : markdown_text(text);
  };
  std::string text = "\n## What it is\n\n" + head({"", ""}, Cells::kText);
  text += row({"file", fmt::format("{}, {}", code(m.model.file), human_bytes(m.model.bytes))});
  text += row({"name in the file", markdown_text(m.model.name)});
  text += row({"architecture",
               fmt::format("{}, {} blocks", markdown_text(m.model.architecture), m.model.n_block)});
  text += row({"experts", fmt::format("{} a layer, {} used per token", m.model.n_expert,
                                      m.model.n_expert_used)});
  text += row({"quantisation", or_missing(m.model.quantization)});
  text += row({"context", fmt::format("{} tokens in training", m.model.n_ctx_train)});
  text += row({"domain", or_missing(m.domain)});
  text +=
      row({"parent", m.parent.bytes == 0
                         ? markdown_text(m.parent.name)
                         : fmt::format("{}, {} (this file is {:.0f} % of it)",
                                       markdown_text(m.parent.name), human_bytes(m.parent.bytes),
                                       100.0 * static_cast<double>(m.model.bytes) /
                                           static_cast<double>(m.parent.bytes))});
  text += row({"base model", or_missing(m.base_model)});
  text += row({"licence", or_missing(m.license)});
  return text + row({"made by",
                     fmt::format("coe {}, packaged by coe {}", markdown_text(m.recipe.coe_version),
                                 markdown_text(m.version))});
}

// The words on healing, where the child was healed.
std::string healing(const PackageRecipe& recipe) {
  if (!recipe.is_healed()) return {};
  return fmt::format(
      "\nThen it was healed: the dense FFN or shared expert beside the experts of each layer was "
      "fitted, layer by layer, so that it makes up for the experts that are gone. These tensors "
      "are "
      "not the parent's; all experts are. Settings: {}. Digest of the text: {}.\n",
      code(recipe.heal_settings), code(recipe.heal_text_digest));
}

std::string how_made(const CardFacts& facts) {
  std::string text = "\n## How it was made\n\n";
  const auto passes = pass_words(facts.child.mask);
  if (passes.empty()) return text + "Not known: the mask does not record how it came to be.\n";
  text += facts.manifest.profiles.empty()
              ? "The experts were chosen in these passes:\n\n"
              : "The parent read text, its routers' choices were recorded, and the experts were "
                "chosen by them in these passes:\n\n";
  for (const auto& pass : passes) text += fmt::format("- {}\n", markdown_text(pass));
  text += healing(facts.manifest.recipe);
  if (facts.manifest.profiles.empty()) return text;
  text += "\n" + head({"routing profile", "passes", "sub-domains", "tokens", "text"}, Cells::kText);
  for (const auto& profile : facts.manifest.profiles)
    text += row({code(profile.digest),
                 markdown_text(fmt::format("{}", fmt::join(profile.passes, ", "))),
                 markdown_text(fmt::format("{}", fmt::join(profile.domains, ", "))),
                 fmt::format("{}", profile.n_token),
                 profile.corpus.empty() ? "not known" : code(profile.corpus)});
  return text;
}

// A point where there is one record.
std::string interval(const Interval& of, int digits) {
  return of.lower == of.upper ? fixed(digits)(of.value) : interval_text(of, fixed(digits));
}

// A line of the table of an evaluation, with random masks where there are any.
std::string domain_row(const DomainResult& result) {
  const auto& s = result.specialist;
  const bool part = result.own && result.name != kWholeDomain;
  std::vector<std::string> cells = {markdown_text(result.name) + (part ? " (its domain)" : ""),
                                    fmt::format("{}", s.n_record),
                                    fmt::format("{}", s.n_token),
                                    interval(perplexity_ratio(s), 2),
                                    interval(kl_interval(s), 3),
                                    interval_text(top1_interval(s), percent(0), "%")};
  if (!result.random.empty()) {
    double low = result.random.front().kl_mean();
    double high = low;
    for (const auto& random : result.random) {
      low = std::min(low, random.kl_mean());
      high = std::max(high, random.kl_mean());
    }
    cells.push_back(low == high ? fmt::format("{:.3f}", low)
                                : fmt::format("{:.3f} to {:.3f}", low, high));
  }
  std::string verdict(verdict_name(result.verdict));
  std::ranges::replace(verdict, '_', ' ');
  cells.push_back(std::move(verdict));
  return row(cells);
}

std::string what_it_keeps(const CardFacts& facts) {
  std::string text = "\n## What it keeps\n\n";
  if (!facts.evaluation)
    return text +
           "Not measured: no evaluation was beside the file when it was packaged. `coe eval -m "
           "FILE --parent PARENT -f HELD-OUT.jsonl` measures it.\n";
  const auto& evaluation = *facts.evaluation;
  text += fmt::format(
      "On held-out text ({}), run by {}. Intervals are of 95 %, by the bootstrap over records; KL "
      "is "
      "the mean divergence from the parent in nats a token, 0 is the parent.\n\n",
      markdown_code(evaluation.corpus, InTable::kNo), markdown_text(evaluation.engine));
  std::vector<std::string> names = {"text",         "n records",
                                    "n tokens",     "perplexity × parent's",
                                    "KL to parent", "same first choice"};
  if (evaluation.n_random > 0)
    names.push_back(fmt::format("KL of {} random experts", facts.child.mask.n_keep()));
  names.emplace_back("verdict");
  text += head(names, Cells::kNumbers);
  for (const auto& result : evaluation.rows) text += domain_row(result);
  if (evaluation.slice_check)
    text += fmt::format(
        "\nThe file was held to its parent under the mask, layer by layer on the same inputs, over "
        "{} tokens: {} of {} kept experts ran.\n",
        evaluation.slice_check->n_token, evaluation.slice_check->n_expert_ran,
        evaluation.slice_check->n_expert_kept);
  if (evaluation.chats)
    text += evaluation.chats->n_chat == 0
                ? fmt::format(
                      "\nNone of the {} records was a chat: what chats need was neither "
                      "profiled nor measured, and a specialist of such text may answer "
                      "badly or not at all when it is chatted with.\n",
                      evaluation.chats->n_record)
                : fmt::format("\n{} of the {} records were chats.\n", evaluation.chats->n_chat,
                              evaluation.chats->n_record);
  return text +
         "\nWhole answers, questions and tools were not measured here: these figures say how well "
         "it predicts text.\n";
}

// Whether it answers when it is chatted with.
std::string chatting(const CardFacts& facts) {
  std::string text = "\n## Does it answer\n\n";
  if (!facts.chats)
    return text +
           "Not tried: no chat check was beside the file when it was packaged. `coe specialize` "
           "asks eight short questions of the domain.\n";
  const auto& check = facts.chats->checks.child;
  if (!check.not_run.empty())
    return text + fmt::format("Not tried: {}.\n", markdown_text(check.not_run));
  const auto n_chat = std::ranges::count_if(
      check.answers, [](const ChatCheckAnswer& answer) { return answer.question.from_chat; });
  text += fmt::format(
      "It was asked {} short questions from held-out text of its domain ({}), greedily, with "
      "thinking off and at most {} tokens an answer, by {}. ",
      check.answers.size(),
      n_chat == static_cast<std::ptrdiff_t>(check.answers.size())
          ? "what users asked there"
          : fmt::format("{} that users asked there, {} made of other text: \"Continue this\"",
                        n_chat, check.answers.size() - static_cast<std::size_t>(n_chat)),
      facts.chats->max_new_tokens, markdown_text(check.engine));
  const auto faults = chat_fault_words(check);
  text += faults.empty()
              ? "All answers are words, end or go on, and none thinks, is empty or loops."
              : fmt::format("{}{}.",
                            check.passed() ? "Bad are "
                                           : "**It does not answer "
                                             "well**: bad are ",
                            faults);
  if (facts.chats->checks.parent && facts.chats->checks.parent->not_run.empty()) {
    const auto parents = chat_fault_words(*facts.chats->checks.parent);
    text += parents.empty() ? std::string(" Its parent answers all of them.")
                            : fmt::format(" Of its parent, bad are {}.", parents);
  }
  return text +
         fmt::format(" What the answers say was not judged; they are in `{}`.\n", kChatCheckFile);
}

std::string memory_table(const CardFacts& facts) {
  std::string text = "\n## Memory\n\n";
  if (!facts.memory)
    return text + "Not predicted: the coe that packaged it has no inference engine.\n";
  text += fmt::format(
      "Predicted from the file's header as {} would allocate it, not measured. On another device "
      "the figures for compute differ. A process takes some more beside them.\n\n",
      markdown_text(facts.memory->engine));
  // What a process takes beside is measured, and wavers: a card is the same for the same inputs.
  text += head({"context", "device", "weights", "KV cache", "compute", "sum"}, Cells::kNumbers);
  for (std::size_t c = 0; c < facts.memory->contexts.size(); ++c)
    for (const auto& device : facts.memory->devices[c])
      text += row({fmt::format("{}", facts.memory->contexts[c]), markdown_text(device.device),
                   human_bytes(device.weights), human_bytes(device.kv_cache),
                   human_bytes(device.compute),
                   human_bytes(device.weights + device.kv_cache + device.compute)});
  return text;
}

std::string thinking_words(const CardFacts& facts) {
  if (!facts.chat)
    return facts.child.chat_template.empty()
               ? "The file has no chat template: programs that ask it in chats make up their own."
               : "Whether its chat template can switch thinking off was not tried.";
  switch (facts.chat->thinking) {
    case Thinking::kNone:
      return "Its chat template has no thinking.";
    case Thinking::kAlways:
      return "**Its chat template does not switch thinking off**: expect thinking before answers.";
    case Thinking::kSwitch:
      break;
  }
  if (facts.chat->closed_block.empty()) return "Its chat template switches thinking off.";
  std::string shown;
  for (const char c : facts.chat->closed_block)
    shown += c == '\n' ? std::string("\\n") : std::string(1, c);
  return fmt::format(
      "Its chat template switches thinking off with a closed block before the answer, {}.",
      markdown_code(shown, InTable::kNo));
}

std::string usage(const CardFacts& facts) {
  const auto& m = facts.manifest;
  std::string text = fmt::format(
      "\n## Use\n\n"
      "Run it with thinking off: a specialist may not end its thinking. {} Sampling: temperature "
      "{:g}, top-k {}, top-p {:g}, repeat penalty {:g} over the last {} tokens, at most {} new "
      "tokens. All commands are run in this folder.\n",
      thinking_words(facts), m.sampling.temperature, m.sampling.top_k, m.sampling.top_p,
      m.sampling.repeat_penalty, m.sampling.repeat_last_n, m.max_new_tokens);
  if (facts.has_system)
    text +=
        "\nThe system message of this specialist is in `Modelfile`; other programs take it "
        "with the request.\n";
  for (const auto& use : facts.uses) {
    text += fmt::format("\n### {}\n\n```sh\n", use.program);
    for (const auto& words : use.commands) text += fmt::format("{}\n", fmt::join(words, " "));
    text += fmt::format("```\n\nThinking off: {}.\n", use.think_off);
    if (!use.note.empty()) text += fmt::format("\n{}\n", use.note);
  }
  if (!facts.has_renderer)
    text += fmt::format(
        "\nFor the architecture {} no RENDERER and PARSER of Ollama are known to coe, so the "
        "Modelfile names none: Ollama takes the chat template of the file where it recognises it. "
        "`ollama show --modelfile` shows what it took.\n",
        markdown_text(m.model.architecture));
  return text;
}

std::string rebuilding(const CardFacts& facts) {
  const auto& m = facts.manifest;
  const bool healed = m.recipe.is_healed();
  std::string text =
      healed ? std::string(
                   "\n## Prove it\n\n"
                   "`mask.json` and the parent give all of this file but the tensors that healing "
                   "made. This lists them, and proves the rest:\n\n```sh\n")
             : fmt::format(
                   "\n## Rebuild it\n\n"
                   "`mask.json` and the parent give this file again, bit for bit, with coe {}:\n\n"
                   "```sh\n",
                   markdown_text(m.recipe.coe_version));
  std::string line;
  for (const auto& word : rebuild_command(m)) {
    const bool plain = word.find_first_not_of(
                           "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./") ==
                       std::string::npos;
    std::string quoted = "'";
    for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    line += (line.empty() ? "" : " ") + (plain ? word : quoted + "'");
  }
  text += line + "\n```\n\n";
  text += head({"", ""}, Cells::kText) + row({"SHA-256 of the file", code(m.model.sha256)});
  text +=
      row({"SHA-256 of the parent", m.parent.sha256.empty() ? "not known" : code(m.parent.sha256)});
  text += row({"the parent's tensors, as coe knows them", code(m.parent.digest)});
  if (!m.recipe.drop_mtp)
    text +=
        "\nWhether MTP blocks were dropped is not known: the parent was not at hand. If it has "
        "any and this file has none, add `--drop-mtp`.\n";
  return text + (healed
                     ? "\n`coe package --check . -m PARENT` does so, too.\n"
                     : "\n`coe package --check . -m PARENT` does so and compares, without a second "
                       "file.\n");
}

std::string safety() {
  return "\n## Safety\n\n"
         "Nobody knows which experts carry a model's alignment. Removing experts may remove "
         "refusals "
         "and other safety behaviour of the parent, and none of that was measured here. Test it "
         "for "
         "your use before you rely on it. Outside its domain expect it to be worse than its "
         "parent; it does not say so.\n";
}

std::string missing_words(const PackageManifest& m) {
  if (m.missing.empty()) return {};
  std::string text = "\n## Not known\n\n";
  for (const auto& fact : m.missing) text += fmt::format("- {}\n", markdown_text(fact));
  return text;
}

}  // namespace

bool is_hub_license(std::string_view license) {
  return std::ranges::find(kHubLicenses, license) != kHubLicenses.end();
}

std::string card_text(const CardFacts& facts) {
  return front_matter(facts) + "\n" + summary(facts) + model_table(facts) + how_made(facts) +
         what_it_keeps(facts) + chatting(facts) + memory_table(facts) + usage(facts) +
         rebuilding(facts) + safety() + missing_words(facts.manifest);
}

}  // namespace coe
