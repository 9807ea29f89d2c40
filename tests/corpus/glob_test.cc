#include "coe/corpus/glob.h"

#include "coe/base/file.h"
#include "coe/base/result.h"

#include "support/expect.h"
#include "support/temp_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace coe {
namespace {

using ::testing::ElementsAre;
using testing::expect_error;
using testing::expect_ok;
using testing::TempDir;
using testing::value_of;

bool glob_match(std::string_view pattern, std::string_view path) {
  return Glob(pattern).matches(path);
}

TEST(Glob, StarStaysWithinOneName) {
  EXPECT_TRUE(glob_match("*.js", "a.js"));
  EXPECT_TRUE(glob_match("*.js", ".js"));
  EXPECT_TRUE(glob_match("a*b*c", "aXbYc"));
  EXPECT_TRUE(glob_match("*a", "aaa"));
  EXPECT_TRUE(glob_match("*", ""));
  EXPECT_FALSE(glob_match("*.js", "src/a.js"));
  EXPECT_FALSE(glob_match("*.js", "a.jsx"));
  EXPECT_FALSE(glob_match("a*b", "a"));
}

TEST(Glob, DoubleStarSpansFolders) {
  EXPECT_TRUE(glob_match("**/*.js", "a.js"));
  EXPECT_TRUE(glob_match("**/*.js", "x/y/a.js"));
  EXPECT_TRUE(glob_match("src/**", "src/x/y"));
  EXPECT_TRUE(glob_match("src/**/a.js", "src/a.js"));
  EXPECT_TRUE(glob_match("**", "a/b/c"));
  EXPECT_TRUE(glob_match("a/**/b/**/c", "a/x/b/b/y/c"));
  EXPECT_FALSE(glob_match("src/**/a.js", "lib/a.js"));
  EXPECT_FALSE(glob_match("**/src/*.js", "src/x/a.js"));
  EXPECT_TRUE(glob_match("src/**", "src"));
  EXPECT_FALSE(glob_match("src/**", "srcx/a"));
  EXPECT_TRUE(glob_match("**/**/a", "a"));
  EXPECT_TRUE(glob_match("a/**/**", "a/x/y"));
  EXPECT_FALSE(glob_match("**/a", "xa"));
}

TEST(Glob, QuestionMarkIsOneCharacterOfAnyLength) {
  EXPECT_TRUE(glob_match("a?c", "abc"));
  EXPECT_TRUE(glob_match("a?c",
                         "a\xc3\xa9"
                         "c"));
  EXPECT_TRUE(glob_match("?", "\xf0\x9f\x98\x80"));
  EXPECT_FALSE(glob_match("a?c", "ac"));
  EXPECT_FALSE(glob_match("?", "/"));
}

TEST(Glob, OtherCharactersAreThemselves) {
  EXPECT_TRUE(glob_match("[slug]/{a}.js", "[slug]/{a}.js"));
  EXPECT_FALSE(glob_match("[ab].js", "a.js"));
  EXPECT_TRUE(glob_match("a.(b)+^$|\\d", "a.(b)+^$|\\d"));
  EXPECT_FALSE(glob_match("a.js", "axjs"));
  EXPECT_TRUE(glob_match("*.js", "\xff\xfe\n.js"));  // names of files are bytes
}

TEST(Glob, IsNotExponential) {
  const std::string name(3000, 'a');
  EXPECT_FALSE(glob_match("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", name));
  std::string path = "a";
  std::string pattern = "**/a";
  for (int i = 0; i < 400; ++i) path += "/a";
  for (int i = 0; i < 40; ++i) pattern += "/**/a";
  EXPECT_FALSE(glob_match(pattern + "/b", path));
}

TEST(Glob, RefusesPatternsThatMixDoubleStar) {
  EXPECT_EQ(glob_problem("src/**/*.js"), "");
  EXPECT_EQ(glob_problem(""), "it is empty");
  EXPECT_NE(glob_problem("src/**.js"), "");
  EXPECT_NE(glob_problem("a**/b"), "");
  EXPECT_EQ(glob_problem(std::string(4096, '?')), "");
  EXPECT_TRUE(glob_match(std::string(4096, '?'), std::string(4096, 'a')));
  EXPECT_EQ(glob_problem(std::string(4097, 'a')), "it is longer than 4096 bytes");
}

// The meaning, written as the textbook recursion.
bool slow_match(std::string_view pattern, std::string_view name) {
  if (pattern.empty()) return name.empty();
  if (pattern[0] == '*')
    return slow_match(pattern.substr(1), name) ||
           (!name.empty() && slow_match(pattern, name.substr(1)));
  if (name.empty()) return false;
  return (pattern[0] == '?' || pattern[0] == name[0]) &&
         slow_match(pattern.substr(1), name.substr(1));
}

RC_GTEST_PROP(GlobProperty, AgreesWithTheRecursion, ()) {
  const auto pattern = *rc::gen::container<std::string>(rc::gen::element('a', 'b', '*', '?'));
  const auto name = *rc::gen::container<std::string>(rc::gen::element('a', 'b'));
  RC_PRE(pattern.find("**") == std::string::npos);  // there it means folders
  RC_ASSERT(glob_match(pattern, name) == slow_match(pattern, name));
}

class GlobFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* folder : {"src/deep", "lib"})
      std::filesystem::create_directories(dir_ / folder);
    for (const char* file : {"src/b.js", "src/a.js", "src/deep/c.js", "src/a.css", "lib/d.js"})
      expect_ok(write_file(dir_ / file, "x", Overwrite::kRefuse));
  }
  TempDir dir_;
};

