// Holds the parent that runs and the text to measure masks with.
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/corpus.h"
#include "coe/engine/engine_library.h"
#include "coe/measure/eval/eval.h"
#include "coe/measure/tune/measure.h"
#include "coe/model/moe/open_model.h"

#include <memory>
#include <optional>
#include <utility>

namespace coe {

class TuneBench {
 public:
  // `engine.model`: the parent. Errors: those of open_model and EngineLibrary::open.
  static Result<std::unique_ptr<TuneBench>> open(const EngineLibrary& library,
                                                 const EngineOptions& engine, Corpus text,
                                                 const EvalOptions& eval, Observer& observer);
  const Bench& bench() const { return *bench_; }
  const OpenModel& model() const { return model_; }

 private:
  TuneBench(OpenModel model, Corpus corpus, std::unique_ptr<Engine> engine)
      : model_(std::move(model)), corpus_(std::move(corpus)), engine_(std::move(engine)) {}

  OpenModel model_;
  Corpus corpus_;
  std::unique_ptr<Engine> engine_;
  std::optional<Bench> bench_;
};

}  // namespace coe
