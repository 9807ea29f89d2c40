#include "coe/college/package/check.h"

#include "coe/base/json.h"
#include "coe/base/parse.h"
#include "coe/base/printable.h"
#include "coe/base/sha256.h"
#include "coe/base/text.h"
#include "coe/child/surgery/child_source.h"
#include "coe/child/surgery/plan.h"
#include "coe/child/verify/verify.h"
#include "coe/college/package/card.h"
#include "coe/college/package/chat_file.h"
#include "coe/college/package/chat_switch.h"
#include "coe/college/package/facts.h"
#include "coe/college/package/front_matter.h"
#include "coe/college/package/manifest.h"
#include "coe/college/package/modelfile.h"
#include "coe/college/package/ollama.h"
#include "coe/college/package/package.h"
#include "coe/college/package/presets.h"
#include "coe/measure/chat_check/chat_check.h"
#include "coe/model/gguf/gguf_source.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/open_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <sys/stat.h>
#include <system_error>
#include <utility>
#include <vector>

namespace coe {
namespace {

// Text files may have so much; those that coe writes have some kB.
constexpr std::uint64_t kMostTextBytes = std::uint64_t{64} << 20;

// Hashes what surgery makes, and holds it to a file on the way.
class RebuiltChild {
 public:
  RebuiltChild(const gguf::GgufFile& file, std::uint64_t bytes) : file_(file), bytes_(bytes) {}

  // Takes the next bytes. Errors: kIo.
  Status take(std::span<const std::byte> made) {
    hash_.add(made);
    if (!difference_) {
      const auto n = static_cast<std::size_t>(
          std::min<std::uint64_t>(made.size(), bytes_ > at_ ? bytes_ - at_ : 0));
      there_.resize(n);
      COE_TRY_STATUS(file_.read_part(0, at_, there_));
      const auto [mine, theirs] = std::ranges::mismatch(made, there_);
      if (mine != made.end()) difference_ = at_ + static_cast<std::uint64_t>(mine - made.begin());
    }
    at_ += made.size();
    return {};
  }

  std::string sha256() const { return hash_.hex(); }
  std::uint64_t bytes() const { return at_; }
  // Where the file first has something else; nullopt where it has the same as far as both go.
  std::optional<std::uint64_t> difference() const { return difference_; }

 private:
  const gguf::GgufFile& file_;
  std::uint64_t bytes_;
  std::uint64_t at_ = 0;
  std::vector<std::byte> there_;
  std::optional<std::uint64_t> difference_;
  Sha256 hash_;
};

// Gives `rebuilt` all bytes of the child that surgery would make. Errors: those of the source;
// kCancelled.
Status rebuild(const gguf::GgufSource& source, RebuiltChild& rebuilt, Observer& observer) {
  constexpr std::uint64_t kPieceBytes = std::uint64_t{4} << 20;
  const std::uint64_t n_bytes = source.header().file_bytes;
  std::vector<std::byte> piece;
  for (std::uint64_t at = 0; at < n_bytes; at += piece.size()) {
    observer.progress("rebuild", at, n_bytes, "bytes");
    if (observer.cancelled()) return fail(Code::kCancelled, "interrupted");
    piece.resize(static_cast<std::size_t>(std::min(kPieceBytes, n_bytes - at)));
    COE_TRY_STATUS(source.read(at, piece));
    COE_TRY_STATUS(rebuilt.take(piece));
  }
  observer.progress("rebuild", n_bytes, n_bytes, "bytes");
  return source.check_unchanged();
}

// The tensor or the part of a file that byte `position` belongs to.
std::string part_at(const gguf::GgufFile& file, std::uint64_t position) {
  const auto& header = file.header();
  if (position < header.data_offset) return "its header";
  for (const auto& tensor : header.tensors) {
    const auto begin = file.position(tensor);
    if (position >= begin && position < begin + tensor.n_bytes) return tensor.name;
  }
  return "the padding behind a tensor";
}

std::string form_words(bool needs_text_part) {
  return needs_text_part ? "Ollama's" : "llama.cpp's";
}

class Checker {
 public:
  Checker(const Path& folder, PackageManifest manifest, const EngineLibrary& library,
          Observer& observer, bool ask_chats)
      : folder_(folder),
        m_(std::move(manifest)),
        library_(library),
        observer_(observer),
        ask_chats_(ask_chats) {}

