#include "coe/base/result.h"
#include "coe/college/choose/calibrate.h"
#include "coe/college/choose/chooser.h"
#include "coe/college/choose/dispatcher.h"
#include "coe/college/choose/request_text.h"
#include "coe/college/choose/routing_model.h"
#include "coe/college/choose/text_model.h"
#include "coe/college/choose/text_samples.h"
#include "coe/college/choose/train_text.h"
#include "coe/corpus/corpus.h"
#include "coe/engine/engine.h"
#include "coe/engine/engine_library.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/open_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

namespace {

// Requests that calibrate, of each domain and length.
constexpr std::size_t kCalibrationRequests = 60;

class DispatcherChooser : public Chooser {
 public:
  DispatcherChooser(Dispatcher dispatcher, std::optional<RoutingReader> reader)
      : names_(std::move(dispatcher.names)),
        by_(dispatcher.by),
        calibration_(dispatcher.calibration),
        reader_(std::move(reader)) {
    if (dispatcher.text) text_.emplace(*std::move(dispatcher.text));
    if (dispatcher.routing) routing_.emplace(*dispatcher.routing);
  }

  const std::vector<std::string>& names() const override { return names_; }
  std::string_view kind() const override { return choose_by_name(by_); }

  Result<Choice> choose(std::string_view text) override {
    const auto request = request_text(text);
    Evidence evidence;
    double known = 1.0;
    if (text_) {
      auto found = text_->evidence(request);
      known = found.known();
      evidence[0] = std::move(found.logits);
    }
    // Strange text is nobody's, whatever its routing says.
    const bool strange = known == 0.0 || known < calibration_.least_known;
    if (reader_ && !strange) {
      COE_TRY(const auto counts, reader_->read(request));
      if (counts.n_token == 0) return choice_of({}, 0.0, names_.size(), calibration_);
      evidence[1] = routing_->evidence(counts);
    }
    return choice_of(evidence, known, names_.size(), calibration_);
  }

 private:
  std::vector<std::string> names_;
  ChooseBy by_;
  Calibration calibration_;
  std::optional<TextScorer> text_;
  std::optional<RoutingScorer> routing_;
  std::optional<RoutingReader> reader_;
};

}  // namespace

std::string_view choose_by_name(ChooseBy by) {
  switch (by) {
    case ChooseBy::kText:
      return "text";
    case ChooseBy::kRouting:
      return "routing";
    case ChooseBy::kBoth:
      break;
  }
  return "both";
}

std::array<bool, kEvidence> evidence_of(ChooseBy by) {
  return {by != ChooseBy::kRouting, by != ChooseBy::kText};
}

Choice choice_of(const Evidence& evidence, double known, std::size_t n_name,
                 const Calibration& calibration) {
  Choice out;
  if (known == 0.0) {
    out.scores.assign(n_name, 1.0 / static_cast<double>(n_name));
    return out;
  }
  out.scores = probabilities(evidence, calibration);
  const auto best = best_of(out.scores);
  if (known >= calibration.least_known && out.scores[best] >= calibration.threshold)
    out.chosen = best;
  return out;
}

EngineOptions first_blocks_options(const Path& file, int n_threads) {
  EngineOptions options;
  options.model = file;
  options.n_ctx = kMostRoutedTokens + 1;
  options.n_batch = kMostRoutedTokens + 1;
  options.n_threads = n_threads;
  options.n_gpu_layers = 0;
  return options;
}

Result<std::unique_ptr<Chooser>> make_chooser(Dispatcher dispatcher,
                                              std::unique_ptr<Engine> engine) {
  std::optional<RoutingReader> reader;
  if (dispatcher.routing) {
    COE_CHECK(engine != nullptr);
    COE_TRY(auto made, RoutingReader::make(std::move(engine), dispatcher.routing->grid));
    reader.emplace(std::move(made));
  }
  return std::make_unique<DispatcherChooser>(std::move(dispatcher), std::move(reader));
}

Result<std::unique_ptr<Chooser>> train_text_chooser(const Corpus& corpus,
                                                    const TextTraining& options) {
  const auto domains = domain_texts(corpus, options.seed);
  COE_TRY_STATUS(check_domains(domains));
  const auto windows = request_pieces(domains, kCalibrationRequests, options.seed, bytes_of_tokens);
  auto trained = train_text(domains, windows, options);
  Dispatcher dispatcher;
  for (const auto& domain : domains) dispatcher.names.push_back(domain.name);
  std::erase_if(trained.judged, [](const Judged& judged) { return judged.evidence[0].empty(); });
  dispatcher.calibration = calibrate(trained.judged, evidence_of(ChooseBy::kText));
  dispatcher.text = std::move(trained.model);
  return make_chooser(std::move(dispatcher), nullptr);
}

Result<std::unique_ptr<Chooser>> open_chooser(const Path& path, const OpenChooserOptions& options) {
  COE_TRY(auto dispatcher, read_dispatcher(path));
  if (!dispatcher.routing) return make_chooser(std::move(dispatcher), nullptr);
  const Path blocks = path.parent_path() / dispatcher.blocks.file;
  if (options.library == nullptr)
    return fail(Code::kUnsupported,
                fmt::format("{}: chooses by {}, which takes an engine", path.string(),
                            choose_by_name(dispatcher.by)),
                "use a coe with its engine, or a dispatcher made with `--method text`");
  // The engine may abort the process on a header that nobody has read.
  COE_TRY(const auto model, open_model(blocks, silent_observer()));
  if (model.moe.id.digest != dispatcher.blocks.digest ||
      model.file.header().file_bytes != dispatcher.blocks.bytes)
    return fail(
        Code::kMismatch,
        fmt::format("{}: not the first blocks that {} was made with ({} vs {})", blocks.string(),
                    path.string(), model.moe.id.digest, dispatcher.blocks.digest),
        "make both again with `coe dispatcher`");
  COE_TRY(auto engine, options.library->open(first_blocks_options(blocks, options.n_threads)));
  return make_chooser(std::move(dispatcher), std::move(engine));
}

}  // namespace coe
