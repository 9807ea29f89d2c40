// The GGUF files of one repository of models, however they came to this disk: which of them are one
// model in parts, which are no models at all, and by what short name each is told from the others.
// This is private to store/. Source of the rules: llama.cpp v0.5.0, common/download.cpp.
#pragma once

#include "coe/base/file.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe::store {

struct RepositoryFile {
  std::string path;  // in the repository, with /
  Path file;         // on this disk
  std::uint64_t bytes = 0;
  std::string problem;  // why it cannot be used; empty: nothing
};

struct RepositoryModel {
  std::string path;   // of its file, or of its first part
  std::string quant;  // "Q4_K_M", as its name has it; empty where it has none
  std::size_t n_part = 1;
  std::vector<Path> files;  // those that can be read
  std::uint64_t bytes = 0;
  std::string problem;
};

// Leaves out what is no GGUF, and what goes with a model but is none: image projectors (mmproj),
// importance matrices, draft heads. A part that is missing is a problem of its model.
std::vector<RepositoryModel> models_of(const std::vector<RepositoryFile>& files);

// What a model of `all` is told from the others by: its quant where no other has it, else its path.
const std::string& label_of(const RepositoryModel& model, std::span<const RepositoryModel> all);

// "Q4_K_M" of "folder/model-Q4_K_M-00001-of-00002.gguf", "UD-Q4_K_XL" of "m-UD-Q4_K_XL.gguf".
std::string quant_of(std::string_view path);

// Says whether a name is that of a GGUF file that is a model.
bool is_model_name(std::string_view path);

}  // namespace coe::store
