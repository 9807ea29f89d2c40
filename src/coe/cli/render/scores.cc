#include "coe/cli/render/scores.h"

#include "coe/base/stats/interval_text.h"
#include "coe/cli/render/table.h"

#include <fmt/format.h>

#include <cstddef>
#include <utility>
#include <vector>

namespace coe::cli {

namespace {

Json heal_of(const ShootoutRow& row) { return row.heal.empty() ? Json(nullptr) : Json(row.heal); }

void add_score_cell(const Shootout& shootout, const ShootoutRow& row, std::size_t d,
                    ResultRows& rows) {
  const auto& cell = row.cells[d];
  const auto add = [&](const char* metric, const Interval& interval) {
    Json json = {{"metric", metric},         {"n_keep", shootout.n_keep},     {"score", row.score},
                 {"heal", heal_of(row)},     {"domain", shootout.domains[d]}, {"n", cell.n_token},
                 {"n_record", cell.n_record}};
    json.update(interval_json(interval));
    rows.add(std::move(json));
  };
  add("kl_mean", kl_interval(cell));
  add("kl_ratio", kl_ratio(cell, shootout.rows.front().cells[d]));
  add("perplexity_ratio", perplexity_ratio(cell));
  add("top1_agreement", top1_interval(cell));
}

std::string shootout_text(const Shootout& shootout) {
  const auto number = significant(3);
  const auto baseline = shootout.rows.front().name();
  std::vector<std::vector<std::string>> table = {{"score"}};
  for (const auto& domain : shootout.domains) table.front().push_back(domain);
  table.front().push_back(fmt::format("÷ {} [95 %]", baseline));
  for (std::size_t r = 0; r < shootout.rows.size(); ++r) {
    const auto& row = shootout.rows[r];
    auto& cells = table.emplace_back(std::vector<std::string>{row.name()});
    for (std::size_t d = 0; d < row.cells.size(); ++d)
      cells.push_back((shootout.best_on(d) == r ? "*" : "") + number(row.cells[d].kl_mean()));
    cells.push_back((shootout.best() == r ? "*" : "") +
                    (r == 0 ? std::string("1") : interval_text(row.ratio, fixed(3))));
  }
  return fmt::format("K = {}\n", shootout.n_keep) + format_table(table);
}

}  // namespace

void add_scores_rows(const ScoresReport& report, ResultRows& rows) {
  for (const auto& shootout : report.shootouts) {
    for (const auto& row : shootout.rows) {
      for (std::size_t d = 0; d < shootout.domains.size(); ++d)
        add_score_cell(shootout, row, d, rows);
      Json json = {{"metric", "kl_ratio"}, {"n_keep", shootout.n_keep},
                   {"score", row.score},   {"heal", heal_of(row)},
                   {"domain", nullptr},    {"n", shootout.domains.size()}};
      json.update(interval_json(row.ratio));
      rows.add(std::move(json));
    }
  }
}

std::string scores_text(const ScoresReport& report, const Path& folder) {
  std::string text =
      "KL to the parent, nats a token, of each domain's specialist on its own held-out text; * "
      "lowest\n";
  for (const auto& shootout : report.shootouts) text += shootout_text(shootout);
  text += fmt::format(
      "÷ {}: geometric mean over domains of the ratio of KL, records drawn anew together\n",
      report.shootouts.front().rows.front().name());
  return text + fmt::format("{}: rows.jsonl, masks and cells\n", folder.string());
}

const ShootoutRow& best_row(const ScoresReport& report) {
  const auto& rows = report.shootouts.front().rows;
  const auto over_all = [&](std::size_t r) {
    double product = 1.0;
    for (const auto& shootout : report.shootouts) product *= shootout.rows[r].ratio.value;
    return product;
  };
  std::size_t best = 0;
  for (std::size_t r = 1; r < rows.size(); ++r)
    if (over_all(r) < over_all(best)) best = r;
  return rows[best];
}

}  // namespace coe::cli
