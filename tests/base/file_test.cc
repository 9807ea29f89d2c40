#include "coe/base/file.h"

#include "coe/base/result.h"

#include "support/expect.h"
#include "support/temp_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <utility>

namespace coe {
namespace {

using testing::expect_error;
using testing::expect_ok;
using testing::TempDir;
using testing::value_of;

void put(const Path& path, std::string_view text) { std::ofstream(path) << text; }

std::size_t n_entry(const Path& folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder),
                                                std::filesystem::directory_iterator()));
}

TEST(MappedFile, ShowsTheBytesOfAFile) {
  const TempDir dir;
  put(dir / "a", "hello");
  const auto file = value_of(MappedFile::open(dir / "a"));
  ASSERT_EQ(file.bytes().size(), 5U);
  EXPECT_EQ(file.bytes()[4], std::byte{'o'});
}

TEST(MappedFile, AcceptsAnEmptyFile) {
  const TempDir dir;
  put(dir / "empty", "");
  EXPECT_TRUE(value_of(MappedFile::open(dir / "empty")).bytes().empty());
}

TEST(MappedFile, RefusesWhatIsNoFile) {
  const TempDir dir;
  expect_error(MappedFile::open(dir / "absent"), Code::kNotFound, "absent: cannot open");
  expect_error(MappedFile::open(dir.path()), Code::kUnsupported, "not a regular file");
}

TEST(MappedFile, KeepsItsBytesWhenMoved) {
  const TempDir dir;
  put(dir / "a", "hello");
  auto first = value_of(MappedFile::open(dir / "a"));
  const MappedFile second = std::move(first);
  EXPECT_EQ(second.bytes().size(), 5U);
}

TEST(AtomicFile, AppearsOnlyWhenCommitted) {
  const TempDir dir;
  const Path path = dir / "out";
  auto file = value_of(AtomicFile::create(path, Overwrite::kRefuse));
  expect_ok(file.write("half "));
  EXPECT_FALSE(std::filesystem::exists(path));
  expect_ok(file.write("whole"));
  expect_ok(file.commit());
  EXPECT_EQ(value_of(read_text(path)), "half whole");
}

TEST(AtomicFile, LeavesNothingWithoutCommit) {
  const TempDir dir;
  {
    auto file = value_of(AtomicFile::create(dir / "out", Overwrite::kRefuse));
    expect_ok(file.write("half"));
  }
  EXPECT_EQ(n_entry(dir.path()), 0U);
}

TEST(AtomicFile, LeavesOneNameAfterCommit) {
  const TempDir dir;
  for (const auto overwrite : {Overwrite::kRefuse, Overwrite::kAllow}) {
    {
      auto file = value_of(AtomicFile::create(
          dir / (overwrite == Overwrite::kAllow ? "forced" : "fresh"), overwrite));
      expect_ok(file.commit());
    }
  }
  EXPECT_EQ(n_entry(dir.path()), 2U);
}

TEST(AtomicFile, RefusesAnExistingOutput) {
  const TempDir dir;
  put(dir / "out", "old");
  const auto file = AtomicFile::create(dir / "out", Overwrite::kRefuse);
  expect_error(file, Code::kExists, "out: output exists already");
  EXPECT_THAT(file.error().hint, ::testing::HasSubstr("--force"));
  EXPECT_EQ(value_of(read_text(dir / "out")), "old");
}

TEST(AtomicFile, RefusesADanglingLinkAsOutput) {
  const TempDir dir;
  std::filesystem::create_symlink(dir / "nowhere", dir / "out");
  expect_error(AtomicFile::create(dir / "out", Overwrite::kRefuse), Code::kExists, "out");
}

TEST(AtomicFile, OverwritesWhenAllowed) {
  const TempDir dir;
  put(dir / "out", "old");
  expect_ok(write_file(dir / "out", "new", Overwrite::kAllow));
  EXPECT_EQ(value_of(read_text(dir / "out")), "new");
}

