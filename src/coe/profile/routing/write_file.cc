#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/tensor_type.h"
#include "coe/model/gguf/value.h"
#include "coe/model/gguf/writer.h"
#include "coe/profile/routing/accumulators.h"
#include "coe/profile/routing/file.h"
#include "coe/profile/routing/format.h"
#include "coe/profile/routing/stats.h"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

namespace {

using gguf::KeyValue;
using gguf::TensorType;
using gguf::Value;
namespace names = profile_file;

// Readers that know the first version only must not take what it has no word for.
std::uint32_t version_of(const RoutingStats& stats) {
  const bool plain = stats.router_temperature == 1.0 && stats.mask_digest.empty() &&
                     (stats.domains.empty() || !stats.domains.front().has_coactivation());
  return plain ? names::kFirstVersion : names::kVersion;
}

std::vector<KeyValue> profile_keys(const RoutingStats& stats) {
  std::vector<std::uint32_t> layers;
  layers.reserve(stats.shape.n_layer());
  for (const auto layer : stats.shape.layers) layers.push_back(layer.value);
  std::vector<std::string> domains;
  std::vector<double> weights;
  for (const auto& domain : stats.domains) {
    domains.push_back(domain.name);
    weights.push_back(domain.weight);
  }
  std::vector<KeyValue> keys;
  const auto add = [&](std::string_view key, Value value) {
    keys.push_back(KeyValue{std::string(key), std::move(value)});
  };
  const auto version = version_of(stats);
  add(names::kVersionKey, Value::u32(version));
  add(names::kParentName, Value::string(stats.parent.name));
  add(names::kParentArchitecture, Value::string(stats.parent.architecture));
  add(names::kParentDigest, Value::string(stats.parent.digest));
  add(names::kExpert, Value::u32(stats.shape.n_expert));
  add(names::kExpertUsed, Value::u32(stats.shape.n_expert_used));
  add(names::kExpertGroup, Value::u32(stats.shape.n_expert_group));
  add(names::kChunkExpert, Value::u32(stats.shape.n_chunk_expert));
  add(names::kLayers, Value::array_u32(layers));
  add(names::kDomains, Value::strings(domains));
  add(names::kWeights, Value::array_f64(weights));
  add(names::kCorpusDigest, Value::string(stats.corpus_digest));
  add(names::kSettings, Value::string(stats.settings));
  if (version > names::kFirstVersion) {
    add(names::kRouterTemperature, Value::f64(stats.router_temperature));
    add(names::kMaskDigest, Value::string(stats.mask_digest));
  }
  add(names::kToolVersion, Value::string(stats.tool_version));
  add(names::kEngine, Value::string(stats.engine));
  add(names::kCommandLine, Value::string(stats.command_line));
  return keys;
}

gguf::TensorData sum_tensor(std::string name, Axes axes, const ExpertGrid& shape,
                            std::span<const double> values) {
  const auto bytes = std::as_bytes(values);
  switch (axes) {
    case Axes::kRanked:
      return gguf::tensor_data(std::move(name), TensorType::kF64,
                               {shape.n_expert_used, shape.n_expert, shape.n_layer()}, bytes);
    case Axes::kFlat:
      return gguf::tensor_data(std::move(name), TensorType::kF64, {shape.n_expert, shape.n_layer()},
                               bytes);
    case Axes::kLayer:
      break;
  }
  return gguf::tensor_data(std::move(name), TensorType::kF64, {shape.n_layer()}, bytes);
}

}  // namespace

ProfileContents profile_contents(const RoutingStats& stats) {
  const auto& shape = stats.shape;
  std::vector<gguf::TensorData> tensors;
  for (std::size_t d = 0; d < stats.domains.size(); ++d) {
    const auto& domain = stats.domains[d];
    const auto add_counts = [&](std::string_view name, std::initializer_list<std::uint64_t> ne,
                                std::span<const std::int64_t> values) {
      tensors.push_back(gguf::tensor_data(names::tensor_name(d, name), TensorType::kI64, ne,
                                          std::as_bytes(values)));
    };
    add_counts("n_tokens", {1}, std::span(&domain.n_tokens, 1));
    add_counts("n_samples", {1}, std::span(&domain.n_samples, 1));
    add_counts("histograms", {shape.n_expert_used, shape.n_expert, shape.n_layer()},
               domain.histograms);
    for (const auto& accumulator : kAccumulators) {
      if (accumulator.from_outputs && !domain.has_outputs()) continue;
      tensors.push_back(sum_tensor(names::tensor_name(d, accumulator.name), accumulator.axes, shape,
                                   domain.*accumulator.values));
    }
    if (domain.has_coactivation())
      add_counts("coactivation", {shape.n_expert, shape.n_expert, shape.n_layer()},
                 domain.coactivation);
  }
  return {profile_keys(stats), std::move(tensors)};
}

Status write_profile(const Path& path, const RoutingStats& stats, Overwrite overwrite) {
  COE_TRY_STATUS(check_invariants(stats));
  auto contents = profile_contents(stats);
  contents.keys.insert(contents.keys.begin(),
                       KeyValue{std::string(names::kGeneralType), Value::string(names::kType)});
  return gguf::write_gguf(path, std::move(contents.keys), contents.tensors, overwrite);
}

}  // namespace coe
