// coe corpus check: what is in a corpus, and whether evaluation text leaks into it.
#include "coe/ask/generate/model_hooks.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/options.h"
#include "coe/cli/render/corpus.h"
#include "coe/cli/render/next_step.h"
#include "coe/cli/verbs/corpus.h"
#include "coe/corpus/check.h"
#include "coe/corpus/leaks.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace coe::cli {

namespace {

struct CorpusCheckVerbOptions {
  std::vector<Path> corpus;
  std::vector<Path> against;
  std::string text_spec = "text";
  Path model;
  NearDuplicateOptions near{.threshold = 0.8};
  LeakOptions leaks;
};

Result<int> check_corpus(const CorpusCheckVerbOptions& options, Session& session) {
  COE_TRY(const Corpus corpus,
          load_corpus({options.corpus, options.text_spec, {}}, options.model, session));
  Corpus evaluation;
  if (!options.against.empty()) {
    COE_TRY(evaluation, load_corpus({options.against, options.text_spec, {}}, options.model,
                                    session, "held-out text"));
  }
  COE_TRY(const auto model, open_hooks(options.model, session.library, session.console));
  COE_TRY(const auto domains, describe_corpus(corpus, options.near, model, session.console));

  const bool has_tokens = static_cast<bool>(model.count_tokens);
  std::uint64_t n_token = 0;
  for (const auto& domain : domains) n_token += domain.n_token;
  auto doc = document("corpus-check");
  doc["n_record"] = corpus.n_record();
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
  if (!leaks) text += next_step("corpus check", {.model = options.model, .text = options.corpus});
  COE_TRY_STATUS(session.emit(doc, text));
  return leaks ? kExitCheckFailed : kExitDone;
}

}  // namespace

void add_corpus_check(CLI::App& corpus, Run& run) {
  auto options = std::make_shared<CorpusCheckVerbOptions>();
  auto* verb = corpus.add_subcommand(
      "check", "Say what is in a corpus; with --against, look for leaked evaluation text");
  verb->add_option("corpus", options->corpus, "Text for profiling, as -f takes it")->required();
  auto* against = verb->add_option("--against", options->against,
                                   "Text for evaluation, which must not be in the corpus; "
                                   "exit 1 when some is");
  verb->add_option("--text", options->text_spec,
                   "How a record becomes text: a field, fields joined by +, or a template with "
                   "{field}")
      ->capture_default_str();
  add_model_option(*verb, "-m,--model", options->model,
                   "Count tokens and render chats with this model");
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
  verb->callback([options, &run] {
    run = [options](Session& session) { return check_corpus(*options, session); };
  });
}

}  // namespace coe::cli
