#include "coe/corpus/intake/ignore_rules.h"

#include "coe/base/lines.h"
#include "coe/corpus/glob.h"

#include <cstddef>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>

namespace coe {

IgnoreRules::IgnoreRules(std::string_view text) {
  constexpr std::size_t kMostRules = 10'000;
  LineReader lines(text);
  while (const auto line = lines.next()) {
    std::string_view pattern = line->text;
    while (pattern.ends_with(' ') || pattern.ends_with('\t')) pattern.remove_suffix(1);
    if (pattern.empty() || pattern.starts_with('#') || rules_.size() >= kMostRules) continue;
    bool leaves_out = true;
    if (pattern.starts_with('!')) {
      leaves_out = false;
      pattern.remove_prefix(1);
    }
    if (pattern.starts_with('\\')) pattern.remove_prefix(1);
    const bool folders_only = pattern.ends_with('/');
    if (folders_only) pattern.remove_suffix(1);
    const bool whole_path = pattern.find('/') != std::string_view::npos;
    if (pattern.starts_with('/')) pattern.remove_prefix(1);
    if (!glob_problem(pattern).empty()) continue;
    rules_.push_back({Glob(pattern), leaves_out, folders_only, whole_path});
  }
}

std::optional<bool> IgnoreRules::leaves_out(std::string_view path, bool is_folder) const {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  for (const auto& rule : rules_ | std::views::reverse) {  // the last that matches decides
    if (rule.folders_only && !is_folder) continue;
    if (rule.glob.matches(rule.whole_path ? path : name)) return rule.leaves_out;
  }
  return std::nullopt;
}

}  // namespace coe
