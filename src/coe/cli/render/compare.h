// Renders what coe compare found, as tables for people and as a document for programs.
#pragma once

#include "coe/cli/render/document.h"
#include "coe/mask/compare/agg_cosine.h"
#include "coe/mask/compare/overlap.h"
#include "coe/mask/compare/tolerance.h"

#include <optional>
#include <string>
#include <vector>

namespace coe::cli {

struct Comparison {
  std::vector<NamedMask> masks;
  Overlap overlap;
  std::optional<AggCosine> cosine;  // with -m
  double cosine_s = 0.0;            // seconds that it took
  std::vector<Tolerance> profiles;
  std::string score;  // of the profiles' coverage
};

// Within 100 columns, whatever the number of masks.
std::string comparison_text(const Comparison& found);
// Schema "coe.compare/1". Undefined shares and cosines are null.
Json comparison_json(const Comparison& found);

}  // namespace coe::cli
