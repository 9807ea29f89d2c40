// coe eval: measure a model, alone, under a mask, or against its parent.
#include "coe/eval/eval.h"

#include "coe/cli/exit_code.h"
#include "coe/cli/session.h"
#include "coe/eval/virtual_surgery.h"
#include "coe/mask/keep_mask.h"

namespace coe::cli {

namespace {

struct Options {
  CorpusOptions corpus;
  EngineOptions engine;
  EvalOptions eval;
  Path mask;
  Path parent;
};

Json row_json(const DomainEval& d, bool has_reference) {
  Json row = {{"name", d.name},
              {"n_record", d.n_record},
              {"n_token", d.n_token},
              {"perplexity", d.perplexity()}};
  if (has_reference) {
    row["parent_perplexity"] = d.reference_perplexity();
    row["kl_mean"] = d.kl_mean();
    row["kl_max"] = d.kl_max;
    row["top1_agreement"] = d.top1_agreement();
    row["n_top1_differ"] = d.n_token - d.n_top1_same;
    row["top1_gap_max"] = d.top1_gap_max;
    row["logit_diff_max"] = d.logit_diff_max;
  } else {
    row["kl_mean"] = nullptr;
    row["top1_agreement"] = nullptr;
  }
  return row;
}

Result<int> eval(const Options& options, Session& session) {
  COE_TRY(const auto corpus, load_corpus(options.corpus));
  COE_TRY(const auto model, open_model(options.engine.model, session));
  ExpertFilter filter;
  if (!options.mask.empty()) {
    COE_TRY(const auto text, read_text(options.mask));
    COE_TRY(const auto mask, parse_mask(text, options.mask.string()));
    COE_TRY_STATUS(check_mask(mask, model.moe, options.mask.string()));
    COE_TRY(filter, virtual_surgery(mask, model.file, model.moe));
  }
  if (!options.parent.empty())
    COE_TRY_STATUS(open_model(options.parent, session).map([](auto&&) {}));
  COE_TRY(const auto engine, open_engine(options.engine));
  std::unique_ptr<Engine> parent;
  if (!options.parent.empty()) {
    EngineOptions parent_options = options.engine;
    parent_options.model = options.parent;
    COE_TRY(parent, open_engine(parent_options));
  }
  const EvalSubject subject{engine.get(), filter.kept.empty() ? nullptr : &filter};
  // Under a mask, and without another parent, the model as it is serves as its own reference.
  const bool has_reference = parent != nullptr || !filter.kept.empty();
  const EvalSubject reference{parent ? parent.get() : engine.get(), nullptr};
  COE_TRY(const auto reports, evaluate({&subject, 1}, has_reference ? &reference : nullptr, corpus,
                                       options.eval, session.console));
  const auto& report = reports.front();

  auto doc = document("eval");
  doc["model"] = {{"file", options.engine.model.string()}, {"digest", model.moe.id.digest}};
  doc["mask"] = options.mask.empty() ? Json(nullptr) : Json(options.mask.string());
  doc["parent"] = options.parent.empty() ? Json(nullptr) : Json(options.parent.string());
  doc["engine"] = report.engine;
  doc["corpus_digest"] = corpus.digest;
  doc["domains"] = Json::array();
  std::vector<std::vector<std::string>> rows = {{"domain", "tokens", "perplexity"}};
  if (has_reference)
    for (const auto* title : {"parent's", "KL", "top-1 same"}) rows.front().emplace_back(title);
  auto domains = report.domains;
  const auto total = report.total();
  for (const auto& d : domains) doc["domains"].push_back(row_json(d, has_reference));
  doc["total"] = row_json(total, has_reference);
  if (domains.size() > 1) domains.push_back(total);
  for (const auto& d : domains) {
    rows.push_back({d.name, fmt::format("{}", d.n_token), fmt::format("{:.3f}", d.perplexity())});
    if (!has_reference) continue;
    rows.back().push_back(fmt::format("{:.3f}", d.reference_perplexity()));
    rows.back().push_back(fmt::format("{:.4g}", d.kl_mean()));
    rows.back().push_back(fmt::format("{:.2f} %", 100 * d.top1_agreement()));
  }
  COE_TRY_STATUS(session.emit(doc, format_table(rows)));
  return kExitDone;
}

}  // namespace

void add_eval(CLI::App& app, Run& run) {
  auto options = std::make_shared<Options>();
  auto* verb = app.add_subcommand("eval", "Perplexity, KL and top-1 agreement on held-out text");
  verb->add_option("-m,--model", options->engine.model, "Model to measure")->required();
  add_corpus_options(*verb, options->corpus);
  verb->add_option("--mask", options->mask,
                   "Virtual surgery: the model with only the mask's experts");
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
