#include "coe/engine/llama/candidate_reader.h"

#include "coe/base/not_finite.h"
#include "coe/base/result.h"
#include "coe/engine/engine.h"
#include "coe/engine/llama/node_memory.h"

#include <fmt/format.h>
#include <ggml-backend.h>
#include <ggml.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {
namespace {

constexpr std::string_view kRawWeights = "ffn_moe_weights";

template <class T>
std::vector<T> read_values(const ggml_tensor* node) {
  std::vector<T> values(ggml_nbytes(node) / sizeof(T));
  ggml_backend_tensor_get(node, values.data(), 0, values.size() * sizeof(T));
  return values;
}

Renormalisation renormalisation_of(const LayerPlan& plan) {
  if (plan.weight_rule.normalised || plan.weight_rule.softmax)
    return Renormalisation::kOverSelected;
  return plan.softmax_gating ? Renormalisation::kOverKept : Renormalisation::kNone;
}

// Logits of each row become numbers in their softmax's proportions.
void exponentiate(std::vector<float>& logits, std::size_t width) {
  for (std::size_t first = 0; first < logits.size(); first += width) {
    const auto row = std::span(logits).subspan(first, width);
    const float largest = *std::max_element(row.begin(), row.end());
    for (float& value : row) value = std::exp(value - largest);
  }
}

}  // namespace

Status check_candidates(const std::map<std::uint32_t, LayerPlan>& plans) {
  const auto refuse = [](std::uint32_t layer, std::string_view why) {
    return fail(
        Code::kUnsupported,
        fmt::format("layer {}: the outputs of experts that were not chosen cannot be had: {}",
                    layer, why),
        "choose another score");
  };
  for (const auto& [layer, plan] : plans) {
    if (plan.by_table) return refuse(layer, "a table of tokens chooses");
    if (plan.weighs_inputs) return refuse(layer, "router weights scale what experts read");
    if (plan.experts_per_chunk != 0) return refuse(layer, "experts share chunks");
    if (plan.outputs.node.empty()) return refuse(layer, "the engine's graph does not show them");
  }
  return {};
}

CandidateReader::CandidateReader(std::uint32_t n_used, std::uint32_t n_candidate, int n_threads,
                                 DeviceBackends& backends)
    : n_used_(n_used),
      n_candidate_(n_candidate),
      math_(backends),
      row_norms_(backends),
      gram_(n_threads) {}

void CandidateReader::begin_batch(std::span<const BatchRun> runs) {
  status_ = {};
  layers_.clear();
  runs_ = runs;
  request_ = runs.front().request->candidates;
  n_token_ = 0;
  for (const auto& run : runs) n_token_ += run.n_token;
}

Status CandidateReader::end_batch(const std::map<std::uint32_t, LayerPlan>& plans) {
  COE_TRY_STATUS(status_);
  for (const auto& [id, plan] : plans) {
    const auto found = layers_.find(id);
    const bool weighed = found != layers_.end() && found->second.weighed;
    const bool reported = found != layers_.end() && found->second.reported;
    if (!weighed || (channel_weights_of(id) != nullptr && !reported))
      return fail(Code::kEngine, fmt::format("layer {}: the engine did not report its candidates "
                                             "for {} tokens from {} on",
                                             id, n_token_, runs_.front().first_token));
  }
  return {};
}

const std::vector<float>* CandidateReader::channel_weights_of(std::uint32_t layer) const {
  if (request_ == nullptr) return nullptr;
  const auto found = request_->layers.find(LayerId{layer});
  return found == request_->layers.end() ? nullptr : &found->second;
}

bool CandidateReader::on_node(ggml_tensor* node, bool ask, const LayerPlan& plan,
                              const NodeName& name) {
  if (ask) {
    auto& layer = layers_[name.layer];
    if (name.base == plan.ids.node) layer.ids_node = node;
    if (name.base == kRawWeights || name.base == plan.weights.node) return true;
    const bool wanted = channel_weights_of(name.layer) != nullptr && !layer.reported;
    return wanted && (name.base == plan.outputs.node || name.base == plan.residual.node);
  }
  if (status_) status_ = stop(node, plan, name);
  return true;  // false would only break out of this split and leave garbage
}

Status CandidateReader::stop(ggml_tensor* node, const LayerPlan& plan, const NodeName& name) {
  auto& layer = layers_.at(name.layer);
  const auto with_layer = [&](Status status) -> Status {
    if (status) return status;
    return tl::unexpected(std::move(status).error().context(fmt::format("layer {}", name.layer)));
  };
  if (name.base == kRawWeights) COE_TRY_STATUS(with_layer(read_choice(node, layer)));
  if (name.base == plan.weights.node) return with_layer(weigh(node, plan, layer));
  if (name.base == plan.residual.node) {
    COE_TRY(layer.residual_norms, row_norms_.of(node));
  }
  if (name.base == plan.outputs.node) return with_layer(report(node, plan, name.layer, layer));
  return {};
}

