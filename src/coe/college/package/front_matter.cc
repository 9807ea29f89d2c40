#include "coe/college/package/front_matter.h"

#include "coe/base/json.h"
#include "coe/base/printable.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <optional>

namespace coe {
namespace {

constexpr std::string_view kFence = "---";

// Off its line end. Takes the line from `rest`.
std::string_view take_line(std::string_view& rest) {
  const auto end = rest.find('\n');
  auto line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::string_view without_blanks(std::string_view text) {
  const auto first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

// A double-quoted scalar has the escapes of JSON, as yaml_text() writes it; a plain one is a word.
std::optional<std::string> scalar(std::string_view text) {
  if (text.starts_with('"')) {
    const auto json = parse_json<nlohmann::json>(text);
    if (!json.is_string()) return std::nullopt;
    return json.get<std::string>();
  }
  if (text.empty() || text.find_first_of("\"'{}[]&*!|>%@`#,") != std::string_view::npos ||
      text.find(": ") != std::string_view::npos || text.ends_with(':') || text.starts_with("- "))
    return std::nullopt;
  return std::string(text);
}

bool is_key(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

}  // namespace

Result<std::vector<FrontMatterItem>> parse_front_matter(std::string_view card,
                                                        std::string_view name) {
  std::size_t number = 1;
  const auto refuse = [&](std::string_view line, std::string_view why) {
    return fail(Code::kCorrupt, fmt::format("{}:{}: `{}` {}", name, number, printable(line), why));
  };
  std::string_view rest = card;
  if (const auto first = take_line(rest); first != kFence)
    return refuse(first, "is not the `---` that front matter begins with");
  std::vector<FrontMatterItem> items;
  while (!rest.empty()) {
    ++number;
    const auto line = take_line(rest);
    if (line == kFence) return items;
    if (without_blanks(line).empty() || without_blanks(line).starts_with('#')) continue;
    if (without_blanks(line).starts_with("- ")) {
      if (items.empty() || (!items.back().is_list && !items.back().values.empty()))
        return refuse(line, "is an item of no list");
      const auto value = scalar(without_blanks(without_blanks(line).substr(2)));
      if (!value) return refuse(line, "has no value that can be read");
      items.back().is_list = true;
      items.back().values.push_back(*value);
      continue;
    }
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || !is_key(line.substr(0, colon)))
      return refuse(line, "is no key with a value");
    const auto key = line.substr(0, colon);
    if (std::ranges::find(items, key, &FrontMatterItem::key) != items.end())
      return refuse(line, "is there twice");
    auto& item = items.emplace_back();
    item.key = key;
    const auto text = without_blanks(line.substr(colon + 1));
    if (text.empty()) continue;  // a list follows
    const auto value = scalar(text);
    if (!value) return refuse(line, "has no value that can be read");
    item.values.push_back(*value);
  }
  return refuse("", "the front matter does not end with `---`");
}

}  // namespace coe
