// LM Studio's store: PUBLISHER/MODEL/FILE.gguf. What is being fetched is called
// downloading_FILE.gguf.part, or FILE.gguf.part. Source: lmstudio.ai/docs, "Import models"; lms,
// src/modelsFolder.ts; lmstudio-bug-tracker 1477 and 2291.
#include "coe/base/file.h"
#include "coe/base/text.h"
#include "coe/model/store/repository.h"
#include "coe/model/store/shelves.h"

#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace coe::store {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPart = ".part";
constexpr std::string_view kDownloading = "downloading_";
constexpr int kMaxFolderDepth = 2;  // of folders within a model's

void add_files(const Path& folder, const std::string& inside, int depth,
               std::vector<RepositoryFile>& files) {
  for (const auto& file : listed(folder)) {
    auto name = file.filename().string();
    std::error_code ec;
    if (fs::is_directory(file, ec)) {
      if (depth < kMaxFolderDepth) add_files(file, inside + name + "/", depth + 1, files);
      continue;
    }
    RepositoryFile out{{}, file, bytes_of(file), {}};
    if (name.ends_with(kPart)) {
      name.resize(name.size() - kPart.size());
      if (name.starts_with(kDownloading)) name.erase(0, kDownloading.size());
      out.problem = fmt::format("partly downloaded, {} so far", human_bytes(out.bytes));
    } else if (!fs::exists(file, ec)) {
      out.problem = fmt::format("its link leads nowhere ({})", fs::read_symlink(file, ec).string());
    }
    out.path = inside + name;
    files.push_back(std::move(out));
  }
}

}  // namespace

std::vector<StoredModel> lm_studio_models(const Path& folder) {
  std::vector<StoredModel> out;
  for (const auto& publisher : listed(folder))
    for (const auto& model : listed(publisher)) {
      std::vector<RepositoryFile> files;
      add_files(model, "", 0, files);
      const auto models = models_of(files);
      const auto name =
          fmt::format("{}/{}", publisher.filename().string(), model.filename().string());
      for (const auto& found : models) {
        const auto full = fmt::format("{}:{}", name, label_of(found, models));
        out.push_back({.program = Program::kStudio,
                       .name = full,
                       .files = found.files,
                       .bytes = found.bytes,
                       .problem = found.problem,
                       .fetch = fetch_command(Program::kStudio, full)});
      }
    }
  return out;
}

}  // namespace coe::store
