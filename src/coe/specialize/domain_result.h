// The evaluation of `specialize`, sub-domain by sub-domain, as NAME.eval.json holds it.
#pragma once

#include "coe/base/stats/bootstrap.h"
#include "coe/measure/eval/eval.h"
#include "coe/specialize/verdict.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

// The row for all of the domain's parts together has this name.
inline constexpr const char* kWholeDomain = "its domain";

// One row of the final table.
struct DomainResult {
  std::string name;
  bool own = false;  // the specialist was profiled on it
  DomainEval specialist;
  std::vector<DomainEval> random;  // by seed
  // Of a healed specialist: the parent under its mask, which is what the cut alone gives.
  std::optional<DomainEval> cut = {};
  Verdict verdict = Verdict::kTooLittle;
};

// Counts the text that was profiled and held out, where the parent has a chat template.
struct ChatText {
  std::uint64_t n_record = 0;
  std::uint64_t n_chat = 0;  // in the template's markup
};

// "name", "own", "verdict", "n_record" and "n_token" of a row.
nlohmann::ordered_json row_head_json(const DomainResult& row);

// Reads `specialist`, `random` and, of a healed one, `cut` of a NAME.eval.json. `is_own` says of a
// sub-domain whether the specialist was profiled on it; own ones come first, and before them all of
// them together where there are several. Throws as the library does for a value that is missing or
// of the wrong type.
std::vector<DomainResult> read_domain_results(const nlohmann::ordered_json& measured,
                                              const std::function<bool(std::string_view)>& is_own);

}  // namespace coe
