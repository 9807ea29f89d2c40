// Routing profiles, score tables and their states from arbitrary bytes: an error, or what can be
// written again and reads the same. Values that break an invariant must not get through, for sums
// and masks rely on them.
#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/mask/score/table.h"
#include "coe/profile/routing/file.h"
#include "coe/profile/routing/stats.h"

#include "memory_file.h"
#include "require.h"
#include "support/temp_dir.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace {

// Files appear under their names only when complete: what is written again cannot be in memory.
const coe::Path& scratch() {
  static const coe::testing::TempDir folder;
  static const coe::Path file = folder / "again.gguf";
  return file;
}

template <class T>
void check(coe::Result<T> (*read)(const coe::Path&),
           coe::Status (*write)(const coe::Path&, const T&, coe::Overwrite),
           const coe::Path& path) {
  const auto content = read(path);
  if (!content) return require(!content.error().message.empty());
  require(write(scratch(), *content, coe::Overwrite::kAllow).has_value());
  const auto again = read(scratch());
  require(again && content_digest(*again) == content_digest(*content));
}

void check_state(const coe::Path& path) {
  const auto state = coe::read_score_state(path);
  if (!state) return require(!state.error().message.empty());
  require(coe::write_score_state(scratch(), *state).has_value());
  const auto again = coe::read_score_state(scratch());
  require(again && again->n_layer_done == state->n_layer_done &&
          content_digest(again->table) == content_digest(state->table));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const MemoryFile file(std::as_bytes(std::span(data, size)));
  check(coe::read_profile, coe::write_profile, file.path());
  check(coe::read_score_table, coe::write_score_table, file.path());
  check_state(file.path());
  return 0;
}
