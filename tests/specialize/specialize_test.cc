// The pipeline over a tiny model and the fake engine: its stages, what it reuses, what it refuses.
#include "coe/specialize/specialize.h"

#include "coe/child/surgery/apply.h"
#include "coe/child/surgery/plan.h"
#include "coe/child/verify/verify.h"
#include "coe/corpus/select.h"
#include "coe/engine/fake_engine.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/model.h"
#include "coe/profile/routing/file.h"

#include "support/expect.h"
#include "support/fake_library.h"
#include "support/temp_dir.h"
#include "support/tiny_gguf.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstddef>
#include <filesystem>
#include <span>

namespace coe {
namespace {

using ::coe::testing::expect_error;
using ::coe::testing::expect_ok;
using ::coe::testing::FakeLibrary;
using ::coe::testing::value_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Corpus text(const std::string& domain, std::size_t n, const std::string& tail) {
  Corpus corpus;
  corpus.domains.push_back({domain, 1.0, {}});
  for (std::size_t i = 0; i < n; ++i)
    corpus.domains[0].records.push_back({fmt::format("{} {} {}", domain, i, tail), "t.jsonl:1"});
  corpus.digest = corpus_digest(corpus);
  return corpus;
}

class SpecializeTest : public ::testing::Test {
 protected:
  SpecializeTest() {
    parent_ = dir_ / "parent.gguf";
    coe::testing::write_tiny(parent_, coe::testing::tiny_moe({.n_expert = 8, .n_expert_used = 2}));
    options_.engine.model = parent_;
    options_.corpus = text("own", 20, "for profiling");
    options_.evaluation = text("own", 4, "held out");
    options_.evaluation.domains.push_back(text("far", 4, "held out").domains[0]);
    options_.n_keep = 4;
    options_.n_random = 2;
    options_.chat_check = false;
    options_.output = dir_ / "child.gguf";
  }

  // The fake parent; for the child, the same under the mask that the pipeline wrote.
  Result<std::unique_ptr<Engine>> open(const EngineOptions& options) {
    FakeEngineOptions fake = fake_;
    if (options.model == options_.output && !child_replies_.empty()) fake.replies = child_replies_;
    if (options.model == options_.output && child_is_right_) {
      const auto mask = parse_mask(*read_text(child_mask()), "mask");
      fake.kept.kept = mask->layers();
      fake.kept.n_used = options_.n_used;
    }
    return std::make_unique<FakeEngine>(fake);
  }
  void write_text(const std::string& name, const std::string& tail) {
    std::string lines;
    const auto corpus = text(name == "leak.jsonl" ? "own" : "cot", 4, tail);
    for (const auto& record : corpus.domains[0].records)
      lines += fmt::format(R"({{"text": "{}"}})", record.text) + "\n";
    expect_ok(write_file(dir_ / name, lines, Overwrite::kAllow));
  }
  static std::vector<std::string> pass_names(const KeepMask& mask) {
    std::vector<std::string> names;
    for (const auto& pass : mask.passes)
      names.push_back(nlohmann::json::parse(pass.json).at("pass").get<std::string>());
    return names;
  }
  Result<SpecializeReport> run_without_passes() {
    auto plain = options_;
    plain.passes = {};
    plain.other_temperature = false;
    return specialize(plain, library_, silent_observer());
  }
  Result<SpecializeReport> run() { return specialize(options_, library_, silent_observer()); }
  static std::vector<bool> reused(const SpecializeReport& report) {
    std::vector<bool> flags;
    for (const auto& stage : report.stages) flags.push_back(stage.reused);
    return flags;
  }

  Path child_mask() const { return dir_ / (options_.output.stem().string() + ".mask.json"); }