TEST_F(GlobFiles, ListsSortedWithIncludeAndExclude) {
  const std::vector<std::string> include = {"src/**/*.js", "lib/*"};
  const std::vector<std::string> exclude = {"src/b.*"};
  EXPECT_THAT(value_of(list_files(dir_.path(), include, exclude)),
              ElementsAre("lib/d.js", "src/a.js", "src/deep/c.js"));
}

TEST_F(GlobFiles, DoesNotFollowLinks) {
  std::filesystem::create_directory_symlink(dir_ / "src", dir_ / "link");
  std::filesystem::create_symlink(dir_ / "src/a.js", dir_ / "lib/link.js");
  const std::vector<std::string> include = {"**/*.js"};
  EXPECT_THAT(value_of(list_files(dir_.path(), include, {})),
              ElementsAre("lib/d.js", "src/a.js", "src/b.js", "src/deep/c.js"));
}

TEST_F(GlobFiles, ExpandsPatternsFromTheRoot) {
  EXPECT_THAT(value_of(expand_glob(dir_.path(), "src/*.js")), ElementsAre("src/a.js", "src/b.js"));
  EXPECT_THAT(value_of(expand_glob(dir_.path(), "**/d.js")), ElementsAre("lib/d.js"));
  EXPECT_THAT(value_of(expand_glob(dir_.path(), "src/b.js")), ElementsAre("src/b.js"));
  const std::string absolute = (dir_ / "lib/*").string();
  EXPECT_THAT(value_of(expand_glob("/", absolute)), ElementsAre((dir_ / "lib/d.js").string()));
}

TEST_F(GlobFiles, NamesWhatIsMissing) {
  expect_error(list_files(dir_ / "none", {}, {}), Code::kNotFound, "none: no such folder");
  expect_error(list_files(dir_ / "src/a.js", {}, {}), Code::kNotFound, "a.js: no such folder");
  expect_error(expand_glob(dir_.path(), "src/x.js"), Code::kNotFound, "src/x.js: no such file");
  expect_error(expand_glob(dir_.path(), "src/*.py"), Code::kNotFound, "src/*.py: no file matches");
  expect_error(expand_glob(dir_.path(), "none/*.py"), Code::kNotFound, "no such folder");
}

}  // namespace
}  // namespace coe