  Result<PackageProof> run(const Path& parent) {
    begin("manifest",
          fmt::format("schema {}, made by coe {}", kPackageSchema, printable(m_.version)));
    COE_TRY_STATUS(check_files());
    open_child();
    check_model();
    check_mask_file();
    check_modelfile();
    check_template();
    COE_TRY_STATUS(check_chat());
    check_card();
    check_presets();
    COE_TRY_STATUS(check_rebuild(parent));
    return std::move(proof_);
  }

 private:
  PackageCheck& begin(std::string_view name, std::string said) {
    auto& check = proof_.checks.emplace_back();
    check.name = name;
    check.said = std::move(said);
    return check;
  }
  PackageCheck& not_run(std::string_view name, std::string why) {
    auto& check = begin(name, std::move(why));
    check.state = CheckState::kNotRun;
    return check;
  }
  static void find(PackageCheck& check, std::string where, std::string message) {
    check.state = CheckState::kFailed;
    check.findings.push_back({std::move(where), std::move(message)});
  }

  // A file of text in the package. nullopt, with a finding, where it cannot be read.
  std::optional<std::string> text_of(PackageCheck& check, std::string_view name) const {
    const Path path = folder_ / name;
    std::error_code ec;
    if (const auto size = std::filesystem::file_size(path, ec); !ec && size > kMostTextBytes) {
      find(check, std::string(name), fmt::format("is too large for it ({})", human_bytes(size)));
      return std::nullopt;
    }
    auto text = read_text(path);
    if (text) return *std::move(text);
    find(check, std::string(name), "cannot be read: " + text.error().message);
    return std::nullopt;
  }

  Status check_files() {
    auto& check = begin("files", fmt::format("{} files by size and SHA-256", m_.files.size()));
    // One file may have several names, and is read once.
    std::map<std::pair<dev_t, ino_t>, std::string> known;
    for (const auto& file : m_.files) {
      const Path path = folder_ / file.path;
      struct stat info{};
      if (::lstat(path.c_str(), &info) != 0) {
        find(check, file.path, "is missing");
        continue;
      }
      if (!S_ISREG(info.st_mode)) {
        find(check, file.path, "is no ordinary file");
        continue;
      }
      const auto bytes = static_cast<std::uint64_t>(info.st_size);
      if (bytes != file.bytes) {
        find(check, file.path,
             fmt::format("has another size than the manifest says ({} vs {} bytes)", bytes,
                         file.bytes));
        continue;
      }
      auto& sha256 = known[{info.st_dev, info.st_ino}];
      if (sha256.empty()) {
        COE_TRY(sha256, sha256_file(path, "SHA-256", observer_));
        proof_.bytes_hashed += bytes;
      }
      if (sha256 != file.sha256)
        find(check, file.path,
             fmt::format("is not the file that was packaged (SHA-256 {} vs {})", sha256,
                         file.sha256));
    }
    find_strangers(check);
    return {};
  }

  void find_strangers(PackageCheck& check) const {
    std::error_code ec;
    for (std::filesystem::recursive_directory_iterator it(folder_, ec), end; it != end && !ec;
         it.increment(ec)) {
      if (it->is_directory(ec) && !it->is_symlink(ec)) continue;
      const auto path = it->path().lexically_relative(folder_).generic_string();
      if (path == kManifest ||
          std::ranges::find(m_.files, path, &PackagedFile::path) != m_.files.end())
        continue;
      find(check, printable(path), "is not in the manifest");
    }
    if (ec) find(check, ".", "cannot be listed: " + ec.message());
  }

  void open_child() {
    auto opened = open_model(folder_ / m_.model.file, silent_observer());
    if (!opened) {
      problem_ = opened.error().message;
      return;
    }
    child_.emplace(*std::move(opened));
    auto facts = child_facts(*child_);
    if (facts)
      facts_ = *std::move(facts);
    else
      problem_ = facts.error().message;
  }