  coe::testing::TempDir dir_;
  Path parent_;
  SpecializeOptions options_;
  FakeEngineOptions fake_{.n_layer = 2, .n_expert = 8, .n_expert_used = 2};
  bool child_is_right_ = true;
  std::vector<std::string> child_replies_{};  // empty: the parent's
  FakeLibrary library_{[this](const EngineOptions& options) { return open(options); }};
};

TEST_F(SpecializeTest, RunsAllStagesAndProvesTheChild) {
  const auto report = run();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(reused(*report), (std::vector<bool>{false, false, false, false, false}));
  for (const auto* name :
       {"child.profile.gguf", "child.mask.json", "child.gguf", "child.eval.json"})
    EXPECT_TRUE(std::filesystem::exists(dir_ / name)) << name;
  EXPECT_EQ(report->bytes_child, std::filesystem::file_size(options_.output));
  EXPECT_LT(report->bytes_child, report->bytes_parent);
  ASSERT_EQ(report->domains.size(), 2U);
  EXPECT_EQ(report->domains[0].name, "own");
  EXPECT_TRUE(report->domains[0].own);
  EXPECT_FALSE(report->domains[1].own);
  EXPECT_EQ(report->domains[0].random.size(), 2U);
  ASSERT_TRUE(report->slice_check);
  EXPECT_EQ(report->slice_check->logit_diff_max, 0.0);
  EXPECT_EQ(report->slice_check->worst().output, 0.0);
  EXPECT_GT(report->slice_check->n_token, 50U);
  const auto proof =
      verify_child(parent_, options_.output, std::nullopt, nullptr, silent_observer());
  ASSERT_TRUE(proof);
  EXPECT_TRUE(proof->ok());
}

TEST_F(SpecializeTest, SecondRunReusesEverythingAndOpensNoEngine) {
  const auto first = run();
  ASSERT_TRUE(first);
  library_.n_opened = 0;
  const auto second = run();
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(reused(*second),
            (std::vector<bool>{true, true, true, false, true}));  // the proof runs always
  EXPECT_EQ(library_.n_opened, 0);
  EXPECT_EQ(second->domains[0].specialist.nll, first->domains[0].specialist.nll);
  ASSERT_EQ(second->domains[1].random.size(), 2U);
  EXPECT_EQ(second->domains[1].random[0].records, first->domains[1].random[0].records);
}

TEST_F(SpecializeTest, NamesTheChildByItsDomainOrAsItIsTold) {
  const auto made = run();
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->name, "Tiny own 4 of 8 experts");
  options_.name = "Mine";
  expect_error(run(), Code::kExists, "child.gguf: is of another run: it has another name");
  options_.overwrite = Overwrite::kAllow;
  const auto renamed = run();
  ASSERT_TRUE(renamed) << renamed.error().message;
  EXPECT_EQ(renamed->name, "Mine");
  EXPECT_EQ(reused(*renamed), (std::vector<bool>{true, true, false, false, true}));
  options_.overwrite = Overwrite::kRefuse;
  const auto again = run();
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(reused(*again), (std::vector<bool>{true, true, true, false, true}));
  // Whose name is not asked for is not its own either.
  options_.name = "";
  expect_error(run(), Code::kExists, "child.gguf: is of another run: it has another name");
  options_.name = "\n";
  expect_error(run(), Code::kInvalidArgument, "is no name for a model");
}

TEST_F(SpecializeTest, TakesNoChildThatUsesFewerExpertsForItsOwn) {
  ASSERT_TRUE(run());
  const auto parent = value_of(gguf::GgufFile::open(parent_));
  const auto model = value_of(describe_moe(parent));
  const auto mask = value_of(read_mask(child_mask()));
  const auto plan = value_of(plan_surgery(parent, model, mask, {.n_used = 1}));
  expect_ok(apply_plan(parent, plan, options_.output, Overwrite::kAllow, silent_observer()));
  expect_error(run(), Code::kExists, "experts used a token: 1, not 2");
  options_.overwrite = Overwrite::kAllow;
  const auto again = run();
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(
      value_of(verify_child(parent_, options_.output, mask, nullptr, silent_observer())).n_used,
      0U);
}

TEST_F(SpecializeTest, MakesAChildThatUsesFewerExperts) {
  options_.n_used = 1;
  const auto report = run();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->counts.n_used, 1U);
  EXPECT_EQ(report->counts.n_used_parent, 2U);
  EXPECT_EQ(
      value_of(verify_child(parent_, options_.output, std::nullopt, nullptr, silent_observer()))
          .n_used,
      1U);
  const auto again = run();
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(reused(*again), (std::vector<bool>{true, true, true, false, true}));
  options_.n_used = 0;
  expect_error(run(), Code::kExists, "experts used a token: 1, not 2");
  options_.n_used = 2;
  expect_error(run(), Code::kInvalidArgument, "not from 1 to below its own 2");
}

