// coe corpus build and coe corpus check from outside.
#include "support/cli_test.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace coe {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Json = nlohmann::json;

class CliCorpus : public coe::testing::CliTest {
 protected:
  // A generated corpus of problems, each with its thinking; different folds share none.
  Json problems(const std::string& name, const std::string& fold, int n) {
    write(name + ".toml", fmt::format("[[domain]]\nname = \"{}\"\n[[domain.source]]\n"
                                      "kind = \"reasoning\"\nfold = \"{}\"\nn = {}\n",
                                      name, fold, n));
    return run_json(fmt::format("coe corpus build {0}.toml -o {0}.jsonl --force", name));
  }
};

TEST_F(CliCorpus, BuildSaysWhatItBuiltAndFromWhat) {
  const auto doc = problems("train", "0/2", 40);
  EXPECT_EQ(doc.at("schema"), "coe.corpus-build/1");
  EXPECT_EQ(doc.at("n_record"), 40);
  EXPECT_TRUE(doc.at("n_token").is_null());
  EXPECT_EQ(doc.at("manifest"), "train.jsonl.manifest.json");
  const auto manifest = Json::parse(read("train.jsonl.manifest.json"));
  EXPECT_EQ(manifest.at("output").at("digest"), doc.at("digest"));
  EXPECT_EQ(manifest.at("domains")[0].at("n_record"), 40);
  const auto again = run("coe corpus build train.toml -o train.jsonl");
  EXPECT_EQ(again.exit_code, 2);
  EXPECT_THAT(again.err, HasSubstr("--force"));
}

// As a new user begins: a folder, a spec of it, both parts.
TEST_F(CliCorpus, InitWritesASpecThatBuilds) {
  for (int i = 0; i < 30; ++i) write(fmt::format("p/m{}.py", i), fmt::format("x = {}\n", i));
  write("p/node_modules/m/x.js", "x");
  const auto made = run("coe corpus init p");
  ASSERT_EQ(made.exit_code, 0) << made.err;
  EXPECT_THAT(made.err,
              HasSubstr("text: 30 files (.py); left out: 1 made by tools (node_modules)"));
  EXPECT_THAT(made.out, HasSubstr("next: coe corpus build corpus.toml -o corpus.jsonl"));
  EXPECT_EQ(run_json("coe corpus build corpus.toml -o corpus.jsonl").at("n_record"), 27);
  EXPECT_EQ(run_json("coe corpus build corpus.toml --held-out -o held.jsonl").at("n_record"), 3);
  EXPECT_EQ(run("coe corpus check corpus.jsonl --against held.jsonl").exit_code, 0);
  const auto again = run("coe corpus init p");
  EXPECT_EQ(again.exit_code, 2);
  EXPECT_THAT(again.err, HasSubstr("corpus.toml: output exists already"));
  const auto doc = run_json("coe corpus init p --force");
  EXPECT_EQ(doc.at("schema"), "coe.corpus-init/1");
  EXPECT_EQ(doc.at("domains")[0].at("name"), "python");
}

TEST_F(CliCorpus, CheckTakesTextAsPeopleHaveIt) {
  write("notes.txt", "Some words.\n");
  write("p/a.md", "Other words.\n");
  const auto result = run("printf 'words from a pipe' | coe corpus check notes.txt p - --json");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("text: 3 files (.md .txt stdin); 3 pieces"));
  const auto doc = Json::parse(result.out);
  EXPECT_EQ(doc.at("n_record"), 3);
  EXPECT_EQ(doc.at("domains")[2].at("name"), "stdin");
  EXPECT_EQ(doc.at("taken")[0].at("n_file"), 3);
  EXPECT_EQ(doc.at("taken")[0].at("endings").at(".md"), 1);
  write("chats.json", R"([{"messages": [{"role": "user", "content": "Hi"}]}])");
  const auto chats = run("coe corpus check chats.json");
  EXPECT_EQ(chats.exit_code, 2);
  EXPECT_THAT(chats.err, HasSubstr("chats.json: holds chats"));
  EXPECT_THAT(chats.err, HasSubstr("hint: give the parent with -m"));
}

TEST_F(CliCorpus, WhatNeedsAModelSaysSo) {
  write("q.jsonl", R"({"q":"why","a":"so"})");
  write("chat.toml",
        "[[domain]]\nname = \"web\"\nkeep_thin = true\n[[domain.source]]\nkind = \"jsonl\"\n"
        "path = \"q.jsonl\"\nchat = { user = \"q\", assistant = \"a\" }\n");
  const auto result = run("coe corpus build chat.toml -o chat.jsonl");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("chat.toml:4: domain `web`, source 1: key `chat`"));
  EXPECT_THAT(result.err, HasSubstr("hint: give the parent with -m"));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "chat.jsonl"));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "chat.jsonl.manifest.json"));
}

