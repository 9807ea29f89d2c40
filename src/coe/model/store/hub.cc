// The Hub cache: models--USER--REPO/{refs,blobs,snapshots/COMMIT}, whose snapshots are links to
// blobs. Source: huggingface_hub, file_download.py; llama.cpp v0.5.0, common/hf-cache.cpp.
#include "coe/base/file.h"
#include "coe/base/text.h"
#include "coe/model/store/repository.h"
#include "coe/model/store/shelves.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace coe::store {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFolderStart = "models--";
constexpr std::string_view kIncomplete = ".incomplete";
constexpr int kMaxSnapshotDepth = 4;  // of folders within a snapshot

// "models--USER--REPO" → "USER/REPO"; empty for other folders.
std::string repository_name(std::string_view folder) {
  if (!folder.starts_with(kFolderStart)) return {};
  std::string name(folder.substr(kFolderStart.size()));
  const auto cut = name.find("--");
  if (cut == std::string::npos || cut == 0 || cut + 2 >= name.size()) return {};
  return name.replace(cut, 2, "/");
}

// The commits that there are snapshots of: main's first, those of other names next, the others from
// the newest on. An older one may have a file that the newest was never asked for.
std::vector<Path> snapshots_of(const Path& repository) {
  std::vector<Path> out;
  const auto add = [&](const Path& snapshot) {
    std::error_code ec;
    if (fs::is_directory(snapshot, ec) && std::ranges::find(out, snapshot) == out.end())
      out.push_back(snapshot);
  };
  const auto add_ref = [&](const Path& ref) {
    std::error_code ec;
    if (!fs::is_regular_file(ref, ec)) return;
    auto commit = read_text(ref);
    if (!commit) return;
    while (!commit->empty() && (commit->back() == '\n' || commit->back() == '\r'))
      commit->pop_back();
    if (!commit->empty() && commit->find('/') == std::string::npos)
      add(repository / "snapshots" / *commit);
  };
  add_ref(repository / "refs" / "main");
  for (const auto& ref : listed(repository / "refs")) add_ref(ref);
  std::vector<std::pair<fs::file_time_type, Path>> others;
  for (const auto& snapshot : listed(repository / "snapshots")) {
    std::error_code ec;
    others.emplace_back(fs::last_write_time(snapshot, ec), snapshot);
  }
  std::ranges::stable_sort(others, std::ranges::greater(),
                           &std::pair<fs::file_time_type, Path>::first);
  for (const auto& other : others) add(other.second);
  return out;
}

// What is wrong with a snapshot's link; `blob` is the name of what it leads to.
std::string link_problem(const Path& repository, const std::string& blob) {
  for (const auto& file : listed(repository / "blobs")) {
    const auto name = file.filename().string();
    if (name.starts_with(blob) && name.ends_with(kIncomplete))
      return fmt::format("partly downloaded, {} so far", human_bytes(bytes_of(file)));
  }
  return fmt::format("its link leads nowhere: blobs/{} is missing", blob);
}

void add_snapshot_files(const Path& repository, const Path& folder, const std::string& inside,
                        int depth, std::vector<RepositoryFile>& files) {
  for (const auto& file : listed(folder)) {
    const auto path = inside + file.filename().string();
    std::error_code ec;
    if (fs::is_directory(file, ec)) {
      if (depth < kMaxSnapshotDepth)
        add_snapshot_files(repository, file, path + "/", depth + 1, files);
      continue;
    }
    RepositoryFile out{path, file, bytes_of(file), {}};
    if (!fs::exists(file, ec))
      out.problem = link_problem(repository, fs::read_symlink(file, ec).filename().string());
    files.push_back(std::move(out));
  }
}

// Downloads that no link is made for before they are whole, so that nothing says what they are.
void add_unlinked(Program program, const Path& repository, const std::string& name,
                  const std::vector<std::string>& linked, std::vector<StoredModel>& out) {
  for (const auto& file : listed(repository / "blobs")) {
    const auto blob = file.filename().string();
    if (!blob.ends_with(kIncomplete)) continue;
    if (std::ranges::any_of(linked, [&](const auto& link) { return blob.starts_with(link); }))
      continue;
    out.push_back({.program = program,
                   .name = name,
                   .files = {},
                   .bytes = bytes_of(file),
                   .problem = fmt::format("an unfinished download, {} so far (blobs/{})",
                                          human_bytes(bytes_of(file)), blob),
                   .fetch = fetch_command(program, name)});
    return;  // one row says it
  }
}

std::vector<StoredModel> repository_models(Program program, const Path& repository,
                                           const std::string& name) {
  std::vector<RepositoryModel> found;
  std::vector<std::string> linked;  // blobs that snapshots lead to
  for (const auto& snapshot : snapshots_of(repository)) {
    std::vector<RepositoryFile> files;
    add_snapshot_files(repository, snapshot, "", 0, files);
    for (const auto& file : files) {
      std::error_code ec;
      const auto target = fs::read_symlink(file.file, ec).filename().string();
      if (!target.empty()) linked.push_back(target);
    }
    for (auto& model : models_of(files)) {
      const auto same = std::ranges::find(found, model.path, &RepositoryModel::path);
      if (same == found.end())
        found.push_back(std::move(model));
      else if (!same->problem.empty() && model.problem.empty())
        *same = std::move(model);
    }
  }
  std::vector<StoredModel> out;
  for (const auto& model : found) {
    const auto full = fmt::format("{}:{}", name, label_of(model, found));
    out.push_back({.program = program,
                   .name = full,
                   .files = model.files,
                   .bytes = model.bytes,
                   .problem = model.problem,
                   .fetch = program == Program::kHub && model.n_part == 1
                                ? fmt::format("hf download {} {}", name, model.path)
                                : fetch_command(program, full)});
  }
  if (!out.empty() || lower_ascii(name).find("gguf") != std::string::npos)
    add_unlinked(program, repository, name, linked, out);
  return out;
}

}  // namespace

std::vector<StoredModel> hub_models(Program program, const Path& folder) {
  std::vector<StoredModel> out;
  for (const auto& repository : listed(folder)) {
    const auto name = repository_name(repository.filename().string());
    if (name.empty()) continue;
    for (auto& model : repository_models(program, repository, name))
      out.push_back(std::move(model));
  }
  return out;
}

}  // namespace coe::store
