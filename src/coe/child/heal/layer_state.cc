#include "coe/child/heal/layer_state.h"

#include "coe/base/result.h"
#include "coe/model/gguf/sidecar.h"
#include "coe/model/gguf/tensor_type.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace coe {
namespace {

constexpr gguf::SidecarKind kKind = {.type = "coe-healed-layer",
                                     .what = "healed layer",
                                     .version_key = "coe.heal.version",
                                     .newest_version = 1,
                                     .how_to_make = "remove it: `coe heal` makes it anew",
                                     .how_to_read_newer = "update coe"};

// A tensor of the layer as the file has it.
struct Row {
  std::string name;
  std::uint32_t type = 0;
  std::vector<std::uint8_t> bytes;
};

template <class File, class Layer, class Rows>
void visit(File& file, Layer& layer, Rows& rows, std::string& key) {
  std::uint32_t version = kKind.newest_version;
  file.type(kKind);
  file.version(kKind, version);
  file.key("coe.heal.key", key);
  file.key("coe.heal.layer", layer.layer.value);
  file.key("coe.heal.error", layer.error);
  file.key("coe.heal.after", layer.after);
  file.key("coe.heal.gain", layer.gain);
  file.key("coe.heal.lambda", layer.lambda);
  file.key("coe.heal.kept", layer.kept);
  auto n_tensor = static_cast<std::uint32_t>(rows.size());
  file.key("coe.heal.n_tensors", n_tensor);
  if (rows.size() != n_tensor) rows.resize(n_tensor > 16 ? 0 : n_tensor);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto name = "tensor." + std::to_string(i);
    file.key("coe.heal." + name + ".name", rows[i].name);
    file.key("coe.heal." + name + ".type", rows[i].type);
    file.rows(name, {1}, rows[i].bytes);
  }
}

}  // namespace

Status write_layer_state(const Path& path, const HealedLayer& layer, const std::string& key) {
  std::vector<Row> rows;
  for (const auto& tensor : layer.tensors) {
    auto& row = rows.emplace_back(Row{tensor.name, static_cast<std::uint32_t>(tensor.type), {}});
    row.bytes.resize(tensor.bytes.size());
    std::memcpy(row.bytes.data(), tensor.bytes.data(), tensor.bytes.size());
  }
  gguf::SidecarWriter file;
  auto own_key = key;
  visit(file, layer, rows, own_key);
  return std::move(file).write(path, Overwrite::kAllow);
}

Result<HealedLayer> read_layer_state(const Path& path, const std::string& key) {
  return gguf::read_sidecar(path, [&](gguf::SidecarReader& file) -> Result<HealedLayer> {
    HealedLayer layer;
    std::vector<Row> rows;
    std::string found;
    visit(file, layer, rows, found);
    COE_TRY_STATUS(file.status());
    if (found != key) return fail(Code::kMismatch, "is of another run");
    for (const auto& row : rows) {
      if (gguf::find_type(row.type) == nullptr)
        return fail(Code::kCorrupt, "has a tensor of a type that is not known");
      ReplacedTensor tensor{row.name, static_cast<gguf::TensorType>(row.type), {}};
      tensor.bytes.resize(row.bytes.size());
      std::memcpy(tensor.bytes.data(), row.bytes.data(), row.bytes.size());
      layer.tensors.push_back(std::move(tensor));
    }
    return layer;
  });
}

}  // namespace coe
