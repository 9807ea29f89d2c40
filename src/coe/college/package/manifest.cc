#include "coe/college/package/manifest.h"

#include "coe/base/json.h"
#include "coe/base/printable.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <utility>

namespace coe {
namespace {

using Json = nlohmann::ordered_json;

Json or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

// Reads members of an object, and remembers the first that is not as it should be.
class Reader {
 public:
  Reader(const Json& object, std::string where, std::string& problem)
      : object_(object), where_(std::move(where)), problem_(problem) {}

  bool has(std::string_view key) const { return object_.contains(key); }
  void text(std::string_view key, std::string& value, bool may_be_null = false) {
    const Json* found = find(key);
    if (found == nullptr || (may_be_null && found->is_null())) return;
    if (found->is_string())
      value = found->get<std::string>();
    else
      refuse(key, "is no text");
  }
  void texts(std::string_view key, std::vector<std::string>& values) {
    const Json* found = find(key);
    if (found == nullptr) return;
    if (!found->is_array()) return refuse(key, "is no list");
    for (const auto& item : *found) {
      if (!item.is_string()) return refuse(key, "is no list of texts");
      values.push_back(item.get<std::string>());
    }
  }
  template <class Number>
  void count(std::string_view key, Number& value, bool may_be_null = false) {
    const Json* found = find(key);
    if (found == nullptr || (may_be_null && found->is_null())) return;
    if (!found->is_number_unsigned() ||
        found->get<std::uint64_t>() > std::numeric_limits<Number>::max())
      return refuse(key, "is no count");
    value = static_cast<Number>(found->get<std::uint64_t>());
  }
  void number(std::string_view key, float& value) {
    const Json* found = find(key);
    if (found == nullptr) return;
    constexpr double kMost = 1e6;
    if (!found->is_number() || !(found->get<double>() >= 0.0 && found->get<double>() <= kMost))
      return refuse(key, "is no number of that kind");
    value = static_cast<float>(found->get<double>());
  }
  void flag(std::string_view key, std::optional<bool>& value) {
    const Json* found = find(key);
    if (found == nullptr || found->is_null()) return;
    if (!found->is_boolean()) return refuse(key, "is neither true nor false");
    value = found->get<bool>();
  }
  // An empty object where there is none.
  Reader object(std::string_view key) {
    static const Json empty = Json::object();
    const Json* found = find(key);
    if (found != nullptr && !found->is_object()) {
      refuse(key, "is no object");
      found = nullptr;
    }
    return {found == nullptr ? empty : *found, where_ + std::string(key) + ".", problem_};
  }
  const Json* find(std::string_view key) {
    const auto found = object_.find(key);
    if (found != object_.end()) return &*found;
    refuse(key, "is missing");
    return nullptr;
  }
  void refuse(std::string_view key, std::string_view why) {
    if (problem_.empty()) problem_ = fmt::format("`{}{}` {}", where_, key, why);
  }

