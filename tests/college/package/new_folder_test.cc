#include "coe/college/package/new_folder.h"

#include "coe/base/file.h"
#include "coe/base/result.h"

#include "support/expect.h"
#include "support/temp_dir.h"

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace coe {
namespace {

using testing::expect_error;
using testing::expect_ok;
using testing::TempDir;
using testing::value_of;

bool never(const Path& /*folder*/) { return false; }
bool always(const Path& /*folder*/) { return true; }

std::size_t count_entries(const Path& folder) {
  std::size_t n = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) n += entry.exists() ? 1 : 0;
  return n;
}

TEST(NewFolder, AppearsWithAllThatIsInIt) {
  const TempDir dir;
  auto folder = value_of(NewFolder::create(dir / "out", Overwrite::kRefuse, never));
  expect_ok(write_file(folder.temporary() / "a", "x", Overwrite::kRefuse));
  EXPECT_FALSE(std::filesystem::exists(dir / "out"));
  expect_ok(folder.commit());
  EXPECT_EQ(value_of(read_text(dir / "out" / "a")), "x");
  EXPECT_EQ(count_entries(dir.path()), 1U);
}

TEST(NewFolder, LeavesNothingWithoutCommit) {
  const TempDir dir;
  {
    auto folder = value_of(NewFolder::create(dir / "out/", Overwrite::kRefuse, never));
    expect_ok(write_file(folder.temporary() / "a", "x", Overwrite::kRefuse));
  }
  EXPECT_EQ(count_entries(dir.path()), 0U);
}

TEST(NewFolder, RefusesWhatStandsInTheWay) {
  const TempDir dir;
  std::filesystem::create_directory(dir / "full");
  expect_ok(write_file(dir / "full" / "mine", "x", Overwrite::kRefuse));
  expect_ok(write_file(dir / "file", "x", Overwrite::kRefuse));
  const auto create = [&](const Path& path, Overwrite overwrite) {
    return NewFolder::create(path, overwrite, never);
  };
  expect_error(create(dir / "full", Overwrite::kRefuse), Code::kExists, "exists already");
  expect_error(create(dir / "full", Overwrite::kAllow), Code::kInvalidArgument,
               "which --force does not remove");
  expect_error(create(dir / "file", Overwrite::kAllow), Code::kInvalidArgument, "is no folder");
  expect_error(create(dir / "none/out", Overwrite::kRefuse), Code::kNotFound,
               "the output's folder does not exist");
  expect_error(create("/", Overwrite::kAllow), Code::kInvalidArgument, "is no name");
  expect_error(create(dir / "full/..", Overwrite::kAllow), Code::kInvalidArgument, "is no name");
  EXPECT_EQ(value_of(read_text(dir / "full" / "mine")), "x");
}

TEST(NewFolder, RefusesALinkToAFolder) {
  const TempDir dir;
  std::filesystem::create_directory(dir / "there");
  std::filesystem::create_directory_symlink(dir / "there", dir / "out");
  expect_error(NewFolder::create(dir / "out", Overwrite::kAllow, always), Code::kInvalidArgument,
               "is no folder");
}

TEST(NewFolder, ReplacesWhatItMay) {
  const TempDir dir;
  std::filesystem::create_directory(dir / "out");
  expect_ok(write_file(dir / "out" / "old", "x", Overwrite::kRefuse));
  {
    auto folder = value_of(NewFolder::create(dir / "out", Overwrite::kAllow, always));
    EXPECT_TRUE(std::filesystem::exists(dir / "out" / "old"));
  }
  EXPECT_TRUE(std::filesystem::exists(dir / "out" / "old"));
  auto folder = value_of(NewFolder::create(dir / "out", Overwrite::kAllow, always));
  expect_ok(write_file(folder.temporary() / "new", "y", Overwrite::kRefuse));
  expect_ok(folder.commit());
  EXPECT_FALSE(std::filesystem::exists(dir / "out" / "old"));
  EXPECT_TRUE(std::filesystem::exists(dir / "out" / "new"));
  EXPECT_EQ(count_entries(dir.path()), 1U);
}

TEST(NewFolder, RefusesWhatAppearsMeanwhile) {
  const TempDir dir;
  auto folder = value_of(NewFolder::create(dir / "out", Overwrite::kRefuse, never));
  std::filesystem::create_directory(dir / "out");
  expect_error(folder.commit(), Code::kExists, "appeared while it was being written");
}

TEST(NewFolder, HasOneWriterAtATime) {
  const TempDir dir;
  const auto first = value_of(NewFolder::create(dir / "out", Overwrite::kRefuse, never));
  expect_error(NewFolder::create(dir / "out", Overwrite::kRefuse, never), Code::kExists,
               "another process is writing it (process " + std::to_string(::getpid()) + ")");
}

TEST(NewFolder, CleansUpAfterAKilledProcess) {
  const TempDir dir;
  const pid_t child = ::fork();
  if (child == 0) {
    auto folder = NewFolder::create(dir / "out", Overwrite::kRefuse, never);
    if (folder) {
      std::filesystem::create_directories(folder->temporary() / "deep");
      if (write_file(folder->temporary() / "deep" / "a", "x", Overwrite::kRefuse)) ::raise(SIGKILL);
    }
    ::_exit(1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_FALSE(std::filesystem::exists(dir / "out"));
  auto folder = value_of(NewFolder::create(dir / "out", Overwrite::kRefuse, never));
  EXPECT_EQ(count_entries(folder.temporary()), 0U);
  expect_ok(folder.commit());
  EXPECT_EQ(count_entries(dir.path()), 1U);
}

}  // namespace
}  // namespace coe
