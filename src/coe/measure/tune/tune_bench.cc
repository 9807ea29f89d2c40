#include "coe/measure/tune/tune_bench.h"

namespace coe {

Result<std::unique_ptr<TuneBench>> TuneBench::open(const EngineLibrary& library,
                                                   const EngineOptions& engine, Corpus text,
                                                   const EvalOptions& eval, Observer& observer) {
  COE_TRY(auto model, open_model(engine.model, observer));
  COE_TRY(auto opened, library.open(engine));
  std::unique_ptr<TuneBench> out(
      new TuneBench(std::move(model), std::move(text), std::move(opened)));
  out->bench_.emplace(Bench{*out->engine_, out->model_.file, out->model_.moe, out->corpus_, eval});
  return out;
}

}  // namespace coe
