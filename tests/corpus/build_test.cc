#include "coe/corpus/build.h"

#include "coe/base/file.h"
#include "coe/base/hash.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/corpus.h"

#include "corpus/build_fixture.h"
#include "support/expect.h"
#include "support/load_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace coe {
namespace {

using testing::CorpusBuild;
using testing::domain_head;
using testing::files_head;
using testing::jsonl_head;

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::expect_error;
using testing::expect_ok;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::value_of;

TEST_F(CorpusBuild, WritesRecordsInTheDocumentedForm) {
  write("src/b.js", "let b = \"é\";\r\n");
  write("src/a.js", "let a;\n");
  const auto report = value_of(build(files_head()));
  EXPECT_EQ(
      output(),
      R"({"text":"let a;\n","domain":"web","weight":1.0,"source":"src/a.js","format":"text"})"
      "\n"
      R"({"text":"let b = \"é\";\n","domain":"web","weight":1.0,"source":"src/b.js","format":"text"})"
      "\n");
  EXPECT_EQ(report.n_record, 2U);
  EXPECT_EQ(report.n_char, 7U + 13U);
  ASSERT_EQ(report.domains.size(), 1U);
  EXPECT_EQ(report.domains[0].n_char, 20U);
  Hasher hasher;
  hasher.add(output());
  EXPECT_EQ(report.digest, hasher.digest());
  EXPECT_THAT(observer_.warnings, IsEmpty());
  EXPECT_EQ(observer_.n_done, 1U);
  EXPECT_EQ(observer_.n_total, 1U);
}

TEST_F(CorpusBuild, OutputLoadsAsACorpus) {
  write("src/a.js", "let a;\n");
  value_of(
      build("[[domain]]\nname = \"web\"\nweight = 0.25\nkeep_thin = true\n[[domain.source]]\n"
            "kind = \"files\"\nroot = \"src\"\n[[domain]]\nname = \"math\"\n[[domain.source]]\n"
            "kind = \"reasoning\"\nn = 30\n"));
  const std::vector<Path> files = {dir_ / "out.jsonl"};
  const Corpus corpus = value_of(testing::load_text(files));
  ASSERT_EQ(corpus.domains.size(), 2U);
  EXPECT_EQ(corpus.domains[0].name, "math");
  EXPECT_EQ(corpus.domains[0].records.size(), 30U);
  EXPECT_EQ(corpus.domains[1].weight, 0.25);
}

TEST_F(CorpusBuild, TwoBuildsGiveTheSameBytes) {
  for (int i = 0; i < 30; ++i)
    write("src/f" + std::to_string(i) + ".txt", "first line " + std::to_string(i) +
                                                    "\nsecond line\n\nthird line, last of " +
                                                    std::to_string(i) + "\n");
  const std::string spec = files_head() +
                           "max_files = 9\nmax_chars = 30\npieces = 1\nseed = 3\n"
                           "[[domain.source]]\nkind = \"reasoning\"\nn = 40\n";
  const auto first = value_of(build(spec));
  const std::string bytes = output();
  const auto second = value_of(build(spec));
  EXPECT_EQ(output(), bytes);
  EXPECT_EQ(first.digest, second.digest);
  EXPECT_EQ(first.n_record, 49U);
  value_of(build(files_head() + "max_files = 9\nmax_chars = 30\npieces = 1\nseed = 4\n"));
  EXPECT_NE(output().substr(0, 200), bytes.substr(0, 200));
}

TEST_F(CorpusBuild, RelativePathsStartFromTheRoot) {
  write("elsewhere/src/a.js", "let a;\n");
  write("spec.toml", files_head());
  CorpusBuildOptions options{dir_ / "spec.toml", dir_ / "out.jsonl", dir_ / "elsewhere"};
  value_of(build_corpus(options, observer_));
  EXPECT_THAT(fields("source"), ElementsAre("src/a.js"));
}

TEST_F(CorpusBuild, SamplesFilesStably) {
  for (int i = 0; i < 20; ++i)
    write("src/f" + std::to_string(i) + ".txt", "text number " + std::to_string(i) + "\n");
  value_of(build(files_head() + "max_files = 5\n"));
  const auto before = fields("source");
  ASSERT_EQ(before.size(), 5U);
  // One more file can at most push one of the five out.
  write("src/new.txt", "another text\n");
  value_of(build(files_head() + "max_files = 5\n"));
  int n_same = 0;
  for (const auto& name : fields("source"))
    n_same += static_cast<int>(std::count(before.begin(), before.end(), name));
  EXPECT_GE(n_same, 4);
}

