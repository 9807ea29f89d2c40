#include "coe/engine/llama/graph_observer.h"

#include "coe/engine/llama/node_memory.h"
#include "coe/model/moe/token_table.h"

#include <fmt/format.h>
#include <ggml-backend.h>
#include <ggml.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <span>
#include <utility>

namespace coe {

namespace {

RouterOp router_op(const ggml_tensor* node) {
  switch (node->op) {
    case GGML_OP_SOFT_MAX:
      return RouterOp::kSoftmax;
    case GGML_OP_SQRT:
      return RouterOp::kSqrtSoftplus;
    case GGML_OP_UNARY:
      return ggml_get_unary_op(node) == GGML_UNARY_OP_SIGMOID ? RouterOp::kSigmoid
                                                              : RouterOp::kNone;
    default:
      return RouterOp::kNone;
  }
}

// The lower bound of a clamp, the factor of a scaling.
float first_param(const ggml_tensor* node) {
  float value = 0.0F;
  std::memcpy(&value, node->op_params, sizeof(value));
  return value;
}

// Returns where the probabilities of the kept experts go: to their old numbers; of chunks, see
// LayerPlan::experts_per_chunk.
std::vector<std::size_t> probs_places(const std::vector<bool>& kept, std::size_t step) {
  std::vector<std::size_t> places;
  for (std::size_t e = 0; e < kept.size(); e += step) {
    if (kept[e]) places.push_back(e / step);
  }
  return places;
}

}  // namespace

bool GraphObserver::on_node(ggml_tensor* node, bool ask, void* self) {
  auto& observer = *static_cast<GraphObserver*>(self);
  if (!observer.census_mode_ && observer.request_ == nullptr) return !ask;
  const std::string_view full_name = ggml_get_name(node);
  if (observer.census_mode_) observer.note_uses(node);
  if (observer.census_mode_ && full_name == "result_output") observer.saw_logits_ = true;
  const auto name = parse_node_name(full_name);
  if (!name) return !ask;
  if (observer.census_mode_) {
    observer.note(node, name->base, name->layer);
    return !ask;
  }
  const auto plan = observer.plans_.find(name->layer);
  if (plan == observer.plans_.end()) return !ask;
  if (observer.candidates_) return observer.candidates_->on_node(node, ask, plan->second, *name);
  if (ask) {
    observer.remember(node, plan->second, name->base, observer.layers_.at(name->layer));
    return observer.wants(plan->second, name->base);
  }
  observer.stop(node, name->base, name->layer);
  return true;  // false would only break out of this split and leave garbage
}

void GraphObserver::begin_census() {
  census_mode_ = true;
  saw_logits_ = false;
  census_.clear();
  owners_.clear();
  last_use_.clear();
  n_seen_ = 0;
}

Census GraphObserver::end_census() {
  census_mode_ = false;
  for (const auto& [node, owner] : owners_)
    if (const auto use = last_use_.find(owner); use != last_use_.end())
      node->last_use = use->second;
  owners_.clear();
  last_use_.clear();
  return std::exchange(census_, {});
}

void GraphObserver::note_uses(const ggml_tensor* node) {
  ++n_seen_;
  for (const ggml_tensor* source : node->src)
    if (source != nullptr) last_use_[owner_of(source)] = n_seen_;
}

void GraphObserver::note(const ggml_tensor* node, std::string_view base, std::uint32_t layer) {
  auto& seen = census_[layer];
  const auto [found, is_new] = seen.nodes.try_emplace(std::string(base));
  if (is_new) {
    found->second.at = n_seen_;
    owners_.emplace_back(&found->second, owner_of(node));
    if (node->op == GGML_OP_MUL_MAT_ID) seen.expert_products.emplace_back(base);
  }
  if (base == "ffn_moe_probs") {
    seen.probs_op = router_op(node);
    seen.n_expert = node->ne[0];
  } else if (base == "ffn_moe_topk") {
    seen.n_used = node->ne[0];
    seen.n_token = node->ne[1];
  } else if (base == "ffn_moe_weights_sum_clamped" && node->op == GGML_OP_CLAMP) {
    seen.least_sum = first_param(node);
  } else if (base == "ffn_moe_weights_scaled" && node->op == GGML_OP_SCALE) {
    seen.weights_scale = first_param(node);
  }
}

void GraphObserver::begin_batch(std::span<const BatchRun> runs) {
  status_ = {};
  layers_.clear();
  kept_.clear();
  kept_logits_.clear();
  runs_ = runs;
  n_token_ = 0;
  for (const auto& run : runs) n_token_ += run.n_token;
  const DecodeRequest& request = *runs.front().request;
  if (candidates_) {
    request_ = &request;
    return candidates_->begin_batch(runs);
  }
  const bool watches = request.routing != nullptr || request.filter != nullptr;
  request_ = watches ? &request : nullptr;
  if (!watches) return;
  for (const auto& [layer, plan] : plans_) {
    std::size_t n = 0;
    for (std::size_t role = 0; role < kNoRole; ++role)
      n += wants_role(static_cast<Role>(role)) && !(plan.*kReadings[role]).node.empty();
    layers_[layer].n_missing = n;
  }
  if (request.filter == nullptr) return;
  for (const auto& [layer, ids] : request.filter->kept) kept_[layer.value] = ids.bits();
}

Status GraphObserver::end_batch() {
  if (request_ == nullptr) return {};
  request_ = nullptr;
  if (candidates_) return candidates_->end_batch(plans_);
  if (!status_) return status_;
  for (const auto& [layer, buffers] : layers_) {
    if (buffers.n_missing > 0)
      return fail(Code::kEngine,
                  fmt::format("layer {}: the engine did not report its routing for {} tokens from "
                              "{} on",
                              layer, n_token_, runs_.front().first_token));
  }
  return {};
}

bool GraphObserver::wants_role(Role role) const {
  switch (role) {
    case kIds:
      return true;  // always, so that a filter is checked
    case kWeights:
      return request_->routing != nullptr;
    case kScores:
    case kMerged:
      return request_->routing != nullptr && request_->layer_values;
    case kStream:
    case kBlockOut:
      return request_->routing != nullptr && request_->streams;
    default:
      return request_->routing != nullptr && request_->outputs;
  }
}

// With a filter each node is its own stop: what is overwritten must be read in the same order.
const std::string& GraphObserver::stop_of(const Reading& reading) const {
  if (request_->filter != nullptr) return reading.node;
  return request_->outputs ? reading.with_outputs : reading.with_routing;
}

bool GraphObserver::wants(const LayerPlan& plan, std::string_view base) const {
  for (std::size_t role = 0; role < kNoRole; ++role) {
    const Reading& reading = plan.*kReadings[role];
    if (!reading.node.empty() && wants_role(static_cast<Role>(role)) && base == stop_of(reading))
      return true;
  }
  if (request_->filter == nullptr) return false;
  if (request_->filter->n_used != 0 && (base == plan.raw_weights || base == plan.softmax_weights))
    return true;
  return base == plan.softmax_input || base == plan.probs ||
         std::find(plan.minus_inf.begin(), plan.minus_inf.end(), base) != plan.minus_inf.end();
}

void GraphObserver::remember(ggml_tensor* node, const LayerPlan& plan, std::string_view base,
                             LayerBuffers& buffers) const {
  for (std::size_t role = 0; role < kNoRole; ++role)
    if (base == (plan.*kReadings[role]).node && !buffers.done[role]) buffers.nodes[role] = node;
}

const std::byte* GraphObserver::bytes_of(const ggml_tensor* node) {
  if (ggml_backend_buffer_is_host(buffer_of(node)))
    return static_cast<const std::byte*>(node->data);
  scratch_.resize(ggml_nbytes(node));
  ggml_backend_tensor_get(node, scratch_.data(), 0, scratch_.size());
  return scratch_.data();
}

// Rows may be far apart: the chosen ids are a view of the full ranking.
template <class Number>
std::vector<Number> GraphObserver::rows_of(const ggml_tensor* node) {
  const auto width = static_cast<std::size_t>(node->ne[0]);
  const std::byte* data = bytes_of(node);
  std::vector<Number> rows;
  rows.reserve(width * static_cast<std::size_t>(node->ne[1]));
  for (std::int64_t t = 0; t < node->ne[1]; ++t) {
    const auto* row =
        reinterpret_cast<const Number*>(data + static_cast<std::size_t>(t) * node->nb[1]);
    rows.insert(rows.end(), row, row + width);
  }
  return rows;
}

void GraphObserver::remove_experts(ggml_tensor* node, const std::vector<bool>& kept) {
  // A host copy is edited and written back whole: a few hundred kB, and the same on every backend.
  std::vector<std::byte> copy(ggml_nbytes(node));
  ggml_backend_tensor_get(node, copy.data(), 0, copy.size());
  for (std::int64_t t = 0; t < node->ne[1]; ++t) {
    auto* column =
        reinterpret_cast<float*>(copy.data() + static_cast<std::size_t>(t) * node->nb[1]);
    for (std::size_t e = 0; e < kept.size(); ++e) {
      if (!kept[e]) column[e] = -std::numeric_limits<float>::infinity();
    }
  }
  ggml_backend_tensor_set(node, copy.data(), 0, copy.size());
}

void GraphObserver::keep_logits(const ggml_tensor* node, const std::vector<bool>& kept,
                                std::uint32_t layer) {
  kept_logits_.clear();
  kept_logits_layer_ = layer;
  in_chunks_ = false;
  const auto logits = rows_of<float>(node);
  for (std::size_t i = 0; i < logits.size(); ++i)
    if (kept[i % kept.size()]) kept_logits_.push_back(logits[i]);
}

Status GraphObserver::replace_probs(ggml_tensor* node, const std::vector<bool>& kept,
                                    const LayerPlan& plan, std::uint32_t layer) {
  const bool chunks = std::exchange(in_chunks_, plan.experts_per_chunk != 0);
  const auto places = probs_places(kept, chunks ? plan.experts_per_chunk : 1);
  const auto n_kept = static_cast<std::size_t>(std::count(kept.begin(), kept.end(), true));
  const auto n_token = static_cast<std::size_t>(node->ne[1]);
  if (kept_logits_layer_ != layer || kept_logits_.size() != n_kept * n_token)
    return fail(Code::kEngine, "the engine computed router probabilities before their logits");
  COE_TRY(const auto probs,
          math_.softmax(kept_logits_, n_kept, ggml_backend_buffer_get_type(buffer_of(node))));
  std::vector<std::byte> copy(ggml_nbytes(node));
  for (std::size_t t = 0; t < n_token; ++t) {
    auto* column = reinterpret_cast<float*>(copy.data() + t * node->nb[1]);
    std::fill_n(column, kept.size(), -std::numeric_limits<float>::infinity());
    for (std::size_t i = 0; i < places.size(); ++i) column[places[i]] = probs[t * n_kept + i];
  }
  ggml_backend_tensor_set(node, copy.data(), 0, copy.size());
  return {};
}

void GraphObserver::filter(ggml_tensor* node, const LayerPlan& plan, std::string_view base,
                           std::uint32_t layer) {
  const auto found = kept_.find(layer);
  if (found == kept_.end() || !status_) return;
  auto& kept = found->second;
  const bool is_input = base == plan.softmax_input;
  const bool is_probs = base == plan.probs;
  const bool is_removed =
      std::find(plan.minus_inf.begin(), plan.minus_inf.end(), base) != plan.minus_inf.end();
  if (!is_input && !is_probs && !is_removed) return;
  if (node->ne[1] == 0) return;  // no token of this batch reaches the layer
  kept.resize(static_cast<std::size_t>(node->ne[0]), false);
  if (is_input) {
    keep_logits(node, kept, layer);
  } else if (is_probs) {
    if (auto status = replace_probs(node, kept, plan, layer); !status)
      status_ = tl::unexpected(std::move(status).error().context(fmt::format("layer {}", layer)));
  } else {
    remove_experts(node, kept);
  }
}

void GraphObserver::use_fewer(ggml_tensor* node, const LayerPlan& plan, std::string_view base,
                              std::uint32_t layer) {
  const bool is_raw = base == plan.raw_weights;
  if (!status_ || (!is_raw && base != plan.softmax_weights)) return;
  const auto n_chosen = static_cast<std::size_t>(node->ne[0] == 1 ? node->ne[1] : node->ne[0]);
  const std::size_t n = request_->filter->n_counted(static_cast<std::uint32_t>(n_chosen));
  if (n == n_chosen || ggml_nelements(node) == 0) return;
  COE_CHECK(ggml_is_contiguous(node));
  std::vector<float> weights(static_cast<std::size_t>(ggml_nelements(node)));
  ggml_backend_tensor_get(node, weights.data(), 0, ggml_nbytes(node));
  const std::size_t n_token = weights.size() / n_chosen;
  if (is_raw && !plan.softmax_weights.empty()) {
    counted_logits_.clear();
    for (std::size_t t = 0; t < n_token; ++t)
      for (std::size_t k = 0; k < n; ++k) counted_logits_.push_back(weights[t * n_chosen + k]);
    return;
  }
  std::vector<float> probs;
  if (!is_raw) {
    COE_CHECK(counted_logits_.size() == n * n_token);
    auto computed =
        math_.softmax(counted_logits_, n, ggml_backend_buffer_get_type(buffer_of(node)));
    if (!computed) {
      status_ = tl::unexpected(std::move(computed).error().context(fmt::format("layer {}", layer)));
      return;
    }
    probs = *std::move(computed);
  }
  for (std::size_t t = 0; t < n_token; ++t)
    for (std::size_t k = 0; k < n_chosen; ++k)
      if (k >= n)
        weights[t * n_chosen + k] = 0.0F;
      else if (!is_raw)
        weights[t * n_chosen + k] = probs[t * n + k];
  ggml_backend_tensor_set(node, weights.data(), 0, ggml_nbytes(node));
}

void GraphObserver::stop(ggml_tensor* node, std::string_view base, std::uint32_t layer) {
  const LayerPlan& plan = plans_.at(layer);
  if (request_->filter != nullptr) {
    filter(node, plan, base, layer);
    if (request_->filter->n_used != 0) use_fewer(node, plan, base, layer);
  }
  auto& buffers = layers_.at(layer);
  if (buffers.n_missing == 0) return;  // grovemoe's second time, for chunks
  for (std::size_t i = 0; i < kNoRole; ++i) {
    const auto role = static_cast<Role>(i);
    const Reading& reading = plan.*kReadings[i];
    if (reading.node.empty() || !wants_role(role) || buffers.done[i] || base != stop_of(reading))
      continue;
    if (buffers.nodes[i] == nullptr) continue;  // reported as missing at the batch's end
    read(role, buffers.nodes[i], layer, buffers.routing);
    if (!status_) return;
    buffers.done[i] = true;
    if (--buffers.n_missing == 0) return report(layer, buffers);
  }
}

void GraphObserver::read(Role role, ggml_tensor* node, std::uint32_t layer, LayerRouting& routing) {
  switch (role) {
    case kIds:
      return read_ids(node, layer, routing);
    case kWeights:
      return read_weights(node, layer, routing);
    case kOutputs:
      routing.output_norms = norms_of(node);
      return;
    case kMoeOut:
      routing.moe_norms = norms_of(node);
      return;
    case kResidual:
      routing.residual_norms = norms_of(node);
      return;
    case kScores:
      routing.scores = rows_of<float>(node);
      return;
    case kMerged:
      routing.moe_outputs = rows_of<float>(node);
      if (request_->pinned != nullptr) pin(node, layer);
      return;
    case kStream:
      routing.ffn_inputs = rows_of<float>(node);
      return;
    case kBlockOut:
      routing.block_outputs = rows_of<float>(node);
      return;
    case kNoRole:
      break;
  }
}

void GraphObserver::pin(ggml_tensor* node, std::uint32_t layer) {
  const auto found = request_->pinned->find(LayerId{layer});
  const auto width = static_cast<std::size_t>(node->ne[0]);
  const std::size_t first = std::size_t{runs_.front().first_token} * width;
  const std::size_t n = static_cast<std::size_t>(node->ne[1]) * width;
  if (found == request_->pinned->end() || found->second.size() < first + n) {
    status_ = fail(Code::kInvalidArgument,
                   fmt::format("layer {}: no vectors to put in place of its experts'", layer));
    return;
  }
  COE_CHECK(ggml_is_contiguous(node));
  ggml_backend_tensor_set(node, found->second.data() + first, 0, n * sizeof(float));
}

std::vector<float> GraphObserver::norms_of(const ggml_tensor* node) {
  auto norms = row_norms_.of(node);
  if (norms) return *std::move(norms);
  if (status_) status_ = tl::unexpected(std::move(norms).error());
  return {};
}

void GraphObserver::read_ids(ggml_tensor* node, std::uint32_t layer, LayerRouting& routing) {
  routing.n_used = static_cast<std::uint32_t>(node->ne[0]);
  routing.n_token = static_cast<std::uint32_t>(node->ne[1]);
  routing.ids = rows_of<std::int32_t>(node);
  if (plans_.at(layer).by_table && request_->filter != nullptr) substitute(node, layer, routing);
  check_kept(layer, routing.ids);
}

// [n_used, T] where the model renormalises, else [1, n_used, T]; the ids came before.
void GraphObserver::read_weights(const ggml_tensor* node, std::uint32_t layer,
                                 LayerRouting& routing) {
  const std::size_t n_used = routing.n_used;
  const std::size_t n_token = routing.n_token;
  const bool matrix =
      node->ne[2] == 1 && node->ne[0] == routing.n_used && node->ne[1] == routing.n_token;
  const std::size_t rank_stride = matrix ? node->nb[0] : node->nb[1];
  const std::size_t token_stride = matrix ? node->nb[1] : node->nb[2];
  if (static_cast<std::size_t>(ggml_nelements(node)) != n_used * n_token) {
    status_ =
        fail(Code::kEngine, fmt::format("layer {}: router weights have an unknown shape", layer));
    return;
  }
  const std::byte* data = bytes_of(node);
  routing.weights.resize(n_used * n_token);
  for (std::size_t t = 0; t < n_token; ++t) {
    for (std::size_t k = 0; k < n_used; ++k)
      routing.weights[t * n_used + k] =
          *reinterpret_cast<const float*>(data + t * token_stride + k * rank_stride);
  }
}

// Hash-routed layers: the table's ids give way to those of the sliced file's table.
void GraphObserver::substitute(ggml_tensor* node, std::uint32_t layer, LayerRouting& routing) {
  const auto found = request_->filter->substitutes.find(LayerId{layer});
  if (found == request_->filter->substitutes.end() || routing.ids.empty()) return;
  for (const auto id : routing.ids)
    if (id < 0 || static_cast<std::size_t>(id) >= found->second.size()) {
      status_ = fail(Code::kEngine, fmt::format("layer {}: its table names expert {} of {}", layer,
                                                id, found->second.size()));
      return;
    }
  for (std::size_t at = 0; at < routing.ids.size(); at += routing.n_used)
    substitute_row(std::span(routing.ids).subspan(at, routing.n_used), found->second);
  COE_CHECK(ggml_is_contiguous(node));  // rows of the table, not a view of a ranking
  ggml_backend_tensor_set(node, routing.ids.data(), 0, ggml_nbytes(node));
}

void GraphObserver::check_kept(std::uint32_t layer, const std::vector<std::int32_t>& ids) {
  const auto kept = kept_.find(layer);
  if (kept == kept_.end() || !status_) return;
  for (const auto id : ids) {
    const auto index = static_cast<std::size_t>(id);
    if (id < 0 || index >= kept->second.size() || !kept->second[index]) {
      status_ = fail(Code::kInternal,
                     fmt::format("layer {}: virtual surgery failed, removed expert {} was selected",
                                 layer, id));
      return;
    }
  }
}

void GraphObserver::report(std::uint32_t layer, LayerBuffers& buffers) {
  if (request_->routing == nullptr || !status_) return;
  auto& routing = buffers.routing;
  if (routing.n_token != n_token_ || routing.weights.size() != routing.ids.size()) {
    status_ = fail(Code::kEngine, fmt::format("layer {}: the engine routed {} of {} tokens", layer,
                                              routing.n_token, n_token_));
    return;
  }
  routing.layer = LayerId{layer};
  if (request_->filter != nullptr)
    if (const auto n = request_->filter->n_counted(routing.n_used); n < routing.n_used)
      routing = routing.of_ranks(n);
  if (runs_.size() == 1) {
    routing.first_token = runs_.front().first_token;
    request_->routing->on_routing(routing);
  } else {
    std::uint32_t at = 0;
    for (const BatchRun& run : runs_) {
      auto own = routing.of_tokens(at, run.n_token);
      own.first_token = run.first_token;
      run.request->routing->on_routing(own);
      at += run.n_token;
    }
  }
  buffers = {};  // a layer's buffers are not needed while the next ones run
}

}  // namespace coe
