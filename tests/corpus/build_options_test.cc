// A spec can ask for more than sources: filters, splits, chats, near-duplicates, caps; and the
// manifest.
#include "coe/base/file.h"
#include "coe/base/hash.h"
#include "coe/base/result.h"
#include "coe/corpus/build.h"
#include "coe/corpus/hooks.h"
#include "coe/corpus/manifest.h"

#include "corpus/build_fixture.h"
#include "support/expect.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe {
namespace {

using testing::CorpusBuild;
using testing::domain_head;
using ::testing::ElementsAre;
using testing::expect_error;
using testing::files_head;
using ::testing::HasSubstr;
using testing::jsonl_head;
using testing::value_of;

// Tokens are blanks and what stands between them; chats look like "[user]…[assistant](…)…".
ModelHooks fake_hooks() {
  ModelHooks hooks;
  hooks.count_tokens = [](std::string_view text) -> Result<std::uint64_t> {
    return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), ' ')) + 1;
  };
  hooks.render_chat = [](std::span<const ChatTurn> turns) -> Result<std::string> {
    std::string out;
    for (const auto& turn : turns)
      out += "[" + turn.role + "]" + (turn.thinking.empty() ? "" : "(" + turn.thinking + ")") +
             turn.content;
    return out;
  };
  hooks.model_name = "fake";
  hooks.model_digest = "xxh3:0";
  return hooks;
}

class CorpusOptions : public CorpusBuild {
 protected:
  // {"text": "<category> <i>", "category": …, "n": "<i>"} with two categories in turns.
  void write_numbered(int n) {
    std::string lines;
    for (int i = 0; i < n; ++i)
      lines += fmt::format(R"({{"text":"{0} {1}","category":"{0}","n":"{1}"}})"
                           "\n",
                           i % 2 == 0 ? "even" : "odd", i);
    write("in/a.jsonl", lines);
  }
};

TEST_F(CorpusOptions, FiltersByTextAndField) {
  write_numbered(6);
  const auto report =
      value_of(build(jsonl_head() + "[[domain.source.filter]]\nfield = \"category\"\n"
                                    "include = \"^even$\"\n[[domain.source.filter]]\n"
                                    "exclude = \"[04]$\"\n"));
  EXPECT_THAT(fields("text"), ElementsAre("even 2"));
  EXPECT_EQ(report.domains[0].n_filtered, 5U);
  // A field that is not there is not found in.
  value_of(build(jsonl_head() + "[[domain.source.filter]]\nfield = \"none\"\nexclude = \".\"\n"));
  EXPECT_EQ(records().size(), 6U);
  expect_error(
      build(jsonl_head() + "[[domain.source.filter]]\nfield = \"none\"\ninclude = \".\"\n"),
      Code::kNotFound, "no domain has enough records");
  EXPECT_THAT(observer_.warnings, ::testing::Contains(HasSubstr("its filters or limits")));
  write("src/a.js", "let a;\n");
  write("src/b.ts", "let b;\n");
  value_of(
      build(files_head() + "[[domain.source.filter]]\nfield = \"path\"\ninclude = \"\\\\.ts$\"\n"));
  EXPECT_THAT(fields("source"), ElementsAre("src/b.ts"));
  value_of(build(domain_head() + "kind = \"reasoning\"\nn = 20\n[[domain.source.filter]]\n"
                                 "field = \"family\"\ninclude = \"gcd\"\n"));
  for (const auto& source : fields("source")) EXPECT_THAT(source, HasSubstr("/gcd:"));
}

TEST_F(CorpusOptions, FilterErrorsNameSpecAndLine) {
  write_numbered(2);
  const std::string rule = "[[domain.source.filter]]\n";
  expect_error(build(jsonl_head() + rule + "include = \"(\"\n"), Code::kCorrupt,
               "spec.toml:8: domain `web`, source 1, filter 1: key `include`: pattern `(`");
  expect_error(build(jsonl_head() + rule), Code::kCorrupt, "either `include` or `exclude`");
  expect_error(build(jsonl_head() + rule + "include = \"a\"\nexclude = \"b\"\n"), Code::kCorrupt,
               "either `include` or `exclude`");
  expect_error(build(files_head() + rule + "field = \"size\"\ninclude = \"a\"\n"), Code::kCorrupt,
               "unknown field `size`");
  write("in/a.jsonl", R"({"text":"x","n":3})");
  expect_error(build(jsonl_head() + rule + "field = \"n\"\ninclude = \"3\"\n"), Code::kCorrupt,
               "in/a.jsonl:1: field `n` is a number");
}

