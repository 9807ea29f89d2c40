// The JSON forms of a mask: docs/formats/keep-mask.md.

#include "coe/base/hash.h"
#include "coe/base/json.h"
#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/moe/ids.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace coe {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kSchemaFamily = "coe.mask/";
constexpr std::string_view kSchema = "coe.mask/1";
constexpr std::string_view kFormHint =
    "a mask is JSON as `coe mask` writes it, or {\"0\": [ids], …}";
// Printing and comparing JSON recurse, so depth is bounded before anything is built.
constexpr std::size_t kMaxDepth = 64;

// More than any model has layers. The library looks for a key of an ordered object among all that
// came before it.
constexpr std::size_t kMaxKeys = 4096;

std::optional<std::uint32_t> to_u32(const Json& value) {
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint32_t>::max();
  if (!value.is_number_integer()) return std::nullopt;  // 5.0 and 5e0 are no integers here
  if (!value.is_number_unsigned() && value.get<std::int64_t>() < 0) return std::nullopt;
  const auto number = value.get<std::uint64_t>();
  if (number > kMax) return std::nullopt;
  return static_cast<std::uint32_t>(number);
}

// Decimal digits without sign or leading zeros, so that no layer has two spellings.
std::optional<LayerId> to_layer(std::string_view key) {
  LayerId layer;
  const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), layer.value);
  if (error != std::errc{} || end != key.data() + key.size()) return std::nullopt;
  if (key.size() > 1 && key.front() == '0') return std::nullopt;
  return layer;
}

std::string shown(const Json& value) { return "`" + printable(json_text(value), 40) + "`"; }

// First pass over the text: syntax, depth, and keys given twice, which the second pass would
// silently merge. Member names are nlohmann's SAX interface.
class Inspector {
 public:
  Inspector(std::string_view text, std::string_view name) : text_(text), name_(name) {}

  Status status() && { return std::move(status_); }

  bool null() { return true; }
  bool boolean(bool /*value*/) { return true; }
  bool number_integer(std::int64_t /*value*/) { return true; }
  bool number_unsigned(std::uint64_t /*value*/) { return true; }
  bool number_float(double /*value*/, const std::string& /*text*/) { return true; }
  bool string(const std::string& /*value*/) { return true; }
  bool binary(const std::vector<std::uint8_t>& /*value*/) { return true; }

  bool start_object(std::size_t /*count*/) { return enter(); }
  bool start_array(std::size_t /*count*/) { return enter(); }
  bool end_object() { return leave(); }
  bool end_array() { return leave(); }

  bool key(const std::string& key) {
    auto& level = levels_.back();
    if (level.keys.size() == kMaxKeys) {
      status_ =
          fail(Code::kCorrupt, fmt::format("{}: an object has more than {} keys", name_, kMaxKeys),
               std::string(kFormHint));
      return false;
    }
    if (level.keys.insert(key).second) {
      level.last_key = key;
      return true;
    }
    std::string where;
    if (levels_.size() > 1)
      where = fmt::format(" in `{}`", printable(levels_[levels_.size() - 2].last_key));
    status_ = fail(Code::kCorrupt,
                   fmt::format("{}: key `{}` is given twice{}", name_, printable(key), where));
    return false;
  }

  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& error) {
    const std::size_t at = std::min(position == 0 ? 0 : position - 1, text_.size());
    const auto before = text_.substr(0, at);
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    const std::string_view what = error.what();
    std::string problem = "not valid JSON";
    if (what.find("unexpected end of input") != std::string_view::npos)
      problem = "the JSON text ends early";
    else if (what.find("number overflow") != std::string_view::npos)
      problem = "number beyond the range of a double";
    status_ =
        fail(Code::kCorrupt, fmt::format("{}: line {}, byte {}: {}", name_, line, at, problem),
             std::string(kFormHint));
    return false;
  }

 private:
  struct Level {
    std::set<std::string> keys;  // of an object
    std::string last_key;        // of an object; an array repeats its owner's
  };

  bool enter() {
    if (levels_.size() == kMaxDepth) {
      status_ =
          fail(Code::kCorrupt, fmt::format("{}: nests deeper than {} levels", name_, kMaxDepth));
      return false;
    }
    Level level;
    if (!levels_.empty()) level.last_key = levels_.back().last_key;
    levels_.push_back(std::move(level));
    return true;
  }
  bool leave() {
    levels_.pop_back();
    return true;
  }

  std::string_view text_;
  std::string_view name_;
  std::vector<Level> levels_;
  Status status_;
};

