// Routing while the model answers, on FakeEngine.
#include "coe/engine/fake_engine.h"
#include "coe/engine/roles.h"
#include "coe/profile/profile.h"
#include "coe/profile/routing/stats.h"

#include "support/fake_model.h"
#include "support/temp_dir.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace coe {
namespace {

using coe::testing::fake_model;
using ::testing::HasSubstr;

Corpus questions(std::size_t n) {
  Corpus corpus;
  corpus.domains.push_back({"web", 0.5, {}});
  for (std::size_t i = 0; i < n; ++i)
    corpus.domains[0].records.push_back(
        {fmt::format("q{}", i), fmt::format("web.jsonl:{}", i + 1)});
  return corpus;
}

ProfileOptions generating() {
  ProfileOptions options;
  options.roles = true;
  options.closing_window = 3;
  options.generate.emplace();
  return options;
}

std::int64_t tokens_of(const RoutingStats& stats, const std::string& name) {
  const auto* domain = stats.find_domain(name);
  return domain == nullptr ? 0 : domain->n_token;
}

TEST(Generate, RecordsEachRole) {
  FakeEngine engine({.n_ctx = 128, .replies = {"<think>let me see</think>it is 4"}});
  auto options = generating();
  std::vector<std::string> texts;
  options.on_chat = [&](const ChatSample& sample) {
    EXPECT_EQ(sample.segments.thinking, "let me see");
    EXPECT_EQ(sample.segments.answer, "it is 4");
    EXPECT_NE(sample.generated, nullptr);
    EXPECT_TRUE(sample.generated->ended);
    EXPECT_EQ(sample.generated->n_prompt, 15U);
    EXPECT_EQ(sample.generated->n_new, 32U);
    texts.push_back(sample.generated->text);
    return Status();
  };
  const auto stats =
      run_profile(engine, fake_model(engine), questions(2), options, silent_observer());
  ASSERT_TRUE(stats) << stats.error().message;
  EXPECT_EQ(tokens_of(*stats, "web/prompt"), 2 * 15);             // <user>q0<model>
  EXPECT_EQ(tokens_of(*stats, "web/thinking"), 2 * (7 + 7 + 8));  // <think>let me </think>
  EXPECT_EQ(tokens_of(*stats, "web/closing"), 2 * 3);             // see
  EXPECT_EQ(tokens_of(*stats, "web/answer"), 2 * 7);              // the end token is not run
  EXPECT_EQ(texts[1], std::string("<user>q1<model><think>let me see</think>it is 4") + kFakeEnd);
}

// What is generated can be profiled as text afterwards, with the same routing.
TEST(Generate, EqualsTheTeacherForcedProfileOfItsTexts) {
  FakeEngine engine({.n_ctx = 128, .replies = {"<think>abcdef</think>yes", "<think>g</think>no"}});
  auto options = generating();
  Corpus texts = questions(6);
  std::size_t n_ended = 0;
  options.on_chat = [&](const ChatSample& sample) {
    if (sample.generated->ended) ++n_ended;
    for (auto& record : texts.domains[0].records) {
      if (record.where == sample.record.where) record.text = sample.generated->text;
    }
    return Status();
  };
  const auto generated =
      run_profile(engine, fake_model(engine), questions(6), options, silent_observer());
  ASSERT_TRUE(generated);
  EXPECT_EQ(n_ended, 6U);
  options.generate.reset();
  options.on_chat = nullptr;
  const auto forced = run_profile(engine, fake_model(engine), texts, options, silent_observer());
  ASSERT_TRUE(forced);
  ASSERT_EQ(forced->domains.size(), generated->domains.size());
  for (std::size_t d = 0; d < forced->domains.size(); ++d) {
    const auto& f = forced->domains[d];
    const auto& g = generated->domains[d];
    EXPECT_EQ(f.name, g.name);
    if (f.name == "web/answer") continue;
    EXPECT_EQ(f.histograms, g.histograms) << f.name;
  }
  // The end tokens are what differs.
  EXPECT_EQ(forced->n_token(), generated->n_token() + 6);
}

TEST(Generate, GivesEachRecordASeedOfItsOwnWhateverTheShard) {
  FakeEngineOptions fake;
  fake.n_ctx = 128;
  fake.replies.clear();
  for (int i = 0; i < 50; ++i) fake.replies.push_back(fmt::format("reply {}", i));
  const auto run = [&](std::uint64_t seed, std::uint32_t shard, std::uint32_t n_shard) {
    FakeEngine engine(fake);
    auto options = generating();
    options.generate->sampling.seed = seed;
    options.shard = shard;
    options.n_shard = n_shard;
    std::map<std::string, std::string> answers;
    options.on_chat = [&](const ChatSample& sample) {
      answers[sample.record.where] = sample.segments.answer;
      return Status();
    };
    EXPECT_TRUE(run_profile(engine, fake_model(engine), questions(8), options, silent_observer()));
    return answers;
  };
  const auto whole = run(1, 0, 1);
  auto shards = run(1, 0, 2);
  shards.merge(run(1, 1, 2));
  EXPECT_EQ(shards, whole);
  EXPECT_EQ(run(1, 0, 1), whole);
  EXPECT_NE(run(2, 0, 1), whole);
  std::set<std::string> different;
  for (const auto& [where, answer] : whole) different.insert(answer);
  EXPECT_GT(different.size(), 4U);
}

TEST(Generate, CutsAnswersOffAtTheLimitAndAtTheEndOfTheContext) {
  const std::string reply = "<think>" + std::string(100, 'x') + "</think>y";
  for (const std::uint32_t n_ctx : {512U, 30U}) {
    FakeEngine engine({.n_ctx = n_ctx, .replies = {reply}});
    auto options = generating();
    options.generate->max_new_tokens = 15;
    options.on_chat = [&](const ChatSample& sample) {
      EXPECT_FALSE(sample.generated->ended);
      EXPECT_EQ(sample.generated->n_new, 15U);
      EXPECT_EQ(sample.segments.n_thinking_open, 1U);
      EXPECT_EQ(sample.segments.n_answer_empty, 1U);
      EXPECT_EQ(sample.segments.thinking, "xxxxxxxx");
      return Status();
    };
    const auto stats =
        run_profile(engine, fake_model(engine), questions(1), options, silent_observer());
    ASSERT_TRUE(stats);
    EXPECT_EQ(tokens_of(*stats, "web/thinking"), 15);
    EXPECT_EQ(stats->find_domain("web/closing"), nullptr);
    EXPECT_EQ(stats->find_domain("web/answer"), nullptr);
  }
}

TEST(Generate, SwitchesThinkingOffInThePrompt) {
  FakeEngine engine({.n_ctx = 128, .replies = {"yes"}});
  auto options = generating();
  options.generate->thinking = false;
  options.on_chat = [&](const ChatSample& sample) {
    EXPECT_EQ(sample.segments.n_thinking, 0U);
    EXPECT_THAT(sample.generated->text, HasSubstr("<think></think>yes"));
    return Status();
  };
  const auto stats =
      run_profile(engine, fake_model(engine), questions(1), options, silent_observer());
  ASSERT_TRUE(stats);
  EXPECT_EQ(tokens_of(*stats, "web/prompt"), 15 + 15);
  EXPECT_EQ(tokens_of(*stats, "web/answer"), 3);
  EXPECT_EQ(stats->domains.size(), 2U);
}

// A run that dies is resumed, with roles and while generating, to the profile of one that did not.
TEST(Generate, GoesOnWhereItStopped) {
  const coe::testing::TempDir dir;
  for (const bool generates : {false, true}) {
    auto options = generating();
    Corpus corpus = questions(7);
    if (!generates) {
      options.generate.reset();
      for (auto& record : corpus.domains[0].records)
        record.text = "<user>" + record.text + "<model><think>hm " + record.text + "</think>yes";
    }
    FakeEngine engine({.n_ctx = 128, .replies = {"<think>abc</think>yes", "<think>g", "no"}});
    const auto whole = run_profile(engine, fake_model(engine), corpus, options, silent_observer());
    ASSERT_TRUE(whole) << whole.error().message;

    const CheckpointOptions first = {.file = dir / "state", .seconds = 1e-9};
    FakeEngine dies({.n_ctx = 128,
                     .fail_at_decode = 5,
                     .replies = {"<think>abc</think>yes", "<think>g", "no"}});
    ASSERT_FALSE(
        run_profile(dies, fake_model(dies), corpus, options, first, "coe", silent_observer()));
    std::size_t n_run = 0;
    options.on_chat = [&](const ChatSample&) {
      ++n_run;
      return Status();
    };
    auto again = first;
    again.resume = true;
    const auto resumed =
        run_profile(engine, fake_model(engine), corpus, options, again, "coe", silent_observer());
    ASSERT_TRUE(resumed) << resumed.error().message;
    EXPECT_EQ(n_run, 3U);  // of seven, four were done
    ASSERT_EQ(resumed->stats.domains.size(), whole->domains.size());
    for (std::size_t d = 0; d < whole->domains.size(); ++d) {
      EXPECT_EQ(resumed->stats.domains[d].name, whole->domains[d].name);
      EXPECT_EQ(resumed->stats.domains[d].n_token, whole->domains[d].n_token);
      EXPECT_EQ(resumed->stats.domains[d].histograms, whole->domains[d].histograms);
      EXPECT_EQ(resumed->stats.domains[d].gated_norm, whole->domains[d].gated_norm);
    }
  }
}

TEST(Generate, SaysWhyItCannot) {
  FakeEngine mute({.n_ctx = 128, .has_chat = false});
  const auto refused =
      run_profile(mute, fake_model(mute), questions(1), generating(), silent_observer());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnsupported);
  FakeEngine small({.n_ctx = 15});
  const auto full =
      run_profile(small, fake_model(small), questions(1), generating(), silent_observer());
  ASSERT_FALSE(full);
  EXPECT_THAT(
      full.error().message,
      HasSubstr("web.jsonl:1: the question leaves no room in the context (15 tokens of 15)"));
  FakeEngine engine({.n_ctx = 128});
  auto options = generating();
  options.on_chat = [](const ChatSample&) -> Status { return fail(Code::kIo, "disk full"); };
  const auto stopped =
      run_profile(engine, fake_model(engine), questions(1), options, silent_observer());
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Code::kIo);
}

TEST(Generate, NamesWhatDecidesTheNumbers) {
  ProfileOptions options;
  EXPECT_EQ(profile_settings(options), "max_tokens=1024 outputs=1 shard=1/1");
  options = generating();
  EXPECT_EQ(profile_settings(options),
            "max_tokens=1024 outputs=1 shard=1/1 roles=1 closing_window=3 generate=1 think=on "
            "temperature=0.6 top_k=64 top_p=0.95 seed=1 max_new_tokens=1024");
}

}  // namespace
}  // namespace coe
