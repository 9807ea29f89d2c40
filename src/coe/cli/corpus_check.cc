// coe corpus check: what is in a corpus, and whether evaluation text leaks into it.
#include "coe/cli/corpus.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/model_hooks.h"
#include "coe/corpus/check.h"
#include "coe/corpus/leaks.h"
#include "coe/corpus/text_spec.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace coe::cli {

namespace {

struct Options {
  std::vector<Path> corpus;
  std::vector<Path> against;
  std::string text_spec = "text";
  Path model;
  NearDuplicateOptions near{.threshold = 0.8};
  LeakOptions leaks;
};

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

Result<int> check(const Options& options, Session& session) {
  COE_TRY(const auto spec, TextSpec::parse(options.text_spec));
  COE_TRY(const Corpus corpus, coe::load_corpus(options.corpus, spec));
  Corpus evaluation;
  if (!options.against.empty()) {
    COE_TRY(evaluation, coe::load_corpus(options.against, spec));
  }
  COE_TRY(const auto model, open_hooks(options.model, session));
  COE_TRY(const auto domains, describe_corpus(corpus, options.near, model, session.console));

  const bool has_tokens = static_cast<bool>(model.count_tokens);
  std::uint64_t n_token = 0;
  for (const auto& domain : domains) n_token += domain.n_token;
  auto doc = document("corpus-check");
  doc["n_record"] = corpus.n_records();
  doc["n_token"] = has_tokens ? Json(n_token) : Json(nullptr);
  doc["digest"] = corpus.digest;
  doc["domains"] = domain_rows(domains, has_tokens);
  doc["leaks"] = Json::array();
  std::string text = domain_table(domains, has_tokens);
  bool leaks = false;
  if (!options.against.empty()) {
    COE_TRY(const auto report, find_leaks(corpus, evaluation, options.leaks, session.console));
    leaks = !report.leaks.empty();
    doc["leaks"] = leak_rows(report);
    doc["against"] = {{"n_record", report.n_record},
                      {"digest", evaluation.digest},
                      {"ngram", options.leaks.ngram},
                      {"share", options.leaks.share},
                      {"boilerplate", options.leaks.boilerplate},
                      {"n_ngram", report.n_ngram},
                      {"n_boilerplate", report.n_boilerplate},
                      {"highest_clean", report.highest_clean}};
    text += leak_text(report, options.leaks);
  }
  COE_TRY_STATUS(session.emit(doc, text));
  return leaks ? kExitCheckFailed : kExitDone;
}

}  // namespace

void add_corpus_check(CLI::App& corpus, Run& run) {
  auto options = std::make_shared<Options>();
  auto* verb = corpus.add_subcommand(
      "check", "Say what is in a corpus; with --against, look for leaked evaluation text");
  verb->add_option("corpus", options->corpus, "JSONL text for profiling")->required();
  auto* against = verb->add_option("--against", options->against,
                                   "JSONL text for evaluation, which must not be in the corpus; "
                                   "exit 1 when some is");
  verb->add_option("--text", options->text_spec,
                   "How a record becomes text: a field, fields joined by +, or a template with "
                   "{field}")
      ->capture_default_str();
  verb->add_option("-m,--model", options->model, "Count tokens with this model");
  verb->add_option("--near-duplicate", options->near.threshold,
                   "Jaccard index of word triples from which two texts are near-duplicates (0: "
                   "do not look)")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  verb->add_option("--ngram", options->leaks.ngram, "Leaks: words of an n-gram")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str()
      ->needs(against);
  verb->add_option("--share", options->leaks.share,
                   "Leaks: share of its own n-grams that makes a record a leak")
      ->check(CLI::Range(0.001, 1.0))
      ->capture_default_str()
      ->needs(against);
  verb->add_option("--boilerplate", options->leaks.boilerplate,
                   "Leaks: n-grams in more than so many records of either text belong to none")
      ->capture_default_str()
      ->needs(against);
  verb->callback(
      [options, &run] { run = [options](Session& session) { return check(*options, session); }; });
}

}  // namespace coe::cli