// Another digit in what an earlier run measured is another table.
TEST_F(SpecializeTest, NoticesADamagedEvaluation) {
  ASSERT_TRUE(run());
  const Path file = dir_ / "child.eval.json";
  auto found = value_of(read_text(file));
  const auto at = found.find("\"kl_max\": ") + 10;
  found[at] = found[at] == '1' ? '2' : '1';
  expect_ok(write_file(file, found, Overwrite::kAllow));
  expect_error(run(), Code::kExists,
               "child.eval.json: is of another run: it has another form, or was damaged");
  options_.overwrite = Overwrite::kAllow;
  ASSERT_TRUE(run());
}

TEST_F(SpecializeTest, ResumesAfterALostChild) {
  ASSERT_TRUE(run());
  std::filesystem::remove(options_.output);
  const auto resumed = run();
  ASSERT_TRUE(resumed);
  EXPECT_EQ(reused(*resumed), (std::vector<bool>{true, true, false, false, true}));
}

TEST_F(SpecializeTest, RefusesStaleStagesWithoutForceAndReplacesThemWithIt) {
  ASSERT_TRUE(run());
  options_.n_keep = 5;
  const auto stale = run();
  ASSERT_FALSE(stale);
  EXPECT_EQ(stale.error().code, Code::kExists);
  EXPECT_THAT(stale.error().message, HasSubstr("child.mask.json"));
  options_.overwrite = Overwrite::kAllow;
  const auto replaced = run();
  ASSERT_TRUE(replaced) << replaced.error().message;
  EXPECT_EQ(reused(*replaced), (std::vector<bool>{true, false, false, false, false}));
}

TEST_F(SpecializeTest, RefusesAForeignFileAtTheOutputBeforeAnyWork) {
  ASSERT_TRUE(write_file(options_.output, "someone's", Overwrite::kRefuse));
  const auto refused = run();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kExists);
  EXPECT_EQ(library_.n_opened, 0);
  EXPECT_EQ(*read_text(options_.output), "someone's");
}

TEST_F(SpecializeTest, RefusesImpossibleKBeforeAnyWork) {
  for (const auto k : {1U, 8U, 9U}) {
    options_.n_keep = k;
    const auto refused = run();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
    EXPECT_THAT(refused.error().message, HasSubstr(fmt::format("K = {}", k)));
  }
  EXPECT_EQ(library_.n_opened, 0);
}

TEST_F(SpecializeTest, FailsWhenTheChildDoesNotAnswerAsTheMaskedParent) {
  child_is_right_ = false;
  const auto report = run();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::kCheckFailed);
  EXPECT_FALSE(std::filesystem::exists(dir_ / "child.eval.json"));
}

// Whoever watches is told the plan once, before the first work, and then which stage begins.
TEST_F(SpecializeTest, TellsItsStages) {
  using State = PlannedStage::State;
  write_text("cot.jsonl", "reasoning");
  options_.passes.cot = dir_ / "cot.jsonl";
  options_.other_temperature = true;
  std::vector<std::pair<std::string, State>> plan;
  std::vector<std::string> begun;
  int n_plan = 0;
  options_.stages.plan = [&](std::span<const PlannedStage> stages) {
    ++n_plan;
    plan.clear();
    for (const auto& stage : stages) plan.emplace_back(stage.name, stage.state);
  };
  options_.stages.begin = [&](const PlannedStage& stage, std::size_t at) {
    EXPECT_EQ(plan.at(at).first, stage.name);
    begun.push_back(stage.name);
  };
  const std::vector<std::string> names = {"profile", "cot",    "cot-t06", "mask",
                                          "prune",   "verify", "eval"};
  const auto states = [&] {
    std::vector<State> out;
    for (std::size_t i = 0; i < plan.size(); ++i) {
      EXPECT_EQ(plan[i].first, names.at(i));
      out.push_back(plan[i].second);
    }
    return out;
  };
  ASSERT_TRUE(run());
  EXPECT_EQ(n_plan, 1);
  EXPECT_EQ(states(), std::vector<State>(7, State::kToDo));
  EXPECT_THAT(begun, ElementsAre("profile", "cot", "cot-t06", "prune", "verify", "eval"));

  // All is there: only the proof is made again.
  begun.clear();
  ASSERT_TRUE(run());
  EXPECT_EQ(n_plan, 2);
  EXPECT_EQ(states(),
            (std::vector<State>{State::kReused, State::kReused, State::kReused, State::kReused,
                                State::kThere, State::kToDo, State::kThere}));
  EXPECT_THAT(begun, ElementsAre("verify"));

  // A profile is missing, and another was stopped; its state is damaged, which ends the run.
  begun.clear();
  for (const auto* name : {"cot.profile.gguf", "cot-t06.profile.gguf", "eval.json"})
    std::filesystem::remove(dir_ / ("child." + std::string(name)));
  expect_ok(write_file(dir_ / "child.cot-t06.profile.gguf.partial", "x", Overwrite::kRefuse));
  EXPECT_FALSE(run());
  EXPECT_EQ(states(),
            (std::vector<State>{State::kReused, State::kToDo, State::kGoesOn, State::kThere,
                                State::kThere, State::kToDo, State::kToDo}));
  EXPECT_THAT(begun, ElementsAre("cot", "cot-t06"));
}

