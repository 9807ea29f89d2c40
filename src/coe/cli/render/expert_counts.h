// Says how many experts a child keeps and uses.
#pragma once

#include "coe/child/surgery/expert_counts.h"
#include "coe/cli/render/document.h"

#include <string>

namespace coe::cli {

// "n_keep", "n_expert" and "n_used", which is null of a child that uses as many as its parent.
void add_counts(Json& document, const ExpertCounts& counts);

// ", 6 of 8 used a token"; empty of such a child.
std::string used_words(const ExpertCounts& counts);

}  // namespace coe::cli
