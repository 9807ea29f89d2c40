#include "coe/mask/recon/recon.h"

#include "coe/base/result.h"
#include "coe/base/text.h"
#include "coe/mask/recon/eliminate.h"
#include "coe/mask/recon/norms.h"
#include "coe/profile/plan.h"
#include "coe/profile/stage.h"
#include "coe/profile/stretches.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace coe {
namespace {

// Sequences handed to the engine at once, which may share forward passes.
constexpr std::size_t kAtOnce = 32;

std::size_t token_bytes(std::size_t n_candidate, bool two_grams) {
  const std::size_t n_gram = n_candidate * (n_candidate + 1) / 2;
  return n_candidate * (sizeof(std::uint16_t) + sizeof(float)) +
         (two_grams ? 2 : 1) * n_gram * sizeof(float) + sizeof(float);
}

// Keeps what the engine tells of the layers of one sweep.
class Collector : public CandidateObserver {
 public:
  Collector(std::map<LayerId, LayerCandidates> layers, std::size_t n_token)
      : layers_(std::move(layers)) {
    for (auto& [id, layer] : layers_) {
      const std::size_t m = layer.n_candidate;
      layer.ids.reserve(n_token * m);
      layer.weights.reserve(n_token * m);
      layer.gram.reserve(n_token * m * (m + 1) / 2);
      if (layer.has_norm) layer.channel_gram.reserve(n_token * m * (m + 1) / 2);
      layer.importance.reserve(n_token);
    }
  }

  void on_candidates(const CandidateView& view) override {
    auto& layer = layers_.at(view.layer);
    const auto append = [](auto& to, const auto& from) {
      to.insert(to.end(), from.begin(), from.end());
    };
    layer.renormalisation = view.renormalisation;
    layer.least_sum = view.least_sum;
    layer.scale = view.scale;
    for (const auto id : view.ids) layer.ids.push_back(static_cast<std::uint16_t>(id));
    append(layer.weights, view.weights);
    append(layer.gram, view.gram);
    append(layer.channel_gram, view.channel_gram);
    // Where no norm follows the experts, what comes next sees the stream through one: an error is
    // as large as it is beside the stream.
    for (std::size_t t = 0; t < view.n_token; ++t) {
      const float norm = view.residual_norms.empty() ? 0.0F : view.residual_norms[t];
      layer.importance.push_back(layer.has_norm || norm <= 0.0F ? 1.0F : 1.0F / (norm * norm));
    }
  }

  const LayerCandidates& layer(LayerId id) const { return layers_.at(id); }
  void drop(LayerId id) { layers_.erase(id); }

 private:
  std::map<LayerId, LayerCandidates> layers_;
};

class Run {
 public:
  Run(Engine& engine, const gguf::GgufFile& file, const MoeModel& model, Observer& observer)
      : engine_(engine), file_(file), model_(model), observer_(observer) {}

  Result<ScoreTable> run(const Corpus& corpus, const ReconOptions& options);

 private:
  Status check_engine() const;
  Result<std::size_t> layers_at_once(const ReconOptions& options, std::size_t n_token) const;
  // How many layers a stopped run has done.
  std::size_t resume(const Path& file);
  Status keep_state(const Path& file, std::size_t n_layer_done) const;
  Status sweep(std::size_t first, std::size_t count, const Path& state);
  Status decode(const CandidateRequest& candidates);
  Status score(std::size_t row, const LayerCandidates& layer);

