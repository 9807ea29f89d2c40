#include "coe/corpus/glob.h"

#include "coe/base/file.h"
#include "coe/base/result.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <re2/re2.h>
#include <re2/stringpiece.h>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace coe {
namespace {

// Longer patterns could be more than RE2 takes; paths of Linux end there too.
constexpr std::size_t kMostBytes = 4096;

std::vector<std::string_view> names_of(std::string_view path) {
  std::vector<std::string_view> out;
  while (true) {
    const auto slash = path.find('/');
    out.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return out;
    path.remove_prefix(slash + 1);
  }
}

// The pattern of a name as RE2 writes it, over bytes.
std::string name_regex(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '*')
      out += "[^/]*";
    else if (c == '?')
      out += "[^/][\\x80-\\xbf]*";  // a character of UTF-8, whatever its length
    else
      out += re2::RE2::QuoteMeta(re2::StringPiece(&c, 1));
  }
  return out;
}

std::string path_regex(std::string_view pattern) {
  auto names = names_of(pattern);
  // Any number of folders, and again any number, are any number.
  names.erase(std::unique(names.begin(), names.end(),
                          [](auto a, auto b) { return a == "**" && b == "**"; }),
              names.end());
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const bool is_last = i + 1 == names.size();
    if (names[i] == "**") {
      out += !is_last ? "(?:.*/)?" : i == 0 ? ".*" : "(?:/.*)?";
      continue;
    }
    out += name_regex(names[i]);
    const bool slash_follows = !is_last && !(i + 2 == names.size() && names[i + 1] == "**");
    if (slash_follows) out += '/';
  }
  return out;
}

bool has_wildcard(std::string_view text) { return text.find_first_of("*?") != std::string::npos; }

}  // namespace

Glob::Glob(std::string_view pattern) {
  re2::RE2::Options options;
  options.set_encoding(re2::RE2::Options::EncodingLatin1);  // names of files need not be UTF-8
  options.set_dot_nl(true);
  options.set_log_errors(false);
  regex_ = std::make_shared<const re2::RE2>(path_regex(pattern), options);
}

bool Glob::matches(std::string_view path) const {
  return re2::RE2::FullMatch(re2::StringPiece(path.data(), path.size()), *regex_);
}

std::string glob_problem(std::string_view pattern) {
  if (pattern.empty()) return "it is empty";
  if (pattern.size() > kMostBytes) return fmt::format("it is longer than {} bytes", kMostBytes);
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
  const std::vector<Glob> wanted(include.begin(), include.end());
  const std::vector<Glob> unwanted(exclude.begin(), exclude.end());
  const auto matches_any = [](const std::vector<Glob>& globs, std::string_view path) {
    return std::ranges::any_of(globs, [&](const Glob& glob) { return glob.matches(path); });
  };
  std::vector<std::string> out;
  std::filesystem::recursive_directory_iterator walk(root, ec);
  const std::filesystem::recursive_directory_iterator end;
  while (!ec && walk != end) {
    const auto status = walk->symlink_status(ec);
    if (ec) break;
    if (std::filesystem::is_regular_file(status)) {
      std::string relative = walk->path().lexically_relative(root).generic_string();
      if (matches_any(wanted, relative) && !matches_any(unwanted, relative))
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
