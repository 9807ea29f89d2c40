// Which specialist a request of the college goes to, and why.
#pragma once

#include "coe/base/json.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace coe {

struct Selection {
  std::optional<std::size_t> chosen;  // one of the chooser's names; nothing: unsure
  bool stayed = false;         // the conversation's specialist kept it, though another is likelier
  std::vector<double> scores;  // [names], probabilities
};

struct ChoiceRecord {
  std::string answered;
  bool unsure = false;
  bool stayed = false;
  double ms = 0.0;
  std::vector<std::pair<std::string, double>> scores;
  std::vector<std::string> consulted{};  // who answered first; then `answered` made one of them
  std::uint64_t consulted_tokens = 0;    // that this took
};

// Adds `scores`, and where others were consulted `consulted` and `consulted_tokens`: the header and
// the log say them alike.
void put_scores(nlohmann::ordered_json& json, const ChoiceRecord& choice);

}  // namespace coe