  Engine& engine_;
  const gguf::GgufFile& file_;
  const MoeModel& model_;
  Observer& observer_;
  Stretches stretches_;
  std::size_t n_token_ = 0;
  std::uint64_t n_done_ = 0;  // tokens decoded, over all sweeps
  std::uint64_t n_total_ = 0;
  ScoreTable table_;
};

Status Run::check_engine() const {
  COE_TRY_STATUS(check_same_layers(engine_.info(), model_));
  if (engine_.info().n_candidate == 0)
    return fail(Code::kInvalidArgument, "the engine was not opened for candidates");
  return {};
}

Result<std::size_t> Run::layers_at_once(const ReconOptions& options, std::size_t n_token) const {
  const std::size_t each =
      n_token * token_bytes(engine_.info().n_candidate, has_output_norm(model_));
  const std::size_t n = options.memory_bytes / each;
  if (n > 0) return std::min(n, model_.layers.size());
  return fail(Code::kInvalidArgument,
              fmt::format("the candidates of one layer need {} MB, above the {} MB allowed",
                          each >> 20, options.memory_bytes >> 20),
              "allow more memory, or take fewer tokens or candidates");
}

Result<ScoreTable> Run::run(const Corpus& corpus, const ReconOptions& options) {
  COE_TRY_STATUS(check_engine());
  COE_TRY(stretches_,
          plan_stretches(engine_, corpus, {options.n_token, options.record_tokens}, observer_));
  for (const auto& stretch : stretches_) n_token_ += stretch.size();
  COE_TRY(const auto step, layers_at_once(options, n_token_));
  const std::size_t n_layer = model_.layers.size();
  table_.score = "recon";
  table_.parent = model_.id;
  table_.shape = grid_of(model_);
  table_.scores = ExpertTable<double>(n_layer, model_.n_expert);
  table_.loss = ExpertTable<double>(n_layer, model_.n_expert);
  table_.n_token = static_cast<std::int64_t>(n_token_);
  table_.corpus_digest = corpus.digest;
  table_.settings = recon_settings(options, engine_.info().n_candidate);
  table_.engine = engine_.info().engine;
  table_.tool_version = tool_version();
  const std::size_t n_done = resume(options.state);
  n_total_ = n_token_ * ((n_layer - n_done + step - 1) / step);
  for (std::size_t first = n_done; first < n_layer; first += step)
    COE_TRY_STATUS(sweep(first, std::min(step, n_layer - first), options.state));
  return std::move(table_);
}

std::size_t Run::resume(const Path& file) {
  std::error_code ec;
  if (file.empty() || !std::filesystem::exists(file, ec)) return 0;
  auto found = read_score_state(file);
  const auto anew = [&](std::string_view why) {
    observer_.warning(fmt::format("{}: {}: recon begins anew", file.string(), why));
    return std::size_t{0};
  };
  if (!found) return anew(found.error().message);
  auto& table = found->table;
  if (table.parent.digest != table_.parent.digest || table.shape != table_.shape)
    return anew("is of another model");
  if (table.corpus_digest != table_.corpus_digest || table.n_token != table_.n_token)
    return anew("is of another text");
  if (table.settings != table_.settings || table.engine != table_.engine ||
      table.tool_version != table_.tool_version)
    return anew("is of other settings");
  table_.scores = std::move(table.scores);
  table_.loss = std::move(table.loss);
  return found->n_layer_done;
}

Status Run::keep_state(const Path& file, std::size_t n_layer_done) const {
  if (file.empty() || n_layer_done == model_.layers.size()) return {};
  return write_score_state(file, {table_, static_cast<std::uint32_t>(n_layer_done)});
}

Status Run::sweep(std::size_t first, std::size_t count, const Path& state) {
  std::map<LayerId, LayerCandidates> layers;
  CandidateRequest request;
  for (std::size_t i = first; i < first + count; ++i) {
    const auto id = model_.layers[i].id;
    LayerCandidates layer;
    layer.n_expert = model_.n_expert;
    layer.n_used = model_.n_expert_used;
    layer.n_candidate = engine_.info().n_candidate;
    layer.n_embd = model_.n_embd;
    layer.has_norm = has_output_norm(model_);
    auto& squares = request.layers[id];
    if (layer.has_norm) {
      COE_TRY(auto norm, read_output_norm(file_, model_, id));
      layer.norm_eps = norm.eps;
      for (const float weight : norm.weights) squares.push_back(weight * weight);
    }
    layers.emplace(id, std::move(layer));
  }
  Collector collector(std::move(layers), n_token_);
  request.observer = &collector;
  COE_TRY_STATUS(decode(request));
  for (std::size_t i = first; i < first + count; ++i) {
    const auto id = model_.layers[i].id;
    if (auto status = score(i, collector.layer(id)); !status)
      return tl::unexpected<Error>(
          std::move(status).error().context(fmt::format("layer {}", id.value)));
    collector.drop(id);
    COE_TRY_STATUS(keep_state(state, i + 1));
    observer_.progress("eliminate", i + 1, model_.layers.size(), "layers");
  }
  return {};
}

Status Run::decode(const CandidateRequest& candidates) {
  for (std::size_t first = 0; first < stretches_.size(); first += kAtOnce) {
    if (observer_.cancelled()) return fail(Code::kCancelled, "interrupted");
    std::vector<DecodeRequest> requests;
    std::size_t n_token = 0;
    for (std::size_t i = first; i < std::min(first + kAtOnce, stretches_.size()); ++i) {
      auto& request = requests.emplace_back();
      request.tokens = stretches_[i];
      request.candidates = &candidates;
      request.observer = &observer_;
      n_token += stretches_[i].size();
    }
    COE_TRY_STATUS(engine_.decode_all(requests));
    n_done_ += n_token;
    observer_.progress("candidates", n_done_, n_total_, "tokens");
  }
  return {};
}

Status Run::score(std::size_t row, const LayerCandidates& layer) {
  if (layer.n_token() != n_token_)
    return fail(Code::kEngine,
                fmt::format("the engine told of {} of {} tokens", layer.n_token(), n_token_));
  EliminationRule rule;
  rule.n_group = std::max(model_.n_expert_group, 1U);
  COE_TRY(const auto result, eliminate(layer, rule, observer_));
  for (std::size_t i = 0; i < result.order.size(); ++i) {
    table_.scores.at(row, result.order[i]) = static_cast<double>(i);
    table_.loss.at(row, i) = result.loss[i];
  }
  return {};
}

}  // namespace

