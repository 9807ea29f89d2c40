#include "coe/base/json.h"
#include "coe/base/lines.h"
#include "coe/base/printable.h"
#include "coe/base/run_files.h"
#include "coe/college/package/manifest.h"
#include "coe/college/package/presets.h"
#include "coe/college/report/run_facts.h"
#include "coe/mask/recipe/recipe.h"
#include "coe/model/gguf/typed_keys.h"
#include "coe/model/moe/open_model.h"
#include "coe/profile/routing/file.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <system_error>
#include <utility>

namespace coe {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kWhatIsTaken =
    "give a specialist (its GGUF, its mask, or the folder of its package), a profile, the folder "
    "of `coe bench transfer`, or what `coe mask --sweep --json` printed";
constexpr std::string_view kMaskEnding = ".mask.json";

bool is_there(const Path& path) {
  std::error_code ec;
  return std::filesystem::exists(path, ec);
}

bool is_folder(const Path& path) {
  std::error_code ec;
  return std::filesystem::is_directory(path, ec);
}

// "DIR/web" of "DIR/web.gguf", "DIR/web.mask.json" and "DIR/web.profile.gguf".
Path stem_of(const Path& file) {
  auto name = file.filename().string();
  for (const auto* ending : {".mask.json", ".profile.gguf", ".gguf", ".json"}) {
    if (!name.ends_with(ending)) continue;
    name.resize(name.size() - std::string_view(ending).size());
    break;
  }
  return file.parent_path() / name;
}

Path with(const Path& stem, std::string_view ending) {
  return stem.parent_path() / (stem.filename().string() + std::string(ending));
}

Result<Json> read_json(const Path& file) {
  COE_TRY(const auto text, read_text(file));
  auto json = parse_json<Json>(text);
  if (!json.is_object())
    return fail(Code::kInvalidArgument, fmt::format("{}: is no JSON object", file.string()),
                kWhatIsTaken);
  return json;
}

std::string schema_of(const Json& json) {
  const auto found = json.find("schema");
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

ReportFile file_of(const OpenModel& model) {
  return {model.file.path(), model.file.header().file_bytes, file_parts(model)};
}

class Finder {
 public:
  Finder(const std::vector<Path>& profiles, const Path& parent, Observer& observer)
      : given_(profiles), parent_(parent), observer_(observer) {}

  Status add(const Path& input) {
    if (is_folder(input)) return add_folder(input);
    COE_TRY(const auto start, start_of(input));
    if (start.starts_with("GGUF")) return add_gguf(input);
    if (input.filename() == run_files::kRows || input.extension() == ".jsonl")
      return add_rows(input);
    COE_TRY(auto json, read_json(input));
    const auto schema = schema_of(json);
    if (schema == "coe.sweep/1") {
      found_.sweeps.push_back(std::move(json));
      return {};
    }
    if (schema.empty() || schema.starts_with("coe.mask/")) return add_mask(input);
    return fail(Code::kInvalidArgument,
                fmt::format("{}: no report is made of `{}`", input.string(), printable(schema)),
                kWhatIsTaken);
  }

  Result<ReportInputs> finish() {
    // Two runs may have files of one name in two folders.
    for (std::size_t i = 0; i < found_.runs.size(); ++i)
      for (std::size_t n = 2; is_taken(i); ++n)
        found_.runs[i].name = fmt::format("{} ({})", base_names_[i], n);
    return std::move(found_);
  }

 private:
  static Result<std::string> start_of(const Path& file) {
    COE_TRY(const auto mapped, MappedFile::open(file));
    const auto bytes = mapped.bytes().first(std::min<std::size_t>(4, mapped.bytes().size()));
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }

  bool is_taken(std::size_t i) const {
    return std::any_of(found_.runs.begin(), found_.runs.begin() + static_cast<std::ptrdiff_t>(i),
                       [&](const RunFacts& run) { return run.name == found_.runs[i].name; });
  }

  void push(RunFacts run) {
    base_names_.push_back(run.name);
    found_.runs.push_back(std::move(run));
  }

  // A child and its mask are one run.
  bool is_new(const Path& stem) {
    std::error_code ec;
    auto whole = std::filesystem::weakly_canonical(stem, ec);
    if (std::ranges::find(stems_, whole) != stems_.end()) return false;
    stems_.push_back(std::move(whole));
    return true;
  }

  Status add_folder(const Path& folder) {
    if (is_there(folder / kManifest)) {
      COE_TRY(const auto text, read_text(folder / kManifest));
      COE_TRY(const auto manifest, parse_manifest(text, (folder / kManifest).string()));
      return add_gguf(folder / manifest.model.file);
    }
    if (is_there(folder / run_files::kRows)) return add_rows(folder / run_files::kRows);
    return fail(Code::kInvalidArgument,
                fmt::format("{}: is neither a package nor a folder of `coe bench transfer`",
                            folder.string()),
                kWhatIsTaken);
  }

  Status add_rows(const Path& file) {
    COE_TRY(const auto text, read_text(file));
    Json rows = Json::array();
    LineReader lines(text);
    while (const auto line = lines.next()) {
      if (line->blank()) continue;
      auto row = parse_json<Json>(line->text);
      if (!row.is_object() || schema_of(row) != "coe.result/1")
        return fail(Code::kInvalidArgument,
                    fmt::format("{}: line {} is no result row of coe", file.string(), line->number),
                    kWhatIsTaken);
      if (row.value("kind", Json()) != "bench-transfer")
        return fail(Code::kInvalidArgument,
                    fmt::format("{}: line {}: no report is made of rows of `{}`", file.string(),
                                line->number, printable(json_text(row.value("kind", Json())))),
                    kWhatIsTaken);
      rows.push_back(std::move(row));
    }
    if (rows.empty())
      return fail(Code::kInvalidArgument, fmt::format("{}: has no rows", file.string()),
                  kWhatIsTaken);
    found_.transfers.push_back(std::move(rows));
    return {};
  }

  Status add_gguf(const Path& file) {
    COE_TRY(const auto opened, gguf::GgufFile::open(file));
    const auto type = gguf::text_at(opened.header(), "general.type").value_or("");
    if (type == "coe-routing-profile") return add_profile(file);
    const auto stem = stem_of(file);
    if (!is_new(stem)) return {};
    COE_TRY(const auto child, open_model(file, silent_observer()));
    RunFacts run;
    run.name = stem.filename().string();
    COE_TRY(run.child, child_facts(child));
    run.child_file = file_of(child);
    run.mask = run.child->mask;
    if (const auto mask = with(stem, kMaskEnding); is_there(mask)) {
      COE_TRY_STATUS(check_given_mask(file, mask, *run.child));
      // It has what the file may have left out.
      run.mask_file = mask;
      COE_TRY(run.mask, read_mask(mask));
    }
    COE_TRY_STATUS(complete(run, stem));
    if (!parent_.empty()) {
      COE_TRY(const auto parent, open_model(parent_, silent_observer()));
      COE_TRY_STATUS(check_same_model(parent.moe.id, run.mask->parent, file.string()));
      run.parent_file = file_of(parent);
    }
    push(std::move(run));
    return {};
  }

  Status add_profile(const Path& file) {
    RunFacts run;
    run.name = stem_of(file).filename().string();
    COE_TRY(auto stats, read_profile(file));
    run.stability = stability_of(stem_of(file), stats);
    auto digest = content_digest(stats);
    run.profiles.push_back({file, std::move(stats), std::move(digest)});
    push(std::move(run));
    return {};
  }

  Status add_mask(const Path& file) {
    const auto stem = stem_of(file);
    COE_TRY(auto mask, read_mask(file));
    const auto child = with(stem, ".gguf");
    if (file == with(stem, kMaskEnding) && is_there(child)) return add_gguf(child);
    if (!is_new(stem)) return {};
    RunFacts run;
    run.name = stem.filename().string();
    run.mask_file = file;
    run.mask = std::move(mask);
    COE_TRY_STATUS(complete(run, stem));
    push(std::move(run));
    return {};
  }

  Status complete(RunFacts& run, const Path& stem) {
    COE_TRY_STATUS(find_profiles(run, stem));
    if (!run.profiles.empty()) run.stability = stability_of(stem, run.profiles.front().stats);
    run.choice = beside(with(stem, ".choice.json"), "coe.specialize-choice/1");
    if (!run.child) return {};
    run.evaluation = evaluation_facts(run.child_file->path, *run.child, observer_);
    run.chats = chat_facts(run.child_file->path, *run.child, observer_);
    run.healing = heal_facts(run.child_file->path, *run.child, observer_);
    return {};
  }

  // Those that pass 1 names. A mask that names none takes the one beside it, if that is of its
  // parent.
  Status find_profiles(RunFacts& run, const Path& stem) {
    const auto recipe = recipe_of(*run.mask);
    auto files = given_;
    if (const auto own = with(stem, ".profile.gguf"); is_there(own)) files.push_back(own);
    for (const auto& file : files) {
      COE_TRY(auto stats, read_profile(file));
      const auto digest = content_digest(stats);
      const bool is_named =
          recipe && std::ranges::find(recipe->profiles, digest, &DomainProfile::digest) !=
                        recipe->profiles.end();
      const bool is_known =
          std::ranges::find(run.profiles, digest, &NamedStats::digest) != run.profiles.end();
      if (is_known || (recipe && !is_named)) {
        if (!is_known && std::ranges::find(given_, file) == given_.end())
          observer_.warning(
              fmt::format("{}: left out: the mask {} is not made of it", file.string(), run.name));
        continue;
      }
      if (!recipe) {
        COE_TRY_STATUS(check_same_model(stats.parent, run.mask->parent, file.string()));
        observer_.warning(fmt::format(
            "{}: is taken for the profile of {}, which does not say what it was made of",
            file.string(), run.name));
      }
      run.profiles.push_back({file, std::move(stats), digest});
      if (!recipe) break;
    }
    return {};
  }

  // What is damaged, or of something else, is left out with a warning.
  std::optional<Json> beside(const Path& file, std::string_view schema) const {
    if (!is_there(file)) return std::nullopt;
    auto json = read_json(file);
    if (json && schema_of(*json) == schema) return *std::move(json);
    observer_.warning(
        fmt::format("{}: left out: {}", file.string(),
                    json ? fmt::format("its schema is `{}`", printable(schema_of(*json)))
                         : json.error().message));
    return std::nullopt;
  }

  std::optional<Json> stability_of(const Path& stem, const RoutingStats& stats) const {
    std::optional<Json> found;
    for (const auto* ending : {".stability.json", ".profile.stability.json"})
      if (!found) found = beside(with(stem, ending), "coe.stability/1");
    if (!found) return found;
    const auto corpus = found->find("corpus");
    const auto n_token = unsigned_at(*found, "n_token");
    if (corpus != found->end() && *corpus == stats.corpus_digest && n_token &&
        *n_token == static_cast<std::uint64_t>(stats.n_token()))
      return found;
    observer_.warning(
        fmt::format("{}: its stability report is left out: it is of another text", stem.string()));
    return std::nullopt;
  }

  const std::vector<Path>& given_;
  const Path& parent_;
  Observer& observer_;
  ReportInputs found_;
  std::vector<Path> stems_;
  std::vector<std::string> base_names_;
};

}  // namespace

Result<ReportInputs> find_runs(const std::vector<Path>& inputs, const std::vector<Path>& profiles,
                               const Path& parent, Observer& observer) {
  if (inputs.empty()) return fail(Code::kInvalidArgument, "no run was given", kWhatIsTaken);
  Finder finder(profiles, parent, observer);
  for (const auto& input : inputs) COE_TRY_STATUS(finder.add(input));
  return finder.finish();
}

}  // namespace coe