  void check_model() {
    auto& check = begin(
        "model", fmt::format("{} holds what the manifest says of it", printable(m_.model.file)));
    if (!facts_) return find(check, m_.model.file, problem_);
    const auto same = [&](std::string_view what, const std::string& found,
                          const std::string& said) {
      // A name that is no UTF-8 is not in JSON as it is.
      if (found != said && parse_json<nlohmann::json>(json_text(nlohmann::json(found))) != said)
        find(check, m_.model.file,
             fmt::format("its {} is another than the manifest says ({} vs {})", what,
                         printable(found), printable(said)));
    };
    same("tensors' digest", facts_->id.digest, m_.model.digest);
    same("architecture", facts_->id.architecture, m_.model.architecture);
    same("name", facts_->id.name, m_.model.name);
    same("parent", facts_->cut.parent_digest, m_.parent.digest);
    same("mode", facts_->cut.mode, m_.recipe.mode);
    same("coe version", facts_->cut.version, m_.recipe.coe_version);
    same("healing", facts_->cut.heal_settings, m_.recipe.heal_settings);
    same("text of the healing", facts_->cut.heal_text_digest, m_.recipe.heal_text_digest);
    same("number of experts used", fmt::format("{}", facts_->cut.n_used),
         fmt::format("{}", m_.recipe.n_used));
    same("form", form_words(facts_->needs_text_part), form_words(m_.model.needs_text_part));
    same("given name", facts_->given_name, m_.recipe.name);
    same("experts", fmt::format("{} of {}", facts_->cut.n_keep, facts_->cut.n_expert),
         fmt::format("{} of {}", facts_->mask.n_keep(), m_.parent.n_expert));
    same("experts a layer", fmt::format("{}", facts_->n_expert),
         fmt::format("{}", m_.model.n_expert));
  }

  void check_mask_file() {
    auto& check = begin("mask", "mask.json keeps the experts that the child has");
    const auto text = text_of(check, kMaskFile);
    if (!text) return;
    const auto mask = parse_mask(*text, std::string(kMaskFile));
    if (!mask) return find(check, std::string(kMaskFile), mask.error().message);
    if (mask->digest() != m_.mask_digest)
      find(check, std::string(kMaskFile),
           fmt::format("keeps other experts than the manifest says ({} vs {})", mask->digest(),
                       printable(m_.mask_digest)));
    if (!facts_) return;
    const auto difference = mask_difference(facts_->mask, *mask, facts_->n_block - facts_->n_mtp);
    if (!difference.empty())
      find(check, std::string(kMaskFile), "is not the mask of the child: " + difference);
    else if (*text != facts_->mask_text)
      find(check, std::string(kMaskFile),
           "keeps the child's experts but is not the text that the child carries");
  }

  void check_modelfile() {
    auto& check = begin("modelfile", "Ollama knows each name in the Modelfile");
    const auto text = text_of(check, kModelfile);
    std::optional<std::vector<ModelfileCommand>> read;
    if (text) {
      auto parsed = parse_modelfile(*text, std::string(kModelfile));
      if (parsed)
        read = *std::move(parsed);
      else
        find(check, std::string(kModelfile), parsed.error().message);
    }
    if (!read) {
      not_run("renderer", "the Modelfile cannot be read");
      return;
    }
    const auto& commands = *read;
    std::size_t n_from = 0;
    for (const auto& command : commands) {
      const auto where = fmt::format("{}:{}", kModelfile, command.line);
      if (command.is_parameter)
        check_parameter(check, where, command);
      else if (command.name == "from" && n_from++ > 0)
        find(check, where, "is a second FROM");
      else if (command.name == "from" && command.value != "./" + m_.model.file)
        find(check, where,
             fmt::format("FROM names {} and not the package's ./{}", printable(command.value),
                         m_.model.file));
      else if (command.name == "renderer" && !is_ollama_renderer(command.value))
        find(check, where,
             fmt::format("`{}` is no renderer of Ollama that is known", printable(command.value)));
      else if (command.name == "parser" && !is_ollama_parser(command.value))
        find(check, where,
             fmt::format("`{}` is no parser of Ollama that is known", printable(command.value)));
      else if (command.name == "template" || command.name == "adapter" || command.name == "draft")
        find(check, where,
             fmt::format("{} is nothing that coe writes: it changes what the model is asked",
                         command.name));
    }
    check_renderer(commands);
  }

  void check_parameter(PackageCheck& check, const std::string& where,
                       const ModelfileCommand& command) const {
    const auto value = printable(command.value);
    if (command.name == "think")
      return find(check, where,
                  "there is no parameter `think`: thinking is switched off in the request");
    if (!is_ollama_parameter(command.name))
      return find(check, where, fmt::format("`{}` is no parameter of Ollama", command.name));
    if (is_text_parameter(command.name)) {
      if (command.name == "stop" && facts_ && !facts_->stops.empty() &&
          std::ranges::find(facts_->stops, command.value) == facts_->stops.end())
        find(check, where, fmt::format("`{}` is no token that ends a turn of this model", value));
      return;
    }
    std::int64_t whole = 0;
    double number = 0.0;
    const bool fits = is_whole_number_parameter(command.name)
                          ? parse_number(std::string_view(command.value), whole)
                          : parse_number(std::string_view(command.value), number);
    if (!fits) find(check, where, fmt::format("`{}` is no value for {}", value, command.name));
  }