// i mod 10 within the category, as published: filters move nothing.
TEST_F(CorpusOptions, OffSplits) {
  write_numbered(60);
  value_of(build(jsonl_head() + "off = [4, 9]\ncategory = \"category\"\n"));
  // Numbers 4, 9, 14, … of each category of 30: even 8, 18, 28, 38, 48, 58; odd 9, 19, …
  EXPECT_THAT(fields("text"),
              ElementsAre("even 8", "odd 9", "even 18", "odd 19", "even 28", "odd 29", "even 38",
                          "odd 39", "even 48", "odd 49", "even 58", "odd 59"));
  value_of(build(jsonl_head() + "off = [0]\nmodulus = 30\n"));
  EXPECT_THAT(fields("text"), ElementsAre("even 0", "even 30"));
  value_of(build(jsonl_head() +
                 "off = [0]\nmodulus = 30\n[[domain.source.filter]]\nexclude = \" 0$\"\n"));
  EXPECT_THAT(fields("text"), ElementsAre("even 30"));
  expect_error(build(jsonl_head() + "off = [10]\n"), Code::kCorrupt, "10 is not below the modulus");
  expect_error(build(jsonl_head() + "off = []\n"), Code::kCorrupt, "the list is empty");
  expect_error(build(jsonl_head() + "off = [-1]\n"), Code::kCorrupt, "element 1");
  expect_error(build(jsonl_head() + "modulus = 5\n"), Code::kCorrupt, "it needs off");
  expect_error(build(jsonl_head() + "off = [1]\ncategory = \"topic\"\n"), Code::kCorrupt,
               "in/a.jsonl:1: field `topic`, the category, is no string");
}

// Files are numbered in the order of their paths; --held-out takes what `off` leaves out.
TEST_F(CorpusOptions, OffSplitsOfFilesAndWhatTheyHoldOut) {
  for (int i = 0; i < 6; ++i) write(fmt::format("src/f{}.py", i), fmt::format("file {}\n", i));
  const std::string spec = files_head() + "off = [0, 1]\nmodulus = 3\n";
  value_of(build(spec));
  EXPECT_THAT(fields("text"), ElementsAre("file 0\n", "file 1\n", "file 3\n", "file 4\n"));
  CorpusBuildOptions options{dir_ / "spec.toml", dir_ / "held.jsonl", {}, Overwrite::kAllow};
  options.held_out = true;
  EXPECT_EQ(value_of(build_corpus(options, observer_)).n_record, 2U);
  const std::string held = value_of(read_text(dir_ / "held.jsonl"));
  EXPECT_THAT(held, HasSubstr("file 2"));
  EXPECT_THAT(held, HasSubstr("file 5"));
  EXPECT_THAT(value_of(read_text(dir_ / "held.jsonl.manifest.json")),
              HasSubstr("\"held_out\": true"));
  write("spec.toml", files_head());
  expect_error(build_corpus(options, observer_), Code::kInvalidArgument,
               "no source of it holds anything out");
}

// No two remainders share a record, and together they are all.
TEST_F(CorpusOptions, OffSplitsPartition) {
  write_numbered(37);
  std::multiset<std::string> all;
  for (int k = 0; k < 10; ++k) {
    value_of(build(jsonl_head() + fmt::format("off = [{}]\ncategory = \"category\"\n", k)));
    for (const auto& text : fields("text")) all.insert(text);
  }
  EXPECT_EQ(all.size(), 37U);
  EXPECT_EQ(std::set(all.begin(), all.end()).size(), 37U);
}

TEST_F(CorpusOptions, KeepsFieldsThatAreAskedFor) {
  write("in/a.jsonl", R"({"text":"t","problem":"p","n":3,"format":"chat"})");
  value_of(build(jsonl_head() + "keep = [\"problem\", \"n\", \"none\"]\n"));
  EXPECT_EQ(
      output(),
      R"({"text":"t","domain":"web","weight":1.0,"source":"in/a.jsonl:1","format":"chat","problem":"p"})"
      "\n");
  expect_error(build(jsonl_head() + "keep = \"domain\"\n"), Code::kCorrupt, "`domain` is written");
}