TEST(AtomicFile, KeepsTheOldFileUntilCommit) {
  const TempDir dir;
  put(dir / "out", "old");
  {
    auto file = value_of(AtomicFile::create(dir / "out", Overwrite::kAllow));
    expect_ok(file.write("new"));
  }
  EXPECT_EQ(value_of(read_text(dir / "out")), "old");
}

TEST(AtomicFile, DoesNotReplaceAFileThatAppearedMeanwhile) {
  const TempDir dir;
  auto file = value_of(AtomicFile::create(dir / "out", Overwrite::kRefuse));
  put(dir / "out", "theirs");
  expect_error(file.commit(), Code::kExists, "appeared while");
  EXPECT_EQ(value_of(read_text(dir / "out")), "theirs");
}

TEST(AtomicFile, ReplacesAnAbandonedTemporary) {
  const TempDir dir;
  const Path temporary = value_of(AtomicFile::create(dir / "out", Overwrite::kRefuse)).temporary();
  put(temporary, "left by a killed process");
  expect_ok(write_file(dir / "out", "new", Overwrite::kRefuse));
  EXPECT_EQ(value_of(read_text(dir / "out")), "new");
  EXPECT_EQ(n_entry(dir.path()), 1U);
}

// A run that is killed between giving its output the final name and dropping the other leaves this.
TEST(AtomicFile, SparesAFinishedFileThatStillHasItsTemporaryName) {
  const TempDir dir;
  put(dir / "out", "finished");
  std::filesystem::create_hard_link(dir / "out", dir / ".out.part");
  {
    auto file = value_of(AtomicFile::create(dir / "out", Overwrite::kAllow));
    expect_ok(file.write("new"));
    EXPECT_EQ(value_of(read_text(dir / "out")), "finished");
  }
  EXPECT_EQ(value_of(read_text(dir / "out")), "finished");
  EXPECT_EQ(n_entry(dir.path()), 1U);
  auto file = value_of(AtomicFile::create(dir / "out", Overwrite::kAllow));
  expect_ok(file.write("new"));
  expect_ok(file.commit());
  EXPECT_EQ(value_of(read_text(dir / "out")), "new");
  EXPECT_EQ(n_entry(dir.path()), 1U);
}

TEST(AtomicFile, RefusesTwoWritersOfOneOutput) {
  const TempDir dir;
  auto first = value_of(AtomicFile::create(dir / "out", Overwrite::kAllow));
  expect_ok(first.write("first"));
  expect_error(AtomicFile::create(dir / "out", Overwrite::kAllow), Code::kExists,
               "another process is writing it");
  expect_ok(first.commit());  // the second attempt has not harmed the first
  EXPECT_EQ(value_of(read_text(dir / "out")), "first");
}

TEST(AtomicFile, NamesAMissingFolder) {
  const TempDir dir;
  expect_error(AtomicFile::create(dir / "no/out", Overwrite::kRefuse), Code::kNotFound,
               "folder does not exist");
  expect_error(AtomicFile::create(dir.path(), Overwrite::kAllow), Code::kInvalidArgument,
               "is a folder");
}

TEST(AtomicFile, ReportsAWriteThatFailsAndLeavesNothing) {
  const TempDir dir;
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  auto* const handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{1000, old.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto status = write_file(dir / "out", std::string(5000, 'x'), Overwrite::kRefuse);
  ::setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  expect_error(status, Code::kIo, "out: cannot write");
  EXPECT_EQ(n_entry(dir.path()), 0U);
}

TEST(FreeSpace, IsKnownForAFolderThatExists) {
  const TempDir dir;
  EXPECT_GT(value_of(free_space(dir / "out")), 0U);
  expect_error(free_space(dir / "no/out"), Code::kNotFound, "cannot ask free space");
}

TEST(ReadText, ReadsAWholeFile) {
  const TempDir dir;
  put(dir / "a", std::string("a\0b", 3));
  EXPECT_EQ(value_of(read_text(dir / "a")), std::string("a\0b", 3));
  expect_error(read_text(dir / "absent"), Code::kNotFound, "absent");
}

}  // namespace
}  // namespace coe
