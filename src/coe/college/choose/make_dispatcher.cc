#include "coe/college/choose/make_dispatcher.h"

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/base/rng.h"
#include "coe/base/text.h"
#include "coe/base/utf8.h"
#include "coe/child/surgery/apply.h"
#include "coe/child/surgery/child_source.h"
#include "coe/child/surgery/first_blocks.h"
#include "coe/college/choose/calibrate.h"
#include "coe/college/choose/dispatcher.h"
#include "coe/college/choose/measure.h"
#include "coe/college/choose/own_text.h"
#include "coe/college/choose/routing_model.h"
#include "coe/college/choose/text_model.h"
#include "coe/college/choose/text_samples.h"
#include "coe/college/choose/train_text.h"
#include "coe/corpus/corpus.h"
#include "coe/engine/engine.h"
#include "coe/engine/engine_library.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/expert_grid.h"
#include "coe/model/moe/model.h"
#include "coe/model/moe/open_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace coe {

namespace {

// A parent whose first blocks are cut, and in the engine.
struct Blocks {
  gguf::GgufFile parent;
  SurgeryPlan plan;
  FirstBlocks description;
  RoutingReader reader;
};

Result<Blocks> open_blocks(const MakeDispatcherOptions& options, const EngineLibrary& library,
                           Observer& observer) {
  COE_TRY(auto parent, open_model(options.parent.model, observer));
  COE_TRY(const auto n_block, blocks_of_layers(parent.moe, options.n_layer));
  COE_TRY(auto plan, plan_first_blocks(parent.file, parent.moe, n_block));
  const auto name = blocks_beside(options.output).filename().string();
  COE_TRY(auto file, gguf::GgufFile::open(options.parent.model));
  auto source = child_source(std::move(file), plan, name);
  COE_TRY(const auto child, open_model(source, silent_observer()));
  auto engine_options = first_blocks_options(options.parent.model, options.parent.n_threads);
  engine_options.source = source;
  COE_TRY(auto engine, library.open(engine_options));
  COE_TRY(auto reader, RoutingReader::make(std::move(engine), grid_of(child.moe)));
  return Blocks{std::move(parent.file),
                std::move(plan),
                {name, source->header().file_bytes, child.moe.id.digest, parent.moe.id},
                std::move(reader)};
}

// Whether the file is just what would be written there: a run that was killed before its dispatcher
// had its name leaves it.
bool are_there(const Path& path, const FirstBlocks& description) {
  std::error_code ec;
  if (!std::filesystem::exists(path, ec)) return false;
  const auto found = open_model(path, silent_observer());
  return found && found->moe.id.digest == description.digest &&
         found->file.header().file_bytes == description.bytes;
}

// The parent's own tokens as a ruler. What it cannot tokenize is measured in bytes.
TokenRuler ruler_of(Engine& engine) {
  return [&engine](std::string_view text, std::size_t n_token) -> std::size_t {
    constexpr std::size_t kManyBytes = 16;  // of a token
    for (std::size_t n_byte = kManyBytes * n_token;; n_byte *= 2) {
      std::size_t end = std::min(n_byte, text.size());
      while (end < text.size() && !is_char_start(text[end])) ++end;
      const auto tokens = engine.tokenize(text.substr(0, end));
      const auto spelled = tokens ? engine.spell(*tokens) : tl::unexpected(tokens.error());
      if (!spelled) return bytes_of_tokens(text, n_token);
      const bool has_bos = !tokens->empty() && engine.info().bos_token >= 0 &&
                           tokens->front() == engine.info().bos_token;
      const std::size_t first = has_bos ? 1 : 0;
      if (spelled->size() < first + n_token && end < text.size()) continue;
      std::size_t length = 0;
      for (std::size_t i = first; i < std::min(spelled->size(), first + n_token); ++i)
        length += (*spelled)[i].text.size();
      length = std::min(length, text.size());
      while (length < text.size() && !is_char_start(text[length])) ++length;
      return length;
    }
  };
}

// What the texts of the domains choose, by fold.
using FoldCounts = std::vector<std::array<ChoiceCounts, kFolds>>;  // [domain]

Result<FoldCounts> profile_domains(std::span<const DomainText> domains, const TokenRuler& ruler,
                                   const MakeDispatcherOptions& options, RoutingReader& reader,
                                   Observer& observer) {
  FoldCounts out(domains.size());
  const std::uint64_t total = options.n_profile_token * domains.size();
  std::uint64_t n_seen = 0;
  for (std::size_t d = 0; d < domains.size(); ++d) {
    const auto& records = domains[d].records;
    std::vector<std::size_t> order(records.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    Rng(derived_seed(options.training.seed, d)).shuffle(std::span(order));
    std::uint64_t n_token = 0;
    for (std::size_t i = 0; i < order.size() && n_token < options.n_profile_token; ++i) {
      // A record is read as requests are: in pieces, each from its own beginning.
      for (std::string_view text = records[order[i]];
           !text.empty() && n_token < options.n_profile_token;) {
        if (observer.cancelled()) return fail(Code::kCancelled, "profile: interrupted");
        observer.progress("profile", n_seen + n_token, total, "tokens");
        const auto n = ruler(text, kMostRoutedTokens);
        COE_TRY(const auto counts, reader.read(text.substr(0, n)));
        if (counts.n_token == 0) break;
        out[d][domains[d].folds[order[i]]].add(counts);
        n_token += static_cast<std::uint64_t>(counts.n_token);
        text.remove_prefix(n);
      }
    }
    n_seen += n_token;
  }
  observer.progress("profile", total, total, "tokens");
  return out;
}

// The model of all folds but one; kFolds: of all.
RoutingModel routing_without(const FoldCounts& counts, std::size_t fold, const ExpertGrid& grid) {
  RoutingModel out{grid, {}};
  for (const auto& folds : counts) {
    auto& domain = out.domains.emplace_back();
    domain.counts.resize(grid.n_flat());
    for (std::size_t f = 0; f < kFolds; ++f)
      if (f != fold && folds[f].n_token > 0) domain.add(folds[f]);
  }
  return out;
}

Status judge_by_routing(std::span<const TextWindow> windows, std::span<const DomainText> domains,
                        const FoldCounts& counts, RoutingReader& reader,
                        std::vector<Judged>& judged, Observer& observer) {
  std::vector<RoutingScorer> scorers;
  scorers.reserve(kFolds);
  for (std::size_t fold = 0; fold < kFolds; ++fold)
    scorers.emplace_back(routing_without(counts, fold, reader.grid()));
  for (std::size_t i = 0; i < windows.size(); ++i) {
    if (observer.cancelled()) return fail(Code::kCancelled, "calibrate: interrupted");
    observer.progress("calibrate", i, windows.size(), "requests");
    COE_TRY(const auto request, reader.read(text_of(windows[i], domains)));
    if (request.n_token == 0) continue;
    const auto fold = domains[windows[i].domain].folds[windows[i].record];
    judged[i].evidence[1] = scorers[fold].evidence(request);
  }
  observer.progress("calibrate", windows.size(), windows.size(), "requests");
  return {};
}

// Drops the requests that not all kinds of evidence speak of, so that all are measured on the same.
void keep_complete(bool with_routing, std::vector<TextWindow>& windows,
                   std::vector<Judged>& judged) {
  std::size_t n = 0;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    if (judged[i].evidence[0].empty() || (with_routing && judged[i].evidence[1].empty())) continue;
    if (n != i) {  // what is moved into itself is lost
      windows[n] = windows[i];
      judged[n] = std::move(judged[i]);
    }
    ++n;
  }
  windows.resize(n);
  judged.resize(n);
}

// One run of make_dispatcher().
class Maker {
 public:
  Maker(const MakeDispatcherOptions& options, const EngineLibrary& library, Observer& observer)
      : options_(options), library_(library), observer_(observer) {}

