#include "coe/corpus/sources.h"

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/glob.h"
#include "coe/corpus/json_line.h"
#include "coe/corpus/lines.h"
#include "coe/corpus/pieces.h"
#include "coe/corpus/reasoning.h"
#include "coe/corpus/sampling.h"
#include "coe/corpus/spec.h"
#include "coe/corpus/utf8.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace coe {
namespace {

JsonMember member(std::string name, std::string_view value) {
  return {std::move(name), JsonMember::Kind::kString, std::string(value), 0.0};
}

tl::unexpected<Error> cancelled(const SourceSpec& spec) {
  return fail(Code::kCancelled, fmt::format("{}: interrupted", spec.where));
}

struct Piece {
  std::string text;
  std::string name;
};

// The parts of a document that the limits on length leave.
std::vector<Piece> pieces_of(const SourceSpec& spec, std::string text, const std::string& name) {
  std::vector<Piece> out;
  const std::uint64_t n_char = count_chars(text);
  if (n_char < spec.min_chars) return out;
  if (n_char <= spec.max_chars) {
    out.push_back({std::move(text), name});
    return out;
  }
  if (!spec.split) return out;
  const auto views = split_text(text, spec.max_chars);
  for (std::size_t i = 0; i < views.size(); ++i) {
    std::string piece = tidy_text(views[i]);
    if (!piece.empty() && count_chars(piece) >= spec.min_chars)
      out.push_back({std::move(piece), fmt::format("{}#{}", name, i + 1)});
  }
  if (spec.pieces > 0)
    sample_by_rank(out, spec.pieces, spec.seed, [](const Piece& piece) { return piece.name; });
  return out;
}

Status refuse_output(const SourceSpec& spec, const BuildContext& context, const Path& path) {
  std::error_code ec;
  if (!std::filesystem::equivalent(path, context.output, ec)) return {};
  return fail(Code::kInvalidArgument,
              fmt::format("{}: {} is the output itself", spec.where, path.string()),
              "choose another output, or a pattern that leaves it out");
}

std::string_view as_text(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

Result<Draft> jsonl_draft(const SourceSpec& spec, std::string_view line, std::string_view where) {
  COE_TRY(const auto members, parse_json_line(line));
  Draft out;
  COE_TRY(out.text, spec.text.render(members));
  if (out.text.empty())
    return fail(Code::kCorrupt, "the text is empty", "remove the record or choose other fields");
  const auto own = [&](std::string_view field, std::string_view otherwise) {
    const JsonMember* found = find_member(members, field);
    const bool usable = found != nullptr && found->kind == JsonMember::Kind::kString;
    return usable ? found->text : std::string(otherwise);
  };
  out.source = own("source", where);
  out.format = spec.format.empty() ? own("format", "text") : spec.format;
  return out;
}

Result<std::vector<Draft>> read_jsonl(const SourceSpec& spec, const BuildContext& context,
                                      Observer& observer) {
  constexpr std::uint64_t kLinesPerPoll = 1024;
  std::vector<Draft> out;
  for (const auto& pattern : spec.paths) {
    COE_TRY(const auto files, expand_glob(context.root, pattern));
    for (const auto& name : files) {
      const Path path = context.root / name;
      COE_TRY_STATUS(refuse_output(spec, context, path));
      COE_TRY(const auto mapped, MappedFile::open(path));
      LineReader lines(as_text(mapped));
      while (const auto line = lines.next()) {
        if (line->number % kLinesPerPoll == 1 && observer.cancelled()) return cancelled(spec);
        if (line->blank()) continue;
        auto draft = jsonl_draft(spec, line->text, fmt::format("{}:{}", name, line->number));
        if (!draft) {
          Error error = std::move(draft).error();
          error.code = Code::kCorrupt;
          return tl::unexpected(
              std::move(error).context(fmt::format("{}:{}", path.string(), line->number)));
        }
        for (auto& piece : pieces_of(spec, std::move(draft->text), draft->source))
          out.push_back({std::move(piece.text), std::move(piece.name), draft->format, {}});
      }
    }
  }
  sample_by_rank(out, spec.max_records, spec.seed,
                 [](const Draft& draft) -> const std::string& { return draft.text; });
  return out;
}

// The records of one file; none when it is not wanted, no value when it is no text.
Result<std::optional<std::vector<Draft>>> file_drafts(const SourceSpec& spec, const Path& path,
                                                      const std::string& name) {
  COE_TRY(const auto mapped, MappedFile::open(path));
  const std::string_view bytes = as_text(mapped);
  if (bytes.find('\0') != std::string_view::npos ||
      find_invalid_utf8(bytes) != std::string_view::npos)
    return std::optional<std::vector<Draft>>();
  std::vector<Draft> out;
  if (!spec.skip_minified || !is_minified(bytes)) {
    std::string whole = tidy_text(bytes);
    if (spec.wrap > 0) whole = wrap_text(whole, spec.wrap);
    for (auto& piece : pieces_of(spec, std::move(whole), name)) {
      if (piece.text.empty()) continue;
      COE_TRY(std::string text,
              spec.text.render({member("text", piece.text), member("path", name)}));
      out.push_back(
          {std::move(text), std::move(piece.name), spec.format.empty() ? "text" : spec.format, {}});
    }
  }
  return std::optional(std::move(out));
}

Result<std::vector<Draft>> read_files(const SourceSpec& spec, const BuildContext& context,
                                      Observer& observer) {
  const Path folder = context.root / spec.folder;
  COE_TRY(const auto found, list_files(folder, spec.include, spec.exclude));
  if (found.empty())
    return fail(Code::kNotFound, fmt::format("{}: no file matches", folder.string()),
                "check include and exclude: `*` stays within a folder, `**` does not");
  std::vector<std::pair<std::uint64_t, std::string>> order;
  order.reserve(found.size());
  for (const auto& path : found) order.emplace_back(seeded_rank(spec.seed, path), path);
  if (spec.max_files < found.size()) std::sort(order.begin(), order.end());

  std::vector<std::pair<std::string, std::vector<Draft>>> taken;
  std::uint64_t n_no_text = 0;
  for (const auto& [rank, path] : order) {
    if (taken.size() == spec.max_files) break;
    if (observer.cancelled()) return cancelled(spec);
    COE_TRY_STATUS(refuse_output(spec, context, folder / path));
    const std::string name = (Path(spec.folder) / path).lexically_normal().generic_string();
    COE_TRY(auto drafts, file_drafts(spec, folder / path, name));
    if (!drafts) ++n_no_text;
    if (drafts && !drafts->empty()) taken.emplace_back(path, *std::move(drafts));
  }
  if (n_no_text > 0)
    observer.warning(fmt::format("{}: passed over {} file{} that {} no UTF-8 text", spec.where,
                                 n_no_text, n_no_text == 1 ? "" : "s",
                                 n_no_text == 1 ? "is" : "are"));
  std::sort(taken.begin(), taken.end(), [](auto& a, auto& b) { return a.first < b.first; });
  std::vector<Draft> out;
  for (auto& [path, drafts] : taken)
    std::move(drafts.begin(), drafts.end(), std::back_inserter(out));
  return out;
}

Result<std::vector<Draft>> read_reasoning(const SourceSpec& spec) {
  std::vector<Draft> out;
  const auto problems = generate_reasoning(spec.seed, spec.n, spec.fold);
  if (problems.size() < spec.n)
    return fail(Code::kCorrupt,
                fmt::format("{}: key `n`: there are only {} such problems ({} asked for)",
                            spec.where, problems.size(), spec.n),
                "lower n, or take a larger fold");
  for (std::size_t i = 0; i < problems.size(); ++i) {
    const auto& made = problems[i];
    COE_TRY(std::string text,
            spec.text.render({member("problem", made.problem), member("thinking", made.thinking),
                              member("solution", made.solution), member("family", made.family)}));
    const std::uint64_t n_char = count_chars(text);
    if (n_char < spec.min_chars || n_char > spec.max_chars) continue;
    out.push_back(
        {std::move(text),
         fmt::format("reasoning/{}:{}", made.family, i + 1),
         spec.format.empty() ? "text" : spec.format,
         {{"problem", made.problem}, {"thinking", made.thinking}, {"solution", made.solution}}});
  }
  return out;
}

}  // namespace

Result<std::vector<Draft>> read_source(const SourceSpec& spec, const BuildContext& context,
                                       Observer& observer) {
  Result<std::vector<Draft>> out = std::vector<Draft>();
  switch (spec.kind) {
    case SourceSpec::Kind::kJsonl:
      out = read_jsonl(spec, context, observer);
      break;
    case SourceSpec::Kind::kFiles:
      out = read_files(spec, context, observer);
      break;
    case SourceSpec::Kind::kReasoning:
      out = read_reasoning(spec);
      break;
  }
  if (!out) {
    Error error = std::move(out).error();
    if (error.message.find(spec.where) == std::string::npos)
      error = std::move(error).context(spec.where);
    return tl::unexpected(std::move(error));
  }
  if (out->empty())
    observer.warning(
        fmt::format("{}: gave no record; min_chars, max_chars or skip_minified leave "
                    "nothing of it",
                    spec.where));
  return out;
}

}  // namespace coe
