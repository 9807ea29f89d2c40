// The flat cache of llama.cpp before it took the Hub's form: USER_REPO_FILE.gguf, and
// manifest=USER=REPO=TAG.json which says what -hf USER/REPO:TAG is. What is being fetched ends in
// .downloadInProgress. Source: llama.cpp, common/download.cpp of builds before that, fs_get_cache_*
// in common/common.cpp.
#include "coe/base/file.h"
#include "coe/base/json.h"
#include "coe/base/text.h"
#include "coe/model/store/repository.h"
#include "coe/model/store/shelves.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace coe::store {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kInProgress = ".downloadInProgress";
constexpr std::string_view kManifestStart = "manifest=";
constexpr std::string_view kManifestEnd = ".json";

struct FlatManifest {
  std::string repository;  // "USER/REPO"
  std::string tag;         // "latest" where none was asked for
  std::string file;        // in the repository
};

std::optional<FlatManifest> read_flat_manifest(const Path& file) {
  auto name = file.filename().string();
  if (!name.starts_with(kManifestStart) || !name.ends_with(kManifestEnd)) return std::nullopt;
  name =
      name.substr(kManifestStart.size(), name.size() - kManifestStart.size() - kManifestEnd.size());
  const auto first = name.find('=');
  const auto second = name.find('=', first + 1);
  if (first == std::string::npos || second == std::string::npos) return std::nullopt;
  FlatManifest out{name.substr(0, first) + "/" + name.substr(first + 1, second - first - 1),
                   name.substr(second + 1),
                   {}};
  const auto text = read_text(file);
  if (!text) return std::nullopt;
  const auto json = parse_json<nlohmann::json>(*text);
  if (!json.is_object()) return std::nullopt;
  const auto gguf = json.find("ggufFile");
  if (gguf == json.end() || !gguf->is_object()) return std::nullopt;
  const auto path = gguf->find("rfilename");
  if (path == gguf->end() || !path->is_string()) return std::nullopt;
  out.file = path->get<std::string>();
  return out;
}

// The name of a repository's file in the cache.
std::string flat_name(const FlatManifest& manifest) {
  auto name = manifest.repository + "_" + manifest.file;
  std::ranges::replace(name, '/', '_');
  return name;
}

}  // namespace

std::vector<StoredModel> llama_models(const Path& folder) {
  std::vector<RepositoryFile> files;
  std::vector<FlatManifest> manifests;
  for (const auto& file : listed(folder)) {
    std::error_code ec;
    if (fs::is_directory(file, ec)) continue;
    if (auto manifest = read_flat_manifest(file)) {
      manifests.push_back(*std::move(manifest));
      continue;
    }
    auto name = file.filename().string();
    RepositoryFile out{{}, file, bytes_of(file), {}};
    if (name.ends_with(kInProgress)) {
      name.resize(name.size() - kInProgress.size());
      out.problem = fmt::format("partly downloaded, {} so far", human_bytes(out.bytes));
    } else if (!fs::exists(file, ec)) {
      out.problem = fmt::format("its link leads nowhere ({})", fs::read_symlink(file, ec).string());
    }
    out.path = std::move(name);
    files.push_back(std::move(out));
  }
  const auto models = models_of(files);
  std::vector<StoredModel> out;
  std::vector<std::string> named;  // files that a manifest speaks for
  for (const auto& manifest : manifests) {
    auto label = quant_of(manifest.file);
    if (label.empty()) label = manifest.tag == "latest" ? manifest.file : manifest.tag;
    const auto full = fmt::format("{}:{}", manifest.repository, label);
    if (std::ranges::find(out, full, &StoredModel::name) != out.end()) continue;
    const auto flat = flat_name(manifest);
    const auto model = std::ranges::find(models, flat, &RepositoryModel::path);
    StoredModel found{.program = Program::kLlama,
                      .name = full,
                      .files = {},
                      .bytes = 0,
                      .problem = fmt::format("{} is missing", flat),
                      .fetch = fetch_command(Program::kLlama, full)};
    if (model != models.end()) {
      named.push_back(flat);
      found.files = model->files;
      found.bytes = model->bytes;
      found.problem = model->problem;
    }
    out.push_back(std::move(found));
  }
  for (const auto& model : models)
    if (std::ranges::find(named, model.path) == named.end())
      out.push_back({.program = Program::kLlama,
                     .name = model.path,
                     .files = model.files,
                     .bytes = model.bytes,
                     .problem = model.problem,
                     .fetch = {}});  // nothing says where it came from
  return out;
}

}  // namespace coe::store
