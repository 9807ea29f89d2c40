#include "coe/corpus/intake/folder.h"

#include "coe/base/file.h"
#include "coe/base/hash.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/base/unpack.h"
#include "coe/corpus/intake/file_form.h"
#include "coe/corpus/intake/ignore_rules.h"
#include "coe/corpus/intake/taken.h"
#include "coe/corpus/pieces.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_set>
#include <utility>
#include <vector>

namespace coe {
namespace {

constexpr std::size_t kMostFiles = 1'000'000;
constexpr std::size_t kMostFolders = 256;  // one within the other
// Larger ones are data, whatever their name; exports of chats may be large.
constexpr std::uint64_t kMostTextBytes = std::uint64_t{64} << 20;
constexpr std::uint64_t kMostJsonBytes = std::uint64_t{2} << 30;

// Folders that hold what tools fetch or make.
bool is_made_by_tools(const std::filesystem::directory_entry& folder, std::string_view name) {
  static constexpr std::array<std::string_view, 13> kNames = {
      "node_modules", "bower_components", "__pycache__", "site-packages", "build", "dist", "out",
      "target",       "vendor",           "coverage",    "DerivedData",   "Pods",  "venv"};
  if (std::ranges::find(kNames, name) != kNames.end()) return true;
  if (name.starts_with("cmake-build-") || name.starts_with("build-") || name.ends_with(".egg-info"))
    return true;
  std::error_code ec;  // what caches say of themselves: https://bford.info/cachedir/
  return std::filesystem::exists(folder.path() / "CACHEDIR.TAG", ec) ||
         std::filesystem::exists(folder.path() / "pyvenv.cfg", ec);
}

// Rules of a folder and of those above it.
struct Level {
  const Level* above = nullptr;
  std::string folder;  // relative; "" or "src/"
  std::optional<IgnoreRules> rules;
};

bool is_ignored(const Level& level, const std::string& path, bool is_folder) {
  for (const Level* at = &level; at != nullptr; at = at->above) {
    if (!at->rules) continue;
    const auto said =
        at->rules->leaves_out(std::string_view(path).substr(at->folder.size()), is_folder);
    if (said) return *said;
  }
  return false;
}

class Walker {
 public:
  Walker(const Path& root, Taken& taken, Observer& observer)
      : root_(root), taken_(taken), observer_(observer) {}

  Result<FolderWalk> walk() {
    COE_TRY_STATUS(enter(root_, "", nullptr, 0));
    std::ranges::sort(out_.files);
    std::ranges::sort(out_.folders);
    std::ranges::sort(out_.ignored);
    return std::move(out_);
  }

 private:
  Status enter(const Path& folder, const std::string& name, const Level* above, std::size_t depth) {
    if (observer_.cancelled()) return fail(Code::kCancelled, "reading a folder: interrupted");
    Level level{above, name, {}};
    if (const auto text = read_text(folder / ".gitignore")) level.rules.emplace(*text);
    std::error_code ec;
    std::filesystem::directory_iterator entries(folder, ec);
    if (ec) {
      if (depth == 0)
        return fail(Code::kIo,
                    fmt::format("{}: cannot list its files: {}", folder.string(), ec.message()),
                    "check the permissions of the folder");
      taken_.leave_out("unreadable", name);
      return {};
    }
    std::vector<std::filesystem::directory_entry> sorted;  // what is said must not depend on it
    const std::filesystem::directory_iterator end;
    while (!ec && entries != end) {
      sorted.push_back(*entries);
      entries.increment(ec);
    }
    std::ranges::sort(sorted);
    for (const auto& entry : sorted) COE_TRY_STATUS(look_at(entry, level, depth));
    if (ec) taken_.leave_out("unreadable", name);
    return {};
  }

  Status look_at(const std::filesystem::directory_entry& entry, const Level& level,
                 std::size_t depth) {
    const std::string name = entry.path().filename().string();
    std::string path = level.folder + name;
    std::error_code ec;
    const auto status = entry.symlink_status(ec);
    if (ec || status.type() == std::filesystem::file_type::not_found) {
      taken_.leave_out("vanished", path);
    } else if (std::filesystem::is_symlink(status)) {
      taken_.leave_out("linked", path);
    } else if (std::filesystem::is_directory(status)) {
      return look_at_folder(entry, std::move(path), name, level, depth);
    } else if (!std::filesystem::is_regular_file(status)) {
      taken_.leave_out("no files", path);
    } else if (name.starts_with('.')) {
      taken_.leave_out("hidden", path);
    } else if (is_ignored(level, path, false)) {
      taken_.leave_out("ignored by .gitignore", path);
      out_.ignored.push_back(std::move(path));
    } else if (is_lock_file(name)) {
      taken_.leave_out("locks", path);
    } else if (is_data(ending_of(unpacked_name(name)))) {
      taken_.leave_out("data", path);
    } else {
      out_.files.push_back(std::move(path));
      if (out_.files.size() > kMostFiles)
        return fail(Code::kUnsupported,
                    fmt::format("{}: holds more than {} files", root_.string(), kMostFiles),
                    "give folders within it, or choose by `include` in a spec of coe corpus build");
    }
    return {};
  }

