#include "coe/base/file.h"
#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/tensor_type.h"
#include "coe/model/gguf/typed_keys.h"
#include "coe/model/gguf/value.h"
#include "coe/model/moe/ids.h"
#include "coe/profile/routing/accumulators.h"
#include "coe/profile/routing/file.h"
#include "coe/profile/routing/format.h"
#include "coe/profile/routing/stats.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

namespace {

using gguf::find_array;
using gguf::find_value;
using gguf::read_string;
using gguf::read_u32;
using gguf::TensorInfo;
using gguf::TensorType;
using gguf::Value;
using gguf::ValueType;
namespace names = profile_file;

using Dims = std::array<std::uint64_t, gguf::kMaxDims>;

Status check_kind(const gguf::Header& header) {
  constexpr std::string_view kHint = "make one with `coe profile`";
  const Value* value = header.find_key(names::kGeneralType);
  const auto type = value == nullptr ? std::nullopt : value->as_string();
  if (type == names::kType) return {};
  if (type == "model" || (!type && header.find_key("general.architecture") != nullptr))
    return fail(Code::kCorrupt, "a model, not a routing profile", std::string(kHint));
  if (!type)
    return fail(Code::kCorrupt,
                fmt::format("no `{}` that says it is a routing profile", names::kGeneralType),
                std::string(kHint));
  return fail(Code::kCorrupt, fmt::format("holds a `{}`, not a routing profile", printable(*type)),
              std::string(kHint));
}

Result<std::uint32_t> read_version(const gguf::Header& header) {
  COE_TRY(const auto version, read_u32(header, names::kVersionKey));
  if (version == 0) return fail(Code::kCorrupt, "routing profile version 0 does not exist");
  if (version > names::kVersion)
    return fail(Code::kUnsupported,
                fmt::format("routing profile version {} is newer than this program (it reads {})",
                            version, names::kVersion),
                "update coe");
  return version;
}

// All but the accumulators.
Result<RoutingStats> read_keys(const gguf::Header& header, std::uint32_t version) {
  RoutingStats stats;
  if (version > names::kFirstVersion) {
    COE_TRY(const Value* value, find_value(header, names::kRouterTemperature, ValueType::kF64));
    stats.router_temperature = value->as_float().value();
    COE_TRY(stats.mask_digest, read_string(header, names::kMaskDigest));
  }
  COE_TRY(stats.parent.name, read_string(header, names::kParentName));
  COE_TRY(stats.parent.architecture, read_string(header, names::kParentArchitecture));
  COE_TRY(stats.parent.digest, read_string(header, names::kParentDigest));
  COE_TRY(stats.shape.n_expert, read_u32(header, names::kExpert));
  COE_TRY(stats.shape.n_expert_used, read_u32(header, names::kExpertUsed));
  COE_TRY(stats.shape.n_expert_group, read_u32(header, names::kExpertGroup));
  COE_TRY(stats.shape.n_chunk_expert, read_u32(header, names::kChunkExpert));
  COE_TRY(stats.corpus_digest, read_string(header, names::kCorpusDigest));
  COE_TRY(stats.settings, read_string(header, names::kSettings));
  COE_TRY(stats.tool_version, read_string(header, names::kToolVersion));
  COE_TRY(stats.engine, read_string(header, names::kEngine));
  COE_TRY(stats.command_line, read_string(header, names::kCommandLine));

  COE_TRY(const Value* layers, find_array(header, names::kLayers, ValueType::kU32));
  const auto layer_ids = layers->as_uint_array().value();
  for (const auto layer : layer_ids)
    stats.shape.layers.push_back(LayerId{static_cast<std::uint32_t>(layer)});
  COE_TRY(const Value* domains, find_array(header, names::kDomains, ValueType::kString));
  COE_TRY(const Value* weights, find_array(header, names::kWeights, ValueType::kF64));
  if (domains->array_size() != weights->array_size())
    return fail(Code::kCorrupt, fmt::format("sub-domains and weights differ in number ({} vs {})",
                                            domains->array_size(), weights->array_size()));
  auto domain_names = domains->as_string_array().value();
  const auto domain_weights = weights->as_float_array().value();
  for (std::size_t d = 0; d < domain_names.size(); ++d) {
    DomainStats domain;
    domain.name = std::move(domain_names[d]);
    domain.weight = domain_weights[d];
    stats.domains.push_back(std::move(domain));
  }
  return stats;
}

// Reads tensors by name and remembers which, so that a stray one is noticed.
class TensorReader {
 public:
  explicit TensorReader(const gguf::GgufFile& file) : file_(file) {}

