// Dispatchers from arbitrary bytes: an error, or what can be written again and reads the same, and
// what chooses by text without a number that is none.
#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/college/choose/dispatcher.h"

#include "memory_file.h"
#include "require.h"
#include "support/temp_dir.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

namespace {

const coe::Path& scratch_file() {
  static const coe::testing::TempDir folder;
  static const coe::Path file = folder / "again.gguf";
  return file;
}

void check_choice(coe::Dispatcher dispatcher, std::string_view text) {
  const auto n = dispatcher.names.size();
  const auto chooser = coe::make_chooser(std::move(dispatcher), nullptr);
  require(chooser.has_value());
  const auto choice = (*chooser)->choose(text);
  require(choice && choice->scores.size() == n);
  double sum = 0.0;
  for (const double score : choice->scores) sum += score;
  require(std::abs(sum - 1.0) < 1e-6);
  require(!choice->chosen || *choice->chosen < n);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const MemoryFile file(std::as_bytes(std::span(data, size)));
  auto found = coe::read_dispatcher(file.path());
  if (!found) {
    require(!found.error().message.empty());
    return 0;
  }
  require(coe::write_dispatcher(scratch_file(), *found, coe::Overwrite::kAllow).has_value());
  const auto again = coe::read_dispatcher(scratch_file());
  require(again && again->names == found->names && again->calibration == found->calibration &&
          again->text.has_value() == found->text.has_value());
  if (!found->routing) check_choice(*std::move(found), "the cat <|turn>user\nand a dog");
  return 0;
}
