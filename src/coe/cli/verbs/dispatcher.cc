// coe dispatcher: learns which specialist a request is for, measures it, and asks what it learned.
#include "coe/college/choose/dispatcher.h"

#include "coe/base/inputs.h"
#include "coe/base/printable.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/options.h"
#include "coe/cli/render/dispatcher.h"
#include "coe/cli/render/next_step.h"
#include "coe/cli/verbs/verbs.h"
#include "coe/college/choose/chooser.h"
#include "coe/college/choose/make_dispatcher.h"
#include "coe/corpus/corpus.h"
#include "coe/corpus/select.h"

#include <fmt/format.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace coe::cli {

namespace {

struct DispatcherVerbOptions {
  MakeDispatcherOptions make;
  std::vector<std::string> domains;  // NAME=FILE
  std::vector<std::string> heldout;
  std::string text_spec = "text";
  std::string method = "auto";
  Path ask;
  CorpusOptions requests;
};

// The text of domains that are named with their files: NAME=FILE, a name as often as it has files.
// What the records say of their domain does not count.
Result<Corpus> named_corpus(const std::vector<std::string>& named,
                            const DispatcherVerbOptions& options, const char* flag,
                            Session& session) {
  std::map<std::string, std::vector<Path>> files;
  for (const auto& item : named) {
    const auto equals = item.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == item.size())
      return fail(Code::kInvalidArgument,
                  fmt::format("{}: `{}` is not NAME=FILE", flag, printable(item)),
                  fmt::format("{} web=web.jsonl", flag));
    const Path file = item.substr(equals + 1);
    protect_input(file, flag);
    files[item.substr(0, equals)].push_back(file);
  }
  Corpus out;
  for (const auto& [name, paths] : files) {
    COE_TRY(auto loaded,
            load_corpus({paths, options.text_spec, {}}, options.make.parent.model, session, name));
    out.domains.push_back(joined(std::move(loaded), name));
  }
  out.digest = corpus_digest(out);
  return out;
}

std::optional<ChooseBy> method_of(const std::string& name) {
  for (const auto by : {ChooseBy::kText, ChooseBy::kRouting, ChooseBy::kBoth})
    if (choose_by_name(by) == name) return by;
  return std::nullopt;  // auto
}

Result<int> learn_to_choose(DispatcherVerbOptions options, Session& session) {
  auto& make = options.make;
  if (options.domains.empty())
    return fail(Code::kInvalidArgument, "no domain was given",
                "coe dispatcher --domain web=web.jsonl --domain prose=prose.jsonl -o "
                "college.dispatcher.gguf");
  if (make.output.empty())
    return fail(Code::kInvalidArgument, "-o: no output given", "add -o college.dispatcher.gguf");
  COE_TRY(const auto lock, session.claim(make.output));
  COE_TRY(const auto corpus, named_corpus(options.domains, options, "--domain", session));
  COE_TRY(const auto heldout, named_corpus(options.heldout, options, "--heldout", session));
  make.overwrite = session.overwrite();
  make.command_line = session.command_line;
  make.by = method_of(options.method);
  COE_TRY(const auto report,
          make_dispatcher(corpus, heldout, make, session.library, session.console));
  const auto next = next_step("dispatcher", {.output = make.output});
  COE_TRY_STATUS(session.emit(dispatcher_json(report), dispatcher_text(report) + next));
  return kExitDone;
}

Result<int> ask_chooser_of(const DispatcherVerbOptions& options, Session& session) {
  using Clock = std::chrono::steady_clock;
  COE_TRY(const auto chooser,
          open_chooser(options.ask, {&session.library, options.make.parent.n_threads}));
  COE_TRY(const auto corpus,
          load_corpus(options.requests, options.make.parent.model, session, "requests"));
  std::vector<AskedRequest> asked;
  for (const auto& domain : corpus.domains)
    for (const auto& record : domain.records) {
      if (session.console.cancelled()) return fail(Code::kCancelled, "dispatcher: interrupted");
      const auto start = Clock::now();
      COE_TRY(auto choice, chooser->choose(record.text));
      asked.push_back({record.where, std::move(choice),
                       std::chrono::duration<double, std::milli>(Clock::now() - start).count()});
    }
  COE_TRY_STATUS(session.emit(asked_json(asked, *chooser), asked_text(asked, *chooser)));
  return kExitDone;
}

void add_learning_options(CLI::App& verb, DispatcherVerbOptions& options) {
  auto& make_options = options.make;
  auto* model = add_model_option(verb, "-m,--model", make_options.parent.model,
                                 "Parent GGUF, to choose by its routing as well, and to count "
                                 "tokens");
  verb.add_option("--method", options.method,
                  "What to choose by; auto: what is best by cross-validation")
      ->check(CLI::IsMember({"auto", "text", "routing", "both"}))
      ->capture_default_str();
  verb.add_option("--layers", make_options.n_layer,
                  "The parent's first layers with a router to ask")
      ->check(CLI::Range(1U, 1000U))
      ->needs(model)
      ->capture_default_str();
  verb.add_option("--tokens", make_options.n_profile_token,
                  "Tokens of each domain whose routing is looked at")
      ->check(CLI::Range(1U, 1U << 30U))
      ->needs(model)
      ->capture_default_str();
  verb.add_option("--requests", make_options.n_request,
                  "Requests of each domain and length to calibrate on, pieces of its text")
      ->check(CLI::Range(1U, 100000U))
      ->capture_default_str();
  verb.add_option("--seed", make_options.training.seed, "Seed of folds and samples")
      ->capture_default_str();
  verb.add_option("-t,--threads", make_options.parent.n_threads, "CPU threads (0: all cores)")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
}

}  // namespace

void add_dispatcher(CLI::App& app, Run& run) {
  auto options = std::make_shared<DispatcherVerbOptions>();
  auto& make_options = options->make;
  auto* verb = app.add_subcommand(
      "dispatcher", "Learn which specialist of a college a request is for, and how surely");
  auto* domain =
      verb->add_option("--domain", options->domains,
                       "NAME=FILE: text of a specialist's domain, a file or folder as -f "
                       "takes them (repeatable)");
  verb->add_option("--heldout", options->heldout,
                   "NAME=FILE: text of the domain to measure on (default: "
                   "cross-validation)")
      ->needs(domain);
  verb->add_option("--text", options->text_spec,
                   "How a record becomes text: a field, fields joined by +, or a template with "
                   "{field}")
      ->capture_default_str();
  add_learning_options(*verb, *options);
  verb->add_option("-o,--output", make_options.output,
                   "Dispatcher to write (college.dispatcher.gguf), and beside it the parent's "
                   "first blocks where routing is asked (college.blocks.gguf)");
  auto* asked = verb->add_option("--ask", options->ask,
                                 "Ask this dispatcher who is to answer the requests of -f")
                    ->excludes(domain);
  auto* file = verb->add_option("-f,--file", options->requests.files,
                                "With --ask: requests, one a record (repeatable)")
                   ->needs(asked);
  asked->needs(file);
  verb->callback([options, &run] {
    run = [options](Session& session) {
      if (options->ask.empty()) return learn_to_choose(*options, session);
      options->requests.text_spec = options->text_spec;
      return ask_chooser_of(*options, session);
    };
  });
}

}  // namespace coe::cli
