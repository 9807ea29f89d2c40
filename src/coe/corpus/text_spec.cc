#include "coe/corpus/text_spec.h"

#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/base/utf8.h"
#include "coe/corpus/json_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {
namespace {

constexpr std::string_view kSpecHint =
    "write a field (text), fields (problem+solution) or a template ({problem} {solution}; "
    "{{ and }} are literal braces)";

auto bad_spec(std::string_view spec, std::string_view what) {
  return fail(Code::kInvalidArgument, fmt::format("text spec `{}`: {}", printable(spec), what),
              std::string(kSpecHint));
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string field_list(const std::vector<JsonMember>& members) {
  constexpr std::size_t kMost = 12;
  if (members.empty()) return "the object is empty";
  std::string out = "fields there: ";
  for (std::size_t i = 0; i < std::min(members.size(), kMost); ++i) {
    if (i > 0) out += ", ";
    out += printable(members[i].name);
  }
  if (members.size() > kMost) out += fmt::format(" and {} more", members.size() - kMost);
  return out;
}

}  // namespace

Result<TextSpec> TextSpec::parse(std::string_view spec) {
  if (const std::size_t bad = find_invalid_utf8(spec); bad != std::string_view::npos)
    return bad_spec(spec, fmt::format("not UTF-8 at position {}", bad + 1));
  TextSpec out;
  if (spec.find_first_of("{}") == std::string_view::npos) {
    std::size_t begin = 0;
    while (true) {
      const std::size_t end = std::min(spec.find('+', begin), spec.size());
      const std::string_view name = trim(spec.substr(begin, end - begin));
      if (name.empty()) return bad_spec(spec, fmt::format("no field at position {}", begin + 1));
      if (begin > 0) out.parts_.push_back({false, "\n"});
      out.parts_.push_back({true, std::string(name)});
      if (end == spec.size()) return out;
      begin = end + 1;
    }
  }
  std::string literal;
  const auto flush = [&] {
    if (!literal.empty()) out.parts_.push_back({false, std::exchange(literal, {})});
  };
  for (std::size_t i = 0; i < spec.size(); ++i) {
    const char c = spec[i];
    if (c != '{' && c != '}') {
      literal += c;
      continue;
    }
    if (i + 1 < spec.size() && spec[i + 1] == c) {
      literal += c;
      ++i;
      continue;
    }
    if (c == '}')
      return bad_spec(spec, fmt::format("the `}}` at position {} closes nothing", i + 1));
    const std::size_t end = spec.find_first_of("{}", i + 1);
    if (end == std::string_view::npos || spec[end] == '{')
      return bad_spec(spec, fmt::format("the `{{` at position {} is not closed", i + 1));
    const std::string_view name = spec.substr(i + 1, end - i - 1);
    if (name.empty()) return bad_spec(spec, fmt::format("no field at position {}", i + 1));
    flush();
    out.parts_.push_back({true, std::string(name)});
    i = end;
  }
  flush();
  if (out.fields().empty()) return bad_spec(spec, "it names no field");
  return out;
}

Result<std::string> TextSpec::render(std::string_view json_line) const {
  COE_TRY(const auto members, parse_json_line(json_line));
  return render(members);
}

Result<std::string> TextSpec::render(const std::vector<JsonMember>& members) const {
  std::string out;
  for (const auto& part : parts_) {
    if (!part.is_field) {
      out += part.text;
      continue;
    }
    const JsonMember* member = find_member(members, part.text);
    if (member == nullptr)
      return fail(Code::kNotFound, fmt::format("no field `{}`", printable(part.text)),
                  field_list(members));
    if (member->kind != JsonMember::Kind::kString)
      return fail(Code::kCorrupt,
                  fmt::format("field `{}` is {}, not a string", printable(part.text),
                              kind_name(member->kind)),
                  "choose fields that hold text");
    out += member->text;
  }
  return out;
}

std::vector<std::string> TextSpec::fields() const {
  std::vector<std::string> out;
  for (const auto& part : parts_) {
    if (part.is_field) out.push_back(part.text);
  }
  return out;
}

}  // namespace coe
