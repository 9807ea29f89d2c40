#include "coe/college/package/facts.h"

#include "coe/base/hash.h"
#include "coe/base/json.h"
#include "coe/base/printable.h"
#include "coe/base/sealed_json.h"
#include "coe/base/sha256.h"
#include "coe/college/package/quoting.h"
#include "coe/measure/chat_check/chat_check_json.h"
#include "coe/model/gguf/quantization.h"
#include "coe/model/gguf/typed_keys.h"
#include "coe/model/gguf/value.h"
#include "coe/model/text_part/text_part.h"
#include "coe/specialize/eval_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <system_error>
#include <utility>

namespace coe {
namespace {

using Json = nlohmann::ordered_json;

std::string text_or_empty(const gguf::Header& header, std::string_view key) {
  return gguf::text_at(header, key).value_or("");
}

// Tokens that end a turn, and stand in the chat template; without such the end of all text.
std::vector<std::string> stop_texts(const gguf::Header& header, std::string_view chat_template) {
  const auto* list = header.find_key("tokenizer.ggml.tokens");
  if (list == nullptr) return {};
  const auto tokens = list->as_string_array();
  if (!tokens) return {};
  std::vector<std::string> all;
  for (const auto* key : {"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eos_token_id",
                          "tokenizer.ggml.eom_token_id"}) {
    const auto id = gguf::count_at(header, key);
    if (!id || *id >= tokens->size()) continue;
    const auto& text = (*tokens)[*id];
    if (!text.empty() && std::ranges::find(all, text) == all.end()) all.push_back(text);
  }
  std::vector<std::string> stops;
  for (const auto& text : all)
    if (chat_template.find(text) != std::string_view::npos) stops.push_back(text);
  return stops.empty() ? all : stops;
}

// "ORG/NAME" of an address of the Hub; empty for others.
std::string hub_id(std::string_view url) {
  constexpr std::string_view kHub = "https://huggingface.co/";
  if (!url.starts_with(kHub)) return {};
  url.remove_prefix(kHub.size());
  while (url.ends_with('/')) url.remove_suffix(1);
  return is_hub_id(url) ? std::string(url) : std::string();
}

std::vector<std::string> base_models_of(const gguf::Header& header) {
  std::vector<std::string> ids;
  const auto n = gguf::count_at(header, "general.base_model.count").value_or(0);
  for (std::uint64_t i = 0; i < std::min<std::uint64_t>(n, 100); ++i) {
    auto id = hub_id(text_or_empty(header, fmt::format("general.base_model.{}.repo_url", i)));
    if (!id.empty() && std::ranges::find(ids, id) == ids.end()) ids.push_back(std::move(id));
  }
  return ids;
}

Json pass_json(const MaskPass& pass) {
  auto json = parse_json<Json>(pass.json);
  return json.is_object() ? json : Json::object();
}

std::string string_at(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

void add_profile(std::vector<ProfileFacts>& out, const Json& profile, const std::string& pass) {
  if (!profile.is_object()) return;
  const auto digest = string_at(profile, "digest");
  if (digest.empty()) return;
  auto found = std::ranges::find(out, digest, &ProfileFacts::digest);
  if (found == out.end()) {
    ProfileFacts facts;
    facts.digest = digest;
    facts.corpus = string_at(profile, "corpus");
    facts.n_token = unsigned_at(profile, "n_token").value_or(0);
    facts.engine = string_at(profile, "engine");
    if (const auto domains = profile.find("domains");
        domains != profile.end() && domains->is_array())
      for (const auto& name : *domains)
        if (name.is_string()) facts.domains.push_back(name.get<std::string>());
    out.push_back(std::move(facts));
    found = std::prev(out.end());
  }
  if (std::ranges::find(found->passes, pass) == found->passes.end()) found->passes.push_back(pass);
}

// "DIR/NAME" + ending.
Path beside(const Path& child, std::string_view ending) {
  return child.parent_path() / fmt::format("{}.{}", child.stem().string(), ending);
}

EvaluationFacts read_evaluation(const Json& document, const KeepMask& mask) {
  const auto own = mask_domains(mask);
  EvaluationFacts facts;
  facts.corpus = document.at("corpus").get<std::string>();
  facts.engine = document.at("engine").get<std::string>();
  facts.rows = read_domain_results(
      document, [&](std::string_view name) { return std::ranges::find(own, name) != own.end(); });
  facts.n_random = document.at("random").size();
  if (document.contains("slice_check"))
    facts.slice_check = read_slice_check(document.at("slice_check"));
  if (document.contains("chats"))
    facts.chats = ChatText{document.at("chats").at("n_record"), document.at("chats").at("n_chat")};
  return facts;
}

}  // namespace

Result<ChildFacts> child_facts(const OpenModel& child) {
  const auto& header = child.file.header();
  const auto file = child.file.path().string();
  const auto records = read_cut_records(header);
  auto mask_text = text_or_empty(header, "coe.mask");
  if (!records || mask_text.empty())
    return fail(Code::kUnsupported,
                fmt::format("{}: does not say what it was cut from and by which mask", file),
                "give a file of `coe specialize` or `coe prune`, made without --no-provenance");
  if (child.file.n_part() > 1)
    return fail(Code::kUnsupported,
                fmt::format("{}: is a model in {} files, which Ollama cannot import", file,
                            child.file.n_part()),
                "cut it once more without --split-max-size");
  COE_TRY(auto mask, parse_mask(mask_text, file + ": coe.mask"));
  if (mask.n_expert() != records->n_expert || mask.n_keep() != records->n_keep ||
      mask.parent.digest != records->parent_digest)
    return fail(
        Code::kCorrupt,
        fmt::format("{}: its mask keeps {} of {} experts of {}, its records say {} of {} of "
                    "{}",
                    file, mask.n_keep(), mask.n_expert(), printable(mask.parent.digest),
                    records->n_keep, records->n_expert, printable(records->parent_digest)),
        "cut it anew with `coe prune`");
  ChildFacts facts{.id = child.moe.id,
                   .cut = *records,
                   .given_name = text_or_empty(header, "coe.name"),
                   .mask = std::move(mask),
                   .mask_text = std::move(mask_text),
                   .n_block = child.moe.n_block,
                   .n_mtp = child.moe.n_mtp,
                   .n_expert = child.moe.n_expert,
                   .n_expert_used = child.moe.n_expert_used,
                   .n_ctx_train = child.moe.n_ctx_train,
                   .bytes = header.file_bytes,
                   .quantization = gguf::quantization_of(header),
                   .license = text_or_empty(header, "general.license"),
                   .license_link = text_or_empty(header, "general.license.link"),
                   .chat_template = text_or_empty(header, "tokenizer.chat_template"),
                   .needs_text_part = needs_text_part(header),
                   .stops = {},
                   .base_models = base_models_of(header)};
  facts.stops = stop_texts(header, facts.chat_template);
  return facts;
}

Result<ParentFacts> parent_facts(const Path& parent, const OpenModel& child,
                                 const ChildFacts& facts, Observer& observer) {
  COE_TRY(const auto opened, open_model(parent, observer));
  if (opened.moe.id.digest != facts.cut.parent_digest)
    return fail(Code::kMismatch,
                fmt::format("{}: is not the parent of {} ({} vs {})", parent.string(),
                            child.file.path().string(), opened.moe.id.digest,
                            printable(facts.cut.parent_digest)),
                fmt::format("give the file of {}", printable(facts.cut.parent_name)));
  COE_TRY_STATUS(
      check_mask(facts.mask, opened.moe, "the child's mask", may_keep_all(facts.cut.n_used)));
  const auto& header = opened.file.header();
  ParentFacts out{.name = opened.moe.id.name,
                  .file = parent.filename().string(),
                  .bytes = header.file_bytes,
                  .sha256 = {},
                  .mtp_dropped = opened.moe.n_mtp > 0 && child.moe.n_mtp == 0,
                  .license = text_or_empty(header, "general.license"),
                  .license_link = text_or_empty(header, "general.license.link"),
                  .base_models = base_models_of(header)};
  if (auto own = hub_id(text_or_empty(header, "general.repo_url")); !own.empty())
    out.base_models.insert(out.base_models.begin(), std::move(own));
  if (opened.file.n_part() == 1) {
    COE_TRY(out.sha256, sha256_file(parent, "parent's SHA-256", observer));
  }
  return out;
}

std::vector<ProfileFacts> profile_facts(const KeepMask& mask) {
  std::vector<ProfileFacts> out;
  for (const auto& pass : mask.passes) {
    const auto json = pass_json(pass);
    const auto name = string_at(json, "pass");
    for (const auto* key : {"profile", "t06"})
      if (const auto found = json.find(key); found != json.end()) add_profile(out, *found, name);
    if (const auto found = json.find("profiles"); found != json.end() && found->is_array())
      for (const auto& profile : *found) add_profile(out, profile, name);
  }
  return out;
}

std::vector<std::string> pass_words(const KeepMask& mask) {
  std::vector<std::string> out;
  for (const auto& pass : mask.passes) {
    const auto json = pass_json(pass);
    const auto name = string_at(json, "pass");
    if (name.empty()) continue;
    std::vector<std::string> parts;
    if (const auto score = string_at(json, "score"); !score.empty())
      parts.push_back("score " + score);
    if (const auto aggregate = string_at(json, "aggregate"); !aggregate.empty())
      parts.push_back("sub-domains by " + aggregate);
    if (const auto swaps = json.find("swaps"); swaps != json.end() && swaps->is_array())
      parts.push_back(fmt::format("{} swap{}", swaps->size(), swaps->size() == 1 ? "" : "s"));
    if (const auto covered = json.find("coverage"); covered != json.end() && covered->is_number())
      parts.push_back(
          fmt::format("{:.1f} % of the score covered after it", 100 * covered->get<double>()));
    out.push_back(parts.empty() ? name : fmt::format("{}: {}", name, fmt::join(parts, ", ")));
  }
  return out;
}

namespace {

// What `coe specialize` left beside its child. What cannot be used stays out of the package, with a
// warning.
class LeftFile {
 public:
  LeftFile(Path file, Observer& observer) : file_(std::move(file)), observer_(observer) {}