  Status look_at_folder(const std::filesystem::directory_entry& entry, std::string path,
                        const std::string& name, const Level& level, std::size_t depth) {
    if (name.starts_with('.')) {
      taken_.leave_out("hidden", path);
    } else if (is_made_by_tools(entry, name)) {
      taken_.leave_out_and_tell("made by tools", path);
      out_.folders.push_back(std::move(path));
    } else if (is_ignored(level, path, true)) {
      taken_.leave_out("ignored by .gitignore", path);
      out_.ignored.push_back(path + "/**");
    } else if (depth >= kMostFolders) {
      taken_.leave_out("too deep", path);
    } else {
      return enter(entry.path(), path + "/", &level, depth + 1);
    }
    return {};
  }

  const Path& root_;
  Taken& taken_;
  Observer& observer_;
  FolderWalk out_;
};

// The file's text, or in `why` the reason for which it has none.
std::optional<std::string> text_of(const Path& path, const std::string& name, std::string& why) {
  const std::string inner = unpacked_name(name);
  const bool is_packed = inner != path.filename().string();
  const std::string ending = ending_of(inner);
  const bool may_be_large = ending == ".json" || ending == ".jsonl" || ending == ".ndjson";
  const std::uint64_t most = may_be_large ? kMostJsonBytes : kMostTextBytes;
  std::error_code ec;
  const auto size = std::filesystem::file_size(path, ec);
  if (!ec && size > most) {
    why = "too large";
    return std::nullopt;
  }
  auto bytes = read_text(path);
  if (!bytes) {
    why = bytes.error().code == Code::kNotFound ? "vanished" : "unreadable";
    return std::nullopt;
  }
  if (!is_packed) return *std::move(bytes);
  auto unpacked = unpack(std::as_bytes(std::span(*bytes)), name, most);
  if (!unpacked) {
    why = unpacked.error().code == Code::kUnsupported ? "too large" : "damaged";
    return std::nullopt;
  }
  return *unpacked ? std::move(**unpacked) : *std::move(bytes);
}

// Why a text is not taken; empty where it is.
std::string_view why_not(std::string_view text, const std::string& inner) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return "empty";
  const auto kind = no_text(text, inner);
  if (kind.what.find("UTF-16") != std::string_view::npos ||
      kind.what.find("not UTF-8") != std::string_view::npos)
    return "not UTF-8";
  if (!kind.what.empty()) return "binary";
  return {};
}

}  // namespace

Result<FolderWalk> walk_folder(const Path& folder, Taken& taken, Observer& observer) {
  std::error_code ec;
  if (!std::filesystem::is_directory(folder, ec))
    return fail(Code::kNotFound, fmt::format("{}: no such folder", folder.string()),
                "check the path");
  return Walker(folder, taken, observer).walk();
}

Status read_folder(const Path& folder, const FolderWalk& walk,
                   std::unordered_set<std::uint64_t>& seen, Taken& taken, Observer& observer,
                   const std::function<Status(const FolderFile&)>& take) {
  std::uint64_t n_done = 0;
  for (const auto& name : walk.files) {
    if (observer.cancelled()) return fail(Code::kCancelled, "reading a folder: interrupted");
    observer.progress("text", ++n_done, walk.files.size(), "files");
    const Path path = folder / name;
    std::string why;
    const auto text = text_of(path, name, why);
    if (!text) {
      taken.leave_out(why, name);
      continue;
    }
    const std::string inner = unpacked_name(name);
    const std::string ending = ending_of(inner);
    const bool json = is_json(*text, inner);
    if (const auto reason = why_not(*text, inner); !reason.empty()) {
      taken.leave_out(reason, name);
    } else if (!json && !is_prose(ending) && is_minified(*text)) {
      taken.leave_out("minified", name);
    } else if (!seen.insert(hash_number(*text)).second) {
      taken.leave_out("copied", name);
    } else {
      COE_TRY_STATUS(take({name, ending, json, *text}));
    }
  }
  return {};
}

}  // namespace coe
