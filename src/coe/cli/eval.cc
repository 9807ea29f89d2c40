// coe eval: measure a model, alone, under a mask, or against its parent.
#include "coe/eval/eval.h"

#include "coe/cli/exit_code.h"
#include "coe/cli/session.h"

#include <optional>

namespace coe::cli {

namespace {

struct Options {
  CorpusOptions corpus;
  EngineOptions engine;
  EvalOptions eval;
  std::vector<Path> masks;
  Path parent;
};

// One way of running the model.
struct Subject {
  Path mask;  // empty: as it is
  std::optional<OpenMask> opened;
};

Result<std::vector<Subject>> open_subjects(const Options& options, const OpenModel& model) {
  std::vector<Subject> subjects;
  for (const auto& path : options.masks) {
    COE_TRY(auto mask, open_mask(path, model));
    subjects.push_back({path, std::move(mask)});
  }
  if (subjects.empty()) subjects.emplace_back();
  return subjects;
}

Json bounds_json(const Interval& interval) {
  return {{"value", interval.value}, {"lower", interval.lower}, {"upper", interval.upper}};
}

// `first`: the same of the first mask, null for itself.
Json row_json(const DomainEval& d, bool has_reference, const DomainEval* first) {
  Json row = {{"name", d.name},
              {"n_record", d.n_record},
              {"n_token", d.n_token},
              {"perplexity", d.perplexity()}};
  if (!has_reference) {
    row["kl_mean"] = nullptr;
    row["top1_agreement"] = nullptr;
    return row;
  }
  row["parent_perplexity"] = d.reference_perplexity();
  row["kl_mean"] = d.kl_mean();
  row["kl_interval"] = bounds_json(kl_interval(d));
  row["kl_max"] = d.kl_max;
  row["top1_agreement"] = d.top1_agreement();
  row["n_top1_differ"] = d.n_token - d.n_top1_same;
  row["top1_gap_max"] = d.top1_gap_max;
  row["logit_diff_max"] = d.logit_diff_max;
  row["kl_to_first"] = first == nullptr ? Json(nullptr) : bounds_json(kl_ratio(d, *first));
  return row;
}

std::vector<std::string> row_text(const DomainEval& d, bool has_reference,
                                  const DomainEval* first) {
  std::vector<std::string> row = {d.name, fmt::format("{}", d.n_token),
                                  fmt::format("{:.3f}", d.perplexity())};
  if (!has_reference) return row;
  const auto kl = kl_interval(d);
  row.push_back(fmt::format("{:.3f}", d.reference_perplexity()));
  row.push_back(fmt::format("{:.4g} [{:.3g}, {:.3g}]", kl.value, kl.lower, kl.upper));
  row.push_back(fmt::format("{:.2f} %", 100 * d.top1_agreement()));
  if (first == nullptr) return row;
  const auto ratio = kl_ratio(d, *first);
  row.push_back(fmt::format("{:.3f} [{:.3f}, {:.3f}]", ratio.value, ratio.lower, ratio.upper));
  return row;
}

// One table for each subject.
std::string report_text(const EvalReport& report, const EvalReport* first) {
  std::vector<std::vector<std::string>> rows = {{"domain", "tokens", "perplexity"}};
  if (report.has_reference)
    for (const auto* title : {"parent's", "KL [95 %]", "top-1 same"})
      rows.front().emplace_back(title);
  if (first != nullptr) rows.front().emplace_back("KL / first mask's [95 %]");
  for (std::size_t i = 0; i < report.domains.size(); ++i)
    rows.push_back(row_text(report.domains[i], report.has_reference,
                            first == nullptr ? nullptr : &first->domains[i]));
  if (report.domains.size() > 1) {
    const auto first_total = first == nullptr ? DomainEval() : first->total();
    rows.push_back(
        row_text(report.total(), report.has_reference, first == nullptr ? nullptr : &first_total));
  }
  return format_table(rows);
}

Json report_json(const EvalReport& report, const Path& mask, const EvalReport* first) {
  Json json = {{"mask", mask.empty() ? Json(nullptr) : Json(mask.string())},
               {"domains", Json::array()}};
  for (std::size_t i = 0; i < report.domains.size(); ++i)
    json["domains"].push_back(row_json(report.domains[i], report.has_reference,
                                       first == nullptr ? nullptr : &first->domains[i]));
  const auto first_total = first == nullptr ? DomainEval() : first->total();
  json["total"] =
      row_json(report.total(), report.has_reference, first == nullptr ? nullptr : &first_total);
  return json;
}

Result<int> eval(const Options& options, Session& session) {
  COE_TRY(const auto corpus, load_corpus(options.corpus));
  COE_TRY(const auto model, open_model(options.engine.model, session));
  COE_TRY(const auto subjects, open_subjects(options, model));
  if (!options.parent.empty())
    COE_TRY_STATUS(open_model(options.parent, session).map([](auto&&) {}));
  COE_TRY(const auto engine, open_engine(options.engine));
  std::unique_ptr<Engine> parent;
  if (!options.parent.empty()) {
    EngineOptions parent_options = options.engine;
    parent_options.model = options.parent;
    COE_TRY(parent, open_engine(parent_options));
  }
  std::vector<EvalSubject> runs;
  runs.reserve(subjects.size());
  for (const auto& subject : subjects)
    runs.push_back({engine.get(), subject.opened ? &subject.opened->filter : nullptr});
  // Under a mask, and without another parent, the model as it is serves as its own reference.
  const bool has_reference = parent != nullptr || !options.masks.empty();
  const EvalSubject reference{parent ? parent.get() : engine.get(), nullptr};
  COE_TRY(const auto reports, evaluate(runs, has_reference ? &reference : nullptr, corpus,
                                       options.eval, session.console));

  auto doc = document("eval");
  doc["model"] = {{"file", options.engine.model.string()}, {"digest", model.moe.id.digest}};
  doc["parent"] = options.parent.empty() ? Json(nullptr) : Json(options.parent.string());
  doc["engine"] = reports.front().engine;
  doc["corpus_digest"] = corpus.digest;
  doc["max_tokens"] = options.eval.max_tokens;
  doc["results"] = Json::array();
  std::string text;
  for (std::size_t i = 0; i < reports.size(); ++i) {
    const auto* first = i == 0 ? nullptr : &reports.front();
    doc["results"].push_back(report_json(reports[i], subjects[i].mask, first));
    if (subjects.size() > 1) text += fmt::format("{}\n", subjects[i].mask.string());
    text += report_text(reports[i], first);
  }
  COE_TRY_STATUS(session.emit(doc, text));
  return kExitDone;
}

}  // namespace

void add_eval(CLI::App& app, Run& run) {
  auto options = std::make_shared<Options>();
  auto* verb = app.add_subcommand("eval", "Perplexity, KL and top-1 agreement on held-out text");
  verb->add_option("-m,--model", options->engine.model, "Model to measure")->required();
  add_corpus_options(*verb, options->corpus);
  verb->add_option("--mask", options->masks,
                   "Virtual surgery: the model with only the mask's experts; several masks are "
                   "compared with the first");
  verb->add_option("--parent", options->parent,
                   "Model to compare with (with --mask, by default the model itself without it)");
  verb->add_option("--max-tokens", options->eval.max_tokens,
                   "Cut records to this many tokens (0: the context)")
      ->capture_default_str();
  add_engine_options(*verb, options->engine);
  verb->callback(
      [options, &run] { run = [options](Session& session) { return eval(*options, session); }; });
}

}  // namespace coe::cli