  Result<DispatcherReport> run(const Corpus& corpus, const Corpus& heldout) {
    COE_TRY(const auto own, own_text(corpus, observer_));
    COE_TRY(const auto unseen, unseen_text(own, heldout, report_.n_leak, observer_));
    domains_ = domain_texts(own, options_.training.seed);
    COE_TRY_STATUS(check_domains(domains_));
    heldout_ = heldout_texts(unseen, domains_);
    if (heldout_.empty() && !heldout.domains.empty())
      return fail(Code::kInvalidArgument,
                  "all of the held-out text stands in the training text, or is empty",
                  "give text that the domains' files do not have");
    COE_TRY_STATUS(open_parent());
    COE_TRY_STATUS(learn());
    COE_TRY_STATUS(measure());
    COE_TRY_STATUS(write(own));
    describe();
    return std::move(report_);
  }

 private:
  Status open_parent() {
    if (options_.parent.model.empty()) {
      if (options_.by && *options_.by != ChooseBy::kText)
        return fail(Code::kInvalidArgument,
                    fmt::format("choosing by {} takes the parent", choose_by_name(*options_.by)),
                    "add -m PARENT.gguf");
      ruler_ = bytes_of_tokens;
      return {};
    }
    auto blocks = open_blocks(options_, library_, observer_);
    if (!blocks && blocks.error().code == Code::kUnsupported &&
        (!options_.by || *options_.by == ChooseBy::kText)) {
      observer_.warning(fmt::format("{}: only text is tried", blocks.error().message));
      ruler_ = bytes_of_tokens;
      return {};
    }
    if (!blocks) return tl::unexpected<Error>(std::move(blocks).error());
    blocks_.emplace(*std::move(blocks));
    has_blocks_ = are_there(blocks_beside(options_.output), blocks_->description);
    if (tries_routing() && !has_blocks_)
      COE_TRY_STATUS(check_output(blocks_beside(options_.output), options_.overwrite));
    ruler_ = ruler_of(blocks_->reader.engine());
    report_.lengths_in_tokens = true;
    return {};
  }

