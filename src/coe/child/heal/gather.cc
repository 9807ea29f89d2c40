#include "coe/child/heal/gather.h"

#include "coe/base/not_finite.h"
#include "coe/base/result.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

namespace coe {
namespace {

// What the layers did for one stretch, whose batches come one after the other.
class StretchObserver : public RoutingObserver {
 public:
  void on_routing(const LayerRouting& routing) override {
    const auto append = [](std::vector<float>& to, const std::vector<float>& from) {
      to.insert(to.end(), from.begin(), from.end());
    };
    append(experts[routing.layer], routing.moe_outputs);
    append(streams[routing.layer], routing.ffn_inputs);
    append(outputs[routing.layer], routing.block_outputs);
  }

  MoeOutputs experts;
  std::map<LayerId, std::vector<float>> streams;
  std::map<LayerId, std::vector<float>> outputs;
};

Status run(Engine& engine, DecodeRequest request, std::span<const LayerId> layers,
           StretchObserver& seen) {
  request.routing = &seen;
  request.layer_values = true;
  COE_TRY_STATUS(engine.decode(request));
  for (const auto layer : layers)
    if (count_not_finite(seen.experts[layer]) > 0 || count_not_finite(seen.streams[layer]) > 0)
      return no_number(fmt::format("layer {} gives values that are no numbers", layer.value));
  return {};
}

Matrix as_matrix(const std::vector<float>& values, std::size_t n_embd) {
  Matrix matrix;
  matrix.n_row = values.size() / n_embd;
  matrix.n_column = n_embd;
  matrix.values = values;
  return matrix;
}

// The engine's kernels round activations to 8 bits; a layer of another form is far off.
Status check_form(const Block& block, LayerId layer, const StretchObserver& seen) {
  constexpr double kMost = .1;
  const std::size_t n_embd = block.n_embd();
  LayerTokens tokens;
  EngineTokens batch;
  batch.stream = as_matrix(seen.streams.at(layer), n_embd);
  batch.experts = batch.kept = as_matrix(seen.experts.at(layer), n_embd);
  append_tokens(block, batch, false, tokens, nullptr);
  const auto& outputs = seen.outputs.at(layer);
  double off = 0.0;
  double all = 0.0;
  for (std::size_t i = 0; i < tokens.target.values.size(); ++i) {
    const double given = static_cast<double>(outputs[i]) / static_cast<double>(block.scale) -
                         static_cast<double>(batch.stream.values[i]);
    const double error = static_cast<double>(tokens.target.values[i]) - given;
    off += error * error;
    all += given * given;
  }
  if (off <= kMost * kMost * all) return {};
  return fail(Code::kUnsupported,
              fmt::format("layer {} cannot be healed: it does not compute what its tensors say to "
                          "coe (they differ by {:.0f} %)",
                          layer.value, 100.0 * std::sqrt(off / std::max(all, 1e-30))),
              "cut it without healing: `coe prune`");
}

}  // namespace

Status gather_tokens(Engine& engine, const ExpertFilter& filter, std::span<const LayerId> layers,
                     std::span<const Block> blocks, const Stretches& stretches, std::size_t n_done,
                     TokenStore& store, const Gathered& gathered, Observer& observer) {
  std::uint64_t n_total = 0;
  for (const auto& stretch : stretches) n_total += stretch.size();
  std::size_t at = 0;  // token
  for (std::size_t s = 0; s < stretches.size(); at += stretches[s++].size()) {
    if (observer.cancelled()) return fail(Code::kCancelled, "interrupted");
    if (s > 0 && s < n_done) continue;  // the first one is looked at in any case
    const auto& tokens = stretches[s];
    DecodeRequest request;
    request.tokens = tokens;
    request.observer = &observer;
    request.streams = true;
    StretchObserver parent;
    COE_TRY_STATUS(run(engine, request, layers, parent));
    if (s == 0)
      for (std::size_t l = 0; l < layers.size(); ++l)
        COE_TRY_STATUS(check_form(blocks[l], layers[l], parent));
    if (s < n_done) continue;
    request.streams = false;
    request.filter = &filter;
    request.pinned = &parent.experts;
    StretchObserver kept;
    COE_TRY_STATUS(run(engine, request, layers, kept));
    for (std::size_t l = 0; l < layers.size(); ++l) {
      const std::size_t n = tokens.size() * blocks[l].n_embd();
      for (const auto& [kind, values] :
           {std::pair{TokenStore::kStream, &parent.streams[layers[l]]},
            std::pair{TokenStore::kExperts, &parent.experts[layers[l]]},
            std::pair{TokenStore::kKept, &kept.experts[layers[l]]}}) {
        if (values->size() != n)
          return fail(Code::kEngine,
                      fmt::format("layer {}: the engine told of {} of {} tokens", layers[l].value,
                                  values->size() / blocks[l].n_embd(), tokens.size()));
        COE_TRY_STATUS(store.write(l, kind, at, *values));
      }
    }
    observer.progress("gather", at + tokens.size(), n_total, "tokens");
    COE_TRY_STATUS(gathered(s + 1));
  }
  return {};
}

}  // namespace coe
