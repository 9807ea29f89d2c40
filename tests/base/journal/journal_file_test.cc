#include "coe/base/journal/journal_file.h"

#include "coe/base/file.h"
#include "coe/base/inputs.h"

#include "support/expect.h"
#include "support/temp_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <fstream>
#include <string>
#include <sys/resource.h>

namespace coe {
namespace {

using coe::testing::expect_error;
using coe::testing::expect_ok;
using coe::testing::TempDir;
using coe::testing::value_of;
using ::testing::MatchesRegex;

class JournalFileTest : public ::testing::Test {
 protected:
  void write(const std::string& text) const { std::ofstream(path_, std::ios::binary) << text; }
  std::string read() const { return value_of(read_text(path_)); }

  TempDir dir_;
  Path path_ = dir_ / "journal.jsonl";
};

TEST_F(JournalFileTest, GrowsByLines) {
  {
    auto file = value_of(JournalFile::open(path_));
    EXPECT_EQ(file.text(), "");
    EXPECT_EQ(file.path(), path_);
    expect_ok(file.begin("{\"schema\":1}\n"));
    expect_ok(file.append("{\"id\":\"one\"}\n"));
    EXPECT_EQ(file.text(), "");
  }
  EXPECT_THAT(read(), MatchesRegex("\\{\"schema\":1,\"sum\":\"[0-9a-f]+\"\\}\n"
                                   "\\{\"id\":\"one\",\"sum\":\"[0-9a-f]+\"\\}\n"));
  EXPECT_EQ(value_of(JournalFile::open(path_)).text(), "{\"schema\":1}\n{\"id\":\"one\"}\n");
  EXPECT_EQ(value_of(read_journal_lines(path_)), "{\"schema\":1}\n{\"id\":\"one\"}\n");
}

TEST_F(JournalFileTest, BeginsAnew) {
  write("header\none\n");
  {
    auto file = value_of(JournalFile::open(path_));
    expect_ok(file.begin("{\"a\":1}\n"));
    EXPECT_EQ(file.text(), "");
    expect_ok(file.append("{}\n"));
  }
  EXPECT_EQ(value_of(read_journal_lines(path_)), "{\"a\":1}\n{}\n");
}

// A kill may end a file after any byte.
TEST_F(JournalFileTest, CutsOffAnUnfinishedLine) {
  const std::string whole = "{\"schema\":\"coe.x/1\"}\none\n\ntwo\n";
  for (std::size_t n = 0; n <= whole.size(); ++n) {
    const auto rest = whole.substr(0, n);
    const auto lines = rest.substr(0, rest.rfind('\n') + 1);
    write(rest);
    EXPECT_EQ(value_of(read_journal_lines(path_)), lines) << n;
    EXPECT_EQ(read(), rest) << n;  // reading mends nothing
    {
      auto file = value_of(JournalFile::open(path_));
      EXPECT_EQ(file.text(), lines) << n;
      expect_ok(file.append("{\"more\":1}\n"));
    }
    EXPECT_EQ(value_of(read_journal_lines(path_)), lines + "{\"more\":1}\n") << n;
  }
}

// Another letter of an answer is another valid answer, but for the sum.
TEST_F(JournalFileTest, NoticesEveryFlippedBit) {
  {
    auto file = value_of(JournalFile::open(path_));
    expect_ok(file.begin("{\"schema\":1}\n"));
    expect_ok(file.append("{\"answer\":\"The answer is (B).\"}\n"));
  }
  const auto whole = read();
  const auto lines = value_of(read_journal_lines(path_));
  std::size_t n_noticed = 0;
  for (std::size_t at = 0; at + 1 < whole.size(); ++at) {
    for (const int bit : {1, 4, 32}) {
      auto bytes = whole;
      bytes[at] = static_cast<char>(bytes[at] ^ bit);
      write(bytes);
      const auto found = read_journal_lines(path_);
      // What breaks the name of the sum leaves a member that no room knows, and the rest as it was.
      if (found) {
        EXPECT_NE(found->find("The answer is (B)."), std::string::npos) << at;
      }
      n_noticed += found ? 0U : 1U;
    }
  }
  EXPECT_GT(n_noticed, whole.size() * 2);
  auto bytes = whole;
  bytes[bytes.find("(B)") + 1] = 'C';
  write(bytes);
  expect_error(read_journal_lines(path_), Code::kCorrupt,
               "journal.jsonl:2: does not have the sum that it says: it was damaged or edited");
  expect_error(JournalFile::open(path_), Code::kCorrupt, "journal.jsonl:2: ");
  EXPECT_EQ(read(), bytes);
}

TEST_F(JournalFileTest, ReadsLinesOfEarlierVersions) {
  write("{\"schema\":1}\n{\"id\":2}\n{}\n");
  EXPECT_EQ(value_of(read_journal_lines(path_)), "{\"schema\":1}\n{\"id\":2}\n{}\n");
}

TEST_F(JournalFileTest, HasOneWriter) {
  {
    const auto first = value_of(JournalFile::open(path_));
    expect_error(JournalFile::open(path_), Code::kExists, "another process is writing it");
  }
  value_of(JournalFile::open(path_));
}

// A file of somebody else's may have the name; nothing of it goes before it is known to be a
// journal.
TEST_F(JournalFileTest, LeavesAFileThatIsNoJournalAsItIs) {
  for (const auto* text : {"{\"question\":\"q\"}", "notes", "{\"schema\":\"mine\"}"}) {
    write(text);
    expect_error(JournalFile::open(path_), Code::kCorrupt, "journal.jsonl:1: no journal of coe");
    EXPECT_EQ(read(), text);
  }
  write("one\ntwo");
  value_of(JournalFile::open(path_));
  EXPECT_EQ(read(), "one\ntwo");
}

TEST_F(JournalFileTest, IsNoInput) {
  static const TempDir kept;  // as long as the process protects what is in it
  path_ = kept / "journal.jsonl";
  write("one\ntwo");
  protect_input(path_, "questions");
  expect_error(JournalFile::open(path_), Code::kInvalidArgument, "is an input");
  expect_error(JournalFile::open(path_, true), Code::kInvalidArgument, "is an input");
  EXPECT_EQ(read(), "one\ntwo");
}

// Damage is no hindrance to who wants to start again.
TEST_F(JournalFileTest, ForgetsADamagedOne) {
  {
    auto file = value_of(JournalFile::open(path_));
    expect_ok(file.begin("{\"a\":1}\n"));
  }
  auto bytes = read();
  bytes[5] = '2';
  write(bytes);
  expect_error(JournalFile::open(path_), Code::kCorrupt, "journal.jsonl:1: ");
  {
    auto file = value_of(JournalFile::open(path_, true));
    EXPECT_EQ(file.text(), "");
    expect_ok(file.begin("{\"b\":1}\n"));
  }
  EXPECT_EQ(value_of(read_journal_lines(path_)), "{\"b\":1}\n");
}

// A line that a full disk cut must not stand before the next one.
TEST_F(JournalFileTest, LeavesNothingOfALineThatCouldNotBeWritten) {
  auto file = value_of(JournalFile::open(path_));
  expect_ok(file.begin("{\"a\":1}\n"));
  const auto before = read();
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{before.size() + 4, old.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto status = file.append("{\"b\":\"a line that does not fit\"}\n");
  ::setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  expect_error(status, Code::kIo, "journal.jsonl: cannot write");
  EXPECT_EQ(read(), before);
  expect_ok(file.append("{\"c\":1}\n"));
  EXPECT_EQ(value_of(read_journal_lines(path_)), "{\"a\":1}\n{\"c\":1}\n");
}

TEST_F(JournalFileTest, SaysWhatCannotBeOpened) {
  expect_error(JournalFile::open(dir_ / "none/journal.jsonl"), Code::kNotFound, "cannot open");
  expect_error(JournalFile::open(dir_.path()), Code::kIo, "cannot open");
  expect_error(read_journal_lines(path_), Code::kNotFound, "journal.jsonl: cannot open");
}

TEST(JournalErrors, NameTheFile) {
  const auto line = bad_journal_line("a/b.jsonl", 7, "no entry");
  EXPECT_EQ(line.code, Code::kCorrupt);
  EXPECT_EQ(line.message, "a/b.jsonl:7: no entry");
  const auto other = journal_mismatch("a/b.jsonl", "settings", "x", "y", "start again");
  EXPECT_EQ(other.code, Code::kMismatch);
  EXPECT_EQ(other.message, "a/b.jsonl: begun with other settings (x vs y)");
  EXPECT_EQ(other.hint, "start again");
}

}  // namespace
}  // namespace coe
