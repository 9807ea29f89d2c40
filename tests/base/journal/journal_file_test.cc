#include "coe/base/journal/journal_file.h"

#include "coe/base/file.h"

#include "support/expect.h"
#include "support/temp_dir.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <string>

namespace coe {
namespace {

using coe::testing::expect_error;
using coe::testing::expect_ok;
using coe::testing::TempDir;
using coe::testing::value_of;

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
    expect_ok(file.begin("header\n"));
    expect_ok(file.append("one\n"));
    EXPECT_EQ(file.text(), "");
  }
  EXPECT_EQ(read(), "header\none\n");
  EXPECT_EQ(value_of(JournalFile::open(path_)).text(), "header\none\n");
}

TEST_F(JournalFileTest, BeginsAnew) {
  write("header\none\n");
  auto file = value_of(JournalFile::open(path_));
  expect_ok(file.begin("other\n"));
  EXPECT_EQ(file.text(), "");
  expect_ok(file.append("two\n"));
  EXPECT_EQ(read(), "other\ntwo\n");
}

// A kill may end a file after any byte.
TEST_F(JournalFileTest, CutsOffAnUnfinishedLine) {
  const std::string whole = "header\none\n\ntwo\n";
  for (std::size_t n = 0; n <= whole.size(); ++n) {
    const auto rest = whole.substr(0, n);
    const auto lines = rest.substr(0, rest.rfind('\n') + 1);
    write(rest);
    EXPECT_EQ(value_of(read_journal_lines(path_)), lines) << n;
    EXPECT_EQ(read(), rest) << n;  // reading mends nothing
    {
      auto file = value_of(JournalFile::open(path_));
      EXPECT_EQ(file.text(), lines) << n;
      expect_ok(file.append("more\n"));
    }
    EXPECT_EQ(read(), lines + "more\n") << n;
  }
}

TEST_F(JournalFileTest, HasOneWriter) {
  {
    const auto first = value_of(JournalFile::open(path_));
    expect_error(JournalFile::open(path_), Code::kExists, "another process is writing it");
  }
  value_of(JournalFile::open(path_));
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