Status CandidateReader::read_choice(const ggml_tensor* node, Layer& layer) const {
  const ggml_tensor* ids = layer.ids_node;
  if (ids == nullptr || ggml_nelements(ids) != ggml_nelements(node) ||
      static_cast<std::size_t>(ids->ne[0]) < n_candidate_)
    return fail(Code::kEngine, "router weights have an unknown shape");
  layer.n_run = static_cast<std::size_t>(ids->ne[0]);
  layer.n_token = static_cast<std::size_t>(ids->ne[1]);
  if (layer.n_token == 0) return {};
  const auto raw = read_values<float>(node);
  // The ids may be a strided view of the full ranking; they live as long as experts are to be run.
  const auto values = read_values<std::int32_t>(ids);
  const std::size_t stride = ids->nb[1] / sizeof(std::int32_t);
  const auto append = [&](auto& to, const auto& from, std::size_t at) {
    const auto first = from.begin() + static_cast<std::ptrdiff_t>(at);
    to.insert(to.end(), first, first + static_cast<std::ptrdiff_t>(n_candidate_));
  };
  for (std::size_t t = 0; t < layer.n_token; ++t) {
    append(layer.ids, values, t * stride);
    append(layer.raw, raw, t * layer.n_run);
  }
  return {};
}

Status CandidateReader::weigh(ggml_tensor* node, const LayerPlan& plan, Layer& layer) {
  if (!ggml_is_contiguous(node) ||
      static_cast<std::size_t>(ggml_nelements(node)) != layer.n_run * layer.n_token)
    return fail(Code::kEngine, "router weights have an unknown shape");
  layer.weighed = true;
  if (layer.n_token == 0) return {};
  std::vector<float> chosen(layer.n_token * n_used_);
  for (std::size_t t = 0; t < layer.n_token; ++t)
    std::copy_n(layer.raw.begin() + static_cast<std::ptrdiff_t>(t * n_candidate_), n_used_,
                chosen.begin() + static_cast<std::ptrdiff_t>(t * n_used_));
  COE_TRY(const auto final, math_.weights(chosen, n_used_, plan.weight_rule));
  std::vector<float> weights(layer.n_run * layer.n_token, 0.0F);
  for (std::size_t t = 0; t < layer.n_token; ++t)
    std::copy_n(final.begin() + static_cast<std::ptrdiff_t>(t * n_used_), n_used_,
                weights.begin() + static_cast<std::ptrdiff_t>(t * layer.n_run));
  ggml_backend_tensor_set(node, weights.data(), 0, weights.size() * sizeof(float));
  return {};
}

Status CandidateReader::report(const ggml_tensor* outputs, const LayerPlan& plan, std::uint32_t id,
                               Layer& layer) {
  if (layer.n_token != n_token_ || static_cast<std::size_t>(outputs->ne[1]) != layer.n_run ||
      static_cast<std::size_t>(outputs->ne[2]) != n_token_)
    return fail(Code::kEngine, fmt::format("the engine ran experts for {} of {} tokens",
                                           outputs->ne[2], n_token_));
  COE_TRY(const auto grams, gram_.of(outputs, n_candidate_, *channel_weights_of(id)));
  for (const auto* values : {&grams.plain, &grams.weighted})
    if (count_not_finite(*values) > 0) return no_number("the output of an expert is no number");
  if (plan.weight_rule.softmax) exponentiate(layer.raw, n_candidate_);
  std::size_t at = 0;
  for (const BatchRun& run : runs_) {
    const auto of_run = [&](const auto& values) {
      const std::size_t width = values.size() / n_token_;
      return std::span(values).subspan(at * width, run.n_token * width);
    };
    CandidateView view;
    view.layer = LayerId{id};
    view.first_token = run.first_token;
    view.n_token = run.n_token;
    view.n_candidate = static_cast<std::uint32_t>(n_candidate_);
    view.renormalisation = renormalisation_of(plan);
    view.least_sum = plan.weight_rule.least_sum;
    view.scale = plan.weight_rule.scale;
    view.ids = of_run(layer.ids);
    view.weights = of_run(layer.raw);
    view.gram = of_run(grams.plain);
    view.channel_gram = of_run(grams.weighted);
    view.residual_norms = of_run(layer.residual_norms);
    run.request->candidates->observer->on_candidates(view);
    at += run.n_token;
  }
  layer.reported = true;
  layer.ids = {};
  layer.raw = {};
  layer.residual_norms = {};
  return {};
}

}  // namespace coe
