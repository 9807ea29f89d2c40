#include "coe/cli/render/expert_counts.h"

#include <fmt/format.h>

namespace coe::cli {

void add_counts(Json& document, const ExpertCounts& counts) {
  document["n_keep"] = counts.n_keep;
  document["n_expert"] = counts.n_expert;
  document["n_used"] = counts.n_used > 0 ? Json(counts.n_used) : Json(nullptr);
}

std::string used_words(const ExpertCounts& counts) {
  if (counts.n_used == 0) return {};
  return fmt::format(", {} of {} used a token", counts.n_used, counts.n_used_parent);
}

}  // namespace coe::cli
