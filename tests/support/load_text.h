// Loads text as a command does with its -f.
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/corpus.h"
#include "coe/corpus/intake/take_text.h"

#include <span>
#include <utility>

namespace coe::testing {

inline Result<Corpus> load_text(std::span<const Path> files) {
  COE_TRY(auto taken, take_text(files, {}, silent_observer()));
  return std::move(taken.corpus);
}

}  // namespace coe::testing