TEST_F(CliCorpus, BadRecordsAreCountedUpToALimit) {
  std::string lines;
  for (int i = 0; i < 20; ++i) lines += fmt::format("{{\"text\":\"record {}\"}}\n", i);
  write("a.jsonl", lines + "{\"text\":\"\"}\n{\"body\":\"x\"}\n");
  write("a.toml",
        "[[domain]]\nname = \"web\"\n[[domain.source]]\nkind = \"jsonl\"\npath = \"a.jsonl\"\n");
  const auto refused = run("coe corpus build a.toml -o out.jsonl");
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_THAT(refused.err, HasSubstr("a.jsonl:21: the text is empty; 2 of 22 records are bad"));
  EXPECT_THAT(refused.err, HasSubstr("--max-bad"));
  const auto built = run("coe corpus build a.toml -o out.jsonl --max-bad 10%");
  EXPECT_EQ(built.exit_code, 0) << built.err;
  EXPECT_THAT(built.out, HasSubstr("bad in web: 1 of: no field `text` (first: a.jsonl:22)"));
  const auto doc = run_json("coe corpus build a.toml -o out.jsonl --max-bad 2 --force");
  EXPECT_EQ(doc.at("domains")[0].at("n_bad"), 2);
  EXPECT_EQ(doc.at("domains")[0].at("bad")[1].at("first"), "a.jsonl:22");
  const auto odd = run("coe corpus build a.toml -o out.jsonl --max-bad few --force");
  EXPECT_EQ(odd.exit_code, 2);
  EXPECT_THAT(odd.err, HasSubstr("--max-bad: `few`"));
}

