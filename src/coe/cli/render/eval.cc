#include "coe/cli/render/eval.h"

#include "coe/base/stats/interval_text.h"
#include "coe/cli/render/table.h"

#include <fmt/format.h>

namespace coe::cli {

namespace {

Json bounds_json(const Interval& interval) {
  return {{"value", interval.value}, {"lower", interval.lower}, {"upper", interval.upper}};
}

double kl_most(const DomainEval& d) { return (d.kl + d.kl_slack) / static_cast<double>(d.n_token); }

// Sums of each record, in the order of the corpus.
Json records_json(const DomainEval& d, bool has_reference) {
  auto records = Json::array();
  for (const auto& record : d.records) {
    Json row = {{"n_token", record.n_token}, {"nll", record.nll}};
    if (has_reference) {
      row["parent_nll"] = record.reference_nll;
      row["kl"] = record.kl;
      row["n_top1_same"] = record.n_top1_same;
    }
    records.push_back(std::move(row));
  }
  return records;
}

// `first`: the same of the first mask, null for itself.
Json domain_json(const DomainEval& d, const EvalOutput& output, const DomainEval* first) {
  Json row = {{"name", d.name},
              {"n_record", d.n_record},
              {"n_token", d.n_token},
              {"perplexity", d.perplexity()},
              {"perplexity_interval", bounds_json(perplexity_interval(d))},
              {"accuracy", bounds_json(accuracy_interval(d))}};
  if (output.per_record) row["records"] = records_json(d, output.report.has_reference);
  if (!output.report.has_reference) {
    row["kl_mean"] = nullptr;
    row["top1_agreement"] = nullptr;
    return row;
  }
  row["parent_perplexity"] = d.reference_perplexity();
  row["perplexity_ratio"] = bounds_json(perplexity_ratio(d));
  row["kl_mean"] = d.kl_mean();
  row["kl_interval"] = bounds_json(kl_interval(d));
  row["kl_mean_most"] = kl_most(d);
  row["kl_max"] = d.kl_max;
  row["top1_agreement"] = d.top1_agreement();
  row["top1_interval"] = bounds_json(top1_interval(d));
  row["n_top1_differ"] = d.n_token - d.n_top1_same;
  row["accuracy_ratio"] = bounds_json(accuracy_ratio(d));
  row["top1_gap_max"] = output.is_condensed ? Json(nullptr) : Json(d.top1_gap_max);
  row["logit_diff_max"] = output.is_condensed ? Json(nullptr) : Json(d.logit_diff_max);
  row["kl_to_first"] = first == nullptr ? Json(nullptr) : bounds_json(kl_ratio(d, *first));
  return row;
}

std::vector<std::string> domain_text(const DomainEval& d, bool has_reference,
                                     const DomainEval* first) {
  std::vector<std::string> row = {d.name, fmt::format("{}", d.n_token),
                                  fmt::format("{:.3f}", d.perplexity())};
  if (!has_reference) return row;
  const auto kl = kl_interval(d);
  row.push_back(fmt::format("{:.3f}", d.reference_perplexity()));
  row.push_back(interval_text(kl, significant(4)));
  row.push_back(fmt::format("{:.2f} %", 100 * d.top1_agreement()));
  if (first == nullptr) return row;
  const auto ratio = kl_ratio(d, *first);
  row.push_back(interval_text(ratio, fixed(3)));
  return row;
}

void put(const DomainEval& d, const EvalOutput& output, const char* metric,
         const Interval& interval, ResultRows& rows) {
  rows.add({{"metric", metric},
            {"subject", output.mask.empty() ? Json(nullptr) : Json(output.mask)},
            {"domain", d.name},
            {"n", d.n_token},
            {"n_record", d.n_record},
            {"value", interval.value},
            {"ci_low", interval.lower},
            {"ci_high", interval.upper}});
}

// Calls with each sub-domain, and with their total where there are several.
template <class Each>
void for_each_domain(const EvalOutput& output, Each&& each) {
  for (std::size_t i = 0; i < output.report.domains.size(); ++i)
    each(output.report.domains[i], output.first == nullptr ? nullptr : &output.first->domains[i]);
}

}  // namespace

Json noise_json(const NoiseFloor& noise) {
  return {{"n_token", noise.n_token},
          {"kl_mean", noise.kl_mean},
          {"top1_agreement", noise.top1_agreement}};
}

std::string noise_text(const NoiseFloor& noise) {
  return fmt::format(
      "on this GPU the parent differs from itself by KL {:.2g} (first choice the same for {:.1f} "
      "%) "
      "when it is run as a masked one",
      noise.kl_mean, 100 * noise.top1_agreement);
}

std::string eval_text(const EvalOutput& output) {
  const bool has_reference = output.report.has_reference;
  std::vector<std::vector<std::string>> rows = {{"domain", "tokens", "perplexity"}};
  if (has_reference)
    for (const auto* title : {"parent's", "KL [95 %]", "top-1 same"})
      rows.front().emplace_back(title);
  if (output.first != nullptr) rows.front().emplace_back("KL / first mask's [95 %]");
  for_each_domain(output, [&](const DomainEval& d, const DomainEval* first) {
    rows.push_back(domain_text(d, has_reference, first));
  });
  const auto total = output.report.total();
  if (output.report.domains.size() > 1) {
    const auto first_total = output.first == nullptr ? DomainEval() : output.first->total();
    rows.push_back(
        domain_text(total, has_reference, output.first == nullptr ? nullptr : &first_total));
  }
  auto text = format_table(rows);
  if (has_reference && output.is_condensed)
    text += fmt::format("  KL from condensed logits: at most {:.2g} higher over all\n",
                        total.kl_slack / static_cast<double>(total.n_token));
  return text;
}

Json eval_json(const EvalOutput& output) {
  Json json = {{"mask", output.mask.empty() ? Json(nullptr) : Json(output.mask)},
               {"domains", Json::array()}};
  for_each_domain(output, [&](const DomainEval& d, const DomainEval* first) {
    json["domains"].push_back(domain_json(d, output, first));
  });
  const auto first_total = output.first == nullptr ? DomainEval() : output.first->total();
  json["total"] =
      domain_json(output.report.total(), output, output.first == nullptr ? nullptr : &first_total);
  return json;
}

void add_eval_rows(const EvalOutput& output, ResultRows& rows) {
  const auto add = [&](const DomainEval& d) {
    put(d, output, "perplexity", perplexity_interval(d), rows);
    put(d, output, "accuracy", accuracy_interval(d), rows);
    if (!output.report.has_reference) return;
    put(d, output, "perplexity_ratio", perplexity_ratio(d), rows);
    put(d, output, "kl_mean", kl_interval(d), rows);
    put(d, output, "top1_agreement", top1_interval(d), rows);
  };
  for (const auto& domain : output.report.domains) add(domain);
  if (output.report.domains.size() > 1) add(output.report.total());
}

}  // namespace coe::cli