std::string recon_settings(const ReconOptions& options, std::uint32_t n_candidate) {
  return fmt::format("tokens={} record_tokens={} candidates={}{}{}", options.n_token,
                     options.record_tokens, n_candidate, options.run_settings.empty() ? "" : " ",
                     options.run_settings);
}

Result<std::uint32_t> candidate_depth(const MoeModel& model, std::uint32_t asked) {
  constexpr std::uint32_t kDepth = 8;  // times those used
  constexpr const char* kHint = "choose another score";
  if (model.n_chunk_expert > 1)
    return fail(Code::kUnsupported,
                fmt::format("{}: recon cannot judge experts that share chunks", model.id.name),
                kHint);
  for (const auto& layer : model.layers)
    if (layer.token_table)
      return fail(Code::kUnsupported,
                  fmt::format("{}: recon cannot judge layer {}, where a table of tokens chooses",
                              model.id.name, layer.id.value),
                  kHint);
  if (asked > 0 && asked < model.n_expert_used)
    return fail(Code::kInvalidArgument, fmt::format("{} candidates are fewer than the {} experts "
                                                    "that a token uses",
                                                    asked, model.n_expert_used));
  // Experts of groups that a token does not choose have no rank.
  const std::uint32_t most = model.n_expert_group > 1
                                 ? model.n_expert / model.n_expert_group * model.n_group_used
                                 : model.n_expert;
  return std::min(asked > 0 ? asked : kDepth * model.n_expert_used, most);
}

Result<ScoreTable> run_recon(Engine& engine, const gguf::GgufFile& file, const MoeModel& model,
                             const Corpus& corpus, const ReconOptions& options,
                             Observer& observer) {
  return Run(engine, file, model, observer).run(corpus, options);
}

Status write_recon_table(const Path& path, const ScoreTable& table, Overwrite overwrite) {
  COE_TRY_STATUS(write_score_table(path, table, overwrite));
  std::error_code ec;
  std::filesystem::remove(partial_of(path), ec);
  return {};
}

}  // namespace coe