  bool tries_routing() const { return blocks_ && options_.by != ChooseBy::kText; }

  Status learn() {
    windows_ = request_pieces(domains_, options_.n_request, options_.training.seed, ruler_);
    const auto start = std::chrono::steady_clock::now();
    auto trained = train_text(domains_, windows_, options_.training);
    report_.train_s =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    text_ = std::move(trained.model);
    judged_ = std::move(trained.judged);
    if (tries_routing()) {
      auto& reader = blocks_->reader;
      COE_TRY(const auto counts, profile_domains(domains_, ruler_, options_, reader, observer_));
      COE_TRY_STATUS(judge_by_routing(windows_, domains_, counts, reader, judged_, observer_));
      routing_ = routing_without(counts, kFolds, reader.grid());
      COE_TRY_STATUS(check_routing_model(*routing_));
    }
    keep_complete(routing_.has_value(), windows_, judged_);
    return {};
  }

  // With the text model only where it is asked: it is large.
  Dispatcher dispatcher_by(ChooseBy by) const {
    Dispatcher out;
    out.by = by;
    for (const auto& domain : domains_) out.names.push_back(domain.name);
    const auto uses = evidence_of(by);
    out.calibration = calibrate(judged_, uses);
    if (uses[0]) out.text = text_;
    if (uses[1]) {
      out.routing = routing_;
      out.blocks = blocks_->description;
    }
    return out;
  }

  Status measure() {
    std::vector<ChooseBy> tried = {ChooseBy::kText};
    if (routing_) tried.insert(tried.end(), {ChooseBy::kRouting, ChooseBy::kBoth});
    for (const auto by : tried) {
      auto dispatcher = dispatcher_by(by);
      const auto crossed = outcomes_of(windows_, judged_, dispatcher.calibration);
      MethodAccuracy method;
      method.by = by;
      method.calibration = dispatcher.calibration;
      method.cross_validated = mean_accuracy(crossed, domains_.size());
      if (dispatcher.text) method.bytes += TextScorer(*dispatcher.text).bytes();
      if (dispatcher.routing) method.bytes += dispatcher.blocks.bytes;
      COE_TRY(const auto asked, ask(std::move(dispatcher)));
      method.speed = asked.speed;
      method.lengths = accuracy_of(heldout_.empty() ? crossed : asked.outcomes, domains_.size());
      report_.methods.push_back(std::move(method));
    }
    return {};
  }

