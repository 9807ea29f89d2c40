// A small score table, of two layers and three experts.
#pragma once

#include "coe/mask/score/table.h"
#include "coe/model/moe/expert_table.h"
#include "coe/model/moe/ids.h"

#include <cstddef>

namespace coe::testing {

inline ScoreTable worked_table() {
  ScoreTable table;
  table.score = "recon";
  table.parent = {"Tiny", "gemma4", "xxh3:1"};
  table.shape.layers = {LayerId{0}, LayerId{2}};
  table.shape.n_expert = 3;
  table.shape.n_expert_used = 1;
  table.shape.n_expert_group = 3;
  table.scores = ExpertTable<double>(2, 3);
  table.loss = ExpertTable<double>(2, 3);
  for (std::size_t i = 0; i < 6; ++i) {
    table.scores.values()[i] = static_cast<double>(i % 3);
    table.loss.values()[i] = 0.25 * static_cast<double>(i);
  }
  table.n_token = 4000;
  table.corpus_digest = "xxh3:2";
  table.settings = "tokens=4000";
  table.engine = "engine";
  table.tool_version = "1";
  table.command_line = "coe recon";
  return table;
}

}  // namespace coe::testing