TEST_F(CorpusBuild, FiltersFiles) {
  write("src/keep.js", "let keep = 1;\n");
  write("src/short.js", "x\n");
  write("src/bundle.min.js", std::string(1500, 'x') + "\n");
  write("src/image.js", std::string("\x89PNG\0\0 and so on", 16));
  write("src/latin.js", "let caf\xe9 = 1;\n");
  write("src/sub/skipped.js", "let skipped = 1;\n");
  value_of(build(files_head() + "include = \"**/*.js\"\nexclude = [\"sub/**\"]\nmin_chars = 5\n"));
  EXPECT_THAT(fields("source"), ElementsAre("src/keep.js"));
  EXPECT_THAT(observer_.warnings,
              ElementsAre(AllOf(HasSubstr("spec.toml:4: domain `web`, source 1"),
                                HasSubstr("2 files that are no UTF-8 text"))));
  value_of(build(files_head() + "include = [\"*.min.js\"]\nskip_minified = false\nwrap = 80\n"));
  EXPECT_THAT(fields("source"), ElementsAre("src/bundle.min.js"));
}

TEST_F(CorpusBuild, CutsLongFilesAndNumbersThePieces) {
  write("src/a.txt", "one two three\n\nfour five six\n\nseven eight\n");
  value_of(build(files_head() + "max_chars = 16\n"));
  EXPECT_THAT(fields("text"), ElementsAre("one two three\n", "four five six\n", "seven eight\n"));
  EXPECT_THAT(fields("source"), ElementsAre("src/a.txt#1", "src/a.txt#2", "src/a.txt#3"));
  value_of(build(files_head() + "max_chars = 16\nmin_chars = 13\n"));
  EXPECT_THAT(fields("source"), ElementsAre("src/a.txt#1", "src/a.txt#2"));
  value_of(build(files_head() + "max_chars = 16\npieces = 1\n"));
  EXPECT_EQ(records().size(), 1U);
  expect_error(build(files_head() + "max_chars = 16\nsplit = false\n"), Code::kNotFound,
               "no domain has enough records");
}

TEST_F(CorpusBuild, WrapsAndRendersFiles) {
  write("src/a.txt", "aaa bbb ccc\n");
  value_of(
      build(files_head() + "wrap = 7\nformat = \"chat\"\ntemplate = \"[{path}] {text}{{}}\"\n"));
  EXPECT_THAT(fields("text"), ElementsAre("[src/a.txt] aaa bbb\nccc\n{}"));
  EXPECT_THAT(fields("format"), ElementsAre("chat"));
}

TEST_F(CorpusBuild, ReadsJsonl) {
  write("in/b.jsonl", R"({"q":"why","a":"so","source":"book 3","format":"chat"}
{"q":"how","a":"thus"})");
  write("in/a.jsonl", R"({"q":"a longer question","a":"yes","domain":"other"})");
  value_of(build(jsonl_head() + "text = \"q+a\"\n"));
  EXPECT_THAT(fields("text"), ElementsAre("a longer question\nyes", "why\nso", "how\nthus"));
  EXPECT_THAT(fields("source"), ElementsAre("in/a.jsonl:1", "book 3", "in/b.jsonl:2"));
  EXPECT_THAT(fields("format"), ElementsAre("text", "chat", "text"));
  EXPECT_THAT(fields("domain"), ElementsAre("web", "web", "web"));
  value_of(build(jsonl_head() + "text = \"q\"\nmax_chars = 5\n"));
  EXPECT_THAT(fields("text"), ElementsAre("why", "how"));  // too long and not to be cut: left out
  value_of(build(jsonl_head() + "text = \"q\"\nmax_chars = 9\nsplit = true\n"));
  EXPECT_THAT(fields("text"), ElementsAre("a longer", "question", "why", "how"));
  value_of(build(jsonl_head() + "text = \"q\"\nmax_records = 2\n"));
  EXPECT_EQ(records().size(), 2U);
}

