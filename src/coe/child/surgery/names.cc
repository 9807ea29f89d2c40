#include "coe/child/surgery/names.h"

#include "coe/base/parse.h"
#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/base/utf8.h"
#include "coe/model/moe/size_label.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {
namespace {

constexpr std::string_view kBaseModel = "general.base_model.";

// What of a model's own metadata its child says of it.
constexpr std::array<std::string_view, 3> kOrigin = {"version", "organization", "repo_url"};

// A name in two parts: "Gemma 4 web" and the 128 of " 64 of 128 experts".
struct CutName {
  std::string base;
  std::uint32_t n_expert = 0;
};

// What the name of a model with `n_expert` experts says of its own cut.
CutName read_name(const MoeModel& model) {
  const std::string_view name = model.id.name;
  CutName whole{model.id.name, model.n_expert};
  constexpr std::string_view kEnd = " experts";
  const auto kept = fmt::format(" {} of ", model.n_expert);
  const auto at = name.rfind(kept);
  if (!name.ends_with(kEnd) || at == std::string_view::npos) return whole;
  const auto from = at + kept.size();
  if (from + kEnd.size() > name.size()) return whole;
  std::uint32_t n_expert = 0;
  if (!parse_number(name.substr(from, name.size() - kEnd.size() - from), n_expert)) return whole;
  if (n_expert < model.n_expert) return whole;
  return {std::string(name.substr(0, at)), n_expert};
}

void set_text(std::vector<gguf::KeyValue>& keys, std::string_view key, std::string_view text) {
  const auto found = std::ranges::find(keys, key, &gguf::KeyValue::key);
  if (found != keys.end())
    found->value = gguf::Value::string(text);
  else
    keys.push_back({std::string(key), gguf::Value::string(text)});
}

// "general.base_model.3.name" is the third's "name".
struct Ancestor {
  std::uint32_t index = 0;
  std::string field;
  gguf::Value value;
};

// Takes the list of the parent's own ancestors out of `keys`. `n` is how many it says there are.
std::vector<Ancestor> take_ancestors(std::vector<gguf::KeyValue>& keys, std::uint32_t& n) {
  std::vector<Ancestor> found;
  std::erase_if(keys, [&](const gguf::KeyValue& item) {
    if (!item.key.starts_with(kBaseModel)) return false;
    const auto rest = std::string_view(item.key).substr(kBaseModel.size());
    if (rest == "count") {
      const auto count = item.value.as_uint();
      if (count && *count < UINT16_MAX) n = std::max(n, static_cast<std::uint32_t>(*count));
      return true;
    }
    const auto dot = rest.find('.');
    std::uint16_t index = 0;
    if (dot == std::string_view::npos || !parse_number(rest.substr(0, dot), index)) return false;
    found.push_back({index, std::string(rest.substr(dot + 1)), item.value});
    n = std::max(n, std::uint32_t{index} + 1);
    return true;
  });
  return found;
}

// The nearest ancestor first.
void add_ancestors(std::vector<gguf::KeyValue>& keys, const MoeModel& parent) {
  // What a child of coe says of its origin is its parent's, not its own.
  const bool is_child =
      std::ranges::find(keys, "coe.parent.digest", &gguf::KeyValue::key) != keys.end();
  std::uint32_t n_older = 0;
  const auto older = take_ancestors(keys, n_older);
  const auto add = [&](std::uint32_t index, std::string_view field, const gguf::Value& value) {
    keys.push_back({fmt::format("{}{}.{}", kBaseModel, index, field), value});
  };
  std::vector<std::pair<std::string_view, gguf::Value>> own;
  for (const auto field : kOrigin) {
    const auto found =
        std::ranges::find(keys, fmt::format("general.{}", field), &gguf::KeyValue::key);
    if (!is_child && found != keys.end() && found->value.as_string())
      own.emplace_back(field, found->value);
  }
  keys.push_back({fmt::format("{}count", kBaseModel), gguf::Value::u32(n_older + 1)});
  add(0, "name", gguf::Value::string(parent.id.name));
  for (const auto& [field, value] : own) add(0, field, value);
  for (const auto& [index, field, value] : older) add(index + 1, field, value);
}

}  // namespace

std::string child_name(const MoeModel& parent, const KeepMask& mask) {
  auto [name, n_expert] = read_name(parent);
  const auto domain = mask_domain(mask);
  if (!domain.empty() && !name.ends_with(" " + domain)) name += " " + domain;
  return fmt::format("{} {} of {} experts", name, mask.n_keep(), n_expert);
}

Status check_child_name(std::string_view name) {
  const bool blank = name.find_first_not_of(' ') == std::string_view::npos;
  const bool controls =
      std::ranges::any_of(name, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  if (!blank && !controls && find_invalid_utf8(name) == std::string_view::npos) return {};
  return fail(Code::kInvalidArgument, fmt::format("`{}` is no name for a model", printable(name)),
              "give one line of UTF-8 text, such as --name \"Gemma 4 web\"");
}

std::vector<gguf::KeyValue> with_names(std::vector<gguf::KeyValue> keys, const MoeModel& parent,
                                       const KeepMask& mask, const SurgeryOptions& options,
                                       std::span<const gguf::TensorInfo> tensors) {
  set_text(keys, "general.name", options.name.empty() ? child_name(parent, mask) : options.name);
  if (options.mode == SurgeryMode::kSlice)
    set_text(keys, "general.size_label", size_label(tensors));
  add_ancestors(keys, parent);
  return keys;
}

}  // namespace coe
