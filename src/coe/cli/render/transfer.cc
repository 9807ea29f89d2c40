#include "coe/cli/render/transfer.h"

#include "coe/base/stats/interval_text.h"
#include "coe/cli/render/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace coe::cli {

namespace {

struct Measure {
  const char* metric;
  Interval (*of)(const DomainEval&);
  bool needs_hits;  // undefined where the parent predicts nothing
};
constexpr Measure kMeasures[] = {{"y", accuracy_ratio, true},
                                 {"kl_mean", kl_interval, false},
                                 {"perplexity_ratio", perplexity_ratio, false},
                                 {"top1_agreement", top1_interval, false},
                                 {"accuracy", accuracy_interval, false},
                                 {"perplexity", perplexity_interval, false}};

void put(Json& row, const Interval& interval) { row.update(interval_json(interval)); }

void put(Json& row, const PermutationTest& test) {
  row["p"] = test.p;
  row["n_permutation"] = test.n_permutation;
  row["exact"] = test.exact;
}

void add_cell_rows(const TransferMatrix& matrix, std::size_t r, std::size_t d, ResultRows& rows) {
  const auto& cell = matrix.at(r, d);
  for (const auto& measure : kMeasures) {
    Json row = {{"metric", measure.metric},
                {"n_keep", matrix.n_keep},
                {"subject", matrix.specialists[r]},
                {"random", r >= matrix.n_specialist()},
                {"domain", matrix.domains[d]},
                {"own", matrix.is_own(r, d)},
                {"n", cell.n_token},
                {"n_record", cell.n_record},
                {"value", nullptr}};
    if (!measure.needs_hits || cell.n_reference_hit > 0) put(row, measure.of(cell));
    rows.add(std::move(row));
  }
}

void add_pair_rows(const TransferResult& result, const char* metric,
                   const std::vector<double>& likeness, ResultRows& rows) {
  const auto& names = result.square.names;
  if (likeness.empty()) return;
  for (std::size_t a = 0; a < names.size(); ++a)
    for (std::size_t b = 0; b < names.size(); ++b)
      if (a != b)
        rows.add({{"metric", metric},
                  {"n_keep", result.matrix.n_keep},
                  {"subject", names[a]},
                  {"other", names[b]},
                  {"n", 1},
                  {"value", likeness[a * names.size() + b]}});
}

void add_link_row(const TransferResult& result, const TransferLink& link, const char* metric,
                  const std::optional<Association>& found, ResultRows& rows) {
  Json row = {{"metric", metric},  {"n_keep", result.matrix.n_keep}, {"of", link.of},
              {"with", link.with}, {"n", found ? found->n_pair : 0}, {"value", nullptr}};
  if (found) {
    put(row, found->r);
    put(row, found->test);
  }
  rows.add(std::move(row));
}

void add_near_far_row(const TransferResult& result, std::string_view with,
                      const std::optional<NearFar>& found, ResultRows& rows) {
  Json row = {{"metric", "near_minus_far"},
              {"n_keep", result.matrix.n_keep},
              {"of", "y"},
              {"with", with},
              {"n", 0},
              {"value", nullptr}};
  if (found) {
    row["n"] = found->n_near + found->n_far;
    row["value"] = found->near_mean - found->far_mean;
    row["n_near"] = found->n_near;
    row["near_mean"] = found->near_mean;
    row["far_mean"] = found->far_mean;
    row["n_compared"] = found->n_compared;
    row["n_near_higher"] = found->n_near_higher;
    put(row, found->test);
  }
  rows.add(std::move(row));
}

// Rows of specialists with intervals, then one of the random masks: mean and range.
std::string table_of(const TransferMatrix& matrix, Interval (*of)(const DomainEval&),
                     const NumberText& number) {
  std::vector<std::vector<std::string>> rows = {{"specialist of"}};
  for (const auto& domain : matrix.domains) rows.front().push_back("on " + domain);
  for (std::size_t r = 0; r < matrix.n_specialist(); ++r) {
    auto& row = rows.emplace_back(std::vector<std::string>{matrix.specialists[r]});
    for (std::size_t d = 0; d < matrix.domains.size(); ++d) {
      const auto v = of(matrix.at(r, d));
      row.push_back((matrix.is_own(r, d) ? "*" : "") + interval_text(v, number));
    }
  }
  if (matrix.n_random > 0) {
    auto& row = rows.emplace_back(
        std::vector<std::string>{fmt::format("random, {}: mean (range)", matrix.n_random)});
    for (std::size_t d = 0; d < matrix.domains.size(); ++d) {
      std::vector<double> values;
      double sum = 0.0;
      for (std::size_t r = matrix.n_specialist(); r < matrix.specialists.size(); ++r) {
        values.push_back(of(matrix.at(r, d)).value);
        sum += values.back();
      }
      const auto [low, high] = std::ranges::minmax(values);
      row.push_back(fmt::format("{} ({}, {})", number(sum / static_cast<double>(values.size())),
                                number(low), number(high)));
    }
  }
  return format_table(rows);
}

std::string likeness_name(std::string_view with) {
  return with == "residual_f" ? "residual F" : "Agg-cos";
}

std::string correlation_cell(const std::optional<Association>& found) {
  if (!found) return "-";
  return interval_text(found->r, fixed(2)) + fmt::format(" p {:.3f}", found->test.p);
}

std::string reading_text(const TransferResult& result) {
  const auto& reading = result.reading;
  std::string text;
  if (!reading.has_correlation())
    return "  no correlation: fewer than three specialists whose own text is evaluated, or an "
           "empty "
           "residual\n";
  std::vector<std::vector<std::string>> rows = {{"over pairs", "Pearson r", "Spearman rho"}};
  for (const auto& link : reading.links)
    rows.push_back(
        {fmt::format("{} with {}", link.of == "y" ? "Y" : "KL", likeness_name(link.with)),
         correlation_cell(link.pearson), correlation_cell(link.spearman)});
  text += format_table(rows);
  for (const auto& [with, found] : reading.near_far) {
    if (!found) continue;
    text += fmt::format(
        "  near by {}: Y {:.1f} % in {} near pairs, {:.1f} % in {} far ones (p {:.3f}); near "
        "higher "
        "in {} of {} comparisons within a specialist\n",
        likeness_name(with), 100 * found->near_mean, found->n_near, 100 * found->far_mean,
        found->n_far, found->test.p, found->n_near_higher, found->n_compared);
  }
  return text;
}

std::string order_text(const TransferResult& result) {
  std::string text = "  best Y first:";
  const auto& names = result.square.names;
  for (std::size_t a = 0; a < names.size(); ++a) {
    text += fmt::format("{} {} →", a == 0 ? "" : ";", names[a]);
    for (const auto b : result.reading.order[a]) text += " " + names[b];
  }
  return text + "\n";
}

void add_parent_rows(const TransferMatrix& matrix, ResultRows& rows) {
  for (std::size_t d = 0; d < matrix.domains.size(); ++d) {
    const auto& cell = matrix.at(0, d);
    Json row = {{"metric", "accuracy"},
                {"subject", "parent"},
                {"domain", matrix.domains[d]},
                {"n", cell.n_token},
                {"n_record", cell.n_record}};
    put(row, reference_accuracy_interval(cell));
    rows.add(row);
    rows.add({{"metric", "perplexity"},
              {"subject", "parent"},
              {"domain", matrix.domains[d]},
              {"n", cell.n_token},
              {"n_record", cell.n_record},
              {"value", cell.reference_perplexity()}});
  }
}

void add_result_rows(const TransferResult& result, ResultRows& rows) {
  const auto& matrix = result.matrix;
  for (std::size_t r = 0; r < matrix.specialists.size(); ++r)
    for (std::size_t d = 0; d < matrix.domains.size(); ++d) add_cell_rows(matrix, r, d, rows);
  add_pair_rows(result, "residual_f", result.square.residual_f, rows);
  add_pair_rows(result, "agg_cosine", result.square.agg_cosine, rows);
  for (const auto& link : result.reading.links) {
    add_link_row(result, link, "pearson", link.pearson, rows);
    add_link_row(result, link, "spearman", link.spearman, rows);
  }
  for (const auto& [with, found] : result.reading.near_far)
    add_near_far_row(result, with, found, rows);
}

std::string result_text(const TransferResult& result) {
  const auto& matrix = result.matrix;
  std::string text = fmt::format(
      "K = {}\nY: next tokens predicted, in % of the parent's [95 % over records]; * its own "
      "text\n",
      matrix.n_keep);
  text += table_of(matrix, accuracy_ratio, [](double v) { return fmt::format("{:.1f}", 100 * v); });
  text += "KL to the parent, nats a token\n";
  text += table_of(matrix, kl_interval, [](double v) { return fmt::format("{:.3g}", v); });
  text += "Perplexity, times the parent's\n";
  text += table_of(matrix, perplexity_ratio, [](double v) { return fmt::format("{:.3g}", v); });
  text += reading_text(result);
  if (!result.square.names.empty()) text += order_text(result);
  return text + "\n";
}

Json order_json(const TransferResult& result) {
  Json out = Json::object();
  const auto& names = result.square.names;
  for (std::size_t a = 0; a < names.size(); ++a) {
    out[names[a]] = Json::array();
    for (const auto b : result.reading.order[a]) out[names[a]].push_back(names[b]);
  }
  return out;
}

}  // namespace

void add_transfer_rows(const TransferReport& report, ResultRows& rows) {
  add_parent_rows(report.results.front().matrix, rows);
  for (const auto& result : report.results) add_result_rows(result, rows);
}

Json transfer_masks_json(const TransferReport& report) {
  Json out = Json::array();
  for (const auto& [n_keep, masks] : report.masks)
    for (const auto& one : masks)
      out.push_back({{"name", one.name},
                     {"n_keep", n_keep},
                     {"random", one.random},
                     {"digest", one.mask.digest()}});
  return out;
}

Json transfer_order_json(const TransferReport& report) {
  Json order = Json::object();
  for (const auto& result : report.results)
    order[std::to_string(result.matrix.n_keep)] = order_json(result);
  return order;
}

std::string transfer_text(const TransferReport& report, const Path& folder) {
  std::string text;
  for (const auto& result : report.results) text += result_text(result);
  text +=
      "p: labels of sub-domains permuted (Mantel), for pairs share specialists; intervals of "
      "correlations: vertex bootstrap\n";
  return text + fmt::format("{}: rows.jsonl, pictures, masks and cells\n", folder.string());
}

}  // namespace coe::cli
