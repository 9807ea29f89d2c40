// A first build spec for a folder, to be edited: sub-domains by language, chats and records apart,
// weights by how much text there is, and a held-out part of each.
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/intake/taken.h"

#include <cstdint>
#include <string>
#include <vector>

namespace coe {

struct DraftOptions {
  Path folder;
  Path output;  // the spec; what stands there already is no text of the folder
  Overwrite overwrite = Overwrite::kRefuse;
};

struct DraftedDomain {
  std::string name;
  double weight = 1.0;  // share of the text, rounded
  std::uint64_t n_file = 0;
  std::uint64_t n_item = 0;  // files, chats or records, of which a part is held out
  std::uint64_t n_char = 0;
};

struct SpecDraft {
  std::vector<DraftedDomain> domains;  // the largest first
  bool needs_model = false;            // for chats
  Taken taken;
};

// Writes the spec, which build_corpus() takes as it is. Memory: the names of the files, and one
// file. Errors: those of walk_folder and AtomicFile; kNotFound for a folder without text;
// kCancelled.
Result<SpecDraft> draft_spec(const DraftOptions& options, Observer& observer);

}  // namespace coe
