// What is taken of a folder, and what is left out.
#include "coe/corpus/intake/folder.h"

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/intake/ignore_rules.h"
#include "coe/corpus/intake/take_text.h"
#include "coe/corpus/intake/taken.h"

#include "support/expect.h"
#include "support/temp_dir.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace coe {
namespace {

using ::testing::ElementsAre;
using testing::expect_error;
using testing::expect_ok;
using ::testing::HasSubstr;
using ::testing::Pair;
using testing::TempDir;
using ::testing::UnorderedElementsAre;
using testing::value_of;

class FolderText : public ::testing::Test {
 protected:
  void write(const std::string& name, std::string_view text) {
    std::filesystem::create_directories((dir_ / name).parent_path());
    expect_ok(write_file(dir_ / name, text, Overwrite::kAllow));
  }
  Result<TakenText> take(const std::string& name = "src") {
    const std::vector<Path> given = {dir_ / name};
    return take_text(given, {}, silent_observer());
  }
  static std::map<std::string, std::uint64_t> left_out(const Taken& taken) {
    std::map<std::string, std::uint64_t> out;
    for (const auto& item : taken.left_out) out[item.what] = item.n;
    return out;
  }
  static std::vector<std::string> texts(const TakenText& text) {
    std::vector<std::string> out;
    for (const auto& domain : text.corpus.domains)
      for (const auto& record : domain.records) out.push_back(record.text);
    return out;
  }

