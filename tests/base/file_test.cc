#include "coe/base/file.h"

#include "coe/base/inputs.h"
#include "coe/base/mapping_guard.h"
#include "coe/base/result.h"

#include "support/expect.h"
#include "support/temp_dir.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
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
  expect_error(MappedFile::open(dir.path()), Code::kUnsupported, "is a folder");
  const auto page = MappedFile::open("https://example.org/model.gguf");
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().hint, "coe reads files: download it first, and give the path of the file");
}

TEST(RunLock, TellsASecondRunAtOnceWhoHoldsTheOutput) {
  const TempDir dir;
  {
    const auto lock = value_of(RunLock::take(dir / "out.gguf"));
    const auto second = RunLock::take(dir / "out.gguf");
    expect_error(second, Code::kExists,
                 fmt::format("out.gguf: another process is writing it (process {})", ::getpid()));
    EXPECT_EQ(second.error().message.find(".run"), std::string::npos);
    value_of(RunLock::take(dir / "other.gguf"));
    expect_ok(write_file(dir / "out.gguf", "made", Overwrite::kRefuse));
  }
  EXPECT_EQ(n_entry(dir.path()), 1U);   // the output alone
  put(dir / ".out.gguf.run.part", "");  // what a killed run left
  value_of(RunLock::take(dir / "out.gguf"));
  EXPECT_EQ(n_entry(dir.path()), 1U);
  expect_error(RunLock::take(dir / "none/out.gguf"), Code::kNotFound, "does not exist");
}

TEST(KeepFile, LeavesAFileThatSaysTheSame) {
  const TempDir dir;
  expect_ok(keep_file(dir / "a", "one", Overwrite::kRefuse));
  const auto time = std::filesystem::last_write_time(dir / "a");
  expect_ok(keep_file(dir / "a", "one", Overwrite::kRefuse));
  EXPECT_EQ(std::filesystem::last_write_time(dir / "a"), time);
  expect_error(keep_file(dir / "a", "two", Overwrite::kRefuse), Code::kExists, "exists already");
  expect_ok(keep_file(dir / "a", "two", Overwrite::kAllow));
  EXPECT_EQ(value_of(read_text(dir / "a")), "two");
}

// Its temporary would be emptied.
TEST(AtomicFile, DoesNotUseAnInputForItsTemporary) {
  static const TempDir dir;  // as long as the process protects what is in it
  put(dir / ".out.part", "somebody's text");
  protect_input(dir / ".out.part", "--file");
  expect_error(AtomicFile::create(dir / "out", Overwrite::kAllow), Code::kInvalidArgument,
               "the output is an input of the same command (--file)");
  EXPECT_EQ(value_of(read_text(dir / ".out.part")), "somebody's text");
}

// Opening a named pipe waits for somebody who writes.
TEST(MappedFile, RefusesAPipeAtOnce) {
  const TempDir dir;
  ASSERT_EQ(::mkfifo((dir / "pipe").c_str(), 0600), 0);
  expect_error(MappedFile::open(dir / "pipe"), Code::kUnsupported, "pipe: not a regular file");
  expect_error(read_text(dir / "pipe"), Code::kUnsupported, "pipe: not a regular file");
  expect_error(read_text("/dev/zero"), Code::kUnsupported, "not a regular file");
}

// A page behind the end of the file is a bus error.
TEST(MappedFileDeathTest, EndsWithWordsWhenItBecameShorter) {
  const TempDir dir;
  const auto read = [&](bool forget) {
    put(dir / "a", std::string(100'000, 'x'));
    guard_mappings(7);
    const auto file = value_of(MappedFile::open(dir / "a"));
    if (forget) forget_mapping(file.bytes().data());
    std::filesystem::resize_file(dir / "a", 10);
    std::exit(file.bytes()[90'000] == std::byte{'x'} ? 1 : 2);
  };
  EXPECT_EXIT(read(false), ::testing::ExitedWithCode(7), "/a: became shorter while it was being");
  EXPECT_EXIT(read(true), ::testing::ExitedWithCode(7), "a mapped file");
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
  // What would be standard output elsewhere.
  expect_error(check_output("-", Overwrite::kAllow), Code::kInvalidArgument, "has a name");
  expect_ok(check_output("./-", Overwrite::kAllow));
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

TEST(AtomicFile, NamesTheProcessThatWrites) {
  const TempDir dir;
  const auto file = value_of(AtomicFile::create(dir / "out", Overwrite::kRefuse));
  const auto other = AtomicFile::create(dir / "out", Overwrite::kRefuse);
  expect_error(other, Code::kExists,
               "out: another process is writing it (process " + std::to_string(::getpid()) + ")");
}

// A run whose temporary was removed and made anew by another would give the other's bytes its name.
TEST(AtomicFile, NoticesThatItsTemporaryIsAnothers) {
  const TempDir dir;
  {
    auto first = value_of(AtomicFile::create(dir / "out", Overwrite::kAllow));
    expect_ok(first.write("the first's"));
    std::filesystem::remove(first.temporary());
    auto second = value_of(AtomicFile::create(dir / "out", Overwrite::kAllow));
    expect_ok(second.write("half of the sec"));
    expect_error(first.commit(), Code::kIo,
                 "out: its temporary `.out.part` was removed or replaced");
    EXPECT_FALSE(std::filesystem::exists(dir / "out"));
    expect_ok(second.write("ond's"));
    expect_ok(second.commit());
  }
  EXPECT_EQ(value_of(read_text(dir / "out")), "half of the second's");
  auto third = value_of(AtomicFile::create(dir / "out", Overwrite::kAllow));
  std::filesystem::remove(third.temporary());
  expect_error(third.commit(), Code::kIo, "removed or replaced");
}

TEST(AtomicFile, DoesNotRemoveAnothersTemporary) {
  const TempDir dir;
  std::optional<AtomicFile> second;
  {
    auto first = value_of(AtomicFile::create(dir / "out", Overwrite::kAllow));
    std::filesystem::remove(first.temporary());
    second.emplace(value_of(AtomicFile::create(dir / "out", Overwrite::kAllow)));
  }
  EXPECT_TRUE(std::filesystem::exists(second->temporary()));
}

// By its own name, a hard link, a symbolic link and a way around.
TEST(CheckOutput, RefusesAnInputWhateverItIsCalled) {
  const TempDir dir;
  put(dir / "in", "precious");
  put(dir / "other", "");
  std::filesystem::create_hard_link(dir / "in", dir / "hard");
  std::filesystem::create_symlink("in", dir / "soft");
  protect_input(dir / "in", "--model");
  protect_input(dir / "absent", "--mask");
  protect_input(dir.path(), "--suite");
  for (const Path& name : {dir / "in", dir / "hard", dir / "soft", dir / "." / "in"}) {
    expect_error(check_output(name, Overwrite::kAllow), Code::kInvalidArgument,
                 "the output is an input of the same command (--model)");
    expect_error(AtomicFile::create(name, Overwrite::kAllow), Code::kInvalidArgument, "(--model)");
  }
  expect_ok(check_output(dir / "other", Overwrite::kAllow));
  expect_ok(check_output(dir / "absent", Overwrite::kAllow));
  EXPECT_EQ(value_of(read_text(dir / "in")), "precious");
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
