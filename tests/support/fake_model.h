// The model that a FakeEngine runs, as moe/ would describe its file.
#pragma once

#include "coe/engine/engine.h"
#include "coe/model/moe/model.h"

#include <cstdint>

namespace coe::testing {

inline MoeModel fake_model(const Engine& engine) {
  const auto& info = engine.info();
  MoeModel model;
  model.id = {"fake", "fake", "xxh3:0"};
  model.n_block = static_cast<std::uint32_t>(info.moe_layers.size());
  model.n_expert = info.n_expert;
  model.n_expert_used = info.n_expert_used;
  for (const auto id : info.moe_layers) {
    model.layers.emplace_back();
    model.layers.back().id = id;
  }
  return model;
}

}  // namespace coe::testing
