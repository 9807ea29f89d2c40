#include "coe/cli/render/slice_check.h"

#include <fmt/format.h>

namespace coe::cli {

Json slice_check_json(const SliceCheck& check) {
  const auto worst = check.worst();
  const SliceLimits limits;
  Json json = {{"ok", check.ok()},
               {"finding", check.ok() ? Json(nullptr) : Json(check.finding)},
               {"n_record", check.n_record},
               {"n_token", check.n_token},
               {"n_expert_kept", check.n_expert_kept},
               {"n_expert_ran", check.n_expert_ran},
               {"kl_mean", check.kl_mean},
               {"logit_diff_max", check.logit_diff_max},
               {"n_choice", worst.n_token},
               {"n_near_tie", worst.n_near_tie},
               {"n_other_choice", worst.n_other_choice},
               {"score_diff_max", worst.score},
               {"weight_diff_max", worst.weight},
               {"output_diff_max", worst.output},
               {"limits",
                {{"score", limits.score},
                 {"weight", limits.weight},
                 {"output", limits.output},
                 {"near_ties", limits.near_ties},
                 {"other_choice", limits.other_choice},
                 {"kl", limits.kl}}},
               {"layers", Json::array()}};
  for (const auto& d : check.layers)
    json["layers"].push_back({{"layer", d.layer.value},
                              {"n_near_tie", d.n_near_tie},
                              {"n_other_choice", d.n_other_choice},
                              {"score_diff", d.score},
                              {"weight_diff", d.weight},
                              {"output_diff", d.output}});
  return json;
}

std::string slice_check_text(const SliceCheck& check) {
  const auto worst = check.worst();
  return fmt::format(
      "router scores within {:.2g} %, outputs within {:.2g} %, {} of {} choices otherwise "
      "({} of {} kept experts ran)",
      100 * worst.score, 100 * worst.output, worst.n_near_tie + worst.n_other_choice, worst.n_token,
      check.n_expert_ran, check.n_expert_kept);
}

}  // namespace coe::cli
