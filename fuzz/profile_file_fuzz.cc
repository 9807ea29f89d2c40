// Routing profiles and score tables from arbitrary bytes: an error, or what can be written again
// and reads the same. Values that break an invariant must not get through, for sums and masks rely
// on them.
#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/routing/file.h"
#include "coe/routing/stats.h"
#include "coe/score/table.h"

#include "memory_file.h"
#include "require.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <system_error>
#include <unistd.h>

namespace {

// Where things are written again: files appear under their names only when complete, so not in
// memory.
struct Scratch {
  coe::Path folder =
      std::filesystem::temp_directory_path() / fmt::format("coe-profile-fuzz-{}", ::getpid());
  coe::Path file = folder / "again.gguf";

  Scratch() { std::filesystem::create_directories(folder); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ec;
    std::filesystem::remove_all(folder, ec);
  }
};

const coe::Path& scratch() {
  static const Scratch place;
  return place.file;
}

void check_profile(const coe::Path& path) {
  const auto stats = coe::read_profile(path);
  if (!stats) return require(!stats.error().message.empty());
  require(coe::write_profile(scratch(), *stats, coe::Overwrite::kAllow).has_value());
  const auto again = coe::read_profile(scratch());
  require(again && coe::content_digest(*again) == coe::content_digest(*stats));
}

void check_table(const coe::Path& path) {
  const auto table = coe::read_score_table(path);
  if (!table) return require(!table.error().message.empty());
  require(coe::write_score_table(scratch(), *table, coe::Overwrite::kAllow).has_value());
  const auto again = coe::read_score_table(scratch());
  require(again && coe::content_digest(*again) == coe::content_digest(*table));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const MemoryFile file(std::as_bytes(std::span(data, size)));
  check_profile(file.path());
  check_table(file.path());
  return 0;
}