TEST_F(CliCorpus, CheckFindsPlantedLeaks) {
  problems("train", "0/2", 200);
  problems("test", "1/2", 60);
  const auto clean = run("coe corpus check train.jsonl --against test.jsonl --json");
  ASSERT_EQ(clean.exit_code, 0) << clean.out << clean.err;
  const auto clean_doc = Json::parse(clean.out);
  EXPECT_EQ(clean_doc.at("schema"), "coe.corpus-check/1");
  EXPECT_EQ(clean_doc.at("n_record"), 200);
  EXPECT_EQ(clean_doc.at("domains")[0].at("name"), "train");
  EXPECT_THAT(clean_doc.at("leaks"), IsEmpty());
  EXPECT_LT(clean_doc.at("against").at("highest_clean"), 0.5);

  // Ten of the evaluation records: whole, in other case and spacing, amid other text.
  auto train = read_lines("train.jsonl");
  const auto test = read_lines("test.jsonl");
  for (std::size_t i = 0; i < 10; ++i) {
    std::string text = test[3 * i].at("text");
    if (i % 3 == 1) {
      for (auto& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      for (std::size_t at = 0; (at = text.find(' ', at)) != std::string::npos; at += 3)
        text.replace(at, 1, " \n ");
    }
    if (i % 3 == 2) {
      const std::string before = train[100 + i].at("text");
      const std::string after = train[150 + i].at("text");
      text = before + "\n" + text + "\n" + after;
    }
    train[7 * i]["text"] = text;
  }
  std::string lines;
  for (const auto& record : train) lines += record.dump() + "\n";
  write("leaky.jsonl", lines);
  const auto leaky = run("coe corpus check leaky.jsonl --against test.jsonl --json");
  EXPECT_EQ(leaky.exit_code, 1);
  const auto leaks = Json::parse(leaky.out).at("leaks");
  ASSERT_EQ(leaks.size(), 10U);
  for (std::size_t i = 0; i < 10; ++i) {
    EXPECT_EQ(leaks[i].at("evaluation"), fmt::format("test.jsonl:{}", 3 * i + 1));
    EXPECT_EQ(leaks[i].at("profiling"), fmt::format("leaky.jsonl:{}", 7 * i + 1));
    EXPECT_EQ(leaks[i].at("whole"), true);
    EXPECT_EQ(leaks[i].at("overlap"), 1.0);
    EXPECT_FALSE(leaks[i].at("excerpt").get<std::string>().empty());
  }
  const auto text = run("coe corpus check leaky.jsonl --against test.jsonl");
  EXPECT_EQ(text.exit_code, 1);
  EXPECT_THAT(text.out, HasSubstr("leak: test.jsonl:1 is in leaky.jsonl:1 (all of its words)"));
  EXPECT_THAT(text.out, HasSubstr("10 of 60 evaluation records leak"));
}

TEST_F(CliCorpus, CheckCountsWithoutAgainst) {
  write("a.jsonl", "{\"text\":\"one\"}\n{\"text\":\"one\"}\n{\"text\":\"two\"}\n");
  const auto result = run("coe corpus check a.jsonl --json");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto doc = Json::parse(result.out);
  EXPECT_EQ(doc.at("domains")[0].at("n_duplicate"), 1);
  EXPECT_EQ(doc.at("domains")[0].at("n_near_duplicate"), 0);
  EXPECT_TRUE(doc.at("n_token").is_null());
  EXPECT_FALSE(doc.contains("against"));
}

TEST_F(CliCorpus, CheckRefusesBadInput) {
  write("a.jsonl", "{\"text\":\"one\"}\n");
  write("bad.jsonl", "{\"text\":\"one\"}\n{\n");
  EXPECT_EQ(run("coe corpus check none.jsonl").exit_code, 3);
  const auto bad = run("coe corpus check a.jsonl --against bad.jsonl");
  EXPECT_EQ(bad.exit_code, 3);
  EXPECT_THAT(bad.err, HasSubstr("bad.jsonl:2"));
  EXPECT_EQ(run("coe corpus check a.jsonl --share 0.5").exit_code, 2);  // without --against
  EXPECT_EQ(run("coe corpus check a.jsonl --against a.jsonl --share 2").exit_code, 2);
  EXPECT_EQ(run("coe corpus check").exit_code, 2);
}

// The shipped specs on made-up downloads in the published form.
TEST_F(CliCorpus, MmluProExampleSplitsForProfilingAndEvaluation) {
  std::string questions;
  for (int i = 0; i < 400; ++i)
    questions += Json{{"question_id", i},
                      {"question", fmt::format("What is {} times {} minus {}?", i, i + 7, 3 * i)},
                      {"options", {fmt::format("{}", i), "nothing", fmt::format("{}", i * i)}},
                      {"answer", "C"},
                      {"answer_index", 2},
                      {"cot_content", ""},
                      {"category", i % 2 == 0 ? "math" : "physics"},
                      {"src", "made-up"}}
                     .dump() +
                 "\n";
  write("data/mmlu_pro/test.jsonl", questions);
  const std::string examples = COE_SOURCE_DIR "/examples/";
  for (const std::string name : {"mmlu-pro-profile", "mmlu-pro-evaluate"}) {
    const auto result = run("coe corpus build " + examples + name + ".toml -o " + name +
                            ".jsonl --root data --json");
    ASSERT_EQ(result.exit_code, 0) << result.err;
  }
  const auto profile = read_lines("mmlu-pro-profile.jsonl");
  const auto evaluate = read_lines("mmlu-pro-evaluate.jsonl");
  EXPECT_EQ(profile.size(), 80U);  // 2 of 10 of 200 + 200
  EXPECT_EQ(evaluate.size(), 40U);
  EXPECT_EQ(profile[0].at("source"), "mmlu_pro/test.jsonl:9");    // math 4
  EXPECT_EQ(evaluate[0].at("source"), "mmlu_pro/test.jsonl:11");  // math 5
  EXPECT_EQ(
      run("coe corpus check mmlu-pro-profile.jsonl --against mmlu-pro-evaluate.jsonl").exit_code,
      0);
}

TEST_F(CliCorpus, WebExampleMakesTheFivePartCorpus) {
  const auto lines = [&](const std::string& name, int n, const std::function<Json(int)>& record) {
    std::string out;
    for (int i = 0; i < n; ++i) out += record(i).dump() + "\n";
    write("data/" + name, out);
  };
  const auto body = [](const std::string& what, int i) {
    std::string out;
    for (int k = 0; k < 60; ++k) out += fmt::format("{} {} {};\n", what, i * 61 + k, i ^ k);
    return out;
  };
  lines("evol/evol.jsonl", 60, [&](int i) {
    return Json{{"instruction", fmt::format("Write JavaScript number {}.", i)},
                {"output", "```javascript\n" + body("let evol", i) + "```"}};
  });
  lines("algorithms/problems.jsonl", 30, [&](int i) {
    return Json{{"problem", fmt::format("Sort list {} in JavaScript.", i)},
                {"solution", "```javascript\n" + body("let algo", i) + "```"}};
  });
  for (int i = 0; i < 20; ++i) {
    write(fmt::format("data/typescript/f{}.ts", i), body("const typed: number =", i));
    write(fmt::format("data/pages/p{}.html", i), "<!doctype html>\n" + body("<p>page", i));
    write(fmt::format("data/styles/s{}.css", i), body(".style-", i));
  }
  const auto result =
      run("coe corpus build " COE_SOURCE_DIR "/examples/web.toml -o web.jsonl --root data --json");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto doc = Json::parse(result.out);
  std::vector<std::pair<std::string, double>> weights;
  for (const auto& domain : doc.at("domains")) {
    weights.emplace_back(domain.at("name"), domain.at("weight"));
    EXPECT_FALSE(domain.at("left_out").get<bool>()) << domain;
    EXPECT_GE(domain.at("n_record").get<int>(), 10) << domain;
  }
  const std::vector<std::pair<std::string, double>> expected = {{"web_js_evol", 0.25},
                                                                {"web_ts", 0.30},
                                                                {"web_html", 0.20},
                                                                {"web_js_algo", 0.15},
                                                                {"web_css", 0.10}};
  EXPECT_EQ(weights, expected);
}

}  // namespace
}  // namespace coe
