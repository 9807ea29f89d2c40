// Disks that are too small, and disks that become so.
#include "faults/fault_fixture.h"
#include "faults/small_disk.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

namespace coe::testing {
namespace {

using ::testing::HasSubstr;

class FullDiskTest : public FaultTest {
 protected:
  void SetUp() override {
    if (const auto why = why_no_small_disks(); !why.empty())
      GTEST_SKIP() << "cannot make a small disk (" << why << "): nothing is tested here";
  }
  static Path mount_point() { return folder() / "disk"; }

  static void expect_out_of_space(const Exit& exit, const std::string& when) {
    EXPECT_EQ(exit.code, 1) << when << ": " << describe(exit);
    EXPECT_THAT(exit.errors, HasSubstr("child.gguf")) << when;
    EXPECT_THAT(exit.errors, HasSubstr("space")) << when;
    EXPECT_THAT(exit.errors, HasSubstr("disk")) << when;
  }
};

TEST_F(FullDiskTest, ATooSmallDiskIsRefusedWhateverItsSize) {
  constexpr std::uint64_t kSizes = 20;
  for (std::uint64_t i = 0; i < kSizes; ++i) {
    // From one page to just under what is needed.
    const std::uint64_t size = (child_bytes() - 1) * i / (kSizes - 1);
    const auto when = fmt::format("{} bytes", size);
    const SmallDisk disk(mount_point(), size);
    const Path output = disk.folder() / "child.gguf";
    expect_out_of_space(prune(output), when);
    expect_nothing(output, when);
    if (i % 5 != 4) continue;
    disk.resize(child_bytes() + (1U << 20));
    expect_recovers(output, when);
  }
}

// The space is there when it is checked, and gone when it is needed. Filled while the cut stands
// still, so that it always fails where it should.
void fill_during_copy(SmallDisk& disk, const std::vector<std::string>& command, const Path& part,
                      std::uint64_t n_written, Exit& exit) {
  Process process(command);
  ASSERT_TRUE(process.stop_at(part, n_written));
  disk.fill(1U << 20);
  process.resume();
  exit = process.wait();
}

TEST_F(FullDiskTest, ADiskThatFillsUpDuringTheCopyLeavesNothing) {
  for (const double share : {0.0, 0.2, 0.5, 0.8}) {
    const auto when = fmt::format("filled at {}", share);
    const auto n_written = static_cast<std::uint64_t>(share * static_cast<double>(child_bytes()));
    SmallDisk disk(mount_point(), child_bytes() + (1U << 20));
    const Path output = disk.folder() / "child.gguf";
    Exit exit;
    fill_during_copy(disk, prune_command(output), temporary_of(output), n_written, exit);
    expect_out_of_space(exit, when);
    expect_nothing(output, when);
    std::filesystem::remove(disk.folder() / "filler");
    expect_recovers(output, when);
  }
}

// The same where parent and child share a file system, and the kernel copies between them; and an
// older child is there, which must stay.
TEST_F(FullDiskTest, ADiskThatFillsUpKeepsTheOldChildWithForce) {
  const auto room = std::filesystem::file_size(parent()) + 2 * child_bytes() + (2U << 20);
  SmallDisk disk(mount_point(), room);
  const Path near = disk.folder() / "parent.gguf";
  std::filesystem::copy_file(parent(), near);
  const Path output = disk.folder() / "child.gguf";
  ASSERT_TRUE(prune(output, 0).done());
  auto command = prune_command(output, 1, true);
  std::ranges::replace(command, parent().string(), near.string());
  Exit exit;
  fill_during_copy(disk, command, temporary_of(output), child_bytes() / 4, exit);
  expect_out_of_space(exit, "with --force");
  EXPECT_TRUE(verifies(output, 0));
  EXPECT_FALSE(std::filesystem::exists(temporary_of(output)));
}

}  // namespace
}  // namespace coe::testing