TEST_F(CorpusBuild, BrokenJsonlNamesSourceFileAndLine) {
  write("in/a.jsonl", "{\"text\":\"x\"}\n{\"text\":\n");
  const std::string strict = "max_bad = 0\n" + jsonl_head();
  expect_error(build(strict), Code::kCorrupt, "in/a.jsonl:2: not valid JSON");
  expect_error(build(strict), Code::kCorrupt, "spec.toml:5: domain `web`, source 1: ");
  write("in/a.jsonl", "{\"body\":\"x\"}\n");
  const auto missing = build(jsonl_head());
  expect_error(missing, Code::kCorrupt, "in/a.jsonl:1: no field `text`");
  EXPECT_THAT(missing.error().hint, HasSubstr("body"));
  write("in/a.jsonl", "{\"text\":\"\"}\n");
  expect_error(build(jsonl_head()), Code::kCorrupt, "in/a.jsonl:1: the text is empty");
  expect_no_output();
}

TEST_F(CorpusBuild, MissingSourcesAreNotFound) {
  expect_error(build(files_head()), Code::kNotFound, "src: no such folder");
  expect_error(build(files_head()), Code::kNotFound, "domain `web`, source 1");
  expect_error(build(jsonl_head()), Code::kNotFound, "no such folder");
  write("src/a.js", "let a;\n");
  expect_error(build(files_head() + "include = \"*.py\"\n"), Code::kNotFound,
               "src: no file matches");
  expect_error(build(domain_head() + "kind = \"jsonl\"\npath = \"src/none.jsonl\"\n"),
               Code::kNotFound, "none.jsonl: no such file");
  expect_no_output();
}

TEST_F(CorpusBuild, DropsAndCountsDuplicates) {
  write("src/a.js", "same text\n");
  write("src/b.js", "same text\r\n");
  write("src/c.js", "other text\n");
  write("in/a.jsonl", R"({"text":"other text\n"})");
  const auto report = value_of(
      build(files_head() +
            "[[domain]]\nname = \"two\"\nkeep_thin = true\n[[domain.source]]\n"
            "kind = \"jsonl\"\npath = \"in/a.jsonl\"\n[[domain.source]]\n"
            "kind = \"files\"\nroot = \"src\"\ninclude = \"c.js\"\ntemplate = \"> {text}\"\n"));
  EXPECT_EQ(report.domains[0].n_record, 2U);
  EXPECT_EQ(report.domains[0].n_duplicate, 1U);
  EXPECT_EQ(report.domains[1].n_record, 1U);
  EXPECT_EQ(report.domains[1].n_duplicate, 1U);
  EXPECT_EQ(report.n_record, 3U);
}

TEST_F(CorpusBuild, LeavesThinDomainsOutUnlessToldNotTo) {
  for (int i = 0; i < 9; ++i)
    write("src/f" + std::to_string(i), "text " + std::to_string(i) + "\n");
  const std::string thin =
      "[[domain]]\nname = \"thin\"\n[[domain.source]]\nkind = \"files\"\nroot = \"src\"\n";
  const std::string same =
      "[[domain]]\nname = \"same\"\nmin_records = 9\n[[domain.source]]\n"
      "kind = \"files\"\nroot = \"src\"\n";
  const auto report = value_of(build(thin + same));
  EXPECT_TRUE(report.domains[0].left_out);
  EXPECT_EQ(report.domains[0].n_record, 9U);
  // What was left out does not count as said before.
  EXPECT_FALSE(report.domains[1].left_out);
  EXPECT_EQ(report.domains[1].n_record, 9U);
  EXPECT_EQ(report.n_record, 9U);
  EXPECT_EQ(records().size(), 9U);
  ASSERT_EQ(observer_.warnings.size(), 1U);
  EXPECT_THAT(observer_.warnings[0],
              AllOf(HasSubstr("spec.toml:1: domain `thin`: left out: 9 records (min_records 10)")));
  write("src/f9", "the tenth\n");
  EXPECT_FALSE(value_of(build(thin)).domains[0].left_out);
}

TEST_F(CorpusBuild, NothingLeftIsAnErrorAndNoOutput) {
  write("src/a.js", "let a;\n");
  expect_error(
      build("[[domain]]\nname = \"web\"\n[[domain.source]]\nkind = \"files\"\nroot = \"src\"\n"),
      Code::kNotFound, "spec.toml: no domain has enough records");
  expect_no_output();
}