TEST_F(CorpusOptions, ReadsJsonArrays) {
  write("in/a.jsonl", "[\n{\"text\":\"one\"},\n{\"text\":\"two\"}]");
  value_of(build(jsonl_head()));
  EXPECT_THAT(fields("source"), ElementsAre("in/a.jsonl:2", "in/a.jsonl:3"));
  write("in/a.jsonl", "[\n{\"text\":\"one\"}\n{\"text\":\"two\"}]");
  expect_error(build(jsonl_head()), Code::kCorrupt, "in/a.jsonl:3: the array lacks");
}

TEST_F(CorpusOptions, RendersChatsOfFieldsAndMessages) {
  model_ = fake_hooks();
  write("in/a.jsonl", R"({"q":"why","a":"so","t":"hm"}
{"q":"how","a":"thus"})");
  value_of(build(jsonl_head() + "chat = { user = \"q\", assistant = \"a\", thinking = \"t\" }\n"));
  EXPECT_EQ(
      output(),
      R"({"text":"[user]why[assistant](hm)so","domain":"web","weight":1.0,"source":"in/a.jsonl:1","format":"chat","problem":"why","solution":"so","thinking":"hm"})"
      "\n"
      R"({"text":"[user]how[assistant]thus","domain":"web","weight":1.0,"source":"in/a.jsonl:2","format":"chat","problem":"how","solution":"thus"})"
      "\n");
  write("in/a.jsonl",
        R"({"messages":[{"role":"user","content":"why"},{"role":"assistant","content":"so"}]})");
  value_of(build(jsonl_head() + "chat = { messages = \"messages\" }\n"));
  EXPECT_THAT(fields("text"), ElementsAre("[user]why[assistant]so"));
  EXPECT_THAT(fields("problem"), ElementsAre("why"));
  value_of(build(domain_head() + "kind = \"reasoning\"\nn = 5\n"
                                 "chat = { user = \"problem\", assistant = \"solution\", "
                                 "thinking = \"thinking\" }\n"));
  for (const auto& record : records())
    EXPECT_EQ(record.at("text"), "[user]" + record.at("problem").get<std::string>() +
                                     "[assistant](" + record.at("thinking").get<std::string>() +
                                     ")" + record.at("solution").get<std::string>());
}

TEST_F(CorpusOptions, ChatErrors) {
  const std::string q = "chat = { user = \"q\" }\n";
  write("in/a.jsonl", R"({"q":"why"})");
  const auto without = build(jsonl_head() + q);
  expect_error(without, Code::kInvalidArgument, "source 1: key `chat`: it needs a model");
  EXPECT_THAT(without.error().hint, HasSubstr("-m"));
  expect_no_output();
  model_ = fake_hooks();
  value_of(build(jsonl_head() + q));
  expect_error(build(jsonl_head() + q + "text = \"q\"\n"), Code::kCorrupt, "instead of `text`");
  expect_error(build(jsonl_head() + "chat = {}\n"), Code::kCorrupt, "neither `user`");
  expect_error(build(jsonl_head() + "chat = \"q\"\n"), Code::kCorrupt, "must be a table");
  expect_error(build(jsonl_head() + "chat = { user = \"q\", asistant = \"a\" }\n"), Code::kCorrupt,
               "unknown key `asistant`");
  expect_error(build(jsonl_head() + "chat = { user = \"q\", thinking = \"t\" }\n"), Code::kCorrupt,
               "give `assistant` too");
  expect_error(build(jsonl_head() + "chat = { user = \"q\", messages = \"m\" }\n"), Code::kCorrupt,
               "stands instead of system");
  expect_error(build(jsonl_head() + q + "split = true\n"), Code::kCorrupt, "chats are not cut");
  expect_error(build(jsonl_head() + "chat = { user = \"q\", assistant = \"a\" }\n"), Code::kCorrupt,
               "in/a.jsonl:1: no field `a`");
  model_.render_chat = [](std::span<const ChatTurn>) -> Result<std::string> {
    return fail(Code::kUnsupported, "no template");
  };
  expect_error(build(jsonl_head() + q), Code::kUnsupported, "in/a.jsonl:1: no template");
}