TEST_F(SpecializeTest, RefusesTextThatProfilingHasSeen) {
  options_.evaluation.domains[0].records.push_back(options_.corpus.domains[0].records[3]);
  const auto refused = run();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kMismatch);
}

// Passes take a profile or text alike; text is a stage of its own, which a second run takes again.
TEST_F(SpecializeTest, MakesThePassesOfProfilesAndOfText) {
  write_text("cot.jsonl", "reasoning");
  options_.passes.cot = dir_ / "cot.jsonl";
  options_.passes.whitelist_rule = {0.4, 1, false};
  options_.other_temperature = true;
  const auto report = run();
  ASSERT_TRUE(report) << report.error().message;
  std::vector<std::string> stages;
  for (const auto& stage : report->stages) stages.push_back(stage.name);
  EXPECT_THAT(stages, ElementsAre("profile", "cot", "cot-t06", "mask", "prune", "verify", "eval"));
  const auto mask = value_of(parse_mask(*read_text(dir_ / "child.mask.json"), "mask"));
  EXPECT_THAT(pass_names(mask), ElementsAre("domain", "whitelist", "cot"));
  EXPECT_EQ(value_of(read_profile(dir_ / "child.cot-t06.profile.gguf")).router_temperature, 0.6);
  EXPECT_EQ(value_of(recipe_of(mask)).profiles.front().digest,
            content_digest(value_of(read_profile(dir_ / "child.profile.gguf"))));

  library_.n_opened = 0;
  const auto again = run();
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(reused(*again), (std::vector<bool>{true, true, true, true, true, false, true}));
  EXPECT_EQ(library_.n_opened, 0);

  // The same from profiles: the same mask.
  options_.passes.cot = dir_ / "child.cot.profile.gguf";
  options_.passes.cot_t06 = dir_ / "child.cot-t06.profile.gguf";
  options_.other_temperature = false;
  options_.output = dir_ / "other.gguf";
  options_.profile = dir_ / "child.profile.gguf";
  ASSERT_TRUE(run());
  EXPECT_EQ(*read_text(dir_ / "other.mask.json"), *read_text(dir_ / "child.mask.json"));
}

TEST_F(SpecializeTest, RefusesWhatPassesCannotUseBeforeAnyWork) {
  write_text("cot.jsonl", "reasoning");
  options_.other_temperature = true;
  expect_error(run(), Code::kInvalidArgument, "--t06: there is no CoT text");
  ASSERT_TRUE(run_without_passes());
  auto foreign = value_of(read_profile(dir_ / "child.profile.gguf"));
  foreign.parent.digest = "xxh3:other";
  expect_ok(write_profile(dir_ / "foreign.gguf", foreign, Overwrite::kRefuse));
  library_.n_opened = 0;
  options_.passes.cot = dir_ / "child.profile.gguf";
  expect_error(run(), Code::kInvalidArgument, "which has one router temperature");
  options_.other_temperature = false;
  options_.passes.cot = dir_ / "foreign.gguf";
  expect_error(run(), Code::kMismatch, "foreign.gguf");
  options_.passes.cot = dir_ / "none.jsonl";
  expect_error(run(), Code::kNotFound, "none.jsonl");
  write_text("leak.jsonl", "held out");
  options_.passes.cot = dir_ / "leak.jsonl";
  expect_error(run(), Code::kMismatch, "same text");
  options_.passes.cot.clear();
  options_.aggregate.weights = {{"owm", 1.0}};
  expect_error(run(), Code::kInvalidArgument, "owm: the profile has no such sub-domain");
  options_.aggregate = {Blend::kSample, {}, {}};
  options_.score = Score::kReap;
  expect_error(run(), Code::kInvalidArgument, "cannot be aggregated by sample");
  EXPECT_EQ(library_.n_opened, 0);
}

