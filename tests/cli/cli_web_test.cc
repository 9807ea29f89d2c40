// coe bench web from outside, against a server that follows a script.
#include "support/cli_test.h"
#include "support/mock_endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace coe {
namespace {

using coe::testing::MockEndpoint;
using coe::testing::MockReply;
using coe::testing::MockRequest;
using ::testing::HasSubstr;
using Json = nlohmann::json;

const std::filesystem::path kTasks = std::filesystem::path(COE_SOURCE_DIR) / "web/tasks";
const std::string kWeb = "coe bench web --suite " COE_SOURCE_DIR "/web ";

std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Task {
  std::string id;
  std::string category;
  std::string prompt;
  std::string reference;
};

std::vector<Task> tasks() {
  std::vector<Task> out;
  for (const auto& entry : std::filesystem::directory_iterator(kTasks)) {
    const auto json = Json::parse(slurp(entry.path() / "task.json"));
    const std::string format = json.at("format");
    out.push_back({entry.path().filename().string(), json.at("category"), json.at("prompt"),
                   slurp(entry.path() / ("reference." + format))});
  }
  return out;
}

class CliWeb : public coe::testing::CliTest {
 protected:
  void SetUp() override {
    // The verb says itself what is missing.
    write("probe/css-toggle.md", "no code");
    const auto probe = run(kWeb + "--answers probe --task css-toggle -o probe-out");
    if (probe.exit_code == 4) GTEST_SKIP() << probe.err;
    ASSERT_EQ(probe.exit_code, 0) << probe.err;
  }
  static std::map<std::string, std::pair<int, int>> table(const Json& doc) {
    std::map<std::string, std::pair<int, int>> out;
    for (const auto& row : doc.at("rows"))
      if (row.at("metric") == "passed")
        out[row.at("domain").is_null() ? "all" : row.at("domain").get<std::string>()] = {
            row.at("n_passed"), row.at("n")};
    return out;
  }
};

// 34 good answers give the table as the reference specialist's was published.
TEST_F(CliWeb, ThePublishedTable) {
  const auto all = tasks();
  ASSERT_EQ(all.size(), 40U);
  std::map<std::string, std::string> answers;
  std::map<std::string, int> n_bad = {{"html", 2}, {"javascript", 4}};
  for (const auto& task : all) {
    auto& answer = answers[task.prompt];
    answer = "Here is the file.\n\n```" + task.category + "\n" + task.reference + "```\n";
    if (n_bad[task.category]-- > 0)
      answer = "I would do it so:\n```html\n<!doctype html><html><body>unfinished";
  }
  const MockEndpoint server([&](const MockRequest& request) {
    const auto at = request.question.rfind("\n\n");
    return MockReply{.content = answers.at(request.question.substr(0, at)), .piece_bytes = 512};
  });
  const auto doc = run_json(kWeb + "--endpoint " + server.url() + " -o out -j 2 --name scripted");
  EXPECT_EQ(table(doc), (std::map<std::string, std::pair<int, int>>{{"css", {7, 7}},
                                                                    {"react", {6, 6}},
                                                                    {"svelte", {4, 4}},
                                                                    {"vue", {5, 5}},
                                                                    {"html", {6, 8}},
                                                                    {"javascript", {6, 10}},
                                                                    {"all", {34, 40}}}))
      << doc.at("rows");
  EXPECT_EQ(read_lines("out/rows.jsonl").size(), 47U);
  EXPECT_THAT(read("out/index.html"), HasSubstr(">34/40<"));
  EXPECT_EQ(server.requests().size(), 40U);
  const auto request = Json::parse(server.requests().front().body);
  EXPECT_NEAR(request.at("temperature").get<double>(), 0.6, 1e-6);

  // Again: nobody is asked, nothing is tried.
  const auto again = run_json(kWeb + "--endpoint " + server.url() +
                              " -o out -j 2 --name scripted --browser /no/such/chromium");
  EXPECT_EQ(table(again), table(doc));
  EXPECT_EQ(server.requests().size(), 40U);
}

TEST_F(CliWeb, AnswersOfAFolder) {
  const std::string toggle = slurp(kTasks / "css-toggle/reference.html");
  write("answers/css-toggle.html", toggle);
  write("answers/css-toggle-reply.md", "Look:\n```html\n" + toggle + "```\n");
  write("answers/css-toggle-cut.md", "Look:\n```html\n" + toggle.substr(0, 200));
  write("answers/unrelated.txt", "x");
  const auto result = run(kWeb + "--answers answers --task css-toggle -o out --json");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto doc = Json::parse(result.out);
  EXPECT_EQ(doc.at("n"), 3);
  EXPECT_EQ(doc.at("n_passed"), 2) << doc.at("rows");
  std::map<std::string, Json> fault;
  for (const auto& row : doc.at("rows"))
    if (row.at("metric") == "task_passed") fault[row.at("answer")] = row.at("fault");
  EXPECT_TRUE(fault.at("1").is_null());
  EXPECT_TRUE(fault.at("reply").is_null());
  EXPECT_EQ(fault.at("cut").at("kind"), "no-answer");
  EXPECT_TRUE(std::filesystem::exists(dir_ / "out/pictures/css-toggle-1-390.png"));
}

TEST_F(CliWeb, CheckTellsAGoodSuiteFromABadOne) {
  const auto copy = dir_ / "suite";
  std::filesystem::create_directories(copy / "tasks");
  std::filesystem::create_directory_symlink(kTasks / "../toolchain", copy / "toolchain");
  std::filesystem::copy_file(kTasks / "../page.js", copy / "page.js");
  std::filesystem::copy(kTasks / "css-toggle", copy / "tasks/css-toggle");
  auto mutants = Json::parse(slurp(copy / "tasks/css-toggle/mutants.json"));
  mutants.get_ref<Json::array_t&>().resize(1);
  std::ofstream(copy / "tasks/css-toggle/mutants.json") << mutants;
  const auto good = run("coe bench web --check --suite suite --repeat 2");
  EXPECT_EQ(good.exit_code, 0) << good.out << good.err;
  EXPECT_THAT(good.out, HasSubstr("All 3 as they should be"));
  mutants[0] = {{"name", "none"},
                {"why", "is right"},
                {"kind", "blank"},
                {"about", ""},
                {"answer", slurp(copy / "tasks/css-toggle/reference.html")}};
  std::ofstream(copy / "tasks/css-toggle/mutants.json") << mutants;
  const auto bad = run("coe bench web --check --suite suite");
  EXPECT_EQ(bad.exit_code, 1);
  EXPECT_THAT(bad.out, HasSubstr("css-toggle none: passes; expected blank"));
}

// Needs neither a browser nor a model.
using CliWebList = coe::testing::CliTest;

TEST_F(CliWebList, SaysWhatTheTasksAre) {
  const auto doc = run_json(kWeb + "--list");
  const auto all = tasks();
  ASSERT_EQ(doc.at("tasks").size(), all.size());
  std::map<std::string, Json> listed;
  for (const auto& task : doc.at("tasks")) listed[task.at("task")] = task;
  for (const auto& task : all) {
    EXPECT_EQ(listed.at(task.id).at("category"), task.category);
    EXPECT_EQ(listed.at(task.id).at("prompt"), task.prompt);
    EXPECT_GE(listed.at(task.id).at("n_action"), 3) << task.id;
    EXPECT_GE(listed.at(task.id).at("n_check"), 5) << task.id;
  }
  const auto& toggle = listed.at("css-toggle");
  EXPECT_EQ(toggle.at("title"), "Theme switch without JavaScript");
  EXPECT_EQ(toggle.at("actions"), (Json{{"click", 4}, {"press", 2}, {"reload", 1}}));
  EXPECT_EQ(toggle.at("n_action"), 7);

  const auto text = run(kWeb + "--list --task css-toggle");
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_EQ(text.out,
            "  task         actions   asks for\n"
            "  css-toggle         7   Theme switch without JavaScript\n"
            "\n1 task; --task NAME tries one, --task CATEGORY all of a category\n");
  EXPECT_EQ(run(kWeb + "--list --task nothing").exit_code, 3);
  EXPECT_EQ(run(kWeb + "--list -o out").exit_code, 2);
}

TEST_F(CliWeb, ErrorsSayWhatToDo) {
  EXPECT_EQ(run(kWeb + "--answers probe").exit_code, 2);  // no -o
  EXPECT_EQ(run(kWeb + "-o out").exit_code, 2);           // nobody to ask
  EXPECT_EQ(run(kWeb + "--answers probe --task css-none -o out").exit_code, 3);
  EXPECT_EQ(run(kWeb + "--answers none -o out").exit_code, 3);
  EXPECT_EQ(run("coe bench web --suite none --answers probe -o out").exit_code, 3);
  write("good/css-toggle.html", slurp(kTasks / "css-toggle/reference.html"));
  const auto none =
      run(kWeb + "--answers good --task css-toggle -o out2 --browser /no/such/chromium");
  EXPECT_EQ(none.exit_code, 4);
  EXPECT_THAT(none.err, HasSubstr("/no/such/chromium"));
}

}  // namespace
}  // namespace coe