TEST_F(CorpusOptions, DropsNearDuplicatesWithinAndAcrossDomains) {
  const std::string text =
      "a sentence of so many words that one more of them at its end changes only little of it";
  write("src/a.txt", text + "\n");
  write("src/b.txt", text + " now\n");
  write("src/c.txt", "something else altogether, which shares no three words in a row\n");
  write("src/d.txt", text + "\r\n");
  write("in/a.jsonl", R"({"text":")" + text + R"( again"}
{"text":"entirely different"})");
  const std::string spec = files_head() +
                           "[[domain]]\nname = \"two\"\nmin_records = 1\n[[domain.source]]\n"
                           "kind = \"jsonl\"\npath = \"in/a.jsonl\"\n";
  EXPECT_EQ(value_of(build(spec)).n_record, 5U);
  const auto report = value_of(build("near_duplicate = 0.8\n" + spec));
  EXPECT_THAT(fields("source"), ElementsAre("src/a.txt", "src/c.txt", "in/a.jsonl:2"));
  EXPECT_EQ(report.domains[0].n_duplicate, 1U);
  EXPECT_EQ(report.domains[0].n_near_duplicate, 1U);
  EXPECT_EQ(report.domains[1].n_near_duplicate, 1U);
  EXPECT_EQ(value_of(build("near_duplicate = 1.0\n" + spec)).n_record, 5U);
  EXPECT_EQ(value_of(build("near_duplicate = 0.8\nshingle = \"character\"\n" + spec)).n_record, 3U);
  expect_error(build("near_duplicate = 0\n" + spec), Code::kCorrupt, "above 0");
  expect_error(build("near_duplicate = 1.5\n" + spec), Code::kCorrupt, "at most 1");
  expect_error(build("shingle = \"word\"\n" + spec), Code::kCorrupt, "it needs near_duplicate");
  expect_error(build("near_duplicate = 0.5\nshingle = \"line\"\n" + spec), Code::kCorrupt,
               "no shingle `line`");
}

// What a sample leaves out is not in the output: nothing can be like it there.
TEST_F(CorpusOptions, NearDuplicatesOfWhatWasNotTakenStay) {
  std::string lines;
  for (int i = 0; i < 8; ++i)
    lines +=
        fmt::format(R"({{"text":"number {0} {0}{0} of eight texts that are unlike {0}{0}{0}"}})"
                    "\n",
                    std::string(5, static_cast<char>('a' + i)));
  write("in/a.jsonl", lines);
  const auto report = value_of(
      build("near_duplicate = 0.8\n[[domain]]\nname = \"one\"\nmin_records = 1\nmax_records = 3\n"
            "[[domain.source]]\nkind = \"jsonl\"\npath = \"in/a.jsonl\"\n"
            "[[domain]]\nname = \"two\"\nmin_records = 1\n[[domain.source]]\n"
            "kind = \"jsonl\"\npath = \"in/a.jsonl\"\ntext = \"Again {text}\"\n"));
  EXPECT_EQ(report.domains[0].n_record, 3U);
  EXPECT_EQ(report.domains[1].n_near_duplicate, 3U);
  EXPECT_EQ(report.domains[1].n_record, 5U);
}

TEST_F(CorpusOptions, CapsAndLimitsByTokens) {
  model_ = fake_hooks();
  std::string lines;
  for (int i = 0; i < 20; ++i)  // i + 1 tokens
  {
    std::string text = "t" + std::to_string(i);
    for (int k = 0; k < i; ++k) text += " w";
    lines += "{\"text\":\"" + text + "\"}\n";
  }
  write("in/a.jsonl", lines);
  const auto all = value_of(build(jsonl_head()));
  EXPECT_EQ(all.n_token, 210U);
  EXPECT_EQ(all.domains[0].n_token, 210U);
  const auto limited =
      value_of(build("min_record_tokens = 3\n" + jsonl_head() + "max_record_tokens = 5\n"));
  EXPECT_EQ(limited.n_record, 3U);
  EXPECT_EQ(limited.n_token, 3U + 4 + 5);
  EXPECT_EQ(limited.domains[0].n_filtered, 17U);
  const auto capped = value_of(build(jsonl_head() + "max_tokens = 100\n"));
  EXPECT_LE(capped.n_token, 100U);
  EXPECT_GT(capped.n_token, 80U - 20);
  const auto in_domain = value_of(
      build("[[domain]]\nname = \"web\"\nmin_records = 1\nmax_tokens = 50\n[[domain.source]]\n"
            "kind = \"jsonl\"\npath = \"in/*.jsonl\"\n"));
  EXPECT_LE(in_domain.n_token, 50U);
  EXPECT_GT(in_domain.n_record, 0U);
  EXPECT_EQ(value_of(build(jsonl_head() + "max_records = 4\n")).n_record, 4U);
  expect_error(build("min_record_tokens = 3\n" + jsonl_head() + "max_record_tokens = 2\n"),
               Code::kCorrupt, "min_record_tokens 3 is above max_record_tokens 2");
  model_ = {};
  for (const char* key : {"max_tokens", "min_record_tokens", "max_record_tokens"})
    expect_error(build(jsonl_head() + key + " = 5\n"), Code::kInvalidArgument,
                 std::string("key `") + key + "`: it needs a model");
}

