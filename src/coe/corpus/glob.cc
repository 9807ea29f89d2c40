#include "coe/corpus/glob.h"

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/base/utf8.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace coe {
namespace {

constexpr std::size_t kNone = static_cast<std::size_t>(-1);

std::vector<std::string_view> names_of(std::string_view path) {
  std::vector<std::string_view> out;
  while (true) {
    const auto slash = path.find('/');
    out.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return out;
    path.remove_prefix(slash + 1);
  }
}

// Both matchers below are greedy with one way back: to the last wildcard, which then takes one
// more. Taking more for an earlier wildcard could never help, as the last one can do the same.

bool name_matches(std::string_view pattern, std::string_view name) {
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = kNone;
  std::size_t star_n = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_n = n;
    } else if (p < pattern.size() && pattern[p] == '?') {
      ++p;
      ++n;
      while (n < name.size() && !is_char_start(name[n])) ++n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != kNone) {
      p = star + 1;
      n = ++star_n;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool has_wildcard(std::string_view text) { return text.find_first_of("*?") != std::string::npos; }

bool matches_any(std::span<const std::string> patterns, std::string_view path) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return glob_match(pattern, path); });
}

}  // namespace

bool glob_match(std::string_view pattern, std::string_view path) {
  const auto wanted = names_of(pattern);
  const auto given = names_of(path);
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = kNone;
  std::size_t star_n = 0;
  while (n < given.size()) {
    if (p < wanted.size() && wanted[p] == "**") {
      star = p++;
      star_n = n;
    } else if (p < wanted.size() && name_matches(wanted[p], given[n])) {
      ++p;
      ++n;
    } else if (star != kNone) {
      p = star + 1;
      n = ++star_n;
    } else {
      return false;
    }
  }
  while (p < wanted.size() && wanted[p] == "**") ++p;
  return p == wanted.size();
}

std::string glob_problem(std::string_view pattern) {
  if (pattern.empty()) return "it is empty";
  for (const auto name : names_of(pattern)) {
    if (name != "**" && name.find("**") != std::string_view::npos)
      return fmt::format("`**` must stand alone between slashes, but `{}` mixes it", name);
  }
  return {};
}

Result<std::vector<std::string>> list_files(const Path& root, std::span<const std::string> include,
                                            std::span<const std::string> exclude) {
  std::error_code ec;
  if (!std::filesystem::is_directory(root, ec))
    return fail(Code::kNotFound, fmt::format("{}: no such folder", root.string()),
                "check the path; relative ones start from the root folder of the build");
  std::vector<std::string> out;
  std::filesystem::recursive_directory_iterator walk(root, ec);
  const std::filesystem::recursive_directory_iterator end;
  while (!ec && walk != end) {
    const auto status = walk->symlink_status(ec);
    if (ec) break;
    if (std::filesystem::is_regular_file(status)) {
      std::string relative = walk->path().lexically_relative(root).generic_string();
      if (matches_any(include, relative) && !matches_any(exclude, relative))
        out.push_back(std::move(relative));
    }
    walk.increment(ec);
  }
  if (ec)
    return fail(Code::kIo,
                fmt::format("{}: cannot list its files: {}", root.string(), ec.message()),
                "check the permissions of the folder");
  std::sort(out.begin(), out.end());
  return out;
}

Result<std::vector<std::string>> expand_glob(const Path& root, const std::string& pattern) {
  if (!has_wildcard(pattern)) {
    std::error_code ec;
    if (!std::filesystem::exists(root / pattern, ec))
      return fail(Code::kNotFound, fmt::format("{}: no such file", (root / pattern).string()),
                  "check the path; relative ones start from the root folder of the build");
    return std::vector<std::string>{pattern};
  }
  // The folder before the first wildcard is where the walk starts.
  const auto slash = pattern.rfind('/', pattern.find_first_of("*?"));
  const std::string base = slash == std::string::npos ? "" : pattern.substr(0, slash + 1);
  const std::string rest = pattern.substr(base.size());
  COE_TRY(auto found, list_files(base.empty() ? root : root / base, {&rest, 1}, {}));
  if (found.empty())
    return fail(Code::kNotFound, fmt::format("{}: no file matches", (root / pattern).string()),
                "check the pattern: `*` stays within a folder, `**` does not");
  for (auto& path : found) path.insert(0, base);
  return found;
}

}  // namespace coe