// Errors below carry no file name; parse_mask adds it.

Result<std::vector<ExpertId>> read_ids(LayerId layer, const Json& list) {
  if (!list.is_array())
    return fail(Code::kCorrupt,
                fmt::format("layer {}: {} is no list of expert ids", layer.value, shown(list)));
  std::vector<ExpertId> ids;
  ids.reserve(list.size());
  for (const auto& item : list) {
    const auto id = to_u32(item);
    if (!id)
      return fail(Code::kCorrupt,
                  fmt::format("layer {}: {} is no expert id", layer.value, shown(item)));
    ids.push_back(ExpertId{*id});
  }
  return ids;
}

Result<std::map<LayerId, std::vector<ExpertId>>> read_layers(const Json& object) {
  std::map<LayerId, std::vector<ExpertId>> layers;
  for (const auto& [key, list] : object.items()) {
    const auto layer = to_layer(key);
    if (!layer)
      return fail(Code::kCorrupt, fmt::format("key `{}` is no layer number", printable(key)));
    COE_TRY(auto ids, read_ids(*layer, list));
    layers.emplace(*layer, std::move(ids));
  }
  return layers;
}

Result<std::uint32_t> read_count(const Json& object, const std::string& key) {
  const auto found = object.find(key);
  if (found == object.end()) return fail(Code::kCorrupt, fmt::format("no `{}`", key));
  const auto count = to_u32(*found);
  if (!count)
    return fail(Code::kCorrupt, fmt::format("`{}` is {}, not a count", key, shown(*found)));
  return *count;
}

// Absent is empty.
Result<std::string> read_text_field(const Json& object, const std::string& key) {
  const auto found = object.find(key);
  if (found == object.end()) return std::string();
  if (!found->is_string())
    return fail(Code::kCorrupt, fmt::format("`{}` is {}, not text", key, shown(*found)));
  return found->get<std::string>();
}

Status read_provenance(const Json& object, KeepMask& mask) {
  COE_TRY(mask.parent.architecture, read_text_field(object, "architecture"));
  if (const auto parent = object.find("parent"); parent != object.end()) {
    if (!parent->is_object())
      return fail(Code::kCorrupt, fmt::format("`parent` is {}, not an object", shown(*parent)));
    COE_TRY(mask.parent.name, read_text_field(*parent, "name"));
    COE_TRY(mask.parent.digest, read_text_field(*parent, "digest"));
  }
  if (const auto passes = object.find("passes"); passes != object.end()) {
    if (!passes->is_array())
      return fail(Code::kCorrupt, fmt::format("`passes` is {}, not a list", shown(*passes)));
    for (const auto& pass : *passes) {
      if (!pass.is_object())
        return fail(Code::kCorrupt, fmt::format("a pass is {}, not an object", shown(pass)));
      mask.passes.push_back(MaskPass{pass.dump()});
    }
  }
  return {};
}

Result<KeepMask> read_native(const Json& root) {
  COE_TRY(const auto schema, read_text_field(root, "schema"));
  if (schema != kSchema) {
    if (schema.starts_with(kSchemaFamily))
      return fail(Code::kUnsupported,
                  fmt::format("schema `{}` is newer than this program (it reads `{}`)",
                              printable(schema), kSchema),
                  "update coe");
    return fail(Code::kCorrupt,
                fmt::format("schema is `{}`, not `{}`", printable(schema), kSchema));
  }
  COE_TRY(const auto n_expert, read_count(root, "n_expert"));
  COE_TRY(const auto n_keep, read_count(root, "n_keep"));
  const auto layers = root.find("layers");
  if (layers == root.end()) return fail(Code::kCorrupt, "no `layers`");
  if (!layers->is_object())
    return fail(Code::kCorrupt, fmt::format("`layers` is {}, not an object", shown(*layers)));
  COE_TRY(auto ids, read_layers(*layers));
  COE_TRY(auto mask, KeepMask::create(n_expert, std::move(ids)));
  if (mask.n_keep() != n_keep)
    return fail(Code::kCorrupt, fmt::format("`n_keep` contradicts the layers ({} vs {} in each)",
                                            n_keep, mask.n_keep()));
  COE_TRY_STATUS(read_provenance(root, mask));
  return mask;
}