  void check_renderer(const std::vector<ModelfileCommand>& commands) {
    const auto* family = find_ollama_family(m_.model.architecture);
    if (family == nullptr) {
      not_run("renderer", fmt::format("no RENDERER and PARSER of Ollama are known for {}",
                                      printable(m_.model.architecture)));
      return;
    }
    auto& check = begin("renderer", fmt::format("Ollama renders {} as its own template does",
                                                m_.model.architecture));
    const auto value_of = [&](std::string_view name) -> std::string {
      const auto found = std::ranges::find_if(commands, [&](const auto& command) {
        return command.name == name && !command.is_parameter && !command.is_message;
      });
      return found == commands.end() ? std::string() : found->value;
    };
    const auto wanted =
        renderer_for(*family, facts_ ? std::string_view(facts_->chat_template) : "");
    if (const auto renderer = value_of("renderer"); renderer.empty())
      find(check, std::string(kModelfile),
           fmt::format("RENDERER is missing: without `RENDERER {}` Ollama prompts {} wrongly",
                       wanted, family->architecture));
    else if (renderer != wanted)
      find(check, std::string(kModelfile),
           fmt::format("RENDERER is {} and not {}: {}", printable(renderer), wanted,
                       renderer == family->architecture
                           ? "Ollama would choose by the model's name and size"
                           : "it renders another template than the file's"));
    if (const auto parser = value_of("parser"); parser.empty())
      find(check, std::string(kModelfile),
           fmt::format("PARSER is missing: without `PARSER {}` marks stand in the answers",
                       family->parser));
    else if (parser != family->parser)
      find(check, std::string(kModelfile),
           fmt::format("PARSER is {} and not {}", printable(parser), family->parser));
  }

  void check_template() {
    if (!facts_) {
      not_run("template", "the model cannot be read");
      return;
    }
    const auto sha256 =
        facts_->chat_template.empty() ? std::string() : sha256_of(facts_->chat_template);
    if (sha256 != m_.model.chat_template_sha256) {
      auto& check = begin("template", "the chat template is the one that was packaged");
      return find(check, m_.model.file,
                  "its chat template (tokenizer.chat_template) is another than was packaged");
    }
    if (sha256.empty()) {
      not_run("template", "the file has no chat template");
      return;
    }
    if (library_.version() == "none") {
      not_run("template", "this coe has no inference engine to render it with");
      return;
    }
    const auto opened = library_.open(template_engine(folder_ / m_.model.file));
    auto found = opened ? find_chat_switch(**opened) : tl::unexpected(opened.error());
    auto& check = begin("template", "the chat template renders with thinking off");
    if (!found) return find(check, m_.model.file, found.error().message);
    if (found->thinking == Thinking::kNone) check.said = "the chat template has no thinking";
    if (found->thinking == Thinking::kAlways) {
      if (m_.thinking == thinking_name(Thinking::kAlways))
        check.said = "the chat template always thinks, as the manifest says";
      else
        find(check, m_.model.file,
             "its chat template does not switch thinking off: the prompt is the same or leaves "
             "thinking open");
    } else if (!m_.thinking.empty() && m_.thinking != thinking_name(found->thinking)) {
      find(check, m_.model.file,
           fmt::format("thinking is `{}` in its chat template and `{}` in the manifest",
                       thinking_name(found->thinking), printable(m_.thinking)));
    }
    const auto* family = find_ollama_family(m_.model.architecture);
    if (family == nullptr) return;
    const bool closes = found->prompt_end.ends_with(family->closed_block);
    if (closes != (renderer_for(*family, facts_->chat_template) == family->renderer))
      find(check, m_.model.file,
           fmt::format("its chat template {} with the block by which {} is recognised",
                       closes ? "ends a prompt" : "does not end a prompt", family->renderer));
  }

