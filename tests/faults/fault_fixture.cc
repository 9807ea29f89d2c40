#include "faults/fault_fixture.h"

#include "make_model/mask.h"
#include "make_model/shape.h"
#include "make_model/write.h"
#include "support/expect.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace coe::testing {

std::unique_ptr<TempDir> FaultTest::files_;
std::uint64_t FaultTest::child_bytes_ = 0;

void FaultTest::SetUpTestSuite() {
  constexpr std::uint64_t kLayerMb = 103;  // of 32 experts in this shape
  files_ = std::make_unique<TempDir>();
  const auto mb = fault_setting("COE_FAULT_MB", 200);
  const auto n_layer = static_cast<std::uint32_t>(std::max<std::uint64_t>(2, mb / kLayerMb));
  const auto model = value_of(tools::build_model({.shape = "qwen3-30b-a3b",
                                                  .n_layer = n_layer,
                                                  .n_expert = 32,
                                                  .n_vocab = 1000,
                                                  .vocabulary = true}));
  value_of(tools::write_model(model, {.output = parent()}));
  for (const int which : {0, 1}) {
    const auto seed = static_cast<std::uint64_t>(which) + 1;
    expect_ok(
        write_file(mask(which), value_of(tools::random_mask(model, 16, seed)), Overwrite::kRefuse));
  }
  const Path child = folder() / "first.gguf";
  const auto exit = prune(child);
  ASSERT_TRUE(exit.done()) << describe(exit);
  child_bytes_ = std::filesystem::file_size(child);
  std::filesystem::remove(child);
}

void FaultTest::TearDownTestSuite() { files_.reset(); }

std::vector<std::string> FaultTest::prune_command(const Path& output, int which, bool force) {
  std::vector<std::string> command = {COE_BINARY, "prune",  "--no-verify", "-q", "-m",
                                      parent(),   "--mask", mask(which),   "-o", output};
  if (force) command.emplace_back("--force");
  return command;
}

bool FaultTest::verifies(const Path& child) {
  return run_process({COE_BINARY, "verify", "-q", parent(), child}).done();
}

bool FaultTest::verifies(const Path& child, int which) {
  return run_process({COE_BINARY, "verify", "-q", parent(), child, "--mask", mask(which)}).done();
}

void FaultTest::expect_nothing(const Path& output, const std::string& when) {
  EXPECT_FALSE(std::filesystem::exists(output)) << when;
  EXPECT_FALSE(std::filesystem::exists(temporary_of(output))) << when;
}

void FaultTest::expect_recovers(const Path& output, const std::string& when) {
  const auto exit = prune(output, 0, true);
  ASSERT_TRUE(exit.done()) << when << ": " << describe(exit);
  EXPECT_TRUE(verifies(output, 0)) << when;
  EXPECT_FALSE(std::filesystem::exists(temporary_of(output))) << when;
}

}  // namespace coe::testing
