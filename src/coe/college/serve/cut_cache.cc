#include "coe/college/serve/cut_cache.h"

#include "coe/base/hash.h"
#include "coe/base/text.h"
#include "coe/child/surgery/apply.h"
#include "coe/child/surgery/plan.h"
#include "coe/child/verify/verify.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/gguf/gguf_source.h"
#include "coe/model/moe/open_model.h"
#include "coe/model/text_part/text_part.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <span>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace coe {

namespace {

// Cuts have names of their own kind, so that nothing else in the folder is ever dropped.
constexpr std::string_view kCutEnding = ".cut.gguf";

std::string short_key(const Hasher& hasher) {
  constexpr std::string_view kScheme = "xxh3:";
  return hasher.digest().substr(kScheme.size(), 16);
}

std::string cut_key(const OpenModel& parent, const KeepMask& mask) {
  Hasher hasher;
  hasher.add_sized(parent.moe.id.digest);
  hasher.add_sized(metadata_digest(parent.file.header()));
  hasher.add_sized(mask.digest());
  hasher.add_sized(tool_version());
  return short_key(hasher);
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

Status write_text_part(const Path& model, const Path& output, Observer& observer) {
  COE_TRY(auto file, gguf::GgufFile::open(model));
  COE_TRY(const auto text, text_part(std::move(file)));
  return gguf::write_source(*text, output, Overwrite::kRefuse, "text part", observer);
}

}  // namespace

// Whoever else makes the same file is waited for.
Result<Path> CutCache::make(const Path& path, std::uint64_t n_bytes,
                            const std::function<Status()>& write, Observer& observer) const {
  COE_TRY(const auto found, find_cut(path));
  if (found) return *found;
  COE_TRY_STATUS(make_folder(folder_));
  COE_TRY(const auto lock, take_or_wait(path, observer));
  COE_TRY(const auto made, find_cut(path));
  if (made) return *made;
  drop_old_cuts(folder_, most_bytes_, n_bytes);
  COE_TRY_STATUS(write());
  return path;
}

Result<Path> CutCache::get(std::string_view name, const Path& parent, const Path& mask_file,
                           const gguf::Dequantizer* dequantizer, Observer& observer) const {
  COE_TRY(const auto mask, read_mask(mask_file));
  COE_TRY(const auto model, open_model(parent, observer));
  const auto path = folder_ / fmt::format("{}-{}{}", name, cut_key(model, mask), kCutEnding);
  const bool has_tower = needs_text_part(model.file.header());
  const auto cut = [&](const Path& output) -> Status {
    SurgeryOptions surgery;
    surgery.mask_name = mask_file.string();
    COE_TRY(const auto plan, plan_surgery(model.file, model.moe, mask, surgery));
    for (const auto& warning : plan.warnings) observer.warning(warning);
    const ChildProof prove = [&](std::span<const Path> written) -> Status {
      return prove_child(parent, written, output, mask, dequantizer, observer).map([](const auto&) {
      });
    };
    return apply_plan(model.file, plan, output, Overwrite::kRefuse, observer, prove);
  };
  // The proof is one of the whole child, so that is cut first.
  const auto cut_text = [&]() -> Status {
    const Path whole = path.string() + ".whole";
    std::error_code ec;
    std::filesystem::remove(whole, ec);  // of a run that was stopped
    auto status = cut(whole);
    if (status) status = write_text_part(whole, path, observer);
    std::filesystem::remove(whole, ec);
    return status;
  };
  return make(
      path, model.moe.bytes_at(model.file.header().file_bytes, mask.n_keep()),
      [&] { return has_tower ? cut_text() : cut(path); }, observer);
}

Result<Path> CutCache::loadable(std::string_view name, const Path& model,
                                Observer& observer) const {
  COE_TRY(const auto file, gguf::GgufFile::open(model));
  if (!needs_text_part(file.header())) return model;
  Hasher hasher;
  COE_TRY(const auto digest, model_digest(file));
  for (const auto& part : {digest, metadata_digest(file.header()), std::string(tool_version())})
    hasher.add_sized(part);
  const auto path = folder_ / fmt::format("{}-{}{}", name, short_key(hasher), kCutEnding);
  return make(
      path, file.header().file_bytes - tower_bytes(file.header()),
      [&] { return write_text_part(model, path, observer); }, observer);
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
