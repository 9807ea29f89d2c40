#include "coe/model/store/stores.h"

#include "coe/model/store/shelves.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

namespace coe {

namespace store {

std::vector<Path> listed(const Path& folder) {
  std::vector<Path> out;
  std::error_code ec;
  std::filesystem::directory_iterator entry(folder, ec);
  while (!ec && entry != std::filesystem::directory_iterator()) {
    out.push_back(entry->path());
    entry.increment(ec);
  }
  std::ranges::sort(out);
  return out;
}

std::uint64_t bytes_of(const Path& file) {
  std::error_code ec;
  const auto bytes = std::filesystem::file_size(file, ec);
  return ec ? 0 : bytes;
}

std::string fetch_command(Program program, std::string_view name) {
  const auto colon = name.find(':');
  const auto repository = name.substr(0, colon);
  const auto label = colon == std::string_view::npos ? std::string_view() : name.substr(colon + 1);
  switch (program) {
    case Program::kOllama:
      return fmt::format("ollama pull {}", name);
    case Program::kHub:
      if (label.ends_with(".gguf")) return fmt::format("hf download {} {}", repository, label);
      return fmt::format("hf download {} --include \"*{}*.gguf\"", repository,
                         label.empty() ? "Q4_K_M" : label);
    case Program::kStudio:
      return fmt::format("lms get https://huggingface.co/{}{}{}", repository,
                         label.empty() || label.ends_with(".gguf") ? "" : "@",
                         label.ends_with(".gguf") ? std::string_view() : label);
    case Program::kLlama:
      if (label.ends_with(".gguf"))
        return fmt::format("llama download -hf {} -hff {}", repository, label);
      return fmt::format("llama download -hf {}", name);
  }
  return {};
}

}  // namespace store

namespace {

std::vector<StoredModel> models_in(Program program, const Path& folder) {
  switch (program) {
    case Program::kOllama:
      return store::ollama_models(folder);
    case Program::kHub:
      return store::hub_models(program, folder);
    case Program::kStudio:
      return store::lm_studio_models(folder);
    case Program::kLlama: {
      auto out = store::llama_models(folder);
      for (auto& model : store::hub_models(program, folder)) out.push_back(std::move(model));
      return out;
    }
  }
  return {};
}

}  // namespace

std::string StoredModel::typed() const {
  return fmt::format("{}:{}", facts_of(program).prefix, name);
}

std::vector<StoredModel> stored_models(Program program, const Surroundings& around) {
  std::vector<StoredModel> out;
  for (const auto& folder : model_folders(program, around))
    for (auto& model : models_in(program, folder)) {
      const auto same = std::ranges::find(out, model.name, &StoredModel::name);
      if (model.name.empty() || same == out.end())
        out.push_back(std::move(model));
      else if (!same->whole() && model.whole())
        *same = std::move(model);
    }
  std::ranges::stable_sort(out, {}, &StoredModel::name);
  return out;
}

}  // namespace coe
