#include "coe/measure/webgen/task.h"

#include "support/expect.h"
#include "support/temp_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace coe {
namespace {

using coe::testing::expect_error;
using coe::testing::value_of;
using ::testing::HasSubstr;
using Json = nlohmann::json;

const Path kSuite = Path(COE_SOURCE_DIR) / "web";

TEST(WebSuite, HasTheTasksOfThePublishedTable) {
  const auto suite = value_of(load_web_suite(kSuite));
  std::map<std::string, int> n;
  for (const auto& task : suite.tasks) ++n[task.category];
  EXPECT_EQ(
      n,
      (std::map<std::string, int>{
          {"css", 7}, {"react", 6}, {"svelte", 4}, {"vue", 5}, {"html", 8}, {"javascript", 10}}));
  EXPECT_EQ(suite.tasks.front().category, "css");
  EXPECT_EQ(suite.tasks.back().category, "javascript");
}

TEST(WebSuite, EveryTaskIsTriedHardEnough) {
  const auto suite = value_of(load_web_suite(kSuite));
  std::set<std::string> prompts;
  for (const auto& task : suite.tasks) {
    SCOPED_TRACE(task.id);
    EXPECT_TRUE(task.id.starts_with(task.category + "-"));
    EXPECT_TRUE(prompts.insert(task.prompt).second);
    EXPECT_GE(task.mutants.size(), 4U);
    EXPECT_GE(task.elements.size(), 3U);
    EXPECT_GE(task.apart.size(), 1U);
    std::set<StepKind> kinds;
    std::set<std::string> whys;
    int n_shot = 0;
    int n_judged = 0;
    for (const auto& step : task.steps) {
      kinds.insert(step.kind);
      if (step.kind == StepKind::kShoot) ++n_shot;
      if (step.why.empty()) continue;
      ++n_judged;
      EXPECT_TRUE(whys.insert(step.why).second) << step.why;
    }
    EXPECT_GE(n_judged, 8);
    EXPECT_GE(n_shot, 3);
    EXPECT_TRUE(kinds.contains(StepKind::kDiffer));
    std::set<WebFault> faults;
    for (const auto& mutant : task.mutants) faults.insert(mutant.kind);
    EXPECT_GE(faults.size(), 3U);
    const auto format = task.category == "react"    ? WebFormat::kJsx
                        : task.category == "vue"    ? WebFormat::kVue
                        : task.category == "svelte" ? WebFormat::kSvelte
                                                    : WebFormat::kHtml;
    EXPECT_EQ(task.format, format);
    EXPECT_THAT(web_prompt(task), ::testing::StartsWith(task.prompt));
  }
}

TEST(WebSuite, OnlySomeTasks) {
  const std::vector<std::string> only = {"svelte-quiz", "vue"};
  EXPECT_EQ(value_of(load_web_suite(kSuite, only)).tasks.size(), 6U);
  const std::vector<std::string> none = {"svelte-quizz"};
  expect_error(load_web_suite(kSuite, none), Code::kNotFound, "svelte-quizz");
  expect_error(load_web_suite("/nowhere"), Code::kNotFound, "/nowhere");
}

// A suite of one task.
class OneTask : public ::testing::Test {
 protected:
  OneTask() {
    for (const auto* name : {"page.js", "toolchain/build.mjs", "toolchain/package-lock.json"})
      write(name, "x");
    task_ = {{"schema", "coe.web-task/1"},
             {"title", "T"},
             {"category", "css"},
             {"format", "html"},
             {"prompt", "P"},
             {"elements", {"#a"}},
             {"apart", Json::array({{"#a", "#b"}})},
             {"steps", Json::array({{{"expect", "1"}, {"why", "w"}}})}};
    mutants_ = Json::array({{{"name", "m"},
                             {"why", "y"},
                             {"replace", Json::array({Json::array({"one", "two"})})},
                             {"kind", "blank"}}});
  }
  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((dir_ / name).parent_path());
    std::ofstream(dir_ / name) << text;
  }
  Result<WebSuite> load() const {
    write("tasks/css-t/task.json", task_.dump());
    write("tasks/css-t/mutants.json", mutants_.dump());
    write("tasks/css-t/reference.html", "one three three");
    return load_web_suite(dir_.path());
  }
  void step_fails(const Json& step, const std::string& part) {
    task_["steps"] = Json::array({step});
    expect_error(load(), Code::kCorrupt, part);
  }

