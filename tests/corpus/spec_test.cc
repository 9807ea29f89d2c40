#include "coe/corpus/spec.h"

#include "coe/base/result.h"

#include "support/expect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <variant>

namespace coe {
namespace {

using ::testing::ElementsAre;
using testing::expect_error;
using ::testing::HasSubstr;
using testing::value_of;

Result<CorpusSpec> parse(const std::string& toml) { return parse_corpus_spec(toml, "s.toml"); }

// A spec with one domain and one source, each with further lines.
std::string with(const std::string& domain, const std::string& source) {
  return "[[domain]]\nname = \"web\"\n" + domain + "\n[[domain.source]]\n" + source + "\n";
}
// Each kind of source requires some keys.
std::string files_source() { return "kind = \"files\"\nroot = \"src\""; }
std::string jsonl_source() { return "kind = \"jsonl\"\npath = \"a.jsonl\""; }
std::string reasoning_source() { return "kind = \"reasoning\"\nn = 5"; }

TEST(CorpusSpec, FillsInDefaults) {
  const auto spec = value_of(parse(with("", files_source())));
  ASSERT_EQ(spec.domains.size(), 1U);
  const DomainSpec& domain = spec.domains[0];
  EXPECT_EQ(domain.name, "web");
  EXPECT_EQ(domain.weight, 1.0);
  EXPECT_EQ(domain.min_records, 10U);
  EXPECT_EQ(domain.max_records, kUnlimited);
  EXPECT_FALSE(domain.keep_thin);
  EXPECT_EQ(domain.where, "s.toml:1: domain `web`");
  const SourceSpec& source = domain.sources.at(0);
  const auto& files = std::get<FilesSource>(source.kind);
  EXPECT_EQ(source.where, "s.toml:4: domain `web`, source 1");
  EXPECT_EQ(source.seed, 1U);
  EXPECT_THAT(files.include, ElementsAre("**"));
  EXPECT_TRUE(source.splitting.split);
  EXPECT_EQ(source.max_chars, 4000U);
  EXPECT_TRUE(files.skip_minified);
  EXPECT_EQ(files.wrap, 0U);
}

TEST(CorpusSpec, CutsFilesAtFourThousandCharactersUnlessToldOtherwise) {
  const auto longest = [](const std::string& source) {
    return value_of(parse(with("", source))).domains.at(0).sources.at(0).max_chars;
  };
  EXPECT_EQ(longest(files_source()), 4000U);
  EXPECT_EQ(longest(files_source() + "\nmax_chars = 90000"), 90000U);
  EXPECT_EQ(longest(files_source() + "\nmin_chars = 5000"), 5000U);
  EXPECT_EQ(longest(files_source() + "\nsplit = false"), kUnlimited);
  EXPECT_EQ(longest(jsonl_source()), kUnlimited);
}

TEST(CorpusSpec, HandsDefaultsDownAndLetsThemBeOverridden) {
  const auto spec =
      value_of(parse("seed = 5\nmin_chars = 10\nmax_chars = 100\n" +
                     with("seed = 6\nweight = 2\nmin_records = 0", files_source()) +
                     "[[domain.source]]\nmax_chars = 50\n" + reasoning_source() +
                     "\nfold = \"1/4\"\n[[domain]]\nname = \"b\"\n[[domain.source]]\n" +
                     jsonl_source() + "\ntext = \"q+a\"\nformat = \"chat\"\n"));
  const auto& first = spec.domains.at(0);
  EXPECT_EQ(first.weight, 2.0);
  EXPECT_EQ(first.sources.at(0).seed, 6U);
  EXPECT_EQ(first.sources.at(0).min_chars, 10U);
  EXPECT_EQ(first.sources.at(0).max_chars, 100U);
  EXPECT_EQ(first.sources.at(1).max_chars, 50U);
  const auto& reasoning = std::get<ReasoningSource>(first.sources.at(1).kind);
  EXPECT_EQ(reasoning.n, 5U);
  EXPECT_EQ(reasoning.fold.index, 1U);
  EXPECT_EQ(reasoning.fold.count, 4U);
  const auto& jsonl = spec.domains.at(1).sources.at(0);
  EXPECT_EQ(jsonl.seed, 5U);
  EXPECT_FALSE(jsonl.splitting.split);
  EXPECT_EQ(jsonl.format, "chat");
  EXPECT_THAT(jsonl.text.fields(), ElementsAre("q", "a"));
  EXPECT_THAT(std::get<JsonlSource>(jsonl.kind).files.paths, ElementsAre("a.jsonl"));
}

TEST(CorpusSpec, UnknownKeysAreErrorsWithAProposal) {
  auto result = parse(with("", files_source() + "\nincludes = [\"**\"]"));
  expect_error(result, Code::kCorrupt, "s.toml:7: domain `web`, source 1: unknown key `includes`");
  EXPECT_EQ(result.error().hint, "did you mean `include`?");
  result = parse(with("wieght = 2", files_source()));
  expect_error(result, Code::kCorrupt, "s.toml:3: domain `web`: unknown key `wieght`");
  EXPECT_EQ(result.error().hint, "did you mean `weight`?");
  result = parse("verbose = true\n" + with("", files_source()));
  expect_error(result, Code::kCorrupt, "s.toml:1: the spec: unknown key `verbose`");
  EXPECT_THAT(result.error().hint,
              HasSubstr("keys here: seed, min_chars, max_chars, min_record_tokens"));
  // A key of another kind of source is unknown, too.
  expect_error(parse(with("", jsonl_source() + "\nmax_files = 3")), Code::kCorrupt,
               "unknown key `max_files`");
}

TEST(CorpusSpec, NamesMissingKeys) {
  expect_error(parse(""), Code::kCorrupt, "s.toml:1: the spec: no key `domain`");
  expect_error(parse("[[domain]]\nweight = 1\n"), Code::kCorrupt,
               "s.toml:1: domain 1: no key `name`");
  expect_error(parse("[[domain]]\nname = \"a\"\n"), Code::kCorrupt,
               "s.toml:1: domain `a`: no key `source`");
  expect_error(parse(with("", "root = \"x\"")), Code::kCorrupt,
               "s.toml:4: domain `web`, source 1: no key `kind`");
  expect_error(parse(with("", "kind = \"files\"")), Code::kCorrupt, "no key `root`");
  expect_error(parse(with("", "kind = \"jsonl\"")), Code::kCorrupt, "no key `path`");
  expect_error(parse(with("", "kind = \"reasoning\"")), Code::kCorrupt, "no key `n`");
}

TEST(CorpusSpec, NamesBadValues) {
  const auto bad = [](const std::string& domain, const std::string& source, const char* part) {
    expect_error(parse(with(domain, source)), Code::kCorrupt, part);
  };
  bad("", "kind = \"file\"",
      "s.toml:5: domain `web`, source 1: key `kind`: there is no source kind");
  bad("weight = 1e308", files_source(), "key `weight`: it must be above 0, from 1e-9 to 1e9");
  bad("weight = 0", files_source(),
      "s.toml:3: domain `web`: key `weight`: it must be above 0, from 1e-9 to 1e9");
  bad("weight = nan", files_source(), "key `weight`: it is not finite");
  bad("weight = \"1\"", files_source(), "key `weight`: it is string, but must be a number");
  bad("min_records = -1", files_source(), "key `min_records`: -1 is below 0");
  bad("max_records = 0", files_source(), "key `max_records`: 0 is below 1");
  bad("min_records = 1.5", files_source(), "but must be a whole number");
  bad("keep_thin = 1", files_source(), "key `keep_thin`: it is integer, but must be true or false");
  bad("min_chars = 9\nmax_chars = 8", files_source(), "min_chars 9 is above max_chars 8");
  bad("", files_source() + "\ninclude = \"a**\"",
      "key `include`: pattern `a**`: `**` must stand alone");
  bad("", files_source() + "\nexclude = [\"\"]", "key `exclude`: pattern ``: it is empty");
  bad("", files_source() + "\ninclude = [1]", "key `include`: element 1 is integer");
  bad("", files_source() + "\ninclude = 1", "must be a string or a list of strings");
  bad("", files_source() + "\nroot = 1", "not TOML");  // a key given twice
  bad("", "kind = 1", "key `kind`: it is integer, but must be a string");
  bad("", files_source() + "\ntemplate = \"{txt}\"", "key `template`: unknown field {txt}");
  bad("", files_source() + "\ntemplate = \"{text\"", "the `{` at position 1 is not closed");
  bad("", files_source() + "\nsplit = false\npieces = 2", "key `pieces`: it needs split = true");
  bad("", jsonl_source() + "\ntext = \"a++b\"",
      "key `text`: text spec `a++b`: no field at position 3");
  bad("", "kind = \"jsonl\"\npath = []", "key `path`: the list is empty");
  bad("", "kind = \"reasoning\"\nn = 0", "key `n`: 0 is below 1");
  bad("", "kind = \"reasoning\"\nn = 99999999", "key `n`: 99999999 is above 1000000");
  for (const char* fold : {"", "1", "2/2", "-1/2", "1/", "1/2x", "/2", "99999999999/2"})
    bad("", reasoning_source() + "\nfold = \"" + fold + "\"", "key `fold`: `");
}

TEST(CorpusSpec, DomainNamesArePlainAndUnique) {
  for (const char* name : {"", "a b", "a/b", "\\u0000", "123456789012345678901234567890123"}) {
    const std::string toml = "[[domain]]\nname = \"" + std::string(name) + "\"\n";
    expect_error(parse(toml), Code::kCorrupt, "s.toml:2: domain 1: key `name`: `");
  }
  expect_error(parse(with("", files_source()) + with("", files_source())), Code::kCorrupt,
               "s.toml:7: domain `web`: key `name`: another domain has it already");
}

TEST(CorpusSpec, TablesMustBeTables) {
  expect_error(parse("domain = 3\n"), Code::kCorrupt,
               "key `domain`: it must be written as [[domain]]");
  expect_error(parse("domain = []\n"), Code::kCorrupt, "[[domain]]");
  expect_error(parse("domain = [1]\n"), Code::kCorrupt, "[[domain]]");
  expect_error(parse("[domain]\nname = \"a\"\n"), Code::kCorrupt, "[[domain]]");
  expect_error(parse("[[domain]]\nname = \"a\"\nsource = []\n"), Code::kCorrupt,
               "domain `a`: key `source`");
}

TEST(CorpusSpec, BrokenTomlNamesTheLine) {
  expect_error(parse("seed = 1\nname = \n"), Code::kCorrupt, "s.toml:2: not TOML");
  expect_error(parse("a = \"\xff\"\n"), Code::kCorrupt, "s.toml:1: not TOML");
}

std::string repeated(std::string_view part, int n) {
  std::string out;
  for (int i = 0; i < n; ++i) out += part;
  return out;
}

// Tables in tables are walked by a function that calls itself.
TEST(CorpusSpec, SurvivesAnyDepth) {
  const std::string key = "a" + repeated(".a", 200'000);
  for (const auto& toml :
       {"seed = 1\n" + key + " = 1\n", "seed = 1\n[" + key + "]\n", "\n[[" + key + "]]\n",
        "\nx = { " + key + " = 1 }\n", "\n" + repeated("\"a\" . ", 200'000) + "b = 1\n"})
    expect_error(parse(toml), Code::kCorrupt, "s.toml:2: a key of too many parts");
  expect_error(parse("x = " + repeated("[", 200'000)), Code::kCorrupt, "s.toml:1: not TOML");
  expect_error(parse("x = " + repeated("{a=", 200'000)), Code::kCorrupt, "s.toml:1: not TOML");
}

// Dots that part no key do not count.
TEST(CorpusSpec, TakesTextsWithManyDots) {
  const std::string dots = repeated(".", 100);
  for (const auto& toml :
       {"[[domain]]\nname = \"" + dots + "\"\n", "# " + dots + "\n", "x = '" + dots + "'\n",
        "x = \"\"\"\n" + dots + "\\\"\n\"\"\"\n", "x = [" + repeated("1.5, ", 100) + "]\n"}) {
    const auto spec = parse(toml);
    ASSERT_FALSE(spec.has_value());
    EXPECT_EQ(spec.error().message.find("too many parts"), std::string::npos) << toml;
  }
}

}  // namespace
}  // namespace coe