TEST_F(CorpusOptions, LeavesOutDomainsOfFewTokens) {
  model_ = fake_hooks();
  write("in/a.jsonl", "{\"text\":\"a b\"}\n{\"text\":\"c d e\"}\n");
  const std::string two = jsonl_head() +
                          "[[domain]]\nname = \"two\"\nmin_records = 1\nmin_tokens = 6\n"
                          "[[domain.source]]\nkind = \"jsonl\"\npath = \"in/*.jsonl\"\n"
                          "text = \"x{text}\"\n";
  const auto report = value_of(build(two));
  EXPECT_TRUE(report.domains[1].left_out);
  EXPECT_EQ(report.domains[1].n_token, 5U);
  EXPECT_EQ(report.n_token, 5U);
  EXPECT_THAT(observer_.warnings.back(), HasSubstr("left out: 5 tokens (min_tokens 6)"));
  model_ = {};
  expect_error(build(two), Code::kInvalidArgument, "domain `two`: key `min_tokens`");
}

std::string mmlu(int id, const std::string& category, const std::string& cot = "") {
  return fmt::format(
      R"({{"question_id":{0},"question":"Q{0}?","options":["x{0}","y"],"answer":"A","answer_index":0,"cot_content":"{1}","category":"{2}","src":"s"}})",
      id, cot, category);
}

TEST_F(CorpusOptions, ReadsMmluPro) {
  std::string list = "[";
  for (int i = 0; i < 24; ++i)
    list += (i == 0 ? "" : ",\n") +
            mmlu(i, i % 2 == 0 ? "math" : "law",
                 i == 8 ? "A: Let's think step by step. Easy. The answer is (A)." : "");
  write("in/test.json", list + "]");
  const std::string head = domain_head() + "kind = \"mmlu_pro\"\npath = \"in/test.json\"\n";
  value_of(build(head + "categories = [\"math\"]\noff = [4, 9]\n"));
  EXPECT_THAT(fields("text"),
              ElementsAre("Q8?\nA. x8\nB. y\nLet's think step by step. Easy.\nThe answer is (A).",
                          "Q18?\nA. x18\nB. y\nThe answer is (A)."));
  EXPECT_THAT(fields("source"), ElementsAre("in/test.json:9", "in/test.json:19"));
  EXPECT_EQ(records()[0].at("problem"), "Q8?\nA. x8\nB. y");
  EXPECT_EQ(records()[0].at("thinking"), "Let's think step by step. Easy.");
  EXPECT_EQ(records()[0].at("solution"), "The answer is (A).");
  EXPECT_EQ(records()[0].at("category"), "math");
  EXPECT_FALSE(records()[1].contains("thinking"));
  value_of(build(head + "off = [5]\ntext = \"{category}: {question} {options} {answer} "
                        "{answer_text} {src}\"\n"));
  EXPECT_THAT(fields("text"),
              ElementsAre("math: Q10? A. x10\nB. y A x10 s", "law: Q11? A. x11\nB. y A x11 s"));
  model_ = fake_hooks();
  value_of(build(head +
                 "off = [4]\ncategories = \"math\"\nchat = { user = \"problem\", assistant = "
                 "\"solution\", thinking = \"thinking\" }\n"));
  EXPECT_THAT(fields("text"),
              ElementsAre("[user]Q8?\nA. x8\nB. y[assistant](Let's think step by step. Easy.)"
                          "The answer is (A)."));
}

TEST_F(CorpusOptions, MmluProErrors) {
  write("in/test.jsonl", mmlu(1, "math") + "\n" + mmlu(2, "math") + "\n{\"question\":\"?\"}\n");
  const std::string head = domain_head() + "kind = \"mmlu_pro\"\npath = \"in/test.jsonl\"\n";
  expect_error(build("max_bad = 0\n" + head), Code::kCorrupt,
               "in/test.jsonl:3: field `question_id` is missing");
  write("in/test.jsonl", mmlu(1, "math") + "\n" + mmlu(2, "law") + "\n");
  const auto unknown = build(head + "categories = [\"maths\"]\n");
  expect_error(unknown, Code::kNotFound, "source 1: no question is of category `maths`");
  EXPECT_THAT(unknown.error().hint, HasSubstr("law, math"));
  expect_error(build(head + "text = \"letter\"\n"), Code::kCorrupt, "unknown field {letter}");
  expect_error(build(head + "category = \"question\"\n"), Code::kCorrupt, "numbered by");
  expect_error(build(head + "chat = { messages = \"messages\" }\n"), Code::kCorrupt,
               "only a source of kind jsonl");
}

