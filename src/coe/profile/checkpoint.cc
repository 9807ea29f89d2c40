#include "coe/profile/checkpoint.h"

#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/tensor_type.h"
#include "coe/model/gguf/value.h"
#include "coe/model/gguf/writer.h"
#include "coe/profile/routing/file.h"

#include <fmt/format.h>

#include <filesystem>
#include <initializer_list>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace coe {

namespace {

using gguf::KeyValue;
using gguf::TensorType;
using gguf::Value;
using gguf::ValueType;

constexpr std::uint32_t kVersion = 1;
constexpr std::string_view kTypeKey = "general.type";
constexpr std::string_view kType = "coe-profile-checkpoint";
constexpr std::string_view kVersionKey = "coe.checkpoint.version";
constexpr std::string_view kDone = "coe.checkpoint.n_done";
constexpr std::string_view kItem = "coe.checkpoint.n_item";
constexpr std::string_view kSettings = "coe.checkpoint.settings";
constexpr std::string_view kTokens = "coe.checkpoint.stability.n_tokens";
constexpr std::string_view kSamples = "coe.checkpoint.stability.n_samples";
constexpr std::string_view kNext = "coe.checkpoint.stability.next";

constexpr std::string_view kOwnTensors = "stability.";
constexpr std::string_view kSums = "stability.sums";
constexpr std::string_view kReplicateSums = "stability.replicates";
constexpr std::string_view kSnapshotTokens = "stability.snapshot_tokens";
constexpr std::string_view kSnapshots = "stability.snapshots";
constexpr std::string_view kPoints = "stability.points";
constexpr std::string_view kPointLayers = "stability.point_layers";

constexpr std::size_t kPointValues = 6;
constexpr double kNoBound = -1.0;

// Adds a tensor, unless there is nothing in it.
template <class Number>
void add_tensor(std::vector<gguf::TensorData>& tensors, std::string_view name, TensorType type,
                std::initializer_list<std::uint64_t> ne, std::span<const Number> values) {
  if (values.empty()) return;
  tensors.push_back(gguf::tensor_data(std::string(name), type, ne, std::as_bytes(values)));
}

void add_stability(std::vector<gguf::TensorData>& tensors, const ExpertGrid& shape,
                   const StabilityState& state) {
  const std::size_t n_expert = shape.n_expert;
  const std::size_t n_layer = shape.n_layer();
  add_tensor(tensors, kSums, TensorType::kF64, {n_expert, n_layer}, std::span(state.sums));
  add_tensor(tensors, kReplicateSums, TensorType::kF32, {n_expert, n_layer, kReplicates},
             std::span(state.replicates));
  std::vector<std::int64_t> n_tokens;
  std::vector<std::uint8_t> masks;
  for (const auto& snapshot : state.snapshots) {
    n_tokens.push_back(snapshot.n_tokens);
    masks.insert(masks.end(), snapshot.mask.begin(), snapshot.mask.end());
  }
  add_tensor(tensors, kSnapshotTokens, TensorType::kI64, {n_tokens.size()},
             std::span<const std::int64_t>(n_tokens));
  add_tensor(tensors, kSnapshots, TensorType::kI8, {n_expert, n_layer, n_tokens.size()},
             std::span<const std::uint8_t>(masks));
  std::vector<double> points;
  std::vector<double> layers;
  for (const auto& point : state.points) {
    points.insert(points.end(),
                  {static_cast<double>(point.n_tokens), static_cast<double>(point.n_samples),
                   static_cast<double>(point.n_half), point.jaccard, point.lower.value_or(kNoBound),
                   point.entropy});
    layers.insert(layers.end(), point.layers.begin(), point.layers.end());
  }
  add_tensor(tensors, kPoints, TensorType::kF64, {kPointValues, state.points.size()},
             std::span<const double>(points));
  add_tensor(tensors, kPointLayers, TensorType::kF64, {n_layer, state.points.size()},
             std::span<const double>(layers));
}

Result<const Value*> find_value(const gguf::Header& header, std::string_view key, ValueType type) {
  const Value* value = header.find_key(key);
  if (value == nullptr || value->type() != type)
    return fail(Code::kCorrupt, fmt::format("key `{}` is missing or of another type", key));
  return value;
}

Result<std::uint64_t> read_count(const gguf::Header& header, std::string_view key) {
  COE_TRY(const Value* value, find_value(header, key, ValueType::kU64));
  return value->as_uint().value();
}

// A tensor that is missing was empty.
template <class Number>
Result<std::vector<Number>> read_tensor(const gguf::GgufFile& file, std::string_view name,
                                        TensorType type) {
  std::vector<Number> values;
  const auto* info = file.header().find_tensor(name);
  if (info == nullptr) return values;
  if (info->type != type)
    return fail(Code::kCorrupt,
                fmt::format("tensor `{}` has another type ({} vs {})", name,
                            gguf::traits(info->type).name, gguf::traits(type).name));
  values.resize(info->n_bytes / sizeof(Number));
  COE_TRY_STATUS(file.read(*info, 0, std::as_writable_bytes(std::span(values))));
  return values;
}

Result<StabilityState> read_stability(const gguf::GgufFile& file, const ExpertGrid& shape) {
  const auto& header = file.header();
  StabilityState state;
  COE_TRY(const auto n_tokens, read_count(header, kTokens));
  COE_TRY(const auto n_samples, read_count(header, kSamples));
  state.n_tokens = static_cast<std::int64_t>(n_tokens);
  state.n_samples = static_cast<std::int64_t>(n_samples);
  COE_TRY(const Value* next, find_value(header, kNext, ValueType::kF64));
  state.next = next->as_float().value();
  COE_TRY(state.sums, read_tensor<double>(file, kSums, TensorType::kF64));
  COE_TRY(state.replicates, read_tensor<float>(file, kReplicateSums, TensorType::kF32));
  COE_TRY(const auto tokens, read_tensor<std::int64_t>(file, kSnapshotTokens, TensorType::kI64));
  COE_TRY(const auto masks, read_tensor<std::uint8_t>(file, kSnapshots, TensorType::kI8));
  COE_TRY(const auto points, read_tensor<double>(file, kPoints, TensorType::kF64));
  COE_TRY(const auto layers, read_tensor<double>(file, kPointLayers, TensorType::kF64));
  const std::size_t n_flat = shape.n_flat();
  const std::size_t n_point = points.size() / kPointValues;
  if (masks.size() != tokens.size() * n_flat || points.size() != n_point * kPointValues ||
      layers.size() != n_point * shape.n_layer())
    return fail(Code::kCorrupt, "the stability state's tensors do not fit together");
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const auto first = masks.begin() + static_cast<std::ptrdiff_t>(i * n_flat);
    state.snapshots.push_back({tokens[i], {first, first + static_cast<std::ptrdiff_t>(n_flat)}});
  }
  for (std::size_t i = 0; i < n_point; ++i) {
    const double* values = points.data() + i * kPointValues;
    StabilityPoint point;
    point.n_tokens = static_cast<std::int64_t>(values[0]);
    point.n_samples = static_cast<std::int64_t>(values[1]);
    point.n_half = static_cast<std::int64_t>(values[2]);
    point.jaccard = values[3];
    if (values[4] != kNoBound) point.lower = values[4];
    point.entropy = values[5];
    const auto first = layers.begin() + static_cast<std::ptrdiff_t>(i * shape.n_layer());
    point.layers.assign(first, first + static_cast<std::ptrdiff_t>(shape.n_layer()));
    state.points.push_back(std::move(point));
  }
  return state;
}

