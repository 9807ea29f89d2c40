#include "coe/corpus/intake/file_form.h"

#include "coe/base/file_kind.h"
#include "coe/base/text.h"
#include "coe/base/utf8.h"
#include "coe/corpus/chat_export.h"
#include "coe/corpus/foreign_file.h"
#include "coe/corpus/json_line.h"
#include "coe/corpus/record_reader.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace coe {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::string_view kWhiteSpace = " \t\r\n";

template <std::size_t N>
bool is_in(const std::array<std::string_view, N>& list, std::string_view word) {
  return std::ranges::find(list, word) != list.end();
}

bool is_json_name(std::string_view ending) {
  static constexpr std::array<std::string_view, 3> kEndings = {".jsonl", ".ndjson", ".json"};
  return is_in(kEndings, ending);
}

bool has_ending(std::string_view ending) { return ending.starts_with('.'); }

std::string_view without_start(std::string_view bytes) {
  if (bytes.starts_with(kByteOrderMark)) bytes.remove_prefix(kByteOrderMark.size());
  return bytes.substr(std::min(bytes.find_first_not_of(kWhiteSpace), bytes.size()));
}

// `{"`, or `[` before an object or a list.
bool begins_like_json(std::string_view bytes) {
  bytes = without_start(bytes);
  if (bytes.empty() || (bytes[0] != '{' && bytes[0] != '[')) return false;
  const std::string_view next = without_start(bytes.substr(1));
  return bytes[0] == '{' ? next.starts_with('"') : next.starts_with('{') || next.starts_with('[');
}

// An object on the first line, or as the first element of an array.
bool begins_with_record(std::string_view bytes) {
  if (!begins_like_json(bytes)) return false;
  RecordReader reader(bytes);
  const auto first = reader.next();
  return first && *first && parse_json_line((*first)->text).has_value();
}

// Text in UTF-16 without its mark has every second byte zero where it is Latin.
bool looks_like_utf16(std::string_view bytes) {
  constexpr std::size_t kLooked = 256;
  std::array<std::size_t, 2> n_zero = {};
  const std::string_view start = bytes.substr(0, kLooked);
  for (std::size_t i = 0; i < start.size(); ++i) {
    if (start[i] == '\0') ++n_zero[i % 2];
  }
  const auto [fewer, more] = std::minmax(n_zero[0], n_zero[1]);
  return start.size() >= 4 && fewer == 0 && more > start.size() / 4;
}

}  // namespace

std::string unpacked_name(const Path& name) {
  const std::string ending = lower_ascii(name.extension().string());
  return ending == ".gz" || ending == ".zst" ? name.stem().string() : name.filename().string();
}

std::string ending_of(std::string_view name) {
  const Path path{std::string(name)};
  return path.has_extension() ? lower_ascii(path.extension().string()) : path.string();
}

bool is_prose(std::string_view ending) {
  static constexpr std::array<std::string_view, 12> kEndings = {
      ".txt", ".text", ".md",  ".markdown", ".mdx", ".rst",
      ".tex", ".adoc", ".org", ".asciidoc", ".srt", ".typ"};
  return is_in(kEndings, ending) || !has_ending(ending);
}

bool is_data(std::string_view ending) {
  static constexpr std::array<std::string_view, 16> kEndings = {
      ".csv", ".tsv",   ".svg",  ".ipynb", ".map", ".geojson", ".log", ".lock",
      ".sum", ".patch", ".diff", ".snap",  ".po",  ".pot",     ".pem", ".asc"};
  return is_in(kEndings, ending);
}

bool is_lock_file(std::string_view name) {
  static constexpr std::array<std::string_view, 5> kNames = {
      "package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "composer.lock", "go.sum"};
  return is_in(kNames, name) || name.ends_with(".lock") || name.ends_with("-lock.json");
}

bool is_json(std::string_view bytes, std::string_view name) {
  const std::string ending = ending_of(name);
  if (is_json_name(ending)) return true;
  return has_ending(ending) ? begins_with_record(bytes) : begins_like_json(bytes);
}

bool has_text(std::string_view record, const TextSpec& spec) {
  const auto members = parse_json_line(record);
  if (!members) return false;
  return std::ranges::all_of(spec.fields(), [&](const std::string& field) {
    return find_member(*members, field) != nullptr;
  });
}

std::string chat_field(std::string_view first_record, const TextSpec& spec) {
  using Kind = JsonMember::Kind;
  // A list is the chat itself; the field stands for it in messages.
  if (first_record.starts_with('[')) return "messages";
  const auto members = parse_json_line(first_record);
  if (!members || has_text(first_record, spec)) return {};
  const auto is_of = [&](std::string_view field, Kind kind) {
    const auto* member = find_member(*members, field);
    return member != nullptr && member->kind == kind;
  };
  if (is_of(kChatGptField, Kind::kObject)) return std::string(kChatGptField);
  if (is_of(kClaudeField, Kind::kArray)) return std::string(kClaudeField);
  for (const std::string_view field : {"messages", "conversations", "conversation"})
    if (is_of(field, Kind::kArray) || is_of(field, Kind::kString)) return std::string(field);
  return {};
}

FileKind no_text(std::string_view bytes, std::string_view name) {
  const bool has_zero = bytes.find('\0') != std::string_view::npos;
  const bool is_utf8 = find_invalid_utf8(bytes) == std::string_view::npos;
  const std::string ending = ending_of(name);
  // A text may begin with any words, even with "GGUF"; its name says that it is one.
  const bool is_named_text = has_ending(ending) && !is_json_name(ending);
  if (!is_named_text || has_zero || !is_utf8) {
    if (const FileKind kind = foreign_kind(bytes); !kind.what.empty()) return kind;
  }
  if (has_zero && looks_like_utf16(bytes))
    return {"text in UTF-16 without its mark", "convert it: iconv -f UTF-16LE -t UTF-8 FILE > OUT"};
  if (has_zero) return {"a binary file", "give text, or take the text out of it first"};
  if (!is_utf8)
    return {"text that is not UTF-8, perhaps Latin-1 or CP1252",
            "convert it: iconv -f CP1252 -t UTF-8 FILE > OUT"};
  return {};
}

}  // namespace coe