  TempDir dir_;
};

TEST_F(FolderText, TakesTextInTheOrderOfPathsAndCountsWhatItLeavesOut) {
  write("src/b.py", "print(2)\n");
  write("src/a/x.md", "# Title\r\n\r\nwords\r\n");
  write("src/README", "read me\n");
  write("src/.hidden", "h");
  write("src/.git/config", "g");
  write("src/node_modules/m/index.js", "m");
  write("src/picture.png", std::string_view("\x89PNG\0\0", 6));
  write("src/long.js", std::string(1500, 'x'));
  write("src/wide.txt", std::string(1500, 'y'));  // a paragraph, as prose has
  write("src/latin.txt", "caf\xe9");
  write("src/wide16.txt", std::string_view("\xff\xfeh\0i\0", 6));
  write("src/Cargo.lock", "lock");
  write("src/package-lock.json", "{}");
  write("src/table.csv", "a,b\n");
  write("src/package.json", "{\n \"name\": \"x\"\n}\n");
  write("src/empty.txt", " \n");
  write("src/copy.py", "print(2)\n");
  std::filesystem::create_symlink("b.py", dir_ / "src/link.py");
  std::filesystem::create_symlink(".", dir_ / "src/loop");
  const auto text = value_of(take());
  EXPECT_THAT(texts(text),
              ElementsAre("read me\n", "# Title\n\nwords\n", "print(2)\n", std::string(1500, 'y')));
  ASSERT_EQ(text.corpus.domains.size(), 1U);
  EXPECT_EQ(text.corpus.domains[0].name, "src");
  const auto& record = text.corpus.domains[0].records[2];
  EXPECT_EQ(record.piece_of, (dir_ / "src/b.py").string());
  EXPECT_THAT(left_out(text.taken),
              UnorderedElementsAre(Pair("hidden", 2U), Pair("made by tools", 1U),
                                   Pair("binary", 1U), Pair("minified", 1U), Pair("not UTF-8", 2U),
                                   Pair("locks", 2U), Pair("data", 2U), Pair("empty", 1U),
                                   Pair("copied", 1U), Pair("linked", 2U)));
  EXPECT_THAT(text.taken.endings, UnorderedElementsAre(Pair(".py", 1U), Pair(".md", 1U),
                                                       Pair(".txt", 1U), Pair("README", 1U)));
}

TEST_F(FolderText, SaysItInALine) {
  write("src/a.py", "a");
  write("src/b.py", "b");
  write("src/c.md", std::string(4500, 'c'));
  write("src/build/x.py", "x");
  write("src/z.bin", std::string_view("\0\0", 2));
  std::string said;
  const std::vector<Path> given = {dir_ / "src"};
  value_of(
      take_text(given, {.note = [&](std::string_view line) { said = line; }}, silent_observer()));
  EXPECT_EQ(said,
            "text: 3 files (.py .md); left out: 1 made by tools (build), 1 binary; 5 pieces of at "
            "most 2,000 characters");
}

TEST_F(FolderText, HonoursGitignore) {
  write("src/.gitignore", "*.gen.py\n/only-here.md\nlogs/\n!keep.gen.py\n# no pattern\n");
  for (const char* name : {"a.gen.py", "keep.gen.py", "only-here.md", "sub/only-here.md",
                           "logs/x.txt", "sub/logs/y.txt", "sub/a.py", "sub/b.py"})
    write(std::string("src/") + name, name);
  write("src/sub/.gitignore", "b.py\n");
  const auto text = value_of(take());
  EXPECT_THAT(texts(text), ElementsAre("keep.gen.py", "sub/a.py", "sub/only-here.md"));
  EXPECT_EQ(left_out(text.taken).at("ignored by .gitignore"), 5U);
}

TEST(IgnoreRules, TheLastPatternThatMatchesDecides) {
  const IgnoreRules rules("*.o\n!a.o\ndoc/*.txt\n**/deep\n\\#x\nbad**name\n");
  EXPECT_EQ(rules.leaves_out("x/b.o", false), true);
  EXPECT_EQ(rules.leaves_out("x/a.o", false), false);
  EXPECT_EQ(rules.leaves_out("doc/a.txt", false), true);
  EXPECT_EQ(rules.leaves_out("x/doc/a.txt", false), std::nullopt);
  EXPECT_EQ(rules.leaves_out("x/y/deep", true), true);
  EXPECT_EQ(rules.leaves_out("#x", false), true);
  EXPECT_EQ(rules.leaves_out("c.c", false), std::nullopt);
}

TEST_F(FolderText, JsonOfAFolderIsRecordsOrData) {
  write("src/good.jsonl", "{\"text\": \"one\"}\n{\"text\": \"two\"}\n");
  write("src/broken.jsonl", "{\"text\": \"three\"}\n{\"text\": }\n");
  write("src/data.json", "[1, 2]");
  const auto text = value_of(take());
  // Nothing is taken of a file that breaks off.
  EXPECT_THAT(texts(text), ElementsAre("one", "two"));
  EXPECT_EQ(text.taken.n_record, 2U);
  EXPECT_THAT(left_out(text.taken), UnorderedElementsAre(Pair("broken", 1U), Pair("data", 1U)));
  EXPECT_THAT(taken_text(text.taken), HasSubstr("broken.jsonl:2: not valid JSON"));
}

TEST_F(FolderText, FilesThatVanishAreCounted) {
  write("src/a.py", "a");
  write("src/b.py", "b");
  Taken taken;
  const Path root = dir_ / "src";
  const auto walk = value_of(walk_folder(root, taken, silent_observer()));
  std::filesystem::remove(root / "b.py");
  std::unordered_set<std::uint64_t> seen;
  std::vector<std::string> names;
  expect_ok(read_folder(root, walk, seen, taken, silent_observer(),
                        [&](const FolderFile& file) -> Status {
                          names.push_back(file.name);
                          return {};
                        }));
  EXPECT_THAT(names, ElementsAre("a.py"));
  EXPECT_THAT(left_out(taken), ElementsAre(Pair("vanished", 1U)));
}

TEST_F(FolderText, AFolderWithoutTextSaysWhatIsInIt) {
  write("src/z.bin", std::string_view("\0\0", 2));
  const auto text = take();
  expect_error(text, Code::kNotFound, "src: there is no text in it");
  EXPECT_EQ(text.error().hint, "left out: 1 binary");
}

TEST_F(FolderText, NothingIsTakenTwice) {
  write("src/a.py", "a");
  const auto both = [&](std::vector<Path> given) {
    return take_text(given, {}, silent_observer());
  };
  expect_error(both({dir_ / "src", dir_ / "src/."}), Code::kInvalidArgument, "given twice");
  expect_error(both({dir_ / "src", dir_ / "src/a.py"}), Code::kInvalidArgument,
               "src/a.py: given twice");
  expect_error(both({dir_ / "src/a.py", dir_ / "src"}), Code::kInvalidArgument,
               "src/a.py: given twice");
}

// Mixed sources, each with its own sub-domain.
TEST_F(FolderText, EachGivenNameIsASubDomain) {
  write("src/a.py", "a");
  write("notes.txt", "n");
  write("web.jsonl", "{\"text\": \"w\"}\n{\"text\": \"o\", \"domain\": \"own\"}\n");
  const std::vector<Path> given = {dir_ / "src", dir_ / "notes.txt", dir_ / "web.jsonl"};
  const auto text = value_of(take_text(given, {}, silent_observer()));
  std::vector<std::string> names;
  for (const auto& domain : text.corpus.domains) names.push_back(domain.name);
  EXPECT_THAT(names, ElementsAre("notes", "own", "src", "web"));
}

}  // namespace
}  // namespace coe