std::string quoted(const std::string& text) { return json_text(Json(text)); }

// One layer a line: `"3": [0, 5, 9]`.
std::string layers_text(const KeepMask& mask, std::string_view indent) {
  std::string out;
  for (const auto& [layer, ids] : mask.layers()) {
    out += fmt::format("{}{}\"{}\": [", out.empty() ? "" : ",\n", indent, layer.value);
    for (std::size_t i = 0; i < ids.size(); ++i)
      out += fmt::format("{}{}", i == 0 ? "" : ", ", ids[i].value);
    out += "]";
  }
  return out;
}

// All of a native mask after `schema`, but the checksum, which is of this text.
std::string native_text(const KeepMask& mask) {
  std::string passes;
  for (const auto& pass : mask.passes) {
    COE_CHECK(pass.json.starts_with('{') && Json::accept(pass.json));
    passes += fmt::format("{}    {}", passes.empty() ? "\n" : ",\n", pass.json);
  }
  if (!passes.empty()) passes += "\n  ";
  return fmt::format(
      "  \"architecture\": {},\n  \"n_expert\": {},\n"
      "  \"n_keep\": {},\n  \"parent\": {{\"name\": {}, \"digest\": {}}},\n"
      "  \"passes\": [{}],\n  \"layers\": {{\n{}\n  }}\n}}\n",
      quoted(mask.parent.architecture), mask.n_expert(), mask.n_keep(), quoted(mask.parent.name),
      quoted(mask.parent.digest), passes, layers_text(mask, "    "));
}

// A mask of an earlier version says none.
Status check_sum(const Json& root, const KeepMask& mask) {
  COE_TRY(const auto expected, read_text_field(root, "checksum"));
  if (expected.empty() || expected == digest_of(native_text(mask))) return {};
  return fail(Code::kCorrupt, "`checksum` is not that of the rest: it was damaged or edited",
              "copy it again; or remove the key `checksum` if you changed the mask on purpose");
}

Result<KeepMask> read_root(const Json& root) {
  if (!root.is_object())
    return fail(Code::kCorrupt, fmt::format("{} is no mask (expected an object)", shown(root)),
                std::string(kFormHint));
  if (root.contains("schema")) {
    COE_TRY(auto mask, read_native(root));
    COE_TRY_STATUS(check_sum(root, mask));
    return mask;
  }
  COE_TRY(auto ids, read_layers(root));
  return KeepMask::create(0, std::move(ids));
}

}  // namespace

Result<KeepMask> parse_mask(std::string_view json, std::string_view name) {
  // The parser takes a zero byte for the end and would pass over what follows.
  if (const auto zero = json.find('\0'); zero != std::string_view::npos)
    return fail(Code::kCorrupt, fmt::format("{}: byte {} is zero, so this is no JSON", name, zero),
                std::string(kFormHint));
  Inspector inspector(json, name);
  Json::sax_parse(json, &inspector);
  COE_TRY_STATUS(std::move(inspector).status());
  const auto root = parse_json<Json>(json);
  COE_CHECK(!root.is_discarded());  // the inspector has seen the same bytes
  auto mask = read_root(root);
  if (!mask) return tl::unexpected<Error>(std::move(mask).error().context(name));
  return mask;
}

Result<KeepMask> read_mask(const Path& file) {
  COE_TRY(const auto text, read_text(file));
  return parse_mask(text, file.string());
}

std::string mask_to_json(const KeepMask& mask, bool plain) {
  if (plain) return "{\n" + layers_text(mask, "  ") + "\n}\n";
  const auto text = native_text(mask);
  return fmt::format("{{\n  \"schema\": \"{}\",\n  \"checksum\": \"{}\",\n{}", kSchema,
                     digest_of(text), text);
}

}  // namespace coe
