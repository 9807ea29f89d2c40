#include "coe/college/report/bench_json.h"

#include "coe/base/json.h"
#include "coe/college/report/numbers.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string>
#include <string_view>

namespace coe {
namespace {

using Json = nlohmann::ordered_json;

// The members that are there, numbers with four digits.
Json picked(const Json& from, std::initializer_list<const char*> keys) {
  Json out = Json::object();
  if (!from.is_object()) return out;
  for (const auto* key : keys) {
    const auto found = from.find(key);
    if (found == from.end()) continue;
    out[key] = found->is_number_float() ? Json(rounded_for_page(found->get<double>())) : *found;
  }
  return out;
}

constexpr std::array<std::string_view, 5> kMetrics = {"y", "kl_mean", "perplexity_ratio",
                                                      "residual_f", "agg_cosine"};

}  // namespace

Json sweep_json(const Json& document) {
  Json json = picked(document, {"score", "advice"});
  json["points"] = Json::array();
  for (const auto& point : document.value("points", Json::array()))
    json["points"].push_back(picked(
        point,
        {"n_keep", "coverage", "coverage_lowest", "fused_top_k", "bytes_file", "n_token", "kl_mean",
         "kl_lower", "kl_upper", "perplexity", "parent_perplexity", "top1_agreement"}));
  return json;
}

Json transfer_json(const Json& rows) {
  Json json = picked(rows.front().value("run", Json()), {"engine", "date", "command", "model"});
  json["rows"] = Json::array();
  for (const auto& row : rows) {
    const auto metric = row.value("metric", Json());
    if (!metric.is_string() ||
        std::ranges::find(kMetrics, metric.get_ref<const std::string&>()) == kMetrics.end())
      continue;
    json["rows"].push_back(picked(row, {"metric", "n_keep", "subject", "random", "domain", "other",
                                        "own", "n", "value", "ci_low", "ci_high"}));
  }
  return json;
}

}  // namespace coe
