// Specialists that are a parent under a mask are cut when they are first asked for, and the cuts
// are kept: by what parent and mask hold, not by their names. So is the text part of files that
// llama.cpp's server cannot load as they are (text_part.h).
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/model/gguf/dequantizer.h"

#include <cstdint>
#include <functional>
#include <string_view>

namespace coe {

// Several threads and processes may share a folder.
class CutCache {
 public:
  // `folder` is made when it is first needed. Cuts of more than `most_bytes` in all are dropped,
  // those first that were used longest ago, but for the one asked for.
  CutCache(Path folder, std::uint64_t most_bytes)
      : folder_(std::move(folder)), most_bytes_(most_bytes) {}

  // The file of the cut, which is made and proved where it is not there; of a parent with a tower,
  // the text part of it. `name` is part of its name. Errors: those of open_model, read_mask,
  // plan_surgery, apply_plan and prove_child; kCancelled.
  Result<Path> get(std::string_view name, const Path& parent, const Path& mask,
                   const gguf::Dequantizer* dequantizer, Observer& observer) const;
  // `model` itself where the server can load it, else the file of its text part, which is made
  // where it is not there. Errors: those of GgufFile::open, text_part and write_source; kCancelled.
  Result<Path> loadable(std::string_view name, const Path& model, Observer& observer) const;

 private:
  Result<Path> make(const Path& path, std::uint64_t n_bytes, const std::function<Status()>& write,
                    Observer& observer) const;

  Path folder_;
  std::uint64_t most_bytes_;
};

// $XDG_CACHE_HOME/coe/cuts, or ~/.cache/coe/cuts. Errors: kNotFound where neither is known.
Result<Path> default_cut_folder();

}  // namespace coe
