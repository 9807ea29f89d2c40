#include "coe/mask/score/table.h"

#include "coe/base/hash.h"
#include "coe/base/result.h"
#include "coe/model/gguf/sidecar.h"
#include "coe/model/gguf/writer.h"
#include "coe/model/moe/ids.h"
#include "coe/model/moe/sidecar_fields.h"

#include <fmt/format.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

namespace coe {
namespace {

constexpr gguf::SidecarKind kKind = {.type = "coe-score-table",
                                     .what = "score table",
                                     .version_key = "coe.scores.version",
                                     .newest_version = 1,
                                     .how_to_make = "make one with `coe recon`",
                                     .how_to_read_newer = "update coe"};

constexpr gguf::SidecarKind kStateKind = {.type = "coe-score-table-state",
                                          .what = "state of a score table",
                                          .version_key = "coe.scores.version",
                                          .newest_version = 1,
                                          .how_to_make = "remove it: the run begins anew",
                                          .how_to_read_newer = "update coe"};

template <class File, class Table>
void visit(File& file, Table& table, const gguf::SidecarKind& kind) {
  const std::string prefix = "coe.scores";
  std::uint32_t version = kind.newest_version;
  file.type(kind);
  file.version(kind, version);
  file.key("coe.scores.score", table.score);
  visit_parent(file, prefix, table.parent);
  file.key("coe.scores.corpus_digest", table.corpus_digest);
  file.key("coe.scores.settings", table.settings);
  visit_origin(file, table);
  visit_grid(file, prefix, table.shape);
  file.key("coe.scores.n_tokens", table.n_token);
  const gguf::Dims ne = {table.shape.n_expert, table.shape.n_layer()};
  file.table("scores", ne, table.scores);
  file.table("loss", ne, table.loss);
}

template <class File, class State>
void visit_state(File& file, State& state) {
  visit(file, state.table, kStateKind);
  file.key("coe.scores.n_layers_done", state.n_layer_done);
}

Status check_table(const ScoreTable& table) {
  const std::size_t n_layer = table.shape.layers.size();
  const std::size_t n_expert = table.shape.n_expert;
  if (n_layer == 0 || n_expert == 0 || table.scores.n_layer() != n_layer ||
      table.scores.n_expert() != n_expert || table.loss.n_layer() != n_layer ||
      table.loss.n_expert() != n_expert)
    return fail(Code::kCorrupt, "the score table has no layers or no experts");
  if (table.shape.n_expert_used == 0 || table.shape.n_expert_used > n_expert ||
      table.shape.n_chunk_expert == 0)
    return fail(Code::kCorrupt,
                fmt::format("{} experts used of {}, chunks of {}", table.shape.n_expert_used,
                            n_expert, table.shape.n_chunk_expert));
  for (std::size_t l = 0; l < n_layer; ++l) {
    if (l > 0 && table.shape.layers[l] <= table.shape.layers[l - 1])
      return fail(Code::kCorrupt,
                  fmt::format("layer {} does not come after layer {}", table.shape.layers[l].value,
                              table.shape.layers[l - 1].value));
    for (std::size_t e = 0; e < n_expert; ++e)
      if (!std::isfinite(table.scores.at(l, e)) || !std::isfinite(table.loss.at(l, e)))
        return fail(Code::kCorrupt, fmt::format("layer {}: the score or loss of expert {} is not "
                                                "finite",
                                                table.shape.layers[l].value, e));
  }
  return {};
}

}  // namespace

std::string content_digest(const ScoreTable& table) {
  Hasher hasher;
  hasher.add_sized("coe score table 1");
  hasher.add_sized(table.score);
  hasher.add_sized(table.parent.digest);
  hasher.add(std::uint64_t{table.shape.layers.size()});
  for (const LayerId layer : table.shape.layers) hasher.add(std::uint64_t{layer.value});
  for (const auto value :
       {std::uint64_t{table.shape.n_expert}, std::uint64_t{table.shape.n_expert_used},
        std::uint64_t{table.shape.n_expert_group}, std::uint64_t{table.shape.n_chunk_expert}})
    hasher.add(value);
  hasher.add(std::as_bytes(std::span(table.scores.values())));
  return hasher.digest();
}

Status write_score_table(const Path& path, const ScoreTable& table, Overwrite overwrite) {
  COE_TRY_STATUS(check_table(table));
  gguf::SidecarWriter file;
  visit(file, table, kKind);
  return std::move(file).write(path, overwrite);
}

Result<ScoreTable> read_score_table(const Path& path) {
  return gguf::read_sidecar(path, [](gguf::SidecarReader& file) -> Result<ScoreTable> {
    ScoreTable table;
    visit(file, table, kKind);
    COE_TRY_STATUS(file.status());
    COE_TRY_STATUS(check_table(table));
    return table;
  });
}

Status write_score_state(const Path& path, const ScoreState& state) {
  COE_TRY_STATUS(check_table(state.table));
  gguf::SidecarWriter file;
  visit_state(file, state);
  return std::move(file).write(path, Overwrite::kAllow);
}

Result<ScoreState> read_score_state(const Path& path) {
  return gguf::read_sidecar(path, [](gguf::SidecarReader& file) -> Result<ScoreState> {
    ScoreState state;
    visit_state(file, state);
    COE_TRY_STATUS(file.status());
    COE_TRY_STATUS(check_table(state.table));
    if (state.n_layer_done >= state.table.shape.n_layer())
      return fail(Code::kCorrupt, fmt::format("{} of {} layers are done", state.n_layer_done,
                                              state.table.shape.n_layer()));
    return state;
  });
}

}  // namespace coe
