#include "coe/child/verify/healed.h"

#include "coe/base/hash.h"
#include "coe/base/result.h"
#include "coe/model/gguf/tensor_type.h"
#include "coe/model/gguf/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {
namespace {

constexpr std::string_view kTensorsKey = "coe.heal.tensors";
constexpr std::string_view kDigestsKey = "coe.heal.digests";

std::vector<std::string> strings_of(const gguf::Header& header, std::string_view key) {
  const auto* value = header.find_key(key);
  if (value == nullptr) return {};
  return value->as_string_array().value_or(std::vector<std::string>());
}

std::vector<float> values_of(const gguf::Dequantizer& dequantizer, const gguf::TensorInfo& tensor,
                             std::span<const std::byte> bytes) {
  const auto& facts = gguf::traits(tensor.type);
  std::vector<float> values(bytes.size() / facts.block_bytes * facts.block_size);
  dequantizer.to_floats(tensor.type, bytes, values);
  return values;
}

// ‖child − parent‖ ÷ ‖parent‖
double change(std::span<const float> parent, std::span<const float> child) {
  double difference = 0.0;
  double size = 0.0;
  for (std::size_t i = 0; i < std::min(parent.size(), child.size()); ++i) {
    const double p = static_cast<double>(parent[i]);
    const double d = static_cast<double>(child[i]) - p;
    difference += d * d;
    size += p * p;
  }
  return size > 0.0 ? std::sqrt(difference / size) : 0.0;
}

}  // namespace

HealRecord read_heal_record(const gguf::Header& parent, const gguf::Header& child,
                            Findings& findings) {
  HealRecord record;
  const auto names = strings_of(child, kTensorsKey);
  const auto digests = strings_of(child, kDigestsKey);
  if (names == strings_of(parent, kTensorsKey) && digests == strings_of(parent, kDigestsKey))
    return record;
  if (names.size() != digests.size()) {
    findings.add(key_place(kDigestsKey),
                 fmt::format("has {} digests for {} tensors", digests.size(), names.size()));
    return record;
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!record.emplace(names[i], digests[i]).second)
      findings.add(key_place(kTensorsKey), fmt::format("names `{}` twice", printable(names[i])));
    if (child.find_tensor(names[i]) == nullptr)
      findings.add(key_place(kTensorsKey),
                   fmt::format("names `{}`, which is not in the file", printable(names[i])));
  }
  return record;
}

Result<std::vector<HealedTensor>> check_healed(
    const gguf::GgufFile& parent, const gguf::GgufFile& child, std::span<const TensorPair> pairs,
    const HealRecord& record, const gguf::Dequantizer* dequantizer, Findings& findings) {
  std::vector<HealedTensor> healed;
  for (const auto& pair : pairs) {
    if (pair.kind != PairKind::kHealed) continue;
    COE_TRY(const auto now, child.read_all(*pair.child));
    Hasher hasher;
    hasher.add(now);
    const auto& wanted = record.at(pair.child->name);
    if (hasher.digest() != wanted)
      findings.add(pair.child->name,
                   fmt::format("is not what healing wrote ({} vs {})", hasher.digest(), wanted));
    HealedTensor tensor{pair.child->name, std::string(gguf::traits(pair.parent->type).name),
                        std::string(gguf::traits(pair.child->type).name), std::nullopt};
    if (dequantizer != nullptr && dequantizer->can(pair.child->type) &&
        dequantizer->can(pair.parent->type)) {
      COE_TRY(const auto before, parent.read_all(*pair.parent));
      tensor.change = change(values_of(*dequantizer, *pair.parent, before),
                             values_of(*dequantizer, *pair.child, now));
    }
    healed.push_back(std::move(tensor));
  }
  return healed;
}

}  // namespace coe