  bool has(const std::string& name) const { return file_.header().find_tensor(name) != nullptr; }

  template <class Number>
  Status read(const std::string& name, TensorType type, const Dims& ne, std::vector<Number>& out) {
    const TensorInfo* info = file_.header().find_tensor(name);
    if (info == nullptr) return fail(Code::kCorrupt, fmt::format("tensor `{}` is missing", name));
    if (info->type != type)
      return fail(Code::kCorrupt,
                  fmt::format("tensor `{}` has another type ({} vs {})", name,
                              gguf::traits(info->type).name, gguf::traits(type).name));
    if (info->ne != ne)
      return fail(Code::kCorrupt, fmt::format("tensor `{}` has another shape ([{}] vs [{}])", name,
                                              fmt::join(info->ne, ", "), fmt::join(ne, ", ")));
    out.resize(info->n_bytes / sizeof(Number));  // the reader has checked that they are there
    seen_.insert(name);
    return file_.read(*info, 0, std::as_writable_bytes(std::span(out)));
  }

  Status read_count(const std::string& name, std::int64_t& out) {
    std::vector<std::int64_t> values;
    COE_TRY_STATUS(read(name, TensorType::kI64, Dims{1, 1, 1, 1}, values));
    out = values.front();
    return {};
  }

  Status check_nothing_else(std::string_view others) const {
    for (const auto& tensor : file_.header().tensors) {
      if (!others.empty() && tensor.name.starts_with(others)) continue;
      if (!seen_.contains(tensor.name))
        return fail(Code::kCorrupt,
                    fmt::format("tensor `{}` does not belong into a routing profile",
                                printable(tensor.name)));
    }
    return {};
  }

 private:
  const gguf::GgufFile& file_;
  std::set<std::string> seen_;
};

Dims dims_of(Axes axes, const ExpertGrid& shape) {
  switch (axes) {
    case Axes::kRanked:
      return {shape.n_expert_used, shape.n_expert, shape.n_layer(), 1};
    case Axes::kFlat:
      return {shape.n_expert, shape.n_layer(), 1, 1};
    case Axes::kLayer:
      break;
  }
  return {shape.n_layer(), 1, 1, 1};
}

Status read_domain(TensorReader& tensors, std::size_t index, const ExpertGrid& shape,
                   bool with_outputs, bool with_coactivation, DomainStats& domain) {
  const auto name = [&](std::string_view accumulator) {
    return names::tensor_name(index, accumulator);
  };
  COE_TRY_STATUS(tensors.read_count(name("n_tokens"), domain.n_tokens));
  COE_TRY_STATUS(tensors.read_count(name("n_samples"), domain.n_samples));
  COE_TRY_STATUS(tensors.read(name("histograms"), TensorType::kI64, dims_of(Axes::kRanked, shape),
                              domain.histograms));
  for (const auto& accumulator : kAccumulators) {
    if (accumulator.from_outputs && !with_outputs) continue;
    COE_TRY_STATUS(tensors.read(name(accumulator.name), TensorType::kF64,
                                dims_of(accumulator.axes, shape), domain.*accumulator.values));
  }
  if (!with_coactivation) return {};
  return tensors.read(name("coactivation"), TensorType::kI64,
                      {shape.n_expert, shape.n_expert, shape.n_layer(), 1}, domain.coactivation);
}

}  // namespace

Result<RoutingStats> profile_from(const gguf::GgufFile& file, std::string_view others) {
  COE_TRY(const auto version, read_version(file.header()));
  COE_TRY(auto stats, read_keys(file.header(), version));
  TensorReader tensors(file);
  const bool with_outputs = tensors.has(names::tensor_name(0, "output_norm"));
  const bool with_coactivation =
      version > names::kFirstVersion && tensors.has(names::tensor_name(0, "coactivation"));
  for (std::size_t d = 0; d < stats.domains.size(); ++d)
    COE_TRY_STATUS(
        read_domain(tensors, d, stats.shape, with_outputs, with_coactivation, stats.domains[d]));
  COE_TRY_STATUS(tensors.check_nothing_else(others));
  COE_TRY_STATUS(check_invariants(stats));
  return stats;
}

Result<RoutingStats> read_profile(const Path& path) {
  COE_TRY(const auto file, gguf::GgufFile::open(path));
  if (auto status = check_kind(file.header()); !status)
    return tl::unexpected<Error>(std::move(status).error().context(path.string()));
  auto stats = profile_from(file, {});
  if (!stats) return tl::unexpected<Error>(std::move(stats).error().context(path.string()));
  return stats;
}

}  // namespace coe