// Weights of the text decide the aggregate; the whitelist of the own profile can be left out.
TEST_F(SpecializeTest, WeightsOfTheTextDecide) {
  auto& corpus = options_.corpus;
  corpus.domains[0].weight = 0.9;
  corpus.domains.push_back(text("part", 20, "for profiling").domains[0]);
  corpus.domains[1].weight = 0.1;
  corpus.digest = corpus_digest(corpus);
  options_.own_whitelist = false;
  const auto report = run();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->aggregate, "subdomain");
  EXPECT_THAT(pass_names(report->built.mask), ElementsAre("domain"));
}

TEST_F(SpecializeTest, ASecondRunOfOneOutputSaysSoAtOnce) {
  const auto lock = RunLock::take(dir_ / "child");
  ASSERT_TRUE(lock);
  expect_error(run(), Code::kExists, "child: another process is writing it");
  EXPECT_EQ(library_.n_opened, 0);
}

// Another K from the same profile, under another name and without --force.
TEST_F(SpecializeTest, TriesAnotherKFromAFinishedProfile) {
  ASSERT_TRUE(run());
  options_.profile = dir_ / "child.profile.gguf";
  options_.output = dir_ / "smaller.gguf";
  options_.n_keep = 3;
  options_.corpus = {};
  const auto report = run();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->stages.front().reused);
  EXPECT_EQ(report->counts.n_keep, 3U);
  EXPECT_FALSE(std::filesystem::exists(dir_ / "smaller.profile.gguf"));
  options_.evaluation = {};
  options_.output = dir_ / "none.gguf";
  expect_error(run(), Code::kInvalidArgument, "no text to evaluate with");
}

TEST_F(SpecializeTest, ChoosesTheScoreByOtherText) {
  options_.choose_score = true;
  const auto report = run();
  ASSERT_TRUE(report) << report.error().message;
  ASSERT_EQ(report->scores.size(), 3U);  // util, reap_sum, share
  library_.n_opened = 0;
  const auto again = run();
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(library_.n_opened, 0);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(again->scores[i].name, report->scores[i].name);
    EXPECT_EQ(again->scores[i].chosen, report->scores[i].chosen);
  }
}

class Said : public Observer {
 public:
  void warning(std::string_view message) override { all += std::string(message) + "\n"; }
  std::string all;
};

class ChatStageTest : public SpecializeTest {
 protected:
  ChatStageTest() {
    options_.chat_check = true;
    fake_.n_ctx = 256;
    fake_.replies = {"yes"};
  }
  Result<SpecializeReport> chat(Said& said) { return specialize(options_, library_, said); }
  nlohmann::json document() {
    return nlohmann::json::parse(value_of(read_text(dir_ / "child.chat.json")));
  }
};

TEST_F(ChatStageTest, AsksTheChildAndKeepsWhatItAnswered) {
  Said said;
  const auto report = value_of(chat(said));
  EXPECT_EQ(report.stages.back().name, "chat");
  EXPECT_FALSE(report.stages.back().reused);
  ASSERT_TRUE(report.chat_check);
  EXPECT_TRUE(report.chat_check->child.passed());
  EXPECT_FALSE(report.chat_check->parent);
  // Of the specialist's own sub-domain: four texts, and no chats.
  ASSERT_EQ(report.chat_check->child.answers.size(), 4U);
  EXPECT_EQ(report.chat_check->child.answers[3].question.text, "Continue this:\n\nown 3 held out");
  EXPECT_EQ(document().at("schema"), "coe.chat-check/1");
  EXPECT_EQ(document().at("child").at("answers").size(), 4U);
  EXPECT_TRUE(document().at("parent").is_null());
  EXPECT_THAT(said.all, ::testing::Not(HasSubstr("answer")));

  library_.n_opened = 0;
  const auto again = value_of(chat(said));
  EXPECT_TRUE(again.stages.back().reused);
  EXPECT_EQ(library_.n_opened, 0);
  EXPECT_EQ(again.chat_check->child.answers.size(), 4U);
}

