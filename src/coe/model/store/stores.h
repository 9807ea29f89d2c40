// The models that lie in other programs' stores, whole and damaged. Cost: folders are listed and
// small manifests read; the models themselves are not opened (about.h does that).
#pragma once

#include "coe/base/file.h"
#include "coe/model/store/places.h"

#include <cstdint>
#include <string>
#include <vector>

namespace coe {

struct StoredModel {
  Program program{};
  // What follows the prefix: "gemma4:26b", "USER/REPO:Q4_K_M", "USER/REPO:folder/file.gguf". Empty
  // for an unfinished download that does not tell what it is of.
  std::string name;
  // The parts in order, mostly one; of a damaged model those that are there.
  std::vector<Path> files;
  std::uint64_t bytes = 0;  // of `files`
  std::string problem;      // why it cannot be used; empty: nothing
  std::string fetch;        // the program's command that fetches it, or what is missing of it

  bool whole() const { return problem.empty(); }
  // "ollama:gemma4:26b"
  std::string typed() const;
};

// Lists a program's models by name. What cannot be read (a folder of another user) is passed over.
std::vector<StoredModel> stored_models(Program program, const Surroundings& around);

}  // namespace coe
