// This gathers what a verification has found so far.
#pragma once

#include "coe/child/verify/verify.h"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace coe {

inline constexpr std::size_t kMaxListed = 100;

// Keeps the first kMaxListed findings.
class Findings {
 public:
  void add(std::string where, std::string message) {
    if (list_.size() < kMaxListed) list_.push_back({std::move(where), std::move(message)});
  }
  std::vector<VerifyFinding> take() { return std::move(list_); }

 private:
  std::vector<VerifyFinding> list_;
};

}  // namespace coe
