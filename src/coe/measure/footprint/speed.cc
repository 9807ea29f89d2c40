#include "coe/measure/footprint/speed.h"

#include "coe/base/rng.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <utility>

namespace coe {

namespace {

struct Contender {
  ModelSpeed result;
  std::unique_ptr<PlainEngine> engine;  // null between its turns with one_at_a_time
};

class SpeedRun {
 public:
  SpeedRun(const EngineLibrary& library, const SpeedOptions& options, Observer& observer)
      : library_(library), options_(options), observer_(observer) {}

  Status open_models(std::span<const Path> files);
  Status choose_tokens(const Corpus& text);
  Status measure();
  std::vector<ModelSpeed> results();

 private:
  Status open_engine_of(Contender& model) const;
  Status turn(Contender& model, bool counts);

  const EngineLibrary& library_;
  const SpeedOptions& options_;
  Observer& observer_;
  std::vector<Contender> models_;
  std::vector<std::int32_t> tokens_;
};

Status SpeedRun::open_models(std::span<const Path> files) {
  for (const auto& file : files) {
    COE_TRY(const auto model, open_model(file, observer_));
    if (options_.n_token() > model.moe.n_ctx_train)
      return fail(Code::kInvalidArgument,
                  fmt::format("{}: {} tokens are asked for, but the model was trained for {}",
                              file.string(), options_.n_token(), model.moe.n_ctx_train),
                  "lower --n-depth, --n-prompt or --n-generate");
    auto& result = models_.emplace_back().result;
    result.file = file;
    result.id = model.moe.id;
    result.n_expert = model.moe.n_expert;
    result.token_bytes = bytes_of_token(model);
  }
  return {};
}

Status SpeedRun::open_engine_of(Contender& model) const {
  if (model.engine) return {};
  auto engine = options_.engine;
  engine.model = model.result.file;
  engine.n_ctx = std::max(options_.n_token(), 256U);
  COE_TRY(model.engine, library_.open_plain(engine));
  model.result.engine = model.engine->name();
  return {};
}

Status SpeedRun::choose_tokens(const Corpus& text) {
  auto& parent = models_.front();
  COE_TRY_STATUS(open_engine_of(parent));
  const std::size_t n = options_.n_token();
  if (text.domains.empty()) {
    Rng rng(1);
    while (tokens_.size() < n)
      tokens_.push_back(static_cast<std::int32_t>(rng.below(parent.engine->n_vocab())));
    return {};
  }
  while (tokens_.size() < n) {
    const auto before = tokens_.size();
    for (const auto& domain : text.domains)
      for (const auto& record : domain.records) {
        if (tokens_.size() >= n) break;
        COE_TRY(const auto tokens, parent.engine->tokenize(record.text));
        tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
      }
    if (tokens_.size() == before) return fail(Code::kInvalidArgument, "-f: the text is empty");
  }
  tokens_.resize(n);
  return {};
}

Status SpeedRun::turn(Contender& model, bool counts) {
  using Clock = std::chrono::steady_clock;
  COE_TRY_STATUS(open_engine_of(model));
  if (model.engine->n_ctx() < options_.n_token())
    return fail(Code::kEngine, fmt::format("{}: the engine gives a context of {} tokens only",
                                           model.result.file.string(), model.engine->n_ctx()));
  const auto all = std::span<const std::int32_t>(tokens_);
  model.engine->clear();
  COE_TRY_STATUS(model.engine->append(all.first(options_.n_depth)));
  const auto start = Clock::now();
  COE_TRY_STATUS(model.engine->append(all.subspan(options_.n_depth, options_.n_prompt)));
  const auto middle = Clock::now();
  for (const auto& token : all.subspan(options_.n_depth + options_.n_prompt))
    COE_TRY_STATUS(model.engine->append(std::span(&token, 1)));
  const std::chrono::duration<double> prefill = middle - start;
  const std::chrono::duration<double> decode = Clock::now() - middle;
  if (options_.one_at_a_time) model.engine.reset();
  if (!counts) return {};
  model.result.prefill_s.push_back(prefill.count());
  model.result.decode_s.push_back(decode.count());
  return {};
}

Status SpeedRun::measure() {
  const auto n_turn = models_.size() * (options_.n_round + 1);
  std::size_t n_done = 0;
  for (std::uint32_t round = 0; round <= options_.n_round; ++round) {
    for (std::size_t i = 0; i < models_.size(); ++i) {
      if (observer_.cancelled()) return fail(Code::kCancelled, "interrupted");
      observer_.progress("speed", n_done++, n_turn, "turns");
      auto& model = models_[round % 2 == 0 ? i : models_.size() - 1 - i];
      // Nothing of the model's earlier turn is left: it warms up right before what counts.
      if (options_.one_at_a_time && round > 0) {
        COE_TRY_STATUS(open_engine_of(model));
        COE_TRY_STATUS(model.engine->append(std::span(tokens_).first(options_.n_prompt)));
      }
      COE_TRY_STATUS(turn(model, round > 0));
    }
  }
  observer_.progress("speed", n_turn, n_turn, "turns");
  return {};
}

std::vector<ModelSpeed> SpeedRun::results() {
  std::vector<ModelSpeed> out;
  out.reserve(models_.size());
  for (auto& model : models_) out.push_back(std::move(model.result));
  return out;
}

}  // namespace

std::uint64_t bytes_of_token(const OpenModel& model) {
  const auto& moe = model.moe;
  const bool is_tied = std::ranges::none_of(model.file.header().tensors, [](const auto& tensor) {
    return tensor.name == "output.weight";
  });
  std::vector<std::string> skipped = {"per_layer_token_embd."};
  if (!is_tied) skipped.emplace_back("token_embd.");
  for (auto block = moe.n_block - moe.n_mtp; block < moe.n_block; ++block)
    skipped.push_back(fmt::format("blk.{}.", block));
  std::uint64_t bytes = 0;
  for (const auto& tensor : model.file.header().tensors)
    if (std::ranges::none_of(skipped, [&](const auto& s) { return tensor.name.starts_with(s); }))
      bytes += tensor.n_bytes;
  // Routers have two dimensions, and all of them is read.
  for (const auto& layer : moe.layers)
    for (const auto& slab : layer.experts)
      if (model.file.header().tensors[slab.tensor].n_dims == 3)
        bytes -= slab.slab_bytes * (moe.n_expert - moe.n_expert_used);
  return bytes;
}

Result<std::vector<ModelSpeed>> run_speed(const EngineLibrary& library, std::span<const Path> files,
                                          const Corpus& text, const SpeedOptions& options,
                                          Observer& observer) {
  SpeedRun run(library, options, observer);
  COE_TRY_STATUS(run.open_models(files));
  COE_TRY_STATUS(run.choose_tokens(text));
  COE_TRY_STATUS(run.measure());
  return run.results();
}

Interval tokens_per_second(std::uint32_t n_token, std::span<const double> seconds) {
  const std::vector<double> tokens(seconds.size(), n_token);
  return ratio_interval(tokens, seconds);
}

}  // namespace coe
