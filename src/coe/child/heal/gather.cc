#include "coe/child/heal/gather.h"

#include "coe/base/jobs.h"
#include "coe/base/not_finite.h"
#include "coe/base/result.h"
#include "coe/child/heal/linear_algebra.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
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
    if (keeps_outputs) append(outputs[routing.layer], routing.block_outputs);
  }

  // For the next stretch, in the same memory.
  void clear() {
    for (auto* values : {&experts, &streams, &outputs})
      for (auto& [layer, rows] : *values) rows.clear();
  }

  bool keeps_outputs = false;
  MoeOutputs experts;
  std::map<LayerId, std::vector<float>> streams;
  std::map<LayerId, std::vector<float>> outputs;
};

Status run(Engine& engine, DecodeRequest request, std::span<const LayerId> layers,
           StretchObserver& seen) {
  seen.clear();
  request.routing = &seen;
  request.layer_values = true;
  COE_TRY_STATUS(engine.decode(request));
  std::vector<std::size_t> n_bad(layers.size());
  for_each_at_once(layers.size(), MathThreads::count(), [&](std::size_t l) {
    for (const auto* values : {&seen.experts, &seen.streams})
      if (const auto found = values->find(layers[l]); found != values->end())
        n_bad[l] += count_not_finite(found->second);
  });
  for (std::size_t l = 0; l < layers.size(); ++l)
    if (n_bad[l] > 0)
      return no_number(fmt::format("layer {} gives values that are no numbers", layers[l].value));
  return {};
}

// Of one stretch, whose first token has the place `at`.
Status store_stretch(const TokenStore& store, std::span<const LayerId> layers, std::size_t n_embd,
                     std::size_t n_token, std::size_t at, StretchObserver& parent,
                     StretchObserver& kept) {
  struct Piece {
    std::size_t layer;
    TokenStore::Kind kind;
    const std::vector<float>* values;
  };
  std::vector<Piece> pieces;
  for (std::size_t l = 0; l < layers.size(); ++l) {
    pieces.push_back({l, TokenStore::kStream, &parent.streams[layers[l]]});
    pieces.push_back({l, TokenStore::kExperts, &parent.experts[layers[l]]});
    pieces.push_back({l, TokenStore::kKept, &kept.experts[layers[l]]});
  }
  for (const auto& piece : pieces)
    if (piece.values->size() != n_token * n_embd)
      return fail(Code::kEngine,
                  fmt::format("layer {}: the engine told of {} of {} tokens",
                              layers[piece.layer].value, piece.values->size() / n_embd, n_token));
  std::vector<Status> written(pieces.size());
  for_each_at_once(pieces.size(), MathThreads::count(), [&](std::size_t i) {
    written[i] = store.write(pieces[i].layer, pieces[i].kind, at, *pieces[i].values);
  });
  for (auto& status : written) COE_TRY_STATUS(std::move(status));
  return {};
}

Matrix as_matrix(const std::vector<float>& values, std::size_t n_embd) {
  Matrix matrix;
  matrix.n_row = values.size() / n_embd;
  matrix.n_column = n_embd;
  matrix.values = values;
  return matrix;
}

// The engine's kernels round activations to 8 bits; a layer of another form is far off. The layer's
// output is known.
Status check_form(const Block& block, LayerId layer, const StretchObserver& seen) {
  constexpr double kMost = .1;
  const std::size_t n_embd = block.n_embd();
  LayerTokens tokens;
  EngineTokens batch;
  DenseForward work;
  batch.stream = as_matrix(seen.streams.at(layer), n_embd);
  batch.experts = batch.kept = as_matrix(seen.experts.at(layer), n_embd);
  make_room(block, batch.stream.n_row, false, tokens);
  put_tokens(block, batch, 0, tokens, nullptr, work);
  const auto& outputs = seen.outputs.at(layer);
  double off = 0.0;
  double all = 0.0;
  for (std::size_t i = 0; i < tokens.target.values.size(); ++i) {
    const double given = static_cast<double>(outputs[i]) / static_cast<double>(block.scale) -
                         static_cast<double>(seen.streams.at(layer)[i]);
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

// llama.cpp does not name the output of every layer (of some architectures not the last one's):
// such a layer has the form of the others.
Status check_forms(std::span<const Block> blocks, std::span<const LayerId> layers,
                   const StretchObserver& seen) {
  std::size_t n_checked = 0;
  for (std::size_t l = 0; l < layers.size(); ++l) {
    if (seen.outputs.at(layers[l]).empty()) continue;
    COE_TRY_STATUS(check_form(blocks[l], layers[l], seen));
    ++n_checked;
  }
  if (n_checked > 0) return {};
  return fail(Code::kUnsupported,
              "no layer can be healed: llama.cpp's graph names the output of none, which their "
              "form is held to",
              "cut the parent without healing: `coe prune`");
}

// Writes one stretch while the engine runs the next.
class StretchWriter {
 public:
  void begin(std::function<Status()> write) { pending_ = std::async(std::move(write)); }
  // Whether there was one.
  Result<bool> finish() {
    if (!pending_.valid()) return false;
    COE_TRY_STATUS(pending_.get());
    return true;
  }

 private:
  std::future<Status> pending_;
};

}  // namespace

Status gather_tokens(Engine& engine, const ExpertFilter& filter, std::span<const LayerId> layers,
                     std::span<const Block> blocks, const Stretches& stretches, std::size_t n_done,
                     TokenStore& store, const Gathered& gathered, Observer& observer) {
  std::uint64_t n_total = 0;
  for (const auto& stretch : stretches) n_total += stretch.size();
  std::array<StretchObserver, 2> parents;  // in turns: one is written, the engine fills the other
  std::array<StretchObserver, 2> kepts;
  StretchWriter writer;
  std::size_t at = 0;  // token
  const auto finish = [&](std::size_t s) -> Status {
    COE_TRY(const bool wrote, writer.finish());
    if (!wrote) return {};
    observer.progress("gather", at, n_total, "tokens");
    return gathered(s);
  };
  for (std::size_t s = 0; s < stretches.size(); at += stretches[s++].size()) {
    if (observer.cancelled()) return fail(Code::kCancelled, "interrupted");
    if (s > 0 && s < n_done) continue;  // the first one is looked at in any case
    const auto& tokens = stretches[s];
    auto& parent = parents[s % 2];
    auto& kept = kepts[s % 2];
    DecodeRequest request;
    request.tokens = tokens;
    request.observer = &observer;
    request.streams = true;
    parent.keeps_outputs = s == 0;
    COE_TRY_STATUS(run(engine, request, layers, parent));
    if (s == 0) COE_TRY_STATUS(check_forms(blocks, layers, parent));
    if (s < n_done) continue;
    request.streams = false;
    request.filter = &filter;
    request.pinned = &parent.experts;
    COE_TRY_STATUS(run(engine, request, layers, kept));
    COE_TRY_STATUS(finish(s));
    writer.begin([&, at, n = tokens.size()] {
      return store_stretch(store, layers, blocks.front().n_embd(), n, at, parent, kept);
    });
  }
  return finish(stretches.size());
}

}  // namespace coe