Result<Checkpoint> read_contents(const gguf::GgufFile& file) {
  const auto& header = file.header();
  const Value* type = header.find_key(kTypeKey);
  if (type == nullptr || type->as_string() != kType)
    return fail(Code::kCorrupt, "not a checkpoint of `coe profile`");
  COE_TRY(const Value* version, find_value(header, kVersionKey, ValueType::kU32));
  if (version->as_uint() != kVersion)
    return fail(Code::kUnsupported,
                fmt::format("checkpoint version {} is not the one this program knows ({})",
                            version->as_uint().value(), kVersion),
                "go on with the version of coe that began it");
  Checkpoint out;
  COE_TRY(out.head.n_done, read_count(header, kDone));
  COE_TRY(out.head.n_item, read_count(header, kItem));
  COE_TRY(const Value* settings, find_value(header, kSettings, ValueType::kString));
  out.head.settings = std::string(settings->as_string().value());
  COE_TRY(out.stats, profile_from(file, kOwnTensors));
  if (header.find_key(kNext) != nullptr) {
    COE_TRY(out.stability, read_stability(file, out.stats.shape));
  }
  return out;
}

}  // namespace

Status write_checkpoint(const Path& path, const CheckpointHead& head, const RoutingStats& stats,
                        const StabilityState* stability) {
  auto contents = profile_contents(stats);
  std::vector<KeyValue> keys;
  const auto add = [&](std::string_view key, Value value) {
    keys.push_back(KeyValue{std::string(key), std::move(value)});
  };
  add(kTypeKey, Value::string(kType));
  add(kVersionKey, Value::u32(kVersion));
  add(kDone, Value::u64(head.n_done));
  add(kItem, Value::u64(head.n_item));
  add(kSettings, Value::string(head.settings));
  if (stability != nullptr) {
    add(kTokens, Value::u64(static_cast<std::uint64_t>(stability->n_tokens)));
    add(kSamples, Value::u64(static_cast<std::uint64_t>(stability->n_samples)));
    add(kNext, Value::f64(stability->next));
    add_stability(contents.tensors, stats.shape, *stability);
  }
  keys.insert(keys.end(), contents.keys.begin(), contents.keys.end());
  return gguf::write_gguf(path, std::move(keys), contents.tensors, Overwrite::kAllow);
}

Result<Checkpoint> read_checkpoint(const Path& path) {
  COE_TRY(const auto file, gguf::GgufFile::open(path));
  auto checkpoint = read_contents(file);
  if (!checkpoint) return tl::unexpected(std::move(checkpoint).error().context(path.string()));
  return checkpoint;
}

void remove_checkpoint(const Path& path) {
  // Takes over a temporary that has lost its writer, and gives it up.
  (void)AtomicFile::create(path, Overwrite::kAllow);
  std::error_code ec;
  std::filesystem::remove(path, ec);
}

}  // namespace coe
