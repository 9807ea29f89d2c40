#include "coe/corpus/source_steps.h"

#include "coe/base/file.h"
#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/base/utf8.h"
#include "coe/corpus/json_line.h"
#include "coe/corpus/manifest.h"
#include "coe/corpus/pieces.h"
#include "coe/corpus/sampling.h"
#include "coe/corpus/sources.h"
#include "coe/corpus/spec.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace coe {

JsonMember string_member(std::string name, std::string_view value) {
  return {std::move(name), JsonMember::Kind::kString, std::string(value), 0.0};
}

tl::unexpected<Error> cancelled(const SourceSpec& spec) {
  return fail(Code::kCancelled, fmt::format("{}: interrupted", spec.where));
}

Status refuse_output(const SourceSpec& spec, const BuildContext& context, const Path& path) {
  std::error_code ec;
  const bool is_output = std::filesystem::equivalent(path, context.output, ec);
  if (!is_output && !std::filesystem::equivalent(path, manifest_path(context.output), ec))
    return {};
  return fail(Code::kInvalidArgument,
              fmt::format("{}: {} is {}", spec.where, path.string(),
                          is_output ? "the output itself" : "the output's manifest"),
              "choose another output, or a pattern that leaves it out");
}

std::vector<Piece> pieces_of(const SourceSpec& spec, std::string text, const std::string& name) {
  const std::uint64_t n_char = count_chars(text);
  if (n_char < spec.min_chars) return {};
  const bool is_long = n_char > spec.max_chars;
  if (is_long && !spec.splitting.split) return {};
  auto out = cut_text(std::move(text), name, spec.max_chars);
  if (!is_long) return out;
  std::erase_if(out, [&](const Piece& piece) { return count_chars(piece.text) < spec.min_chars; });
  if (spec.splitting.pieces > 0)
    sample_by_rank(out, spec.splitting.pieces, spec.seed,
                   [](const Piece& piece) { return piece.name; });
  return out;
}

Result<bool> fields_pass(const SourceSpec& spec, const std::vector<JsonMember>& members) {
  for (const auto& filter : spec.filters) {
    if (filter.field.empty()) continue;
    const JsonMember* member = find_member(members, filter.field);
    // Files are judged by what is known before they are read.
    const bool missing = member == nullptr || member->kind == JsonMember::Kind::kNull;
    if (!missing && member->kind != JsonMember::Kind::kString)
      return fail(Code::kCorrupt,
                  fmt::format("field `{}` is {}, not a string", printable(filter.field),
                              kind_name(member->kind)),
                  "filters look at fields that hold text");
    const bool found = !missing && filter.pattern.found_in(member->text);
    if (found != filter.keep) return false;
  }
  return true;
}

}  // namespace coe
