#include "coe/engine/roles.h"

#include "coe/engine/fake_engine.h"
#include "coe/profile/profile.h"
#include "coe/profile/routing/accumulators.h"
#include "coe/profile/routing/stats.h"

#include "support/fake_model.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace coe {
namespace {

using coe::testing::fake_model;
using ::testing::HasSubstr;

const std::string kEnd(1, kFakeEnd);

// A text in pieces, each with the letter of the role that its bytes must get: p, t, c, a. One token
// a byte.
using Golden = std::vector<std::pair<char, std::string>>;

Segments check(const Golden& golden, const SegmentOptions& options, const ChatMarkup& markup) {
  std::vector<TokenText> tokens;
  std::string want;
  for (const auto& [role, text] : golden) {
    for (const char c : text) tokens.push_back({std::string(1, c), c == kFakeEnd});
    want.append(text.size(), role);
  }
  auto segments = segment_roles(tokens, markup, options);
  std::string got;
  for (const auto role : segments.roles) got += role_name(role).front();
  EXPECT_EQ(got, want);
  return segments;
}

// In FakeEngine's markup.
Segments check(const Golden& golden, const SegmentOptions& options = {.closing_window = 2}) {
  FakeEngine engine({});
  return check(golden, options, engine.chat_markup().value());
}

TEST(SegmentRoles, SplitsAChat) {
  const auto segments = check({{'p', "<user>hi<model>"},
                               {'t', "<think>ab"},
                               {'c', "cd"},
                               {'t', "</think>"},
                               {'a', "yes" + kEnd},
                               {'p', "\n"}});
  EXPECT_EQ(segments.n_turn, 1U);
  EXPECT_EQ(segments.n_thinking, 1U);
  EXPECT_EQ(segments.n_thinking_open, 0U);
  EXPECT_EQ(segments.n_answer_empty, 0U);
  EXPECT_EQ(segments.count(Role::kClosing), 2U);
}

TEST(SegmentRoles, ClosesAtTheFirstEndMarker_WhenBlocksAreNested) {
  const auto segments = check({{'p', "<model>"},
                               {'t', "<think>a<think>b"},
                               {'c', "cd"},
                               {'t', "</think>"},
                               {'a', "e</think>f"}});
  EXPECT_EQ(segments.n_thinking, 1U);
}

TEST(SegmentRoles, HasNoClosingWindow_WhenThinkingNeverEnds) {
  const auto segments = check({{'p', "<model>"}, {'t', "<think>abcd"}});
  EXPECT_EQ(segments.n_thinking, 1U);
  EXPECT_EQ(segments.n_thinking_open, 1U);
  EXPECT_EQ(segments.n_answer_empty, 1U);
  // The same where the turn ends inside thinking, or another one begins.
  check({{'p', "<model>"}, {'t', "<think>ab" + kEnd}, {'p', "</think>"}});
  const auto broken = check({{'p', "<model>"}, {'t', "<think>ab"}, {'p', "<user></think>"}});
  EXPECT_EQ(broken.n_thinking_open, 1U);
}

TEST(SegmentRoles, GivesEachOfTwoBlocksItsWindow) {
  const auto segments = check({{'p', "<model>"},
                               {'t', "<think>a"},
                               {'c', "bc"},
                               {'t', "</think>"},
                               {'a', "x"},
                               {'t', "<think>d"},
                               {'c', "ef"},
                               {'t', "</think>"},
                               {'a', "y"}});
  EXPECT_EQ(segments.n_thinking, 2U);
  EXPECT_EQ(segments.n_answer_empty, 0U);
}

TEST(SegmentRoles, TakesTheWholeBlock_WhenTheWindowIsLonger) {
  check({{'p', "<model>"}, {'t', "<think>"}, {'c', "abc"}, {'t', "</think>"}, {'a', "y"}},
        {.closing_window = 9});
  check({{'p', "<model>"}, {'t', "<think>abc</think>"}, {'a', "y"}}, {.closing_window = 0});
}

TEST(SegmentRoles, CountsAnEmptyBlockAsPrompt) {
  const auto segments = check({{'p', "<user>q<model><think>\n\n</think>"}, {'a', "yes"}});
  EXPECT_EQ(segments.n_thinking, 0U);
  EXPECT_EQ(segments.n_answer_empty, 0U);
}

TEST(SegmentRoles, CountsEmptyAnswers) {
  const Golden thinks = {{'p', "<model>"}, {'t', "<think>"}, {'c', "ab"}, {'t', "</think>"}};
  Golden ends = thinks;
  ends.emplace_back('a', "\n " + kEnd);
  EXPECT_EQ(check(ends).n_answer_empty, 1U);
  EXPECT_EQ(check(thinks).n_answer_empty, 1U);
  EXPECT_EQ(check({{'p', "<model>"}, {'a', kEnd}}).n_answer_empty, 1U);
  EXPECT_EQ(check({{'p', "<model>"}, {'a', "x" + kEnd}}).n_answer_empty, 0U);
  // An answer before the thinking is one, too.
  EXPECT_EQ(check({{'p', "<model>"}, {'a', "x"}, {'t', "<think>"}, {'c', "ab"}, {'t', "</think>"}})
                .n_answer_empty,
            0U);
}

TEST(SegmentRoles, SeesEveryTurnAndNoneInPlainText) {
  const auto segments = check({{'p', "<user>q<model>"},
                               {'a', "b" + kEnd},
                               {'p', "<user>r</think><model>"},
                               {'a', "c" + kEnd}});
  EXPECT_EQ(segments.n_turn, 2U);
  EXPECT_EQ(check({{'p', "a story of <think>thoughts</think>"}}).n_turn, 0U);
}

// Some templates switch thinking off with the end of a block that nothing began.
TEST(SegmentRoles, CountsALoneEndOfThinkingAsPrompt) {
  const auto segments = check({{'p', "<user>q<model></think>"}, {'a', "yes"}});
  EXPECT_EQ(segments.n_thinking, 0U);
  check({{'p', "<model>"}, {'a', "x</think>yes"}});
}

// What the model wrote is never prompt: not an empty block, not the opening of a turn.
TEST(SegmentRoles, KnowsWhatTheModelWrote) {
  const std::string prompt = "<user>q<model>";
  const auto turn = check({{'p', prompt}, {'t', "<think></think>"}, {'a', "a<user>b<model>c"}},
                          {.closing_window = 2, .first_generated = prompt.size()});
  EXPECT_EQ(turn.n_turn, 1U);
  EXPECT_EQ(turn.answer, "a<user>b<model>c");
  // A template may open the block itself.
  const std::string opened = prompt + "<think>\n";
  const SegmentOptions options = {.closing_window = 9, .first_generated = opened.size()};
  check({{'p', opened}, {'c', "abc"}, {'t', "</think>"}, {'a', "d"}}, options);
  const auto nothing = check({{'p', opened}}, options);
  EXPECT_EQ(nothing.n_thinking_open, 1U);
}

TEST(SegmentRoles, FollowsTheMarkup) {
  ChatMarkup markup;
  markup.model_turns = {"<m>", "<m>\n"};
  markup.thinking_ends = {"|", "\n|"};
  // Without a start marker thinking begins with the turn, if it ends at all; of two markers at one
  // place the longest counts.
  check({{'p', "<m>\n"}, {'t', "ab"}, {'c', "c"}, {'t', "\n|"}, {'a', "d"}}, {.closing_window = 1},
        markup);
  check({{'p', "<m>\n"}, {'a', "abc"}}, {.closing_window = 1}, markup);
  markup.thinking_ends.clear();
  check({{'p', "<m>"}, {'a', "a|b"}}, {.closing_window = 1}, markup);
  // gpt-oss: the model opens another turn itself to answer.
  markup.thinking_start = "<a>";
  markup.thinking_ends = {"."};
  const auto resumed = check({{'p', "<m>"}, {'t', "<a>x"}, {'c', "y"}, {'t', "."}, {'a', "<m>z"}},
                             {.closing_window = 1}, markup);
  EXPECT_EQ(resumed.n_turn, 1U);
  EXPECT_EQ(resumed.n_answer_empty, 0U);
}

// Tokens of several bytes belong to where they begin.
TEST(SegmentRoles, PlacesTokensByTheirFirstByte) {
  ChatMarkup markup;
  markup.model_turns = {"<m>"};
  markup.thinking_start = "<t>";
  markup.thinking_ends = {"</t>"};
  const std::vector<TokenText> tokens = {{"q<", false}, {"m>", false},  {"<t>x", false},
                                         {"y", false},  {".</", false}, {"t>", false},
                                         {"", false},   {"z", false}};
  const auto segments = segment_roles(tokens, markup, {.closing_window = 2});
  using enum Role;
  EXPECT_THAT(segments.roles, ::testing::ElementsAre(kPrompt, kPrompt, kThinking, kClosing,
                                                     kClosing, kThinking, kAnswer, kAnswer));
}

Corpus chats() {
  Corpus corpus;
  corpus.digest = "xxh3:corpus";
  for (const auto* name : {"web", "web-2"}) {
    corpus.domains.push_back({name, 0.5, {}});
    for (int i = 0; i < 5; ++i)
      corpus.domains.back().records.push_back(
          {fmt::format("<user>{} {}?<model><think>let me see {}</think>it is {}{}", name, i, i * 7,
                       i * i, kEnd),
           fmt::format("{}.jsonl:{}", name, i + 1)});
  }
  return corpus;
}

// The roles of a corpus add up to its profile without roles, whatever the windows.
TEST(Profile, RolesAddUpToTheWhole) {
  for (const std::uint32_t max_tokens : {0U, 20U}) {
    FakeEngine engine({.n_ctx = 256});
    const auto model = fake_model(engine);
    const auto whole =
        run_profile(engine, model, chats(), {.max_tokens = max_tokens}, silent_observer());
    ASSERT_TRUE(whole);
    std::uint32_t n_seen = 0;
    ProfileOptions options;
    options.max_tokens = max_tokens;
    options.roles = true;
    options.closing_window = 4;
    options.on_chat = [&](const ChatSample& sample) {
      EXPECT_EQ(sample.segments.n_thinking, 1U) << sample.record.where;
      EXPECT_EQ(sample.segments.count(Role::kClosing), 4U) << sample.domain.name;
      EXPECT_EQ(sample.generated, nullptr);
      ++n_seen;
      return Status();
    };
    const auto roles = run_profile(engine, model, chats(), options, silent_observer());
    ASSERT_TRUE(roles) << roles.error().message;
    EXPECT_EQ(n_seen, 10U);
    std::vector<std::string> names;
    for (const auto& d : roles->domains) names.push_back(d.name);
    EXPECT_THAT(names, ::testing::ElementsAre("web-2/answer", "web-2/closing", "web-2/prompt",
                                              "web-2/thinking", "web/answer", "web/closing",
                                              "web/prompt", "web/thinking"));
    for (const auto& domain : whole->domains) {
      auto sum = DomainStats::zero(domain.name, 0.5, whole->shape, true);
      for (const auto role : kRoles) {
        const auto* part = roles->find_domain(fmt::format("{}/{}", domain.name, role_name(role)));
        ASSERT_NE(part, nullptr);
        EXPECT_EQ(part->weight, 0.5);
        EXPECT_EQ(part->n_sample, 5);
        sum.add(*part);
      }
      EXPECT_EQ(sum.n_token, domain.n_token);
      EXPECT_EQ(sum.histograms, domain.histograms);
      // What is added up for each sample is another thing for each role of it.
      for (const auto& accumulator : kAccumulators) {
        if (accumulator.name.ends_with("_by_sample")) continue;
        const auto& parts = sum.*accumulator.values;
        const auto& all = domain.*accumulator.values;
        for (std::size_t i = 0; i < all.size(); ++i)
          ASSERT_NEAR(parts[i], all[i], 1e-12 * (1 + std::abs(all[i]))) << accumulator.name;
      }
    }
    // Each token of the closing window is one of 20.
    EXPECT_EQ(roles->find_domain("web/closing")->n_token, 20);
  }
}

TEST(Profile, ShardsOfRolesMergeToTheWhole) {
  FakeEngine engine({.n_ctx = 256});
  const auto model = fake_model(engine);
  ProfileOptions options;
  options.roles = true;
  const auto whole = run_profile(engine, model, chats(), options, silent_observer());
  ASSERT_TRUE(whole);
  options.n_shard = 3;
  auto merged = run_profile(engine, model, chats(), options, silent_observer());
  ASSERT_TRUE(merged);
  for (options.shard = 1; options.shard < 3; ++options.shard)
    ASSERT_TRUE(merge_into(
        *merged, run_profile(engine, model, chats(), options, silent_observer()).value()));
  ASSERT_EQ(merged->domains.size(), whole->domains.size());
  for (std::size_t d = 0; d < whole->domains.size(); ++d)
    EXPECT_EQ(merged->domains[d].histograms, whole->domains[d].histograms);
}

TEST(Profile, RefusesRolesOfPlainTextAndOfModelsWithoutTemplate) {
  auto corpus = chats();
  corpus.domains[1].records[2].text = "no chat at all";
  FakeEngine engine({.n_ctx = 256});
  ProfileOptions options;
  options.roles = true;
  const auto plain = run_profile(engine, fake_model(engine), corpus, options, silent_observer());
  ASSERT_FALSE(plain);
  EXPECT_EQ(plain.error().code, Code::kCorrupt);
  EXPECT_THAT(plain.error().message, HasSubstr("web-2.jsonl:3: no turn of the model"));
  FakeEngine mute({.n_ctx = 256, .has_chat = false});
  const auto refused = run_profile(mute, fake_model(mute), chats(), options, silent_observer());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnsupported);
}

}  // namespace
}  // namespace coe