 private:
  const Json& object_;
  std::string where_;
  std::string& problem_;
};

bool is_sha256(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool stays_inside(const std::string& path) {
  if (path.empty() || path.front() == '/' || path.find('\\') != std::string::npos ||
      path.find('\0') != std::string::npos)
    return false;
  const std::filesystem::path parts(path);
  if (parts.lexically_normal().string() != path) return false;
  return std::ranges::none_of(
      parts, [](const auto& part) { return part == ".." || part == "." || part.empty(); });
}

Json sampling_json(const PackageManifest& m) {
  // As people write them: 0.6, not 0.6000000238418579.
  const auto plain = [](float value) { return std::stod(fmt::format("{:g}", value)); };
  return {{"temperature", plain(m.sampling.temperature)},
          {"top_k", m.sampling.top_k},
          {"top_p", plain(m.sampling.top_p)},
          {"repeat_penalty", plain(m.sampling.repeat_penalty)},
          {"repeat_last_n", m.sampling.repeat_last_n},
          {"max_new_tokens", m.max_new_tokens},
          {"n_ctx", m.n_ctx}};
}

void read_sampling(Reader reader, PackageManifest& m) {
  const auto whole = [&](std::string_view key, std::int32_t& value) {
    std::uint32_t read = 0;
    reader.count(key, read);
    value = static_cast<std::int32_t>(std::min<std::uint32_t>(read, 0x7fffffff));
  };
  reader.number("temperature", m.sampling.temperature);
  whole("top_k", m.sampling.top_k);
  reader.number("top_p", m.sampling.top_p);
  reader.number("repeat_penalty", m.sampling.repeat_penalty);
  whole("repeat_last_n", m.sampling.repeat_last_n);
  reader.count("max_new_tokens", m.max_new_tokens);
  reader.count("n_ctx", m.n_ctx);
}

void read_model(Reader reader, PackageModel& model) {
  reader.text("file", model.file);
  reader.text("name", model.name);
  reader.text("architecture", model.architecture);
  reader.text("digest", model.digest);
  reader.count("bytes", model.bytes);
  reader.text("sha256", model.sha256);
  reader.count("n_expert", model.n_expert);
  reader.count("n_expert_used", model.n_expert_used);
  reader.count("n_block", model.n_block);
  reader.count("n_ctx_train", model.n_ctx_train);
  reader.text("quantization", model.quantization, true);
  reader.text("chat_template_sha256", model.chat_template_sha256, true);
  if (reader.has("needs_text_part")) {
    std::optional<bool> flag;
    reader.flag("needs_text_part", flag);
    model.needs_text_part = flag.value_or(false);
  }
}

void read_recipe(Reader reader, PackageRecipe& recipe) {
  reader.text("mode", recipe.mode);
  reader.flag("drop_mtp", recipe.drop_mtp);
  reader.text("name", recipe.name, true);
  reader.text("coe_version", recipe.coe_version);
  if (reader.has("n_used")) reader.count("n_used", recipe.n_used);
  if (reader.has("healing")) {
    auto healing = reader.object("healing");
    healing.text("settings", recipe.heal_settings);
    healing.text("text_digest", recipe.heal_text_digest);
  }
}

void read_parent(Reader reader, PackageParent& parent) {
  reader.text("name", parent.name);
  reader.text("digest", parent.digest);
  reader.count("n_expert", parent.n_expert);
  reader.text("file", parent.file, true);
  reader.count("bytes", parent.bytes, true);
  reader.text("sha256", parent.sha256, true);
}

void read_profiles(Reader& reader, std::string& problem, PackageManifest& m) {
  const Json* list = reader.find("profiles");
  if (list == nullptr) return;
  if (!list->is_array()) return reader.refuse("profiles", "is no list");
  for (const auto& item : *list) {
    if (!item.is_object()) return reader.refuse("profiles", "is no list of objects");
    Reader profile(item, "profiles.", problem);
    auto& facts = m.profiles.emplace_back();
    profile.text("digest", facts.digest);
    profile.text("corpus", facts.corpus, true);
    profile.count("n_token", facts.n_token);
    profile.text("engine", facts.engine, true);
    profile.texts("domains", facts.domains);
    profile.texts("passes", facts.passes);
  }
}

void read_files(Reader& reader, std::string& problem, PackageManifest& m) {
  const Json* list = reader.find("files");
  if (list == nullptr) return;
  if (!list->is_array() || list->empty()) return reader.refuse("files", "is no list of files");
  for (const auto& item : *list) {
    if (!item.is_object()) return reader.refuse("files", "is no list of objects");
    Reader file(item, "files.", problem);
    auto& facts = m.files.emplace_back();
    file.text("path", facts.path);
    file.count("bytes", facts.bytes);
    file.text("sha256", facts.sha256);
    if (!problem.empty()) return;
    if (!stays_inside(facts.path))
      return file.refuse("path",
                         fmt::format("`{}` leads out of the package", printable(facts.path)));
    if (!is_sha256(facts.sha256))
      return file.refuse("sha256", fmt::format("of {} is no SHA-256", printable(facts.path)));
  }
}

// Packages of earlier versions say nothing of it.
void read_chat_counts(const Json& doc, Reader& reader, PackageManifest& m) {
  const auto found = doc.find("chat_check");
  if (found == doc.end() || found->is_null()) return;
  auto check = reader.object("chat_check");
  auto& facts = m.chat_check.emplace();
  check.count("n_question", facts.n_question);
  check.count("n_answer", facts.n_answer);
  check.count("n_bad", facts.n_bad);
  check.count("max_new_tokens", facts.max_new_tokens);
  std::optional<bool> passed;
  check.flag("passed", passed);
  facts.passed = passed.value_or(false);
}

Json recipe_json(const PackageManifest& m) {
  Json json = {{"mode", m.recipe.mode},
               {"drop_mtp", m.recipe.drop_mtp ? Json(*m.recipe.drop_mtp) : Json(nullptr)},
               {"name", or_null(m.recipe.name)},
               {"coe_version", m.recipe.coe_version},
               {"command", rebuild_command(m)}};
  if (m.recipe.n_used > 0) json["n_used"] = m.recipe.n_used;
  if (m.recipe.is_healed())
    json["healing"] = {{"settings", m.recipe.heal_settings},
                       {"text_digest", m.recipe.heal_text_digest}};
  return json;
}

}  // namespace

Json manifest_json(const PackageManifest& m) {
  Json doc = {{"schema", kPackageSchema}, {"version", m.version}};
  doc["name"] = m.name;
  doc["slug"] = m.slug;
  doc["publisher"] = m.publisher;
  doc["model"] = {{"file", m.model.file},
                  {"name", m.model.name},
                  {"architecture", m.model.architecture},
                  {"digest", m.model.digest},
                  {"bytes", m.model.bytes},
                  {"sha256", m.model.sha256},
                  {"n_expert", m.model.n_expert},
                  {"n_expert_used", m.model.n_expert_used},
                  {"n_block", m.model.n_block},
                  {"n_ctx_train", m.model.n_ctx_train},
                  {"quantization", or_null(m.model.quantization)},
                  {"chat_template_sha256", or_null(m.model.chat_template_sha256)}};
  if (m.model.needs_text_part) doc["model"]["needs_text_part"] = true;
  doc["parent"] = {{"name", m.parent.name},
                   {"digest", m.parent.digest},
                   {"n_expert", m.parent.n_expert},
                   {"file", or_null(m.parent.file)},
                   {"bytes", m.parent.file.empty() ? Json(nullptr) : Json(m.parent.bytes)},
                   {"sha256", or_null(m.parent.sha256)}};
  doc["mask"] = {{"file", "mask.json"}, {"digest", m.mask_digest}, {"domain", or_null(m.domain)}};
  doc["recipe"] = recipe_json(m);
  doc["engine"] = {{"version", m.engine}, {"revision", or_null(m.engine_revision)}};
  doc["license"] = or_null(m.license);
  doc["base_model"] = or_null(m.base_model);
  doc["thinking"] = or_null(m.thinking);
  doc["sampling"] = sampling_json(m);
  doc["profiles"] = Json::array();
  for (const auto& profile : m.profiles)
    doc["profiles"].push_back({{"digest", profile.digest},
                               {"corpus", or_null(profile.corpus)},
                               {"n_token", profile.n_token},
                               {"engine", or_null(profile.engine)},
                               {"domains", profile.domains},
                               {"passes", profile.passes}});
  doc["evaluation"] = nullptr;
  if (m.evaluation)
    doc["evaluation"] = {{"sha256", m.evaluation->sha256},
                         {"corpus", m.evaluation->corpus},
                         {"engine", m.evaluation->engine},
                         {"n_record", m.evaluation->n_record},
                         {"n_token", m.evaluation->n_token}};
  doc["chat_check"] = nullptr;
  if (m.chat_check)
    doc["chat_check"] = {{"file", kChatCheckFile},
                         {"n_question", m.chat_check->n_question},
                         {"n_answer", m.chat_check->n_answer},
                         {"n_bad", m.chat_check->n_bad},
                         {"max_new_tokens", m.chat_check->max_new_tokens},
                         {"passed", m.chat_check->passed}};
  doc["missing"] = m.missing;
  doc["files"] = Json::array();
  for (const auto& file : m.files)
    doc["files"].push_back({{"path", file.path}, {"bytes", file.bytes}, {"sha256", file.sha256}});
  return doc;
}

std::string manifest_text(const PackageManifest& m) {
  return json_text(manifest_json(m), 2) + "\n";
}

Result<PackageManifest> parse_manifest(std::string_view text, std::string_view name) {
  const auto doc = parse_json<Json>(text);
  if (!doc.is_object())
    return fail(Code::kCorrupt, fmt::format("{}: is no JSON object", name),
                "make the package anew with `coe package`");
  std::string problem;
  Reader reader(doc, "", problem);
  std::string schema;
  reader.text("schema", schema);
  if (schema != kPackageSchema) {
    const bool newer = schema.starts_with("coe.package/");
    return fail(
        newer ? Code::kUnsupported : Code::kCorrupt,
        fmt::format("{}: its schema is `{}`, not `{}`", name, printable(schema), kPackageSchema),
        newer ? "use the version of coe that made it" : "is it a package of coe?");
  }
  PackageManifest m;
  reader.text("version", m.version);
  reader.text("name", m.name);
  reader.text("slug", m.slug);
  reader.text("publisher", m.publisher);
  read_model(reader.object("model"), m.model);
  read_parent(reader.object("parent"), m.parent);
  auto mask = reader.object("mask");
  mask.text("digest", m.mask_digest);
  mask.text("domain", m.domain, true);
  read_recipe(reader.object("recipe"), m.recipe);
  auto engine = reader.object("engine");
  engine.text("version", m.engine);
  engine.text("revision", m.engine_revision, true);
  reader.text("license", m.license, true);
  reader.text("base_model", m.base_model, true);
  reader.text("thinking", m.thinking, true);
  read_sampling(reader.object("sampling"), m);
  read_profiles(reader, problem, m);
  if (const Json* found = reader.find("evaluation"); found != nullptr && !found->is_null()) {
    auto evaluation = reader.object("evaluation");
    auto& facts = m.evaluation.emplace();
    evaluation.text("sha256", facts.sha256);
    evaluation.text("corpus", facts.corpus);
    evaluation.text("engine", facts.engine);
    evaluation.count("n_record", facts.n_record);
    evaluation.count("n_token", facts.n_token);
  }
  read_chat_counts(doc, reader, m);
  reader.texts("missing", m.missing);
  read_files(reader, problem, m);
  if (problem.empty() && m.recipe.mode != "slice" && m.recipe.mode != "zero")
    problem = fmt::format("`recipe.mode` `{}` is unknown", printable(m.recipe.mode));
  if (problem.empty() &&
      std::ranges::find(m.files, m.model.file, &PackagedFile::path) == m.files.end())
    problem = fmt::format("`model.file` {} is not among `files`", printable(m.model.file));
  if (!problem.empty())
    return fail(Code::kCorrupt, fmt::format("{}: {}", name, problem),
                "make the package anew with `coe package`");
  return m;
}

std::vector<std::string> rebuild_command(const PackageManifest& m) {
  const auto parent = m.parent.file.empty() ? std::string("PARENT.gguf") : m.parent.file;
  if (m.recipe.is_healed()) return {"coe", "verify", "--healed", parent, m.model.file};
  std::vector<std::string> words = {"coe", "prune", "-m", parent, "--mask", "mask.json"};
  if (m.recipe.n_used > 0)
    words.insert(words.end(), {"--experts-used", fmt::format("{}", m.recipe.n_used)});
  if (m.recipe.mode != "slice") words.insert(words.end(), {"--mode", m.recipe.mode});
  if (m.recipe.drop_mtp.value_or(false)) words.emplace_back("--drop-mtp");
  if (!m.recipe.name.empty()) words.insert(words.end(), {"--name", m.recipe.name});
  words.insert(words.end(), {"-o", m.model.file});
  return words;
}

}  // namespace coe