TEST_F(CorpusBuild, WarnsOfASourceThatGivesNothing) {
  write("src/a.js", "let a;\n");
  write("other/b.js", "x\n");
  value_of(build(files_head() +
                 "[[domain.source]]\nkind = \"files\"\nroot = \"other\"\nmin_chars = 3\n"));
  EXPECT_THAT(observer_.warnings, ElementsAre(HasSubstr("source 2: gave no record")));
}

TEST_F(CorpusBuild, SamplesADomainDownToItsLimit) {
  for (int i = 0; i < 10; ++i)
    write("src/f" + std::to_string(i), "text " + std::to_string(i) + "\n");
  const auto report = value_of(
      build("[[domain]]\nname = \"web\"\nmin_records = 1\nmax_records = 4\n[[domain.source]]\n"
            "kind = \"files\"\nroot = \"src\"\n"));
  EXPECT_EQ(report.domains[0].n_record, 4U);
  const auto names = fields("source");
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
}

TEST_F(CorpusBuild, RendersReasoningProblems) {
  value_of(build(domain_head() +
                 "kind = \"reasoning\"\nseed = 9\nn = 60\nformat = \"chat\"\n"
                 "template = '''\n<|turn>user\n{problem}<turn|>\n<|turn>model\n"
                 "<|channel>thought\n{thinking}\n<channel|>{solution}<turn|>\n'''\n"));
  const auto all = records();
  ASSERT_EQ(all.size(), 60U);
  for (const auto& record : all) {
    const std::string expected = "<|turn>user\n" + record.at("problem").get<std::string>() +
                                 "<turn|>\n<|turn>model\n<|channel>thought\n" +
                                 record.at("thinking").get<std::string>() + "\n<channel|>" +
                                 record.at("solution").get<std::string>() + "<turn|>\n";
    EXPECT_EQ(record.at("text"), expected);
    EXPECT_EQ(record.at("format"), "chat");
    EXPECT_THAT(record.at("source").get<std::string>(), HasSubstr("reasoning/"));
  }
}

TEST_F(CorpusBuild, MoreProblemsThanThereAreIsAnError) {
  expect_error(build(domain_head() + "kind = \"reasoning\"\nn = 500\nfold = \"0/4000000000\"\n"),
               Code::kCorrupt, "key `n`: there are only 0 such problems (500 asked for)");
}

TEST_F(CorpusBuild, RefusesAnOutputInTheWay) {
  write("src/a.js", "let a;\n");
  write("out.jsonl", "mine");
  expect_error(build(files_head(), Overwrite::kRefuse), Code::kExists, "out.jsonl");
  EXPECT_EQ(output(), "mine");
  value_of(build(files_head(), Overwrite::kAllow));
  EXPECT_NE(output(), "mine");
}

TEST_F(CorpusBuild, DoesNotReadItsOwnOutput) {
  write("out.jsonl", "{\"text\":\"x\"}\n");
  expect_error(build(domain_head() + "kind = \"jsonl\"\npath = \"*.jsonl\"\n"),
               Code::kInvalidArgument, "out.jsonl is the output itself");
  expect_error(build(domain_head() + "kind = \"files\"\nroot = \".\"\ninclude = \"*.jsonl\"\n"),
               Code::kInvalidArgument, "out.jsonl is the output itself");
}

TEST_F(CorpusBuild, StopsWhenCancelled) {
  for (int i = 0; i < 5; ++i)
    write("src/f" + std::to_string(i), "text " + std::to_string(i) + "\n");
  write("in/a.jsonl", R"({"text":"x"})");
  for (const auto& spec : {files_head(), jsonl_head()}) {
    for (int after = 0; after < 2; ++after) {
      observer_.cancel_after = after;
      expect_error(build(spec), Code::kCancelled, "interrupted");
      expect_no_output();
    }
  }
}

TEST_F(CorpusBuild, SpecErrorsComeBeforeAnyOutput) {
  expect_error(build("seed = -1\n"), Code::kCorrupt, "spec.toml:1: the spec: key `seed`");
  expect_no_output();
  expect_error(build_corpus({dir_ / "none.toml", dir_ / "out.jsonl", {}, {}}, observer_),
               Code::kNotFound, "none.toml");
}

}  // namespace
}  // namespace coe
