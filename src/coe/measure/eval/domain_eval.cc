// Sums of an evaluation, and the intervals that its records give.
#include "coe/measure/eval/eval.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace coe {

double DomainEval::perplexity() const {
  return n_token == 0 ? 0.0 : std::exp(nll / static_cast<double>(n_token));
}
double DomainEval::reference_perplexity() const {
  return n_token == 0 ? 0.0 : std::exp(reference_nll / static_cast<double>(n_token));
}
double DomainEval::kl_mean() const {
  return n_token == 0 ? 0.0 : kl / static_cast<double>(n_token);
}
double DomainEval::top1_agreement() const {
  return n_token == 0 ? 0.0 : static_cast<double>(n_top1_same) / static_cast<double>(n_token);
}

RecordEval& RecordEval::operator+=(const RecordEval& other) {
  n_token += other.n_token;
  nll += other.nll;
  reference_nll += other.reference_nll;
  kl += other.kl;
  n_top1_same += other.n_top1_same;
  n_hit += other.n_hit;
  n_reference_hit += other.n_reference_hit;
  return *this;
}

void DomainEval::add(const DomainEval& other) {
  *this += other;
  n_record += other.n_record;
  kl_slack += other.kl_slack;
  kl_max = std::max(kl_max, other.kl_max);
  logit_diff_max = std::max(logit_diff_max, other.logit_diff_max);
  top1_gap_max = std::max(top1_gap_max, other.top1_gap_max);
  records.insert(records.end(), other.records.begin(), other.records.end());
}

void DomainEval::add(const RecordEval& record) {
  *this += record;
  n_record += 1;
  records.push_back(record);
}

DomainEval EvalReport::total() const {
  DomainEval all;
  all.name = "all";
  for (const auto& d : domains) all.add(d);
  return all;
}

namespace {

template <class Value>
std::vector<double> of_records(const DomainEval& eval, Value&& value) {
  std::vector<double> values;
  values.reserve(eval.records.size());
  for (const auto& record : eval.records) values.push_back(static_cast<double>(value(record)));
  return values;
}

// Gives the interval of the mean over tokens.
template <class Value>
Interval mean_interval(const DomainEval& eval, Value&& value) {
  return ratio_interval(of_records(eval, std::forward<Value>(value)),
                        of_records(eval, [](const RecordEval& r) { return r.n_token; }));
}

double kl_of(const RecordEval& record) { return record.kl; }

Interval exp_of(const Interval& log) {
  return {std::exp(log.value), std::exp(log.lower), std::exp(log.upper)};
}

}  // namespace

Interval kl_interval(const DomainEval& eval) { return mean_interval(eval, kl_of); }

Interval kl_ratio(const DomainEval& eval, const DomainEval& base) {
  return ratio_interval(of_records(eval, kl_of), of_records(base, kl_of));
}

Interval perplexity_interval(const DomainEval& eval) {
  return exp_of(mean_interval(eval, [](const RecordEval& r) { return r.nll; }));
}

Interval perplexity_ratio(const DomainEval& eval) {
  return exp_of(mean_interval(eval, [](const RecordEval& r) { return r.nll - r.reference_nll; }));
}

Interval top1_interval(const DomainEval& eval) {
  return mean_interval(eval, [](const RecordEval& r) { return r.n_top1_same; });
}

Interval accuracy_interval(const DomainEval& eval) {
  return mean_interval(eval, [](const RecordEval& r) { return r.n_hit; });
}

Interval reference_accuracy_interval(const DomainEval& eval) {
  return mean_interval(eval, [](const RecordEval& r) { return r.n_reference_hit; });
}

Interval accuracy_ratio(const DomainEval& eval) {
  return ratio_interval(of_records(eval, [](const RecordEval& r) { return r.n_hit; }),
                        of_records(eval, [](const RecordEval& r) { return r.n_reference_hit; }));
}

}  // namespace coe
