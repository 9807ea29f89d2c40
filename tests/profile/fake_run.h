// What tests of the profiler feed it with.
#pragma once

#include "coe/corpus/corpus.h"
#include "coe/engine/fake_engine.h"
#include "coe/moe/model.h"

#include <fmt/format.h>

#include <cstddef>

namespace coe::testing {

inline MoeModel model_of(const FakeEngine& engine) {
  const auto& info = engine.info();
  MoeModel model;
  model.id = {"fake", "fake", "xxh3:0"};
  model.n_block = static_cast<std::uint32_t>(info.moe_layers.size());
  model.n_expert = info.n_expert;
  model.n_expert_used = info.n_expert_used;
  for (const auto id : info.moe_layers) {
    model.layers.emplace_back();
    model.layers.back().id = LayerId{id};
  }
  return model;
}

// Sub-domains `alpha` and `beta` of `n_record` records each.
inline Corpus corpus_of(std::size_t n_record) {
  Corpus corpus;
  corpus.digest = "xxh3:corpus";
  for (const auto* name : {"alpha", "beta"}) {
    corpus.domains.push_back({name, 1.0, {}});
    for (std::size_t i = 0; i < n_record; ++i)
      corpus.domains.back().records.push_back(
          {fmt::format("{} text {} of some length", name, i), "t"});
  }
  return corpus;
}

}  // namespace coe::testing