  // Its questions are asked again: they are answered well, or as badly as the manifest says.
  Status check_chat() {
    const auto skip = [&](std::string why) {
      not_run("chat", std::move(why));
      return Status();
    };
    if (!m_.chat_check) return skip("the package has no chat check");
    const auto file = read_chat_file(folder_ / kChatCheckFile, *m_.chat_check);
    if (!file) {
      find(begin("chat", fmt::format("{} holds the questions", kChatCheckFile)),
           std::string(kChatCheckFile), file.error().message);
      return {};
    }
    if (!ask_chats_) return skip("its questions were not to be asked");
    if (library_.version() == "none") return skip("this coe has no inference engine to ask it");
    EngineOptions options;
    options.model = folder_ / m_.model.file;
    const auto opened = library_.open(options);
    if (!opened) {
      find(begin("chat", "the model answers"), m_.model.file, opened.error().message);
      return {};
    }
    COE_TRY(const auto asked,
            check_chats(**opened, *file, {.max_new_tokens = m_.chat_check->max_new_tokens},
                        "chat check", observer_));
    auto& check = begin("chat", fmt::format("its {} questions are answered with thinking off",
                                            asked.answers.size()));
    if (!asked.not_run.empty())
      find(check, m_.model.file, asked.not_run);
    else if (!asked.passed() && m_.chat_check->passed)
      find(check, m_.model.file,
           fmt::format("does not answer well, though the manifest says so: {}",
                       chat_fault_words(asked)));
    else if (!asked.passed())
      check.said =
          fmt::format("it does not answer well, as the manifest says: {}", chat_fault_words(asked));
    return {};
  }

  void check_card() {
    auto& check = begin("card",
                        "README.md's front matter can be read and says what the manifest "
                        "says");
    const auto text = text_of(check, kCard);
    if (!text) return;
    const auto items = parse_front_matter(*text, std::string(kCard));
    if (!items) return find(check, std::string(kCard), items.error().message);
    const auto same = [&](std::string_view key, const std::string& said) {
      const auto found = std::ranges::find(*items, key, &FrontMatterItem::key);
      const auto value =
          found == items->end() || found->values.empty() ? std::string() : found->values.front();
      if (value != said)
        find(check, std::string(kCard),
             fmt::format("`{}` is `{}` and in the manifest `{}`", key, printable(value),
                         printable(said)));
    };
    same("base_model", m_.base_model);
    same("pipeline_tag", "text-generation");
    if (m_.license.empty() || is_hub_license(m_.license))
      same("license", m_.license);
    else
      same("license_name", m_.license);
    if (text->find(m_.model.sha256) == std::string::npos)
      find(check, std::string(kCard), "does not name the model's SHA-256");
  }

  void check_presets() {
    if (m_.model.needs_text_part) {
      not_run("presets", "llama-server does not load a model in Ollama's form");
      return;
    }
    auto& check = begin("presets", fmt::format("{} and {} run this model, with thinking off",
                                               kServerPreset, kSwapConfig));
    const std::array<std::pair<std::string_view, std::string>, 2> made = {
        {{kServerPreset, server_preset_text(m_)}, {kSwapConfig, swap_config_text(m_)}}};
    for (const auto& [name, expected] : made) {
      const auto text = text_of(check, name);
      if (!text || *text == expected) continue;
      const auto [mine, theirs] = std::ranges::mismatch(expected, *text);
      find(check, fmt::format("{}:{}", name, 1 + std::count(expected.begin(), mine, '\n')),
           "is not what coe writes for this manifest");
    }
  }

  Status check_rebuild(const Path& parent_path) {
    if (parent_path.empty()) {
      not_run("rebuild", "no parent was given (-m)");
      return {};
    }
    COE_TRY(const auto parent, open_model(parent_path, observer_));
    const bool healed = m_.recipe.is_healed();
    auto& check = begin(
        "rebuild",
        fmt::format(
            "the parent and mask.json give {} bit for bit{}", printable(m_.model.file),
            healed ? ", but for the tensors that healing made, which are as it left them" : ""));
    if (parent.moe.id.digest != m_.parent.digest)
      return fail(
          Code::kMismatch,
          fmt::format("{}: is not the parent of this package ({} vs {})", parent_path.string(),
                      parent.moe.id.digest, printable(m_.parent.digest)),
          fmt::format("give the file of {}", printable(m_.parent.name)));
    const auto text = text_of(check, kMaskFile);
    if (!text) return {};
    const auto mask = parse_mask(*text, std::string(kMaskFile));
    if (!mask) {
      find(check, std::string(kMaskFile), mask.error().message);
      return {};
    }
    if (!child_) {
      find(check, m_.model.file, problem_);
      return {};
    }
    if (healed) return prove_healed(check, parent_path, *mask);
    SurgeryOptions options;
    options.mode = m_.recipe.mode == "zero" ? SurgeryMode::kZero : SurgeryMode::kSlice;
    options.drop_mtp = m_.recipe.drop_mtp.value_or(parent.moe.n_mtp > 0 && child_->moe.n_mtp == 0);
    options.name = m_.recipe.name;
    options.n_used = m_.recipe.n_used;
    options.version = m_.recipe.coe_version;
    options.mask_name = kMaskFile;
    auto plan = plan_surgery(parent.file, parent.moe, *mask, options);
    if (!plan) {
      find(check, std::string(kMaskFile), plan.error().message);
      return {};
    }
    const auto bytes = child_->file.part_header(0).file_bytes;
    RebuiltChild rebuilt(child_->file, bytes);
    COE_TRY(auto file, gguf::GgufFile::open(parent_path));
    const auto source = child_source(std::move(file), *std::move(plan), m_.model.file);
    COE_TRY_STATUS(rebuild(*source, rebuilt, observer_));
    compare(check, rebuilt, bytes, parent);
    return {};
  }

