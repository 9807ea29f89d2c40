#include "coe/profile/checkpoint.h"

#include "coe/model/gguf/sidecar.h"
#include "coe/profile/routing/file.h"

#include <cstddef>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

namespace coe {

namespace {

constexpr gguf::SidecarKind kKind = {
    .type = "coe-profile-checkpoint",
    .what = "checkpoint of `coe profile`",
    .version_key = "coe.checkpoint.version",
    .newest_version = 1,
    .how_to_make = {},
    .how_to_read_newer = "go on with the version of coe that began it"};

constexpr std::size_t kPointValues = 6;
constexpr double kNoBound = -1.0;

// The lists of a stability state as tensors have them.
struct StabilityLists {
  std::vector<std::int64_t> snapshot_tokens;  // [N]
  std::vector<std::uint8_t> snapshots;        // [N,L,E]
  std::vector<double> points;                 // [P,kPointValues]
  std::vector<double> point_layers;           // [P,L]
};

StabilityLists lists_of(const StabilityState& state) {
  StabilityLists lists;
  for (const auto& snapshot : state.snapshots) {
    lists.snapshot_tokens.push_back(snapshot.n_token);
    lists.snapshots.insert(lists.snapshots.end(), snapshot.mask.begin(), snapshot.mask.end());
  }
  for (const auto& point : state.points) {
    lists.points.insert(lists.points.end(),
                        {static_cast<double>(point.n_token), static_cast<double>(point.n_sample),
                         static_cast<double>(point.n_half), point.jaccard,
                         point.lower.value_or(kNoBound), point.entropy});
    lists.point_layers.insert(lists.point_layers.end(), point.layers.begin(), point.layers.end());
  }
  return lists;
}

Status put_lists(const StabilityLists& lists, const ExpertGrid& shape, StabilityState& state) {
  const std::size_t n_flat = shape.n_flat();
  const std::size_t n_point = lists.points.size() / kPointValues;
  if (lists.snapshots.size() != lists.snapshot_tokens.size() * n_flat ||
      lists.point_layers.size() != n_point * shape.n_layer())
    return fail(Code::kCorrupt, "the stability state's tensors do not fit together");
  for (std::size_t i = 0; i < lists.snapshot_tokens.size(); ++i) {
    const auto first = lists.snapshots.begin() + static_cast<std::ptrdiff_t>(i * n_flat);
    state.snapshots.push_back(
        {lists.snapshot_tokens[i], {first, first + static_cast<std::ptrdiff_t>(n_flat)}});
  }
  for (std::size_t i = 0; i < n_point; ++i) {
    const double* values = lists.points.data() + i * kPointValues;
    StabilityPoint point;
    point.n_token = static_cast<std::int64_t>(values[0]);
    point.n_sample = static_cast<std::int64_t>(values[1]);
    point.n_half = static_cast<std::int64_t>(values[2]);
    point.jaccard = values[3];
    if (values[4] != kNoBound) point.lower = values[4];
    point.entropy = values[5];
    const auto first =
        lists.point_layers.begin() + static_cast<std::ptrdiff_t>(i * shape.n_layer());
    point.layers.assign(first, first + static_cast<std::ptrdiff_t>(shape.n_layer()));
    state.points.push_back(std::move(point));
  }
  return {};
}

// Says whether there is a stability state. A writer has none where `state` is null.
template <class File, class Head, class Stats, class State, class Lists>
bool visit(File& file, Head& head, Stats& stats, State* state, Lists& lists) {
  std::uint32_t version = kKind.newest_version;
  file.type(kKind);
  file.version(kKind, version);
  file.key("coe.checkpoint.n_done", head.n_done);
  file.key("coe.checkpoint.n_item", head.n_item);
  file.key("coe.checkpoint.settings", head.settings);
  const bool with_state = file.has("coe.checkpoint.stability.next", state != nullptr);
  if (with_state) {
    file.key("coe.checkpoint.stability.n_tokens", state->n_token);
    file.key("coe.checkpoint.stability.n_samples", state->n_sample);
    file.key("coe.checkpoint.stability.next", state->next);
  }
  visit_profile(file, stats);
  if (!with_state) return false;
  const std::uint64_t n_expert = stats.shape.n_expert;
  const std::uint64_t n_layer = stats.shape.n_layer();
  file.rows("stability.sums", {n_expert}, state->sums);
  file.rows("stability.replicates", {n_expert, n_layer}, state->replicates);
  file.rows("stability.snapshot_tokens", {}, lists.snapshot_tokens);
  file.rows("stability.snapshots", {n_expert, n_layer}, lists.snapshots);
  file.rows("stability.points", {kPointValues}, lists.points);
  file.rows("stability.point_layers", {n_layer}, lists.point_layers);
  return true;
}

}  // namespace

Status write_checkpoint(const Path& path, const CheckpointHead& head, const RoutingStats& stats,
                        const StabilityState* stability) {
  gguf::SidecarWriter file;
  const auto lists = stability == nullptr ? StabilityLists{} : lists_of(*stability);
  visit(file, head, stats, stability, lists);
  return std::move(file).write(path, Overwrite::kAllow);
}

Result<Checkpoint> read_checkpoint(const Path& path) {
  return gguf::read_sidecar(path, [](gguf::SidecarReader& file) -> Result<Checkpoint> {
    Checkpoint out;
    StabilityState state;
    StabilityLists lists;
    const bool with_state = visit(file, out.head, out.stats, &state, lists);
    file.nothing_else(kKind);
    COE_TRY_STATUS(file.status());
    if (with_state) {
      COE_TRY_STATUS(put_lists(lists, out.stats.shape, state));
      out.stability = std::move(state);
    }
    return out;
  });
}

void remove_checkpoint(const Path& path) {
  // Takes over a temporary that has lost its writer, and gives it up.
  (void)AtomicFile::create(path, Overwrite::kAllow);
  std::error_code ec;
  std::filesystem::remove(path, ec);
}

}  // namespace coe
