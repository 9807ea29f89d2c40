#include "coe/mask/score/table.h"

#include "coe/base/hash.h"
#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/tensor_type.h"
#include "coe/model/gguf/typed_keys.h"
#include "coe/model/gguf/value.h"
#include "coe/model/gguf/writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
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
using gguf::ValueType;

constexpr std::uint32_t kVersion = 1;
constexpr std::string_view kGeneralType = "general.type";
constexpr std::string_view kType = "coe-score-table";
constexpr std::string_view kVersionKey = "coe.scores.version";
constexpr std::string_view kLayers = "coe.scores.layers";
constexpr std::string_view kTokens = "coe.scores.n_tokens";
constexpr std::string_view kScores = "scores";
constexpr std::string_view kLoss = "loss";

// The keys that are one string or one u32, for writer and reader alike.
struct StringKey {
  std::string_view key;
  std::function<std::string&(ScoreTable&)> field;
};
struct CountKey {
  std::string_view key;
  std::uint32_t ExpertGrid::* field;
};

const std::array<StringKey, 9>& string_keys() {
  static const std::array<StringKey, 9> keys = {
      StringKey{"coe.scores.score", [](ScoreTable& t) -> auto& { return t.score; }},
      StringKey{"coe.scores.parent.name", [](ScoreTable& t) -> auto& { return t.parent.name; }},
      StringKey{"coe.scores.parent.architecture",
                [](ScoreTable& t) -> auto& { return t.parent.architecture; }},
      StringKey{"coe.scores.parent.digest", [](ScoreTable& t) -> auto& { return t.parent.digest; }},
      StringKey{"coe.scores.corpus_digest", [](ScoreTable& t) -> auto& { return t.corpus_digest; }},
      StringKey{"coe.scores.settings", [](ScoreTable& t) -> auto& { return t.settings; }},
      StringKey{"coe.tool_version", [](ScoreTable& t) -> auto& { return t.tool_version; }},
      StringKey{"coe.engine", [](ScoreTable& t) -> auto& { return t.engine; }},
      StringKey{"coe.command_line", [](ScoreTable& t) -> auto& { return t.command_line; }}};
  return keys;
}

constexpr std::array kCountKeys = {
    CountKey{"coe.scores.n_expert", &ExpertGrid::n_expert},
    CountKey{"coe.scores.n_expert_used", &ExpertGrid::n_expert_used},
    CountKey{"coe.scores.n_expert_group", &ExpertGrid::n_expert_group},
    CountKey{"coe.scores.n_chunk_expert", &ExpertGrid::n_chunk_expert}};

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

Status check_kind(const gguf::Header& header) {
  const Value* value = header.find_key(kGeneralType);
  const auto type = value == nullptr ? std::nullopt : value->as_string();
  if (type != kType)
    return fail(Code::kCorrupt,
                fmt::format("holds a `{}`, not a score table",
                            printable(type.value_or("GGUF file of no named type"))),
                "make one with `coe recon`");
  COE_TRY(const auto version, gguf::read_u32(header, kVersionKey));
  if (version == kVersion) return {};
  return fail(version > kVersion ? Code::kUnsupported : Code::kCorrupt,
              fmt::format("score table version {} is not the one this program reads ({})", version,
                          kVersion),
              "update coe");
}

Result<ExpertTable<double>> read_values(const gguf::GgufFile& file, std::string_view name,
                                        std::size_t n_layer, std::size_t n_expert) {
  const auto* info = file.header().find_tensor(name);
  if (info == nullptr) return fail(Code::kCorrupt, fmt::format("tensor `{}` is missing", name));
  const std::array<std::uint64_t, gguf::kMaxDims> ne = {n_expert, n_layer, 1, 1};
  if (info->type != TensorType::kF64 || info->ne != ne)
    return fail(Code::kCorrupt, fmt::format("tensor `{}` has another type or shape ({} {} vs F64 "
                                            "[{}, {}])",
                                            name, gguf::traits(info->type).name,
                                            gguf::shape_text(*info), n_expert, n_layer));
  ExpertTable<double> values(n_layer, n_expert);
  COE_TRY_STATUS(file.read(*info, 0, std::as_writable_bytes(values.values())));
  return values;
}

Result<ScoreTable> table_from(const gguf::GgufFile& file) {
  const auto& header = file.header();
  COE_TRY_STATUS(check_kind(header));
  ScoreTable table;
  for (const auto& [key, field] : string_keys()) {
    COE_TRY(field(table), gguf::read_string(header, key));
  }
  for (const auto& [key, field] : kCountKeys) {
    COE_TRY(table.shape.*field, gguf::read_u32(header, key));
  }
  COE_TRY(const auto* tokens, gguf::find_value(header, kTokens, ValueType::kU64));
  table.n_tokens = static_cast<std::int64_t>(tokens->as_uint().value());
  COE_TRY(const auto* layers, gguf::find_array(header, kLayers, ValueType::kU32));
  const auto ids = layers->as_uint_array().value();
  for (const auto id : ids) table.shape.layers.push_back(LayerId{static_cast<std::uint32_t>(id)});
  const std::uint32_t n_expert = table.shape.n_expert;
  // Before anything is made of these sizes: the file has them.
  const auto* info = header.find_tensor(kScores);
  if (info == nullptr || info->ne[0] != n_expert || info->ne[1] != table.shape.layers.size())
    return fail(Code::kCorrupt, fmt::format("tensor `{}` is missing or of another shape", kScores));
  COE_TRY(table.scores, read_values(file, kScores, table.shape.layers.size(), n_expert));
  COE_TRY(table.loss, read_values(file, kLoss, table.shape.layers.size(), n_expert));
  COE_TRY_STATUS(check_table(table));
  return table;
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
  std::vector<KeyValue> keys;
  const auto add = [&](std::string_view key, Value value) {
    keys.push_back(KeyValue{std::string(key), std::move(value)});
  };
  add(kGeneralType, Value::string(kType));
  add(kVersionKey, Value::u32(kVersion));
  auto copy = table;  // the fields are named once, for reading and writing
  for (const auto& [key, field] : string_keys()) add(key, Value::string(field(copy)));
  for (const auto& [key, field] : kCountKeys) add(key, Value::u32(table.shape.*field));
  std::vector<std::uint32_t> layers;
  layers.reserve(table.shape.layers.size());
  for (const auto layer : table.shape.layers) layers.push_back(layer.value);
  add(kLayers, Value::array_u32(layers));
  add(kTokens, Value::u64(static_cast<std::uint64_t>(table.n_tokens)));
  const auto tensor = [&](std::string_view name, const ExpertTable<double>& values) {
    return gguf::tensor_data(std::string(name), TensorType::kF64,
                             {values.n_expert(), values.n_layer()}, std::as_bytes(values.values()));
  };
  const std::array tensors = {tensor(kScores, table.scores), tensor(kLoss, table.loss)};
  return gguf::write_gguf(path, std::move(keys), tensors, overwrite);
}

Result<ScoreTable> read_score_table(const Path& path) {
  COE_TRY(const auto file, gguf::GgufFile::open(path));
  auto table = table_from(file);
  if (!table) return tl::unexpected<Error>(std::move(table).error().context(path.string()));
  return table;
}

}  // namespace coe