  // What healing made cannot be made again without its text.
  Status prove_healed(PackageCheck& check, const Path& parent, const KeepMask& mask) {
    COE_TRY(const auto proof, verify_child(parent, folder_ / m_.model.file, mask,
                                           library_.dequantizer(), observer_, Healed::kAllow));
    for (const auto& bad : proof.bad)
      find(check, m_.model.file, fmt::format("{}: {}", bad.where, bad.message));
    return {};
  }

  void compare(PackageCheck& check, const RebuiltChild& rebuilt, std::uint64_t bytes,
               const OpenModel& parent) const {
    const auto sha256 = rebuilt.sha256();
    if (sha256 != m_.model.sha256)
      find(check, std::string(kManifest),
           fmt::format("parent and mask give another file than it says (SHA-256 {} vs {})", sha256,
                       printable(m_.model.sha256)));
    if (const auto at = rebuilt.difference(); at) {
      const auto part = part_at(child_->file, *at);
      find(check, m_.model.file,
           fmt::format("differs from what parent and mask give at byte {}, in "
                       "{}{}",
                       *at, part, header_difference(part, parent)));
    } else if (rebuilt.bytes() != bytes) {
      find(check, m_.model.file,
           fmt::format("has another length than what parent and mask give ({} vs {} bytes)", bytes,
                       rebuilt.bytes()));
    }
  }

  // A parent with other metadata has the same digest: a template that was edited, say.
  std::string header_difference(std::string_view part, const OpenModel& parent) const {
    if (part != "its header") return {};
    for (const auto& item : parent.file.header().keys) {
      if (!item.key.starts_with("tokenizer.")) continue;
      const auto* own = child_->file.header().find_key(item.key);
      if (own == nullptr || !(*own == item.value))
        return fmt::format(" ({} is not the parent's)", printable(item.key));
    }
    return {};
  }

  const Path& folder_;
  PackageManifest m_;
  const EngineLibrary& library_;
  Observer& observer_;
  bool ask_chats_;
  std::optional<OpenModel> child_;
  std::optional<ChildFacts> facts_;
  std::string problem_;  // why there are no facts
  PackageProof proof_;
};

}  // namespace

std::string_view check_state_name(CheckState state) {
  switch (state) {
    case CheckState::kOk:
      return "ok";
    case CheckState::kFailed:
      return "failed";
    case CheckState::kNotRun:
      break;
  }
  return "not run";
}

bool PackageProof::ok() const {
  return std::ranges::none_of(
      checks, [](const PackageCheck& check) { return check.state == CheckState::kFailed; });
}

const PackageCheck* PackageProof::find(std::string_view name) const {
  const auto found = std::ranges::find(checks, name, &PackageCheck::name);
  return found == checks.end() ? nullptr : &*found;
}

Result<PackageProof> check_package(const Path& folder, const Path& parent,
                                   const EngineLibrary& library, Observer& observer,
                                   bool ask_chats) {
  std::error_code ec;
  if (!std::filesystem::is_directory(folder, ec))
    return fail(Code::kNotFound, fmt::format("{}: is no folder", folder.string()),
                "give the folder that `coe package CHILD -o DIR` made");
  const Path file = folder / kManifest;
  COE_TRY(const auto text, read_text(file));
  COE_TRY(auto manifest, parse_manifest(text, file.string()));
  return Checker(folder, std::move(manifest), library, observer, ask_chats).run(parent);
}

}  // namespace coe