  coe::testing::TempDir dir_;
  Json task_;
  Json mutants_;
};

TEST_F(OneTask, IsReadAsItStands) {
  task_["steps"] = Json::array({{{"type", "x"}, {"into", "#a"}},
                                {{"drag", "#a"}, {"to", "#b"}},
                                {{"resize", {390, 800}}},
                                {{"shoot", "s"}},
                                {{"same", {"s", "s"}}, {"why", "w"}},
                                {{"expect", "e"}, {"within", 50}, {"why", "v"}}});
  const auto suite = value_of(load());
  const auto& task = suite.tasks.at(0);
  EXPECT_EQ(task.id, "css-t");
  EXPECT_EQ(task.steps.at(0).target, "#a");
  EXPECT_EQ(task.steps.at(1).other, "#b");
  EXPECT_EQ(task.steps.at(2).size, (std::pair{390, 800}));
  EXPECT_EQ(task.steps.at(4).other, "s");
  EXPECT_EQ(task.steps.at(5).ms, 50);
  EXPECT_EQ(task.mutants.at(0).source, "two three three");
  const auto digest = suite.digest;
  task_["title"] = "U";
  EXPECT_NE(value_of(load()).digest, digest);
}

TEST_F(OneTask, FaultsNameThePlace) {
  step_fails({{"expect", "1"}}, "step 1: `why`");
  step_fails({{"nothing", "1"}}, "step 1: says nothing");
  step_fails({{"click", "#a"}, {"within", 3}}, "`within` is no key of `click`");
  step_fails({{"type", "x"}}, "`into`");
  step_fails({{"wait", 99999}}, "milliseconds");
  step_fails({{"resize", 5}}, "[width, height]");
  step_fails({{"resize", {390, 0}}}, "[width, height]");
  step_fails({{"resize", {390, 5000000000}}}, "pixels up to 8192");
  step_fails({{"same", {"s", "t"}}, {"why", "w"}}, "no screenshot `s`");
  for (const auto* list : {"steps", "apart"}) {
    const auto as_it_was = task_[list];
    task_[list] = "#a";
    expect_error(load(), Code::kCorrupt, "must be an array");
    task_[list] = as_it_was;
  }
  task_["steps"] = Json::array();
  task_["category"] = "no\nne";
  expect_error(load(), Code::kCorrupt, "no category `no\\nne`");
  task_["category"] = "none";
  expect_error(load(), Code::kCorrupt, "no category `none`");
  task_["category"] = "css";
  task_["format"] = "doc";
  expect_error(load(), Code::kCorrupt, "no format `doc`");
  task_["format"] = "html";
  task_["elements"] = "a";
  expect_error(load(), Code::kCorrupt, "`elements`");
  task_["elements"] = {"a"};
  task_["schema"] = "coe.web-task/2";
  expect_error(load(), Code::kUnsupported, "coe.web-task/1");
}

TEST_F(OneTask, MutantsMustBeMadeOfTheReference) {
  mutants_[0]["replace"] = Json::array({Json::array({"three", "x"})});
  expect_error(load(), Code::kCorrupt, "does not occur once");
  mutants_[0]["replace"] = Json::array({Json::array({"none", "x"})});
  expect_error(load(), Code::kCorrupt, "does not occur once");
  mutants_[0]["replace"] = Json::array({Json::array({"one", "x"})});
  mutants_[0]["kind"] = "odd";
  expect_error(load(), Code::kCorrupt, "mutant `m`");
  mutants_[0]["kind"] = "blank";
  mutants_.push_back(mutants_[0]);
  expect_error(load(), Code::kCorrupt, "fails as `m` does");
}

TEST(WebFaults, HaveNames) {
  for (int i = 0; i < 16; ++i) {
    const auto fault = static_cast<WebFault>(i);
    EXPECT_EQ(fault_from_name(fault_name(fault)), fault);
  }
  EXPECT_FALSE(fault_from_name("none"));
}

}  // namespace
}  // namespace coe
