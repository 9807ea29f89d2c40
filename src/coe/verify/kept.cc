#include "coe/verify/kept.h"

#include "coe/base/result.h"
#include "coe/gguf/printable.h"
#include "coe/gguf/reader.h"
#include "coe/gguf/value.h"
#include "coe/mask/keep_mask.h"
#include "coe/moe/ids.h"
#include "coe/moe/model.h"
#include "coe/verify/findings.h"
#include "coe/verify/structure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace coe {
namespace {

constexpr std::string_view kMaskKey = "coe.mask";

// Expert `index` of `n` in a cut tensor.
std::span<const std::byte> slab(const gguf::GgufFile& file, const gguf::TensorInfo& tensor,
                                std::uint64_t index, std::uint64_t n) {
  COE_CHECK(n != 0);
  const std::uint64_t n_bytes = tensor.n_bytes / n;
  return file.data(tensor).subspan(index * n_bytes, n_bytes);
}

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

struct Files {
  const gguf::GgufFile& parent;
  const gguf::GgufFile& child;
  std::uint32_t n_expert = 0;
  std::uint32_t n_keep = 0;

  std::span<const std::byte> of_parent(const TensorPair& pair, std::uint64_t expert) const {
    return slab(parent, *pair.parent, expert, n_expert);
  }
  std::span<const std::byte> of_child(const TensorPair& pair, std::uint64_t slot) const {
    return slab(child, *pair.child, slot, n_keep);
  }
};

struct Layer {
  const TensorPair* router = nullptr;
  std::vector<const TensorPair*> pairs;
};

bool same_expert(const Files& files, const Layer& layer, std::uint32_t slot, std::uint32_t expert) {
  return std::ranges::all_of(layer.pairs, [&](const TensorPair* pair) {
    return std::ranges::equal(files.of_child(*pair, slot), files.of_parent(*pair, expert));
  });
}

// Empty, with a finding, when a row has no match.
std::vector<ExpertId> recover_layer(const Files& files, const Layer& layer, Findings& findings) {
  std::unordered_map<std::string_view, std::vector<std::uint32_t>> rows;
  for (std::uint32_t expert = 0; expert < files.n_expert; ++expert)
    rows[as_text(files.of_parent(*layer.router, expert))].push_back(expert);
  std::vector<ExpertId> ids;
  std::uint32_t next = 0;  // ids ascend
  for (std::uint32_t slot = 0; slot < files.n_keep; ++slot) {
    const auto found = rows.find(as_text(files.of_child(*layer.router, slot)));
    std::vector<std::uint32_t> candidates;
    if (found != rows.end())
      std::ranges::copy_if(found->second, std::back_inserter(candidates),
                           [next](std::uint32_t expert) { return expert >= next; });
    if (candidates.empty()) {
      findings.add(layer.router->child->name,
                   fmt::format("row {} is {}", slot,
                               found == rows.end() ? "no row of the parent's router"
                                                   : "out of order: kept experts must ascend"));
      return {};
    }
    auto chosen = candidates.front();
    for (const auto expert : candidates)
      if (candidates.size() > 1 && same_expert(files, layer, slot, expert)) {
        chosen = expert;
        break;
      }
    ids.push_back(ExpertId{chosen});
    next = chosen + 1;
  }
  return ids;
}

}  // namespace

std::optional<KeepMask> embedded_mask(const gguf::GgufFile& child, const MoeModel& parent,
                                      Findings& findings) {
  const gguf::Value* value = child.header().find_key(kMaskKey);
  if (value == nullptr) return std::nullopt;
  const std::string where = fmt::format("key `{}`", kMaskKey);
  const auto text = value->as_string();
  if (!text) {
    findings.add(where, fmt::format("has the wrong type ({} vs str)", type_name(value->type())));
    return std::nullopt;
  }
  auto mask = parse_mask(*text, kMaskKey);
  if (mask) {
    if (const auto status = check_mask(*mask, parent, kMaskKey); !status)
      mask = tl::unexpected(status.error());
  }
  if (!mask) {
    findings.add(where, mask.error().message);
    return std::nullopt;
  }
  return *std::move(mask);
}

void check_provenance(const gguf::Header& child, const MoeModel& parent, std::uint32_t n_keep,
                      Findings& findings) {
  if (std::ranges::none_of(kRecordKeys, [&](auto key) { return child.find_key(key) != nullptr; }))
    return;
  const std::map<std::string_view, gguf::Value> expected = {
      {"coe.parent.name", gguf::Value::string(parent.id.name)},
      {"coe.parent.digest", gguf::Value::string(parent.id.digest)},
      {"coe.parent.n_expert", gguf::Value::u32(parent.n_expert)},
      {"coe.n_keep", gguf::Value::u32(n_keep)}};
  for (const auto key : kRecordKeys) {
    const std::string where = fmt::format("key `{}`", key);
    const gguf::Value* found = child.find_key(key);
    const auto value = expected.find(key);
    if (found == nullptr)
      findings.add(where, "is missing beside other records of the cut");
    else if (value != expected.end() && *found != value->second)
      findings.add(
          where, fmt::format("does not fit ({} vs {})", found->preview(), value->second.preview()));
  }
}

KeptExperts recover_kept(const gguf::GgufFile& parent, const gguf::GgufFile& child,
                         std::span<const TensorPair> pairs, std::uint32_t n_expert,
                         std::uint32_t n_keep, Findings& findings) {
  std::map<LayerId, Layer> layers;
  for (const TensorPair& pair : pairs) {
    if (!pair.layer) continue;
    Layer& layer = layers[*pair.layer];
    layer.pairs.push_back(&pair);
    if (pair.parent->name.ends_with(".ffn_gate_inp.weight")) layer.router = &pair;
  }
  const Files files{parent, child, n_expert, n_keep};
  KeptExperts kept;
  for (const auto& [id, layer] : layers) {
    if (layer.router == nullptr) continue;  // missing or misshapen: a finding already
    auto ids = recover_layer(files, layer, findings);
    if (!ids.empty()) kept.emplace(id, std::move(ids));
  }
  return kept;
}

}  // namespace coe
