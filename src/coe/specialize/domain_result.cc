#include "coe/specialize/domain_result.h"

#include "coe/base/json.h"
#include "coe/specialize/eval_json.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace coe {

using Json = nlohmann::ordered_json;

namespace {

// Where the domain has several parts, the first row is all of them together.
void add_whole_domain(std::vector<DomainResult>& rows) {
  DomainResult whole;
  whole.name = kWholeDomain;
  whole.own = true;
  std::size_t n_part = 0;
  for (const auto& row : rows) {
    if (!row.own) continue;
    ++n_part;
    whole.specialist.add(row.specialist);
    if (row.cut) {
      if (!whole.cut) whole.cut.emplace();
      whole.cut->add(*row.cut);
    }
    whole.random.resize(row.random.size());
    for (std::size_t i = 0; i < row.random.size(); ++i) whole.random[i].add(row.random[i]);
  }
  if (n_part < 2) return;
  whole.verdict = verdict_of(whole.specialist, whole.random);
  rows.insert(rows.begin(), std::move(whole));
}

}  // namespace

nlohmann::ordered_json row_head_json(const DomainResult& row) {
  return {{"name", row.name},
          {"own", row.own},
          {"verdict", verdict_name(row.verdict)},
          {"n_record", row.specialist.n_record},
          {"n_token", row.specialist.n_token}};
}

std::vector<DomainResult> read_domain_results(const Json& measured,
                                              const std::function<bool(std::string_view)>& is_own) {
  std::vector<DomainResult> rows;
  for (std::size_t i = 0; i < measured.at("specialist").size(); ++i) {
    DomainResult row;
    row.specialist = read_domain_eval(measured.at("specialist").at(i));
    row.name = row.specialist.name;
    row.own = is_own(row.name);
    if (measured.contains("cut")) row.cut = read_domain_eval(measured.at("cut").at(i));
    for (const auto& random : measured.at("random"))
      row.random.push_back(read_domain_eval(random.at("domains").at(i)));
    row.verdict = verdict_of(row.specialist, row.random);
    rows.push_back(std::move(row));
  }
  add_whole_domain(rows);
  std::stable_partition(rows.begin(), rows.end(), [](const DomainResult& r) { return r.own; });
  return rows;
}

}  // namespace coe
