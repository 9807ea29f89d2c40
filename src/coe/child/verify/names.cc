#include "coe/child/verify/names.h"

#include "coe/model/gguf/value.h"
#include "coe/model/moe/size_label.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace coe {
namespace {

constexpr std::string_view kName = "general.name";
constexpr std::string_view kLabel = "general.size_label";
constexpr std::string_view kAncestor = "general.base_model.";

using Values = std::map<std::string, gguf::Value, std::less<>>;

bool same(const gguf::Value* a, const gguf::Value* b) {
  return a == nullptr || b == nullptr ? a == b : *a == *b;
}

// Splits off digits in front of `text`; nullopt where there are none.
std::optional<std::uint32_t> leading_number(std::string_view& text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

// The M of a name that ends in "N of M experts", where M is not below N, and what stands before it.
std::pair<std::string_view, std::uint32_t> without_cut(std::string_view name, std::uint32_t n) {
  const auto of = fmt::format(" {} of ", n);
  const auto at = name.rfind(of);
  if (at == std::string_view::npos) return {name, n};
  auto rest = name.substr(at + of.size());
  const auto whole = leading_number(rest);
  if (!whole || *whole < n || rest != " experts") return {name, n};
  return {name.substr(0, at), *whole};
}

std::string expected_name(const MoeModel& model, const CutForm& form,
                          const std::optional<KeepMask>& embedded) {
  const auto [base, n_expert] = without_cut(model.id.name, model.n_expert);
  const auto domain = embedded ? mask_domain(*embedded) : std::string();
  const bool said = domain.empty() || base.ends_with(" " + domain);
  return fmt::format("{}{} {} of {} experts", base, said ? "" : " " + domain, form.n_keep,
                     n_expert);
}

Values ancestors_of(const gguf::Header& header) {
  Values values;
  for (const auto& [key, value] : header.keys)
    if (lists_ancestors(key)) values.emplace(key, value);
  return values;
}

// The parent's list with the parent before it.
Values expected_ancestors(const gguf::Header& parent, const MoeModel& model) {
  Values values;
  std::uint64_t n_older = 0;
  for (const auto& [key, value] : ancestors_of(parent)) {
    std::string_view rest = std::string_view(key).substr(kAncestor.size());
    if (rest == "count") {
      const auto count = value.as_uint();
      if (count && *count < UINT16_MAX) n_older = std::max(n_older, *count);
    } else if (const auto index = leading_number(rest)) {
      n_older = std::max<std::uint64_t>(n_older, std::uint64_t{*index} + 1);
      values.emplace(fmt::format("{}{}{}", kAncestor, *index + 1, rest), value);
    }
  }
  values.emplace(fmt::format("{}count", kAncestor),
                 gguf::Value::u32(static_cast<std::uint32_t>(n_older + 1)));
  values.emplace(fmt::format("{}0.name", kAncestor), gguf::Value::string(model.id.name));
  if (parent.find_key("coe.parent.digest") != nullptr) return values;
  for (const auto* field : {"organization", "repo_url", "version"}) {
    const auto* value = parent.find_key(fmt::format("general.{}", field));
    if (value != nullptr && value->as_string())
      values.emplace(fmt::format("{}0.{}", kAncestor, field), *value);
  }
  return values;
}

void check_ancestors(const gguf::Header& parent, const gguf::Header& child, const MoeModel& model,
                     Findings& findings) {
  const auto found = ancestors_of(child);
  if (found == ancestors_of(parent)) return;
  const auto expected = expected_ancestors(parent, model);
  for (const auto& [key, value] : expected) {
    const auto match = found.find(key);
    if (match == found.end())
      findings.add(key_place(key), "is missing");
    else if (match->second != value)
      findings.add(key_place(key), fmt::format("does not fit ({} vs {})", match->second.preview(),
                                               value.preview()));
  }
  for (const auto& [key, value] : found)
    if (!expected.contains(key)) findings.add(key_place(key), "is of no ancestor of the parent");
}

}  // namespace

bool lists_ancestors(std::string_view key) {
  if (!key.starts_with(kAncestor)) return false;
  auto rest = key.substr(kAncestor.size());
  if (rest == "count") return true;
  const auto index = leading_number(rest);
  return index && *index <= UINT16_MAX && rest.starts_with('.');
}

bool names_the_model(std::string_view key) { return key == kName || key == kLabel; }

void check_names(const gguf::Header& parent, const gguf::Header& child, const MoeModel& model,
                 const CutForm& form, const std::optional<KeepMask>& embedded, bool tensors_fit,
                 Findings& findings) {
  const auto* name = child.find_key(kName);
  const auto* given = child.find_key(kNameRecord);
  if (given != nullptr && !given->as_string())
    findings.add(key_place(kNameRecord),
                 fmt::format("has the wrong type ({} vs str)", type_name(given->type())));
  if (given != nullptr && child.find_key("coe.parent.digest") == nullptr)
    findings.add(key_place(kNameRecord), "stands without the other records of the cut");
  if (given != nullptr ? !same(name, given) : !same(name, parent.find_key(kName))) {
    const auto expected =
        given != nullptr ? *given : gguf::Value::string(expected_name(model, form, embedded));
    if (!same(name, &expected))
      findings.add(key_place(kName),
                   fmt::format("does not fit ({} vs {})",
                               name == nullptr ? "none" : name->preview(), expected.preview()));
  }
  const auto* label = child.find_key(kLabel);
  const auto counted = gguf::Value::string(size_label(child.tensors));
  if (tensors_fit && !same(label, parent.find_key(kLabel)) && !same(label, &counted))
    findings.add(key_place(kLabel),
                 fmt::format("does not fit ({} vs {})",
                             label == nullptr ? "none" : label->preview(), counted.preview()));
  check_ancestors(parent, child, model, findings);
}

}  // namespace coe
