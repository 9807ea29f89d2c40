// What a file says of the cut that made it: the records that child_keys() writes.
#pragma once

#include "coe/model/gguf/reader.h"

#include <cstdint>
#include <optional>
#include <string>

namespace coe {

struct CutRecords {
  std::string version;  // of coe
  std::string mode;     // "slice" or "zero"
  std::string parent_name;
  std::string parent_digest;
  std::uint32_t n_expert = 0;  // of the parent
  std::uint32_t n_keep = 0;
  std::uint32_t n_used = 0;   // experts a token, where they are fewer than the parent's; else 0
  std::uint32_t n_layer = 0;  // that were cut; 0: the mask cannot be read
  std::string domain;         // mask_domain(); may be empty
  // Of `coe heal`; both are empty where the child is only cut.
  std::string heal_settings;
  std::string heal_text_digest;
};

// nullopt for a file without the parent's name and both counts. Nothing is held to the tensors:
// that is the proof's.
std::optional<CutRecords> read_cut_records(const gguf::Header& header);

}  // namespace coe