TEST_F(ChatStageTest, WarnsOfAChildThatDoesNotAnswerAndNamesTheCure) {
  child_replies_ = {"<think>hm</think>"};
  Said said;
  const auto report = value_of(chat(said));
  EXPECT_FALSE(report.chat_check->child.passed());
  ASSERT_TRUE(report.chat_check->parent);
  EXPECT_TRUE(report.chat_check->parent->passed());
  EXPECT_THAT(said.all, HasSubstr("child.gguf: it does not answer chats well"));
  EXPECT_THAT(said.all, HasSubstr("4 of 4 answers: 4 think all the same"));
  EXPECT_THAT(
      said.all,
      HasSubstr("no held-out record of its domain is a chat; chat records in its text help"));
  EXPECT_THAT(said.all, HasSubstr("(--cot, --closure)"));
  // A later run says it again.
  Said later;
  library_.n_opened = 0;
  ASSERT_TRUE(chat(later));
  EXPECT_EQ(library_.n_opened, 0);
  EXPECT_EQ(later.all, said.all);
}

TEST_F(ChatStageTest, NamesNoPassThatTheRunHasDone) {
  child_replies_ = {"<think>hm</think>"};
  write_text("cot.jsonl", "reasoning");
  options_.passes.cot = dir_ / "cot.jsonl";
  Said said;
  ASSERT_TRUE(chat(said));
  EXPECT_THAT(
      said.all,
      HasSubstr("help (docs/formats/corpus.md, Chats), and the closure pass (--closure)\n"));
}

TEST_F(ChatStageTest, DoesNotBlameTheCutForWhatTheParentDoes) {
  fake_.replies = {""};
  Said said;
  ASSERT_TRUE(chat(said));
  EXPECT_THAT(said.all, HasSubstr("its parent does no better (4 of 4 answers: 4 are empty)"));
  EXPECT_THAT(said.all, ::testing::Not(HasSubstr("chat records")));
}

TEST_F(ChatStageTest, SaysThatThereIsNoTemplate) {
  fake_.has_chat = false;
  Said said;
  const auto report = value_of(chat(said));
  EXPECT_THAT(report.chat_check->child.not_run, HasSubstr("chat template"));
  EXPECT_THAT(said.all, ::testing::Not(HasSubstr("does not answer")));
  EXPECT_EQ(report.stages.back().name, "chat");
}

TEST_F(ChatStageTest, RefusesADocumentOfAnotherRun) {
  Said said;
  ASSERT_TRUE(chat(said));
  auto damaged = value_of(read_text(dir_ / "child.chat.json"));
  damaged.replace(damaged.find("yes"), 3, "now");
  expect_ok(write_file(dir_ / "child.chat.json", damaged, Overwrite::kAllow));
  expect_error(chat(said), Code::kExists,
               "child.chat.json: is of another run: it has another form, or was damaged");
  options_.overwrite = Overwrite::kAllow;
  EXPECT_FALSE(value_of(chat(said)).stages.back().reused);
  options_.overwrite = Overwrite::kRefuse;
  options_.chat_check_options.max_new_tokens = 32;
  expect_error(chat(said), Code::kExists, "child.chat.json: is of another run: ");
  options_.chat_check = false;
  const auto without = value_of(chat(said));
  EXPECT_EQ(without.stages.back().name, "eval");
  EXPECT_FALSE(without.chat_check);
}

TEST_F(SpecializeTest, HoldsOutATenth_WhenNoEvaluationTextIsGiven) {
  options_.evaluation = {};
  const auto report = run();
  ASSERT_TRUE(report) << report.error().message;
  ASSERT_EQ(report->domains.size(), 1U);
  EXPECT_EQ(report->domains[0].specialist.n_record, 2U);
}

}  // namespace
}  // namespace coe
