#include "coe/cli/render/corpus.h"

#include "coe/base/printable.h"
#include "coe/cli/render/table.h"

#include <fmt/format.h>

#include <cstddef>
#include <utility>

namespace coe::cli {

namespace {

constexpr std::size_t kReasonBytes = 200;

}  // namespace

Json built_domains_json(const CorpusBuildReport& report, bool has_tokens) {
  Json domains = Json::array();
  for (const auto& domain : report.domains) {
    Json row = {{"name", domain.name},
                {"weight", domain.weight},
                {"n_record", domain.n_record},
                {"n_char", domain.n_char},
                {"n_filtered", domain.n_filtered},
                {"n_duplicate", domain.n_duplicate},
                {"n_near_duplicate", domain.n_near_duplicate},
                {"n_bad", domain.n_bad},
                {"bad", Json::array()}};
    for (const auto& bad : domain.bad)
      row["bad"].push_back({{"reason", bad.reason}, {"n", bad.n}, {"first", bad.first}});
    row["left_out"] = domain.left_out;
    row["n_token"] = has_tokens ? Json(domain.n_token) : Json(nullptr);
    domains.push_back(std::move(row));
  }
  return domains;
}

std::string built_domains_table(const CorpusBuildReport& report, bool has_tokens) {
  std::vector<std::vector<std::string>> rows = {{"sub-domain", "weight", "records", "characters",
                                                 "duplicates left out", "near-duplicates left out",
                                                 "bad left out"}};
  if (has_tokens) rows.front().emplace_back("tokens");
  for (const auto& domain : report.domains) {
    rows.push_back({domain.name + (domain.left_out ? " (left out: too thin)" : ""),
                    fmt::format("{:g}", domain.weight), fmt::format("{}", domain.n_record),
                    fmt::format("{}", domain.n_char), fmt::format("{}", domain.n_duplicate),
                    fmt::format("{}", domain.n_near_duplicate), fmt::format("{}", domain.n_bad)});
    if (has_tokens) rows.back().push_back(fmt::format("{}", domain.n_token));
  }
  std::string out = format_table(rows);
  for (const auto& domain : report.domains) {
    for (const auto& bad : domain.bad)
      out += fmt::format("  bad in {}: {} of: {} (first: {})\n", domain.name, bad.n,
                         printable(bad.reason, kReasonBytes), printable(bad.first, kReasonBytes));
  }
  return out;
}

Json domain_rows(const std::vector<DomainFacts>& domains, bool has_tokens) {
  Json rows = Json::array();
  for (const auto& domain : domains)
    rows.push_back({{"name", domain.name},
                    {"weight", domain.weight},
                    {"n_record", domain.n_record},
                    {"n_char", domain.n_char},
                    {"n_token", has_tokens ? Json(domain.n_token) : Json(nullptr)},
                    {"n_duplicate", domain.n_duplicate},
                    {"n_near_duplicate", domain.n_near_duplicate}});
  return rows;
}

std::string domain_table(const std::vector<DomainFacts>& domains, bool has_tokens) {
  std::vector<std::vector<std::string>> rows = {
      {"sub-domain", "weight", "records", "characters", "duplicates", "near-duplicates"}};
  if (has_tokens) rows.front().emplace_back("tokens");
  for (const auto& domain : domains) {
    rows.push_back({domain.name, fmt::format("{:g}", domain.weight),
                    fmt::format("{}", domain.n_record), fmt::format("{}", domain.n_char),
                    fmt::format("{}", domain.n_duplicate),
                    fmt::format("{}", domain.n_near_duplicate)});
    if (has_tokens) rows.back().push_back(fmt::format("{}", domain.n_token));
  }
  return format_table(rows);
}

Json leak_rows(const LeakReport& report) {
  Json rows = Json::array();
  for (const auto& leak : report.leaks)
    rows.push_back({{"evaluation", leak.evaluation},
                    {"evaluation_domain", leak.evaluation_domain},
                    {"profiling", leak.profiling},
                    {"profiling_domain", leak.profiling_domain},
                    {"whole", leak.whole},
                    {"overlap", leak.overlap},
                    {"excerpt", leak.excerpt}});
  return rows;
}

std::string leak_text(const LeakReport& report, const LeakOptions& options) {
  std::string out;
  for (const auto& leak : report.leaks)
    out += fmt::format("leak: {} is in {} ({})\n      {}\n", leak.evaluation, leak.profiling,
                       leak.whole ? std::string("all of its words")
                                  : fmt::format("{:.0f} % of its {}-grams are in the text",
                                                100.0 * leak.overlap, options.ngram),
                       leak.excerpt);
  return out + fmt::format(
                   "{} of {} evaluation records leak; the largest overlap of the others is "
                   "{:.0f} %\n",
                   report.leaks.size(), report.n_record, 100.0 * report.highest_clean);
}

}  // namespace coe::cli