  // The chooser itself, on the held-out text; without that on its own, for the time it takes.
  Result<TimedOutcomes> ask(Dispatcher dispatcher) {
    const auto windows = heldout_.empty() ? windows_ : request_starts(heldout_, ruler_);
    std::unique_ptr<Engine> engine;
    if (dispatcher.routing) {
      COE_TRY(engine, blocks_->reader.engine().fork());
    }
    COE_TRY(const auto chooser, make_chooser(std::move(dispatcher), std::move(engine)));
    return ask_chooser(*chooser, windows, heldout_.empty() ? domains_ : heldout_, observer_);
  }

  ChooseBy best() const {
    const auto* best = &report_.methods.front();
    double least = best->cross_validated + kWorthAnEngine;
    for (const auto& method : report_.methods) {
      if (&method == &report_.methods.front() || method.cross_validated <= least) continue;
      best = &method;
      least = method.cross_validated;
    }
    return best->by;
  }

  Status write(const Corpus& own) {
    report_.by_was_asked = options_.by.has_value();
    auto& dispatcher = report_.dispatcher;
    dispatcher = dispatcher_by(options_.by.value_or(best()));
    dispatcher.corpus_digest = own.digest;
    dispatcher.tool_version = tool_version();
    dispatcher.command_line = options_.command_line;
    report_.output = options_.output;
    if (dispatcher.routing) {
      dispatcher.engine = library_.version();
      report_.blocks = blocks_beside(options_.output);
      report_.blocks_bytes = dispatcher.blocks.bytes;
      if (!has_blocks_)
        COE_TRY_STATUS(apply_plan(blocks_->parent, blocks_->plan, report_.blocks,
                                  options_.overwrite, observer_));
    }
    auto status = write_dispatcher(options_.output, dispatcher, options_.overwrite);
    if (!status && dispatcher.routing && !has_blocks_) {
      std::error_code ec;  // they are of no use alone
      std::filesystem::remove(report_.blocks, ec);
    }
    return status;
  }

  void describe() {
    for (const auto& domain : domains_) {
      report_.n_record.push_back(domain.records.size());
      std::uint64_t n = 0;
      for (const auto& record : domain.records) n += record.size();
      report_.n_byte.push_back(n);
    }
    for (const auto& domain : heldout_) report_.n_heldout.push_back(domain.records.size());
  }

  const MakeDispatcherOptions& options_;
  const EngineLibrary& library_;
  Observer& observer_;
  std::vector<DomainText> domains_;
  std::vector<DomainText> heldout_;  // in the order of domains_; empty: none
  std::optional<Blocks> blocks_;
  bool has_blocks_ = false;  // their file is there already
  TokenRuler ruler_;
  std::vector<TextWindow> windows_;  // that calibrate
  std::vector<Judged> judged_;       // of each
  TextModel text_;
  std::optional<RoutingModel> routing_;
  DispatcherReport report_;
};

}  // namespace

Path blocks_beside(const Path& dispatcher) {
  std::string name = dispatcher.filename().string();
  for (const std::string_view ending : {".dispatcher.gguf", ".gguf"})
    if (name.ends_with(ending) && name.size() > ending.size()) {
      name.resize(name.size() - ending.size());
      break;
    }
  return dispatcher.parent_path() / (name + ".blocks.gguf");
}

Result<DispatcherReport> make_dispatcher(const Corpus& corpus, const Corpus& heldout,
                                         const MakeDispatcherOptions& options,
                                         const EngineLibrary& library, Observer& observer) {
  COE_TRY_STATUS(check_output(options.output, options.overwrite));
  return Maker(options, library, observer).run(corpus, heldout);
}

}  // namespace coe
