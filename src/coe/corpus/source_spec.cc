#include "coe/corpus/source_spec.h"

#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/base/toml_table.h"
#include "coe/corpus/bad_records.h"
#include "coe/corpus/glob.h"
#include "coe/corpus/reasoning.h"
#include "coe/corpus/regex.h"
#include "coe/corpus/spec.h"
#include "coe/corpus/text_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

namespace coe {
namespace {

constexpr std::uint64_t kMostProblems = 1'000'000;

Status check_patterns(TomlTable& table, std::string_view key,
                      const std::vector<std::string>& patterns) {
  for (const auto& pattern : patterns) {
    if (const std::string problem = glob_problem(pattern); !problem.empty())
      return table.bad(key, fmt::format("pattern `{}`: {}", printable(pattern), problem));
  }
  return {};
}

// Reads a text spec; with `allowed`, its fields must be among them.
Result<TextSpec> read_text_spec(TomlTable& table, std::string_view key, std::string_view otherwise,
                                const std::vector<std::string>& allowed) {
  COE_TRY(const std::string text, table.string_or(key, otherwise));
  auto spec = TextSpec::parse(text);
  if (!spec) {
    const Error error = std::move(spec).error();
    return table.bad(key, error.message, error.hint);
  }
  for (const auto& field : spec->fields()) {
    if (!allowed.empty() && std::find(allowed.begin(), allowed.end(), field) == allowed.end())
      return table.bad(key, fmt::format("unknown field {{{}}}", printable(field)),
                       fmt::format("fields here: {}", fmt::join(allowed, ", ")));
  }
  return spec;
}

// "1/2": index and count.
Result<ReasoningFold> read_fold(TomlTable& table) {
  COE_TRY(const std::string text, table.string_or("fold", "0/1"));
  ReasoningFold fold;
  const char* const end = text.data() + text.size();
  const auto index = std::from_chars(text.data(), end, fold.index);
  if (index.ec == std::errc() && index.ptr != end && *index.ptr == '/') {
    const auto count = std::from_chars(index.ptr + 1, end, fold.count);
    if (count.ec == std::errc() && count.ptr == end && fold.index < fold.count) return fold;
  }
  return table.bad("fold", fmt::format("`{}` is no part such as 0/2 or 1/2", printable(text)),
                   "write index/count with an index below the count");
}

Status read_splitting(TomlTable& table, SourceSpec& out, bool otherwise) {
  COE_TRY(out.splitting.split, table.flag_or("split", otherwise));
  COE_TRY(out.splitting.pieces, table.count_or("pieces", 0, 0, INT64_MAX));
  if (table.has("pieces") && !out.splitting.split)
    return table.bad("pieces", "it needs split = true");
  return {};
}

constexpr std::uint64_t kMostModulus = 100'000;

// The keys of `off` splits.
Status read_off(TomlTable& table, OffSpec& out) {
  COE_TRY(out.modulus, table.count_or("modulus", out.modulus, 2, kMostModulus));
  COE_TRY(out.off, table.counts_or_none("off"));
  for (const std::uint64_t remainder : out.off) {
    if (remainder >= out.modulus)
      return table.bad("off",
                       fmt::format("{} is not below the modulus {}", remainder, out.modulus));
  }
  if (table.has("modulus") && out.off.empty()) return table.bad("modulus", "it needs off");
  return {};
}

Result<std::optional<TextSpec>> read_turn(TomlTable& table, std::string_view key,
                                          const std::vector<std::string>& allowed) {
  if (!table.has(key)) {
    COE_TRY_STATUS(table.string_or(key, "").map([](auto&&) {}));  // makes the key known
    return std::optional<TextSpec>();
  }
  COE_TRY(auto spec, read_text_spec(table, key, "", allowed));
  return std::optional(std::move(spec));
}

// `text_key` is what a chat stands instead of.
Status read_chat(TomlTable& table, SourceSpec& out, std::string_view text_key,
                 const std::vector<std::string>& allowed) {
  COE_TRY(auto chat, table.table_or_none("chat"));
  if (!chat) return {};
  if (table.has(text_key))
    return table.bad("chat", fmt::format("it stands instead of `{}`: give one of them", text_key));
  ChatSpec spec;
  COE_TRY(spec.messages, chat->string_or("messages", ""));
  COE_TRY(spec.system, read_turn(*chat, "system", allowed));
  COE_TRY(spec.user, read_turn(*chat, "user", allowed));
  COE_TRY(spec.assistant, read_turn(*chat, "assistant", allowed));
  COE_TRY(spec.thinking, read_turn(*chat, "thinking", allowed));
  COE_TRY(spec.drop_thinking, chat->flag_or("drop_thinking", false));
  COE_TRY_STATUS(chat->finish());
  const bool has_messages = !spec.messages.empty();
  if (has_messages && !std::holds_alternative<JsonlSource>(out.kind))
    return chat->bad("messages", "only a source of kind jsonl has messages");
  if (has_messages && (spec.system || spec.user || spec.assistant || spec.thinking))
    return chat->bad("messages", "it stands instead of system, user, assistant and thinking");
  if (!has_messages && !spec.user)
    return table.bad("chat", "it names neither `user` nor `messages`",
                     "chat = { user = \"question\", assistant = \"answer\" }");
  if (spec.thinking && spec.drop_thinking)
    return chat->bad("drop_thinking", "it goes with no `thinking`");
  if (spec.thinking && !spec.assistant)
    return chat->bad("thinking", "it stands before the assistant's words: give `assistant` too");
  out.chat = std::move(spec);
  return {};
}

// `allowed`: the fields that records have; empty when only the data say.
Status read_filters(TomlTable& table, SourceSpec& out, const std::vector<std::string>& allowed) {
  COE_TRY(auto filters, table.tables_or_none("filter"));
  for (auto& filter : filters) {
    const bool keep = filter.has("include");
    if (keep == filter.has("exclude"))
      return fail(Code::kCorrupt,
                  fmt::format("{}: it must have either `include` or `exclude`", filter.where()),
                  "write one rule per [[domain.source.filter]]; all must hold");
    const std::string_view key = keep ? "include" : "exclude";
    COE_TRY(const std::string pattern, filter.string(key));
    auto regex = Regex::compile(pattern);
    if (!regex) return filter.bad(key, regex.error().message, regex.error().hint);
    COE_TRY(const std::string field, filter.string_or("field", ""));
    if (filter.has("field") && !allowed.empty() &&
        std::find(allowed.begin(), allowed.end(), field) == allowed.end())
      return filter.bad("field", fmt::format("unknown field `{}`", printable(field)),
                        fmt::format("fields here: {}", fmt::join(allowed, ", ")));
    COE_TRY_STATUS(filter.finish());
    out.filters.push_back({field, keep, *std::move(regex)});
  }
  return {};
}

Status read_paths(TomlTable& table, RecordFiles& out) {
  COE_TRY(out.paths, table.strings("path"));
  return check_patterns(table, "path", out.paths);
}

Status read_jsonl(TomlTable& table, SourceSpec& out) {
  auto& own = out.kind.emplace<JsonlSource>();
  COE_TRY_STATUS(read_paths(table, own.files));
  COE_TRY(out.text, read_text_spec(table, "text", "text", {}));
  COE_TRY(own.files.off.category, table.string_or("category", ""));
  COE_TRY_STATUS(read_off(table, own.files.off));
  COE_TRY(own.keep, table.strings_or("keep", {}));
  constexpr std::array<std::string_view, 5> kWritten = {"text", "domain", "weight", "source",
                                                        "format"};
  for (const auto& field : own.keep) {
    if (std::find(kWritten.begin(), kWritten.end(), field) != kWritten.end())
      return table.bad("keep", fmt::format("`{}` is written in any case", field));
  }
  COE_TRY_STATUS(read_chat(table, out, "text", {}));
  COE_TRY_STATUS(read_filters(table, out, {}));
  COE_TRY_STATUS(read_splitting(table, out, false));
  if (out.chat && out.splitting.split) return table.bad("split", "chats are not cut");
  return {};
}

Status read_mmlu_pro(TomlTable& table, SourceSpec& out) {
  const std::vector<std::string> fields = {"text",     "problem",     "question", "options",
                                           "answer",   "answer_text", "thinking", "solution",
                                           "category", "src"};
  auto& own = out.kind.emplace<MmluProSource>();
  COE_TRY_STATUS(read_paths(table, own.files));
  COE_TRY(out.text, read_text_spec(table, "text", "text", fields));
  COE_TRY(own.categories, table.strings_or("categories", {}));
  COE_TRY(own.files.off.category, table.string_or("category", "category"));
  COE_TRY_STATUS(read_off(table, own.files.off));
  const std::string& category = own.files.off.category;
  if (table.has("category") && category != "category" && category != "src")
    return table.bad("category", "questions are numbered by `category` or `src`");
  COE_TRY_STATUS(read_chat(table, out, "text", fields));
  return read_filters(table, out, fields);
}

// About a thousand tokens.
constexpr std::uint64_t kPieceOfFile = 4000;

Status read_files(TomlTable& table, SourceSpec& out) {
  auto& own = out.kind.emplace<FilesSource>();
  COE_TRY(own.folder, table.string("root"));
  COE_TRY(own.include, table.strings_or("include", {"**"}));
  COE_TRY(own.exclude, table.strings_or("exclude", {}));
  COE_TRY_STATUS(check_patterns(table, "include", own.include));
  COE_TRY_STATUS(check_patterns(table, "exclude", own.exclude));
  COE_TRY(out.text, read_text_spec(table, "template", "{text}", {"text", "path"}));
  COE_TRY(own.max_files, table.count_or("max_files", kUnlimited, 1, INT64_MAX));
  COE_TRY(own.wrap, table.count_or("wrap", 0, 0, INT64_MAX));
  COE_TRY(own.skip_minified, table.flag_or("skip_minified", true));
  COE_TRY_STATUS(read_off(table, own.off));
  COE_TRY_STATUS(read_filters(table, out, {"path"}));
  COE_TRY_STATUS(read_splitting(table, out, true));
  // A record for each whole file would be few records, each cut to its beginning by who measures.
  if (out.splitting.split && out.max_chars == kUnlimited)
    out.max_chars = std::max(kPieceOfFile, out.min_chars);
  return {};
}

Status read_reasoning(TomlTable& table, SourceSpec& out) {
  auto& own = out.kind.emplace<ReasoningSource>();
  COE_TRY(own.n, table.count("n", 1, kMostProblems));
  COE_TRY(own.fold, read_fold(table));
  const std::vector<std::string> fields = {"problem", "thinking", "solution", "family"};
  COE_TRY(out.text, read_text_spec(table, "template", "{problem}\n{thinking}\n{solution}", fields));
  COE_TRY_STATUS(read_chat(table, out, "template", fields));
  return read_filters(table, out, fields);
}

// A share such as "2%", or a number of records.
Result<BadLimit> read_max_bad(TomlTable& table, const BadLimit& outer) {
  COE_TRY(const std::string text, table.string_or_count("max_bad", ""));
  if (text.empty() && !table.has("max_bad")) return outer;
  auto limit = BadLimit::parse(text);
  if (limit) return limit;
  const Error error = std::move(limit).error();
  return table.bad("max_bad", error.message, R"(write "2%" or 20; 0 allows none)");
}

}  // namespace

Result<SpecDefaults> read_defaults(TomlTable& table, const SpecDefaults& outer) {
  SpecDefaults out;
  COE_TRY(out.seed, table.count_or("seed", outer.seed, 0, INT64_MAX));
  COE_TRY(out.min_chars, table.count_or("min_chars", outer.min_chars, 0, INT64_MAX));
  COE_TRY(out.max_chars, table.count_or("max_chars", outer.max_chars, 1, INT64_MAX));
  if (out.min_chars > out.max_chars)
    return table.bad(
        table.has("min_chars") ? "min_chars" : "max_chars",
        fmt::format("min_chars {} is above max_chars {}", out.min_chars, out.max_chars));
  COE_TRY(out.min_tokens, table.count_or("min_record_tokens", outer.min_tokens, 0, INT64_MAX));
  COE_TRY(out.max_tokens, table.count_or("max_record_tokens", outer.max_tokens, 1, INT64_MAX));
  if (out.min_tokens > out.max_tokens)
    return table.bad(table.has("min_record_tokens") ? "min_record_tokens" : "max_record_tokens",
                     fmt::format("min_record_tokens {} is above max_record_tokens {}",
                                 out.min_tokens, out.max_tokens));
  COE_TRY(out.max_bad, read_max_bad(table, outer.max_bad));
  return out;
}

Result<SourceSpec> read_source_spec(TomlTable table, const SpecDefaults& outer) {
  using Reader = Status (*)(TomlTable&, SourceSpec&);
  static const std::map<std::string, Reader> kinds = {{"jsonl", read_jsonl},
                                                      {"files", read_files},
                                                      {"mmlu_pro", read_mmlu_pro},
                                                      {"reasoning", read_reasoning}};
  SourceSpec out;
  out.where = table.where();
  COE_TRY(const std::string kind, table.string("kind"));
  const auto found = kinds.find(kind);
  if (found == kinds.end())
    return table.bad("kind", fmt::format("there is no source kind `{}`", printable(kind)),
                     "kinds are files, jsonl, mmlu_pro and reasoning");
  COE_TRY(const SpecDefaults own, read_defaults(table, outer));
  out.seed = own.seed;
  out.min_chars = own.min_chars;
  out.max_chars = own.max_chars;
  out.min_tokens = own.min_tokens;
  out.max_tokens = own.max_tokens;
  out.max_bad = own.max_bad;
  COE_TRY(out.format, table.string_or("format", ""));
  COE_TRY(out.max_records, table.count_or("max_records", kUnlimited, 1, INT64_MAX));
  COE_TRY(out.token_cap, table.count_or("max_tokens", kUnlimited, 1, INT64_MAX));
  COE_TRY_STATUS(found->second(table, out));
  COE_TRY_STATUS(table.finish());
  return out;
}

}  // namespace coe
