#include "coe/model/store/find.h"

#include "coe/base/printable.h"
#include "coe/base/text.h"
#include "coe/model/store/shelves.h"
#include "coe/model/store/stores.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace coe {

namespace {

constexpr std::string_view kDefaultTag = ":latest";  // Ollama's
constexpr std::size_t kMaxListed = 8;                // names in a message
constexpr std::size_t kMaxBytes = 400;               // of a name or a problem in it

// "USER/REPO:QUANT" → {"USER/REPO", "QUANT"}
std::pair<std::string_view, std::string_view> cut_name(std::string_view name) {
  const auto colon = name.find(':');
  if (colon == std::string_view::npos) return {name, {}};
  return {name.substr(0, colon), name.substr(colon + 1)};
}

// A name as Ollama takes it, which leaves out what goes without saying.
std::string ollama_name(std::string name) {
  for (const std::string_view host : {"registry.ollama.ai/", "ollama.com/"})
    if (lower_ascii(name).starts_with(host)) name.erase(0, host.size());
  constexpr std::string_view kLibrary = "library/";
  if (lower_ascii(name).starts_with(kLibrary)) name.erase(0, kLibrary.size());
  // A host may have a port, so only what follows the last / can be a tag.
  const auto model = name.find(':', name.rfind('/') + 1);  // npos + 1 is 0
  if (model == std::string::npos) name += kDefaultTag;
  return name;
}

bool same(std::string_view a, std::string_view b) { return lower_ascii(a) == lower_ascii(b); }

// Says whether `label`, what follows a repository in a model's name, is what was asked for.
bool is_label(std::string_view label, std::string_view asked) {
  if (same(label, asked)) return true;
  constexpr std::string_view kDynamic = "UD-";
  if (label.starts_with(kDynamic) && same(label.substr(kDynamic.size()), asked)) return true;
  // The file's own name, without its folder or its ending.
  label.remove_prefix(label.rfind('/') + 1);  // npos + 1 is 0
  constexpr std::string_view kExtension = ".gguf";
  if (same(label, asked)) return true;
  return label.ends_with(kExtension) &&
         same(label.substr(0, label.size() - kExtension.size()), asked);
}

std::vector<StoredModel> matching(const std::vector<StoredModel>& models, Program program,
                                  std::string_view name) {
  std::vector<StoredModel> out;
  const auto add_if = [&](const auto& fits) {
    std::ranges::copy_if(models, std::back_inserter(out), fits);
  };
  if (program == Program::kOllama) {
    const auto full = ollama_name(std::string(name));
    add_if([&](const StoredModel& model) { return same(model.name, full); });
    return out;
  }
  add_if([&](const StoredModel& model) { return same(model.name, name); });
  if (!out.empty()) return out;
  const auto [repository, asked] = cut_name(name);
  add_if([&](const StoredModel& model) {
    const auto [own, label] = cut_name(model.name);
    return same(own, repository) && !label.empty() && (asked.empty() || is_label(label, asked));
  });
  return out;
}

std::string names_of(const std::vector<StoredModel>& models) {
  std::vector<std::string> names;
  for (const auto& model : models) {
    if (names.size() == kMaxListed) {
      names.push_back(fmt::format("… ({} in all)", models.size()));
      break;
    }
    names.push_back(printable(model.typed(), kMaxBytes) + (model.whole() ? "" : " (damaged)"));
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string folders_text(Program program, const Surroundings& around) {
  std::vector<std::string> out;
  for (const auto& folder : model_folders(program, around)) out.push_back(folder.string());
  return fmt::format("{}", fmt::join(out, ", "));
}

Status check_form(const ProgramFacts& facts, std::string_view name) {
  const auto [repository, label] = cut_name(name);
  const bool is_repository = facts.program == Program::kHub || facts.program == Program::kStudio;
  const bool is_bad = name.empty() || name.ends_with(':') ||
                      (is_repository && std::ranges::count(repository, '/') != 1);
  if (!is_bad) return {};
  return fail(
      Code::kInvalidArgument,
      fmt::format("`{}:{}`: is no name of a model", facts.prefix, printable(name, kMaxBytes)),
      facts.program == Program::kOllama
          ? std::string("ollama:MODEL[:TAG], as `ollama list` has it")
          : fmt::format("{}:USER/REPOSITORY[:QUANT]; `coe models` lists what is there",
                        facts.prefix));
}

Error not_found(const ProgramFacts& facts, std::string_view name,
                const std::vector<StoredModel>& models, const Surroundings& around) {
  const auto [repository, label] = cut_name(name);
  std::vector<StoredModel> beside;  // other models of the repository, or other tags
  std::vector<std::string> candidates;
  for (const auto& model : models) {
    if (model.name.empty()) continue;
    if (same(cut_name(model.name).first, repository)) beside.push_back(model);
    candidates.push_back(model.name.ends_with(kDefaultTag)
                             ? model.name.substr(0, model.name.size() - kDefaultTag.size())
                             : model.name);
  }
  std::string hint;
  if (!beside.empty()) {
    hint = fmt::format("there is {}; ", names_of(beside));
  } else if (const auto near = closest_match(name, candidates); !near.empty()) {
    hint = fmt::format("did you mean `{}:{}`? ", facts.prefix, printable(near, kMaxBytes));
  }
  return {Code::kNotFound,
          fmt::format("`{}:{}`: {} has no such model on this disk ({})", facts.prefix,
                      printable(name, kMaxBytes), facts.title, folders_text(facts.program, around)),
          fmt::format("{}`{}` fetches it, `coe models` lists what is there", hint,
                      printable(store::fetch_command(facts.program, name), kMaxBytes))};
}

}  // namespace

std::optional<Program> program_of(std::string_view text) {
  for (const auto& facts : all_programs())
    if (text.starts_with(facts.prefix) && text.substr(facts.prefix.size()).starts_with(':'))
      return facts.program;
  return std::nullopt;
}

Result<Path> find_model(std::string_view name, const Surroundings& around) {
  const auto program = program_of(name);
  if (!program)
    return fail(Code::kInvalidArgument,
                fmt::format("`{}`: is no name of a model", printable(name, kMaxBytes)),
                "`coe models` lists what is there");
  const auto& facts = facts_of(*program);
  name.remove_prefix(facts.prefix.size() + 1);
  COE_TRY_STATUS(check_form(facts, name));
  const auto models = stored_models(*program, around);
  const auto found = matching(models, *program, name);
  if (found.empty()) return tl::unexpected(not_found(facts, name, models, around));
  if (found.size() > 1)
    return fail(Code::kInvalidArgument,
                fmt::format("`{}:{}`: there are {} such models", facts.prefix,
                            printable(name, kMaxBytes), found.size()),
                fmt::format("name one: {}", names_of(found)));
  const auto& model = found.front();
  if (model.whole()) return model.files.front();
  return fail(Code::kCorrupt,
              fmt::format("`{}`: {}", printable(model.typed(), kMaxBytes),
                          printable(model.problem, kMaxBytes)),
              model.fetch.empty()
                  ? std::string("`coe models` lists what is whole")
                  : fmt::format("`{}` fetches what is missing", printable(model.fetch, kMaxBytes)));
}

std::string meant_model(std::string_view text, const Surroundings& around) {
  for (const auto& facts : all_programs()) {
    const auto found = matching(stored_models(facts.program, around), facts.program, text);
    if (found.size() == 1 && found.front().whole()) return found.front().typed();
  }
  return {};
}

}  // namespace coe
