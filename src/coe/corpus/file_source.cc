#include "coe/base/as_text.h"
#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/base/utf8.h"
#include "coe/corpus/glob.h"
#include "coe/corpus/pieces.h"
#include "coe/corpus/sampling.h"
#include "coe/corpus/source_steps.h"
#include "coe/corpus/sources.h"
#include "coe/corpus/spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {
namespace {

// The records of one file; none when it is not wanted, no value when it is no text.
Result<std::optional<std::vector<Draft>>> file_drafts(const SourceSpec& spec,
                                                      const FilesSource& kind,
                                                      const BuildContext& context, const Path& path,
                                                      const std::string& name) {
  COE_TRY(const auto mapped, MappedFile::open(path));
  const std::string_view bytes = as_text(mapped.bytes());
  context.log.add(path, context.root, bytes);
  if (bytes.find('\0') != std::string_view::npos ||
      find_invalid_utf8(bytes) != std::string_view::npos)
    return std::optional<std::vector<Draft>>();
  std::vector<Draft> out;
  if (!kind.skip_minified || !is_minified(bytes)) {
    std::string whole = tidy_text(bytes);
    if (kind.wrap > 0) whole = wrap_text(whole, kind.wrap);
    for (auto& piece : pieces_of(spec, std::move(whole), name)) {
      if (piece.text.empty()) continue;
      COE_TRY(std::string text,
              spec.text.render({string_member("text", piece.text), string_member("path", name)}));
      out.push_back({std::move(text),
                     std::move(piece.name),
                     spec.format.empty() ? "text" : spec.format,
                     {},
                     0});
    }
  }
  return std::optional(std::move(out));
}

// Files are numbered as they are found, before anything else is left out.
void keep_split(const OffSpec& split, std::vector<std::string>& files) {
  if (split.off.empty()) return;
  std::uint64_t number = 0;
  std::erase_if(files, [&](const std::string&) {
    return std::ranges::find(split.off, number++ % split.modulus) == split.off.end();
  });
}

}  // namespace

Result<SourceRecords> read_kind(const SourceSpec& spec, const FilesSource& kind,
                                const BuildContext& context, Observer& observer) {
  const Path folder = context.root / kind.folder;
  COE_TRY(auto found, list_files(folder, kind.include, kind.exclude));
  if (found.empty())
    return fail(Code::kNotFound, fmt::format("{}: no file matches", folder.string()),
                "check include and exclude: `*` stays within a folder, `**` does not");
  keep_split(kind.off, found);
  std::vector<std::pair<std::uint64_t, std::string>> order;
  order.reserve(found.size());
  for (const auto& path : found) order.emplace_back(seeded_rank(spec.seed, path), path);
  if (kind.max_files < found.size()) std::sort(order.begin(), order.end());

  std::vector<std::pair<std::string, std::vector<Draft>>> taken;
  SourceRecords out;
  std::uint64_t n_no_text = 0;
  for (const auto& [rank, path] : order) {
    if (taken.size() == kind.max_files) break;
    if (observer.cancelled()) return cancelled(spec);
    COE_TRY_STATUS(refuse_output(spec, context, folder / path));
    const std::string name = (Path(kind.folder) / path).lexically_normal().generic_string();
    COE_TRY(const bool pass, fields_pass(spec, {string_member("path", name)}));
    if (!pass) {
      ++out.n_filtered;
      continue;
    }
    COE_TRY(auto drafts, file_drafts(spec, kind, context, folder / path, name));
    if (!drafts) ++n_no_text;
    if (drafts && !drafts->empty()) taken.emplace_back(path, *std::move(drafts));
  }
  if (n_no_text > 0)
    observer.warning(fmt::format("{}: passed over {} file{} that {} no UTF-8 text", spec.where,
                                 n_no_text, n_no_text == 1 ? "" : "s",
                                 n_no_text == 1 ? "is" : "are"));
  std::sort(taken.begin(), taken.end(), [](auto& a, auto& b) { return a.first < b.first; });
  for (auto& [path, drafts] : taken)
    std::move(drafts.begin(), drafts.end(), std::back_inserter(out.drafts));
  return out;
}

}  // namespace coe
