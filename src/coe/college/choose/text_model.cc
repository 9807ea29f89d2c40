#include "coe/college/choose/text_model.h"

#include "coe/base/result.h"
#include "coe/college/choose/text_features.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

namespace {

constexpr std::size_t kSlotsPerFeature = 2;  // so that a search ends after a step or two

// Both ends of a long text, whole characters or not: features are of bytes.
std::string both_ends(std::string_view text) {
  constexpr std::size_t kHalf = kMostTextBytes / 2;
  return std::string(text.substr(0, kHalf)) + "\n" + std::string(text.substr(text.size() - kHalf));
}

}  // namespace

std::uint64_t TextModel::bytes() const {
  return features.size() * sizeof(features[0]) + (weights.size() + bias.size()) * sizeof(float);
}

Status check_text_model(const TextModel& model) {
  if (model.n_domain() < 2)
    return fail(Code::kCorrupt, fmt::format("a text model of {} domains", model.n_domain()));
  if (model.weights.size() != model.features.size() * model.n_domain())
    return fail(Code::kCorrupt,
                fmt::format("a text model with {} weights for {} features of {} domains",
                            model.weights.size(), model.features.size(), model.n_domain()));
  if (std::ranges::adjacent_find(model.features, std::ranges::greater_equal()) !=
      model.features.end())
    return fail(Code::kCorrupt, "the features of the text model do not ascend");
  const auto finite = [](float value) { return std::isfinite(value); };
  if (!std::ranges::all_of(model.weights, finite) || !std::ranges::all_of(model.bias, finite))
    return fail(Code::kCorrupt, "a weight of the text model is no number");
  return {};
}

TextScorer::TextScorer(TextModel model) : model_(std::move(model)) {
  slots_.assign(std::bit_ceil(kSlotsPerFeature * model_.features.size() + 1), kNone);
  const std::size_t most = slots_.size() - 1;
  for (std::uint32_t row = 0; row < model_.features.size(); ++row) {
    std::size_t at = model_.features[row] & most;
    while (slots_[at] != kNone) at = (at + 1) & most;
    slots_[at] = row;
  }
}

std::uint64_t TextScorer::bytes() const {
  return model_.bytes() + slots_.size() * sizeof(slots_[0]);
}

std::uint32_t TextScorer::row_of(std::uint64_t feature) const {
  const std::size_t most = slots_.size() - 1;
  for (std::size_t at = feature & most; slots_[at] != kNone; at = (at + 1) & most)
    if (model_.features[slots_[at]] == feature) return slots_[at];
  return kNone;
}

TextEvidence TextScorer::evidence(std::string_view text) const {
  const auto features =
      text.size() > kMostTextBytes ? text_features(both_ends(text)) : text_features(text);
  TextEvidence out;
  std::vector<std::uint32_t> rows;
  const auto look_up = [&](std::uint64_t hash) {
    ++out.n_feature;
    if (const auto row = row_of(hash); row != kNone) rows.push_back(row);
  };
  for (const auto& grams : features.grams)
    for (const auto hash : grams) look_up(hash);
  for (const auto& word : features.words) look_up(word.hash);
  for (const auto& pair : features.pairs) look_up(pair.hash);
  out.n_known = rows.size();
  std::ranges::sort(rows);
  const std::size_t n_domain = model_.n_domain();
  std::vector<double> sums(n_domain, 0.0);
  double squares = 0.0;
  for (std::size_t begin = 0; begin < rows.size();) {
    std::size_t end = begin + 1;
    while (end < rows.size() && rows[end] == rows[begin]) ++end;
    const double value = 1.0 + std::log(static_cast<double>(end - begin));
    squares += value * value;
    const float* const weights = &model_.weights[rows[begin] * n_domain];
    for (std::size_t d = 0; d < n_domain; ++d) sums[d] += value * weights[d];
    begin = end;
  }
  const double length = squares > 0.0 ? std::sqrt(squares) : 1.0;
  for (std::size_t d = 0; d < n_domain; ++d)
    out.logits.push_back(static_cast<double>(model_.bias[d]) + sums[d] / length);
  return out;
}

}  // namespace coe
