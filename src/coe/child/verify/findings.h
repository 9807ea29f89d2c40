// This gathers what a verification has found so far.
#pragma once

#include "coe/base/printable.h"
#include "coe/child/verify/verify.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

inline constexpr std::size_t kMaxListed = 100;
inline constexpr std::size_t kMostFindingBytes =
    1000;  // of a finding's message, whatever a file says

// The place of a finding about a key of the metadata.
inline std::string key_place(std::string_view key) { return "key `" + printable(key) + "`"; }

// Keeps the first kMaxListed findings.
class Findings {
 public:
  void add(std::string_view where, std::string_view message) {
    if (list_.size() < kMaxListed)
      list_.push_back({printable(where, kMostFindingBytes), printable(message, kMostFindingBytes)});
  }
  std::vector<VerifyFinding> take() { return std::move(list_); }

 private:
  std::vector<VerifyFinding> list_;
};

}  // namespace coe
