#include "coe/college/serve/cut_cache.h"

#include "coe/base/hash.h"
#include "coe/base/text.h"
#include "coe/child/surgery/apply.h"
#include "coe/child/surgery/plan.h"
#include "coe/child/verify/verify.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/moe/open_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <span>
#include <system_error>
#include <thread>
#include <vector>

namespace coe {

namespace {

// Cuts have names of their own kind, so that nothing else in the folder is ever dropped.
constexpr std::string_view kCutEnding = ".cut.gguf";

std::string cut_key(const OpenModel& parent, const KeepMask& mask) {
  Hasher hasher;
  hasher.add_sized(parent.moe.id.digest);
  hasher.add_sized(metadata_digest(parent.file.header()));
  hasher.add_sized(mask.digest());
  hasher.add_sized(tool_version());
  constexpr std::string_view kScheme = "xxh3:";
  return hasher.digest().substr(kScheme.size(), 16);
}

struct OldCut {
  Path path;
  std::uint64_t bytes = 0;
  std::filesystem::file_time_type used;
};

// Drops cuts until they and `needed` have room. Whoever has one open keeps it until it is closed.
void drop_old_cuts(const Path& folder, std::uint64_t most_bytes, std::uint64_t needed) {
  std::error_code ec;
  std::vector<OldCut> cuts;
  std::uint64_t sum = needed;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ec)) {
    if (!entry.path().string().ends_with(kCutEnding) || !entry.is_regular_file(ec)) continue;
    cuts.push_back({entry.path(), entry.file_size(ec), entry.last_write_time(ec)});
    sum += cuts.back().bytes;
  }
  std::ranges::sort(cuts, {}, &OldCut::used);
  for (const auto& cut : cuts) {
    if (sum <= most_bytes) return;
    if (std::filesystem::remove(cut.path, ec)) sum -= cut.bytes;
  }
}

Result<std::optional<Path>> find_cut(const Path& path) {
  std::error_code ec;
  if (!std::filesystem::exists(path, ec)) return std::optional<Path>();
  // The time of its last use, by which old cuts are dropped.
  std::filesystem::last_write_time(path, std::filesystem::file_time_type::clock::now(), ec);
  return std::optional(path);
}

// Waits while another process makes the same cut.
Result<std::optional<RunLock>> take_or_wait(const Path& path, Observer& observer) {
  while (true) {
    auto lock = RunLock::take(path);
    if (lock) return std::optional(std::move(*lock));
    if (lock.error().code != Code::kExists) return tl::unexpected(std::move(lock).error());
    std::error_code ec;
    if (std::filesystem::exists(path, ec)) return std::optional<RunLock>();
    if (observer.cancelled()) return fail(Code::kCancelled, "interrupted");
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
}

}  // namespace

Result<Path> CutCache::get(std::string_view name, const Path& parent, const Path& mask_file,
                           const gguf::Dequantizer* dequantizer, Observer& observer) const {
  COE_TRY(const auto mask, read_mask(mask_file));
  COE_TRY(const auto model, open_model(parent, observer));
  auto path = folder_ / fmt::format("{}-{}{}", name, cut_key(model, mask), kCutEnding);
  COE_TRY(const auto found, find_cut(path));
  if (found) return *found;
  COE_TRY_STATUS(make_folder(folder_));
  COE_TRY(const auto lock, take_or_wait(path, observer));
  COE_TRY(const auto made, find_cut(path));
  if (made) return *made;
  SurgeryOptions surgery;
  surgery.mask_name = mask_file.string();
  COE_TRY(const auto plan, plan_surgery(model.file, model.moe, mask, surgery));
  for (const auto& warning : plan.warnings) observer.warning(warning);
  drop_old_cuts(folder_, most_bytes_,
                model.moe.bytes_at(model.file.header().file_bytes, mask.n_keep()));
  const ChildProof prove = [&](std::span<const Path> written) -> Status {
    COE_TRY(const auto proof, prove_child(parent, written, path, mask, dequantizer, observer));
    (void)proof;
    return {};
  };
  COE_TRY_STATUS(apply_plan(model.file, plan, path, Overwrite::kRefuse, observer, prove));
  return path;
}

Result<Path> default_cut_folder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && *cache == '/') return Path(cache) / "coe" / "cuts";
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home == '/') return Path(home) / ".cache" / "coe" / "cuts";
  return fail(Code::kNotFound, "there is no folder for cuts: HOME is not set",
              "say `cache = \"FOLDER\"` under [server]");
}

}  // namespace coe
