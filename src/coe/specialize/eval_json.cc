#include "coe/specialize/eval_json.h"

#include "coe/base/json.h"
#include "coe/measure/eval/eval.h"
#include "coe/measure/eval/slice_check.h"

#include <cstdint>
#include <utility>

namespace coe {

using Json = nlohmann::ordered_json;

Json domain_eval_json(const DomainEval& eval) {
  Json records = Json::array();
  for (const auto& r : eval.records)
    records.push_back({r.n_token, r.nll, r.reference_nll, r.kl, r.n_top1_same});
  return {{"name", eval.name},
          {"kl_max", eval.kl_max},
          {"logit_diff_max", eval.logit_diff_max},
          {"top1_gap_max", eval.top1_gap_max},
          {"records", std::move(records)}};
}

DomainEval read_domain_eval(const Json& json) {
  DomainEval eval;
  eval.name = json.at("name");
  eval.kl_max = json.at("kl_max");
  eval.logit_diff_max = json.at("logit_diff_max");
  eval.top1_gap_max = json.at("top1_gap_max");
  for (const auto& r : json.at("records")) {
    RecordEval record;
    record.n_token = r.at(0).get<std::uint64_t>();
    record.nll = r.at(1).get<double>();
    record.reference_nll = r.at(2).get<double>();
    record.kl = r.at(3).get<double>();
    record.n_top1_same = r.at(4).get<std::uint64_t>();
    eval.add(record);
  }
  return eval;
}

Json slice_check_json(const SliceCheck& check) {
  Json layers = Json::array();
  for (const auto& d : check.layers)
    layers.push_back({{"layer", d.layer.value},
                      {"n_token", d.n_token},
                      {"score", d.score},
                      {"n_near_tie", d.n_near_tie},
                      {"n_other_choice", d.n_other_choice},
                      {"weight", d.weight},
                      {"output", d.output}});
  return {{"n_record", check.n_record},
          {"n_token", check.n_token},
          {"n_expert_kept", check.n_expert_kept},
          {"n_expert_ran", check.n_expert_ran},
          {"kl", check.kl_mean},
          {"logit_diff_max", check.logit_diff_max},
          {"layers", std::move(layers)}};
}

SliceCheck read_slice_check(const Json& j) {
  SliceCheck check;
  check.n_record = j.at("n_record");
  check.n_token = j.at("n_token");
  check.n_expert_kept = j.at("n_expert_kept");
  check.n_expert_ran = j.at("n_expert_ran");
  check.kl_mean = j.at("kl");
  check.logit_diff_max = j.at("logit_diff_max");
  for (const auto& d : j.at("layers"))
    check.layers.push_back({LayerId{d.at("layer")}, d.at("n_token"), d.at("score"),
                            d.at("n_near_tie"), d.at("n_other_choice"), d.at("weight"),
                            d.at("output")});
  return check;
}

}  // namespace coe
