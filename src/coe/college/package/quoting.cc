#include "coe/college/package/quoting.h"

#include "coe/base/printable.h"
#include "coe/base/utf8.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <utf8proc.h>
#include <utility>

namespace coe {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";
constexpr std::string_view kThreeQuotes = "\"\"\"";

struct Character {
  std::string_view bytes;  // empty at the end
  std::int32_t code = 0;   // U+FFFD for a byte that is no UTF-8
  bool valid = true;
};

Character first_character(std::string_view text) {
  if (text.empty()) return {};
  const std::size_t length = utf8_length(text);
  if (length == 0) return {text.substr(0, 1), 0xfffd, false};
  utf8proc_int32_t code = 0;
  utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(length), &code);
  return {text.substr(0, length), code, true};
}

// `function` sees each character in turn.
template <class Function>
void for_each_character(std::string_view text, Function function) {
  while (!text.empty()) {
    const auto character = first_character(text);
    function(character);
    text.remove_prefix(character.bytes.size());
  }
}

bool is_control(std::int32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029;
}

// Marks that Markdown acts upon, and those of HTML. '.', '+' and the like only do so at the start
// of a line, where no text of ours stands.
bool is_mark(char c) {
  return std::string_view("\\`*_{}[]<>#|~&$!").find(c) != std::string_view::npos;
}

}  // namespace

Status check_line(std::string_view text, std::string_view what) {
  const auto refuse = [&](std::string_view why) {
    return fail(Code::kInvalidArgument, fmt::format("{}: `{}` {}", what, printable(text), why),
                "give one line of UTF-8 text");
  };
  if (text.find_first_not_of(" \t") == std::string_view::npos) return refuse("is empty");
  if (find_invalid_utf8(text) != std::string_view::npos) return refuse("is not UTF-8");
  bool controls = false;
  for_each_character(text, [&](const Character& c) { controls = controls || is_control(c.code); });
  if (controls) return refuse("has control characters or line ends");
  return {};
}

std::string yaml_text(std::string_view text) {
  std::string out = "\"";
  for_each_character(text, [&](const Character& c) {
    if (!c.valid)
      out += kReplacement;
    else if (c.code == '"' || c.code == '\\')
      out.append(1, '\\').append(c.bytes);
    else if (c.code == '\n')
      out += "\\n";
    else if (c.code == '\t')
      out += "\\t";
    else if (is_control(c.code) || c.code == 0xfeff)
      out += fmt::format("\\u{:04x}", c.code);
    else
      out += c.bytes;
  });
  return out + "\"";
}

std::string markdown_text(std::string_view text) {
  std::string out;
  for_each_character(text, [&](const Character& c) {
    if (!c.valid)
      out += kReplacement;
    else if (is_control(c.code))
      out += ' ';
    else if (c.code == '<')
      out += "&lt;";
    else if (c.code == '>')
      out += "&gt;";
    else if (c.code == '&')
      out += "&amp;";
    else if (c.bytes.size() == 1 && is_mark(c.bytes.front()))
      out.append(1, '\\').append(c.bytes);
    else
      out += c.bytes;
  });
  return out;
}

std::string markdown_code(std::string_view text, InTable in_table) {
  std::string clean;
  std::size_t run = 0;
  std::size_t longest = 0;
  for_each_character(text, [&](const Character& c) {
    run = c.code == '`' ? run + 1 : 0;
    longest = std::max(longest, run);
    if (!c.valid)
      clean += kReplacement;
    else if (is_control(c.code))
      clean += ' ';
    else if (c.code == '|' && in_table == InTable::kYes)
      clean += "\\|";  // a cell would end here
    else
      clean += c.bytes;
  });
  const std::string fence(longest + 1, '`');
  if (longest > 0) clean = " " + clean + " ";
  return fence + clean + fence;
}

Result<std::string> modelfile_text(std::string_view text, std::string_view what) {
  const auto refuse = [&](std::string why, std::string hint) {
    return fail(Code::kInvalidArgument, fmt::format("{}: {}", what, why), std::move(hint));
  };
  if (find_invalid_utf8(text) != std::string_view::npos)
    return refuse("is not UTF-8", "save it as UTF-8");
  std::string clean;
  for (std::size_t i = 0; i < text.size(); ++i)  // a line ends in one character
    if (text[i] != '\r' || i + 1 == text.size() || text[i + 1] != '\n') clean += text[i];
  std::size_t n_control = 0;
  for_each_character(clean, [&](const Character& c) {
    n_control += is_control(c.code) && c.code != '\n' && c.code != '\t' ? 1 : 0;
  });
  if (n_control > 0)
    return refuse(fmt::format("has {} control character{}, which Ollama would leave out", n_control,
                              n_control == 1 ? "" : "s"),
                  "remove them");
  if (clean.find_first_of("\"\n") == std::string::npos) return "\"" + clean + "\"";
  // Ollama ends a value at the first end of a line at which it is complete.
  std::size_t line = 1;
  for (std::size_t begin = 0, end = 0; (end = clean.find('\n', begin)) != std::string::npos;
       begin = end + 1, ++line) {
    std::string_view words(clean.data() + begin, end - begin);
    while (!words.empty() && (words.back() == ' ' || words.back() == '\t')) words.remove_suffix(1);
    if (words.ends_with(kThreeQuotes))
      return refuse(
          fmt::format("line {} ends in three quotation marks, and for Ollama's parser the "
                      "text would end there",
                      line),
          "write them otherwise");
  }
  return fmt::format("{0}{1}{0}", kThreeQuotes, clean);
}

std::size_t count_dropped_by_ollama(std::string_view text) {
  std::size_t n = 0;
  for_each_character(text, [&](const Character& c) {
    if (c.code == ' ' || c.code == '\n' || c.code == '\t' || c.code == '\r') return;
    switch (utf8proc_category(c.code)) {
      case UTF8PROC_CATEGORY_CN:
      case UTF8PROC_CATEGORY_ZS:
      case UTF8PROC_CATEGORY_ZL:
      case UTF8PROC_CATEGORY_ZP:
      case UTF8PROC_CATEGORY_CC:
      case UTF8PROC_CATEGORY_CF:
      case UTF8PROC_CATEGORY_CS:
      case UTF8PROC_CATEGORY_CO:
        ++n;
        break;
      default:
        break;
    }
  });
  return n;
}

std::string file_slug(std::string_view text) {
  constexpr std::size_t kLongest = 80;
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.";
  std::string out;
  for (const char c : text) {
    if (kPlain.find(c) != std::string_view::npos)
      out += c;
    else if (!out.empty() && out.back() != '-')
      out += '-';
  }
  if (out.size() > kLongest) out.resize(kLongest);
  const auto first = out.find_first_not_of("-._");
  if (first == std::string::npos) return {};
  out.erase(0, first);
  while (out.back() == '-' || out.back() == '.') out.pop_back();
  return out;
}

bool is_hub_id(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return false;
  const auto is_part = [](std::string_view part) {
    return !part.empty() && part.size() <= 96 && file_slug(part) == part;
  };
  return is_part(text.substr(0, slash)) && is_part(text.substr(slash + 1));
}

}  // namespace coe