TEST_F(CorpusOptions, WritesAManifestBesideTheOutput) {
  model_ = fake_hooks();
  write("src/a.js", "let a;\n");
  write("src/b.js", "let b = 2;\n");
  write("in/a.jsonl", R"({"text":"x"})");
  const std::string spec = files_head() +
                           "[[domain]]\nname = \"thin\"\n[[domain.source]]\n"
                           "kind = \"jsonl\"\npath = \"in/*.jsonl\"\n";
  const auto report = value_of(build(spec));
  const auto digest = [](std::string_view bytes) {
    Hasher hasher;
    hasher.add(bytes);
    return hasher.digest();
  };
  const std::string text = value_of(read_text(dir_ / "out.jsonl.manifest.json"));
  const auto manifest = nlohmann::json::parse(text);
  EXPECT_EQ(manifest.at("schema"), "coe.corpus-manifest/1");
  EXPECT_EQ(manifest.at("spec").at("digest"), digest(spec));
  EXPECT_EQ(manifest.at("spec").at("name"), "spec.toml");
  EXPECT_EQ(manifest.at("output").at("digest"), digest(output()));
  EXPECT_EQ(manifest.at("output").at("digest"), report.digest);
  EXPECT_EQ(manifest.at("output").at("n_byte"), output().size());
  EXPECT_EQ(manifest.at("output").at("n_record"), 2);
  EXPECT_EQ(manifest.at("model").at("digest"), "xxh3:0");
  ASSERT_EQ(manifest.at("sources").size(), 3U);
  EXPECT_EQ(manifest.at("sources")[0].at("path"), "in/a.jsonl");
  EXPECT_EQ(manifest.at("sources")[1].at("path"), "src/a.js");
  EXPECT_EQ(manifest.at("sources")[1].at("n_byte"), 7);
  EXPECT_EQ(manifest.at("sources")[1].at("digest"), digest("let a;\n"));
  EXPECT_EQ(manifest.at("domains")[0].at("n_token"), 6);  // by blanks: 2 + 4
  EXPECT_EQ(manifest.at("domains")[1].at("left_out"), true);
  EXPECT_THAT(text, ::testing::Not(HasSubstr(dir_.path().string())));

  value_of(build(spec));
  EXPECT_EQ(value_of(read_text(dir_ / "out.jsonl.manifest.json")), text);
  model_ = {};
  value_of(build(spec));
  EXPECT_TRUE(nlohmann::json::parse(value_of(read_text(dir_ / "out.jsonl.manifest.json")))
                  .at("model")
                  .is_null());
}

// A run was killed between the names of its two files.
TEST_F(CorpusOptions, AManifestThatAKilledRunLeftIsReplaced) {
  write("src/a.js", "let a;\n");
  value_of(build(files_head(), Overwrite::kRefuse));
  const auto manifest = value_of(read_text(dir_ / "out.jsonl.manifest.json"));
  std::filesystem::remove(dir_ / "out.jsonl");
  value_of(build(files_head(), Overwrite::kRefuse));
  EXPECT_TRUE(std::filesystem::exists(dir_ / "out.jsonl"));
  EXPECT_EQ(value_of(read_text(dir_ / "out.jsonl.manifest.json")), manifest);
}

TEST_F(CorpusOptions, AManifestInTheWayIsRefusedAndNeverASource) {
  write("src/a.js", "let a;\n");
  write("out.jsonl.manifest.json", "mine");
  expect_error(build(files_head(), Overwrite::kRefuse), Code::kExists, "out.jsonl.manifest.json");
  EXPECT_FALSE(std::filesystem::exists(dir_ / "out.jsonl"));
  EXPECT_EQ(value_of(read_text(dir_ / "out.jsonl.manifest.json")), "mine");
  expect_error(build(domain_head() + "kind = \"files\"\nroot = \".\"\ninclude = \"*.json\"\n"),
               Code::kInvalidArgument, "is the output's manifest");
}

}  // namespace
}  // namespace coe