  std::nullopt_t leave_out(std::string_view why) const {
    observer_.warning(fmt::format("{}: left out: {}", file_.string(), why));
    return std::nullopt;
  }
  // Nothing where there is no such file, or it cannot be read.
  std::optional<std::string> text() const {
    std::error_code ec;
    if (!std::filesystem::exists(file_, ec)) return std::nullopt;
    auto text = read_text(file_);
    if (text) return *std::move(text);
    return leave_out(text.error().message);
  }

 private:
  Path file_;
  Observer& observer_;
};

}  // namespace

std::optional<EvaluationFacts> evaluation_facts(const Path& child, const ChildFacts& facts,
                                                Observer& observer) {
  const LeftFile file(beside(child, "eval.json"), observer);
  const auto text = file.text();
  if (!text) return std::nullopt;
  const auto document = parse_json<Json>(*text);
  if (!document.is_object() || string_at(document, "schema") != "coe.specialize-eval/2")
    return file.leave_out("it is no evaluation of `coe specialize`");
  if (string_at(document, "parent") != facts.cut.parent_digest)
    return file.leave_out("it is of another parent");
  const auto settings = string_at(document, "settings");
  const auto is_by = [&](std::string_view mask) {
    return settings.find(fmt::format(" mask={} ", digest_of(mask))) != std::string::npos;
  };
  // A mask may leave MTP blocks out, which the child's own has.
  const auto given = read_text(beside(child, "mask.json"));
  if (!is_by(facts.mask_text) &&
      !(given && is_by(*given) && check_given_mask(child, {}, facts).has_value()))
    return file.leave_out("it is of another mask");
  if (!is_measured_of(facts.cut, settings))
    return file.leave_out("it is of a child that was healed otherwise");
  try {
    auto read = read_evaluation(document, facts.mask);
    read.sha256 = sha256_of(*text);
    return read;
  } catch (const Json::exception& problem) {
    return file.leave_out(fmt::format("it is damaged ({})", printable(problem.what(), 200)));
  }
}

std::optional<ChatFacts> chat_facts(const Path& child, const ChildFacts& facts,
                                    Observer& observer) {
  const LeftFile file(beside(child, "chat.json"), observer);
  const auto text = file.text();
  if (!text) return std::nullopt;
  try {
    const auto document = open_sealed_json(*text);
    if (string_at(document, "schema") != kChatCheckSchema)
      return file.leave_out("it is no chat check of `coe specialize`");
    if (string_at(document, "model") != facts.cut.parent_digest)
      return file.leave_out("it is of another parent");
    // A mask may leave MTP blocks out, which the child's own has.
    const auto by = string_at(document, "mask");
    const auto given = read_mask(beside(child, "mask.json"));
    if (by != facts.mask.digest() &&
        !(given && by == given->digest() && check_given_mask(child, {}, facts).has_value()))
      return file.leave_out("it is of another mask");
    if (!is_measured_of(facts.cut, string_at(document, "settings")))
      return file.leave_out("it is of a child that was healed otherwise");
    return ChatFacts{read_chat_checks(document), document.at("max_new_tokens")};
  } catch (const Json::exception& problem) {
    return file.leave_out(fmt::format("it is damaged ({})", printable(problem.what(), 200)));
  }
}

std::optional<HealSummary> heal_facts(const Path& child, const ChildFacts& facts,
                                      Observer& observer) {
  const LeftFile file(beside(child, "heal.json"), observer);
  const auto text = file.text();
  if (!text) return std::nullopt;
  try {
    const auto document = open_sealed_json(*text);
    if (string_at(document, "schema") != kHealSchema)
      return file.leave_out("it is no record of healing");
    auto read = read_heal_summary(document);
    if (!is_healed_so(facts.cut, read)) return file.leave_out("the child was not healed so");
    return read;
  } catch (const Json::exception& problem) {
    return file.leave_out(fmt::format("it is damaged ({})", printable(problem.what(), 200)));
  }
}

std::string mask_difference(const KeepMask& expected, const KeepMask& found,
                            std::uint32_t first_mtp) {
  const auto words = [](const std::vector<std::uint32_t>& ids) {
    return ids.empty() ? std::string("nothing") : fmt::format("{}", fmt::join(ids, ", "));
  };
  for (const auto& [layer, kept] : expected.layers()) {
    const auto other = found.layers().find(layer);
    if (other == found.layers().end()) {
      if (layer.value >= first_mtp) continue;
      return fmt::format("layer {} is missing", layer.value);
    }
    if (kept == other->second) continue;
    std::vector<std::uint32_t> lost;
    std::vector<std::uint32_t> gained;
    for (const auto id : kept)
      if (std::ranges::find(other->second, id) == other->second.end()) lost.push_back(id.value);
    for (const auto id : other->second)
      if (std::ranges::find(kept, id) == kept.end()) gained.push_back(id.value);
    return fmt::format("layer {} has {} and not {}", layer.value, words(gained), words(lost));
  }
  for (const auto& [layer, kept] : found.layers())
    if (expected.layers().find(layer) == expected.layers().end())
      return fmt::format("layer {} is not cut", layer.value);
  return {};
}

Status check_given_mask(const Path& child, const Path& mask_file, const ChildFacts& facts) {
  Path file = mask_file;
  std::error_code ec;
  if (file.empty()) {
    file = beside(child, "mask.json");
    if (!std::filesystem::exists(file, ec)) return {};
  }
  COE_TRY(const auto mask, read_mask(file));
  const auto hint = "give the mask that the child was cut by, or none: the child carries it";
  if (!mask.parent.digest.empty() && mask.parent.digest != facts.cut.parent_digest)
    return fail(Code::kMismatch,
                fmt::format("{}: is a mask of another parent than {}'s ({} vs {})", file.string(),
                            child.string(), printable(mask.parent.digest),
                            printable(facts.cut.parent_digest)),
                hint);
  const auto difference = mask_difference(facts.mask, mask, facts.n_block - facts.n_mtp);
  if (!difference.empty())
    return fail(
        Code::kMismatch,
        fmt::format("{}: is not the mask of {}: {}", file.string(), child.string(), difference),
        hint);
  return {};
}

}  // namespace coe
