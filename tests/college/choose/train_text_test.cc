#include "coe/college/choose/train_text.h"

#include "coe/college/choose/calibrate.h"
#include "coe/college/choose/dispatcher.h"
#include "coe/college/choose/text_model.h"
#include "coe/college/choose/text_samples.h"

#include "choose_fixture.h"
#include "support/expect.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

namespace coe {
namespace {

using testing::expect_error;
using testing::expect_ok;
using testing::hold_out;
using testing::made_corpus;
using testing::value_of;

const TextTraining kShort = {.n_window = 300};

TEST(TrainText, GivesTheSameBitsOnAnyNumberOfThreads) {
  const auto texts = domain_texts(made_corpus(12, 60));
  const auto windows = request_pieces(texts, 5, 1, bytes_of_tokens);
  auto options = kShort;
  options.n_thread = 1;
  const auto one = train_text(texts, windows, options);
  options.n_thread = 4;
  const auto four = train_text(texts, windows, options);
  EXPECT_EQ(one.model.features, four.model.features);
  EXPECT_EQ(one.model.weights, four.model.weights);
  EXPECT_EQ(one.model.bias, four.model.bias);
  for (std::size_t i = 0; i < windows.size(); ++i)
    EXPECT_EQ(one.judged[i].evidence[0], four.judged[i].evidence[0]);
  expect_ok(check_text_model(one.model));
  options.seed = 2;
  EXPECT_NE(train_text(texts, windows, options).model.weights, one.model.weights);
}

// Where all text is in one fold, nothing is left to judge it with.
TEST(TrainText, JudgesNothingWithoutOtherText) {
  auto texts = domain_texts(made_corpus(12, 60));
  texts[1].folds.assign(texts[1].folds.size(), 1);
  const auto windows = request_pieces(texts, 5, 1, bytes_of_tokens);
  const auto trained = train_text(texts, windows, kShort);
  for (std::size_t i = 0; i < windows.size(); ++i)
    EXPECT_EQ(trained.judged[i].evidence[0].empty(),
              texts[windows[i].domain].folds[windows[i].record] == 1);
}

// What a model has learned from shows: text that it was trained on is known to the last feature
// that two records have.
TEST(TrainText, KeepsFeaturesOfTwoRecords) {
  std::vector<DomainText> texts = {{"a", {"red blue", "red green"}, {0, 1}, {"", ""}},
                                   {"b", {"oak elm", "oak ash"}, {0, 1}, {"", ""}}};
  auto options = kShort;
  options.least_bytes = 8;
  const TextScorer scorer(train_text(texts, {}, options).model);
  EXPECT_EQ(scorer.evidence("red").n_known, 4U);
  EXPECT_LT(scorer.evidence("blue").n_known, 7U);
  EXPECT_GT(scorer.evidence("red").logits[0], scorer.evidence("red").logits[1]);
  EXPECT_LT(scorer.evidence("oak").logits[0], scorer.evidence("oak").logits[1]);
}

TEST(TrainText, TellsDomainsOfUnseenText) {
  auto corpus = made_corpus(40, 80);
  const auto heldout = hold_out(corpus, 10);
  const auto chooser = value_of(train_text_chooser(corpus, kShort));
  EXPECT_EQ(chooser->names(), (std::vector<std::string>{"apes", "bees", "cows"}));
  EXPECT_EQ(chooser->kind(), "text");
  std::size_t n_right = 0;
  for (std::size_t d = 0; d < heldout.domains.size(); ++d)
    for (const auto& record : heldout.domains[d].records) {
      const auto choice = value_of(chooser->choose(record.text.substr(0, 60)));
      EXPECT_NEAR(std::accumulate(choice.scores.begin(), choice.scores.end(), 0.0), 1.0, 1e-9);
      n_right += static_cast<std::size_t>(choice.chosen == d);
    }
  EXPECT_EQ(n_right, 30U);
}

TEST(TrainTextChooser, IsUnsureOfWhatItDoesNotKnow) {
  const auto chooser = value_of(train_text_chooser(made_corpus(40, 80), kShort));
  for (const auto* text : {"", "  \n", "<|turn>user\n", "\u4f60\u597d\u4e16\u754c", "?"}) {
    const auto choice = value_of(chooser->choose(text));
    EXPECT_FALSE(choice.chosen) << text;
    EXPECT_NEAR(std::accumulate(choice.scores.begin(), choice.scores.end(), 0.0), 1.0, 1e-9);
  }
  const auto nothing = value_of(chooser->choose(""));
  EXPECT_DOUBLE_EQ(nothing.scores[0], 1.0 / 3.0);
}

// Chats and their bare words are the same to it.
TEST(TrainTextChooser, DoesNotSeeTheMarkupOfChats) {
  const auto corpus = made_corpus(40, 80);
  const auto chooser = value_of(train_text_chooser(corpus, kShort));
  const auto words = corpus.domains[1].records[0].text.substr(0, 50);
  EXPECT_EQ(value_of(chooser->choose("<|turn>user\n" + words + "<turn|>\n")).scores,
            value_of(chooser->choose(words)).scores);
}

TEST(TrainTextChooser, LearnsFromVeryLittle) {
  const auto chooser = value_of(train_text_chooser(made_corpus(2, 6), kShort));
  EXPECT_EQ(chooser->names().size(), 3U);
  EXPECT_TRUE(chooser->choose("the of and").has_value());
}

TEST(TrainTextChooser, RefusesWhatLeavesNoChoice) {
  auto corpus = made_corpus(8, 5);
  corpus.domains[2].records.clear();
  expect_error(train_text_chooser(corpus), Code::kInvalidArgument, "domain `cows` has no text");
  corpus.domains.resize(1);
  expect_error(train_text_chooser(corpus), Code::kInvalidArgument, "only one domain");
}

}  // namespace
}  // namespace coe
