// The evaluation of `specialize` as JSON, in NAME.eval.json: written when it is made, read when a
// later run takes it. Readers throw as the library does for a value that is missing or of the wrong
// type.
#pragma once

#include "coe/measure/eval/eval.h"
#include "coe/measure/eval/slice_check.h"

#include <nlohmann/json_fwd.hpp>

namespace coe {

// With its records, from which intervals are made: [n_token, nll, reference_nll, kl, n_top1_same].
nlohmann::ordered_json domain_eval_json(const DomainEval& eval);
DomainEval read_domain_eval(const nlohmann::ordered_json& json);

nlohmann::ordered_json slice_check_json(const SliceCheck& check);
SliceCheck read_slice_check(const nlohmann::ordered_json& json);

}  // namespace coe
