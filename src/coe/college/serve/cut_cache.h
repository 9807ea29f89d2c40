// Specialists that are a parent under a mask are cut when they are first asked for, and the cuts
// are kept: by what parent and mask hold, not by their names.
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/model/gguf/dequantizer.h"

#include <cstdint>
#include <string_view>

namespace coe {

// Several threads and processes may share a folder.
class CutCache {
 public:
  // `folder` is made when it is first needed. Cuts of more than `most_bytes` in all are dropped,
  // those first that were used longest ago, but for the one asked for.
  CutCache(Path folder, std::uint64_t most_bytes)
      : folder_(std::move(folder)), most_bytes_(most_bytes) {}

  // The file of the cut, which is made and proved where it is not there. `name` is part of its
  // name. Errors: those of open_model, read_mask, plan_surgery, apply_plan and prove_child;
  // kCancelled.
  Result<Path> get(std::string_view name, const Path& parent, const Path& mask,
                   const gguf::Dequantizer* dequantizer, Observer& observer) const;

 private:
  Path folder_;
  std::uint64_t most_bytes_;
};

// $XDG_CACHE_HOME/coe/cuts, or ~/.cache/coe/cuts. Errors: kNotFound where neither is known.
Result<Path> default_cut_folder();

}  // namespace coe
