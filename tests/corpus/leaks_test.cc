#include "coe/corpus/leaks.h"

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/base/rng.h"
#include "coe/corpus/corpus.h"

#include "support/expect.h"
#include "support/load_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cctype>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace coe {
namespace {

using testing::expect_error;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::value_of;

std::string sentence(Rng& rng, int n_word) {
  std::string out;
  for (int i = 0; i < n_word; ++i) {
    if (i > 0) out += i % 9 == 8 ? ", " : " ";
    out += "word" + std::to_string(rng.below(3000));
  }
  return out;
}

Corpus corpus_of(const std::string& name, const std::vector<std::string>& texts) {
  Corpus out;
  out.domains.push_back({name, 1.0, {}});
  for (std::size_t i = 0; i < texts.size(); ++i)
    out.domains[0].records.push_back({texts[i], name + ".jsonl:" + std::to_string(i + 1)});
  return out;
}

LeakReport leaks_of(const std::vector<std::string>& profiling,
                    const std::vector<std::string>& evaluation, const LeakOptions& options = {}) {
  return value_of(find_leaks(corpus_of("train", profiling), corpus_of("test", evaluation), options,
                             silent_observer()));
}

// A chat in the markup of a template, with a system prompt that all records share.
std::string chat(const std::string& question, const std::string& answer) {
  return "<|turn>system\nYou are a careful assistant who answers every question step by step and "
         "says so at the end of the answer in one short line.<turn|>\n<|turn>user\n" +
         question + "<turn|>\n<|turn>model\n<|channel>thought\n<channel|>" + answer + "<turn|>\n";
}

std::string disturbed(std::string text) {
  std::string out;
  for (const char c : text) {
    if (c == ' ')
      out += " \n\t ";
    else if (c == ',')
      out += ";";
    else
      out += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return "  " + out + " !";
}

TEST(Leaks, FindsPlantedRecordsAndOnlyThose) {
  Rng rng(3);
  std::vector<std::string> profiling;
  std::vector<std::string> evaluation;
  for (int i = 0; i < 200; ++i) profiling.push_back(chat(sentence(rng, 30), sentence(rng, 40)));
  for (int i = 0; i < 60; ++i) evaluation.push_back(chat(sentence(rng, 30), sentence(rng, 40)));
  EXPECT_THAT(leaks_of(profiling, evaluation).leaks, IsEmpty());

  for (std::size_t i = 0; i < 3; ++i) profiling[20 * i] = evaluation[i];
  for (std::size_t i = 3; i < 6; ++i) profiling[20 * i] = disturbed(evaluation[i]);
  for (std::size_t i = 6; i < 9; ++i)
    profiling[20 * i] = sentence(rng, 200) + "\n" + evaluation[i] + "\n" + sentence(rng, 90);
  // Most of it, with the rest rewritten.
  profiling[180] = sentence(rng, 10) + evaluation[9].substr(0, evaluation[9].size() * 4 / 5);
  const auto report = leaks_of(profiling, evaluation);
  ASSERT_THAT(report.leaks, SizeIs(10));
  for (std::size_t i = 0; i < 10; ++i) {
    const auto& leak = report.leaks[i];
    EXPECT_EQ(leak.evaluation, "test.jsonl:" + std::to_string(i + 1));
    EXPECT_EQ(leak.profiling, "train.jsonl:" + std::to_string(20 * i + 1));
    EXPECT_EQ(leak.profiling_domain, "train");
    EXPECT_EQ(leak.evaluation_domain, "test");
    EXPECT_EQ(leak.whole, i < 9) << i;
    if (i < 9) {
      EXPECT_EQ(leak.overlap, 1.0);
    }
    EXPECT_THAT(leak.excerpt, ::testing::Not(IsEmpty()));
    EXPECT_THAT(leak.excerpt, ::testing::Not(HasSubstr("\n")));
  }
  EXPECT_GT(report.leaks[9].overlap, 0.5);
  EXPECT_LT(report.leaks[9].overlap, 1.0);
  EXPECT_LT(report.highest_clean, 0.05);
  EXPECT_EQ(report.n_record, 60U);
}

// 30 words, of which the first 21 are shared: 9 of 18 13-grams.
TEST(Leaks, TheShareDecides) {
  Rng rng(5);
  const std::string shared = sentence(rng, 21);
  const std::vector<std::string> profiling = {shared + " " + sentence(rng, 40)};
  const std::vector<std::string> evaluation = {shared + " " + sentence(rng, 9)};
  auto report = leaks_of(profiling, evaluation);
  ASSERT_THAT(report.leaks, SizeIs(1));
  EXPECT_DOUBLE_EQ(report.leaks[0].overlap, 0.5);
  EXPECT_FALSE(report.leaks[0].whole);
  EXPECT_EQ(report.n_ngram, 18U);
  report = leaks_of(profiling, evaluation, {.share = 0.51});
  EXPECT_THAT(report.leaks, IsEmpty());
  EXPECT_DOUBLE_EQ(report.highest_clean, 0.5);
  // 21 − 20 + 1 = 2 of 30 − 20 + 1 = 11.
  EXPECT_DOUBLE_EQ(leaks_of(profiling, evaluation, {.ngram = 20}).highest_clean, 2.0 / 11.0);
}

// The shared form is more than half of each record.
TEST(Leaks, WhatManyRecordsShareIsNoLeak) {
  Rng rng(11);
  const std::string form = sentence(rng, 60) + "\n";
  std::vector<std::string> profiling;
  std::vector<std::string> evaluation;
  for (int i = 0; i < 20; ++i) profiling.push_back(form + sentence(rng, 20));
  for (int i = 0; i < 3; ++i) evaluation.push_back(form + sentence(rng, 20));
  const auto report = leaks_of(profiling, evaluation);
  EXPECT_THAT(report.leaks, IsEmpty());
  EXPECT_EQ(report.n_boilerplate, 60U - 13 + 1);
  // Not so where only few share it, …
  EXPECT_THAT(leaks_of(profiling, evaluation, {.boilerplate = 20}).leaks, SizeIs(3));
  // … and a record that leaks is found under the form all the same.
  profiling.push_back(evaluation[1]);
  const auto found = leaks_of(profiling, evaluation);
  ASSERT_THAT(found.leaks, SizeIs(1));
  EXPECT_EQ(found.leaks[0].evaluation, "test.jsonl:2");
  EXPECT_TRUE(found.leaks[0].whole);
}

// Copies of a leak must not make it boilerplate.
TEST(Leaks, ALeakThatIsThereManyTimesIsFound) {
  Rng rng(13);
  const std::string leaked = sentence(rng, 50);
  std::vector<std::string> profiling(40, leaked);
  EXPECT_THAT(leaks_of(profiling, {leaked}).leaks, SizeIs(1));
  for (auto& text : profiling) text = sentence(rng, 30) + " " + leaked + " " + sentence(rng, 5);
  const auto report = leaks_of(profiling, {leaked, sentence(rng, 50)});
  ASSERT_THAT(report.leaks, SizeIs(1));
  EXPECT_EQ(report.leaks[0].profiling, "train.jsonl:1");
}

// A form with one slot: the words around the slot are everywhere, those in it are few.
TEST(Leaks, OneFilledInSlotIsJudgedWhole) {
  Rng rng(17);
  const std::string before = sentence(rng, 30);
  const std::string after = sentence(rng, 30);
  std::vector<std::string> profiling;
  for (int i = 0; i < 15; ++i)
    profiling.push_back(before + " slot" + std::to_string(i) + " " + after);
  EXPECT_THAT(leaks_of(profiling, {before + " slot99 " + after}).leaks, IsEmpty());
  EXPECT_THAT(leaks_of(profiling, {before + " slot7 " + after}).leaks, SizeIs(1));
}

TEST(Leaks, ShortRecordsAreComparedWhole) {
  const std::vector<std::string> profiling = {"What is 3 + 4?", "x = 1", "+",
                                              "A longer text says: yes, no"};
  const auto report =
      leaks_of(profiling, {"what  is\n3 + 4?", "What is 3 - 4?", "X = 1", "-", "yes, no", "+"});
  ASSERT_THAT(report.leaks, SizeIs(3));
  EXPECT_EQ(report.leaks[0].evaluation, "test.jsonl:1");
  EXPECT_EQ(report.leaks[0].profiling, "train.jsonl:1");
  EXPECT_EQ(report.leaks[0].excerpt, "what is 3 + 4?");
  EXPECT_TRUE(report.leaks[0].whole);
  EXPECT_EQ(report.leaks[1].evaluation, "test.jsonl:3");
  EXPECT_EQ(report.leaks[2].evaluation, "test.jsonl:6");
}

TEST(Leaks, AllOfARecordMustStandInOne) {
  Rng rng(19);
  const std::string first = sentence(rng, 40);
  const std::string second = sentence(rng, 40);
  const auto report = leaks_of({first, second + " more"}, {first + " " + second});
  ASSERT_THAT(report.leaks, SizeIs(1));
  EXPECT_FALSE(report.leaks[0].whole);
  // 28 of its 68 n-grams in each; 12 across the seam in none.
  EXPECT_DOUBLE_EQ(report.leaks[0].overlap, 56.0 / 68.0);
  EXPECT_EQ(report.leaks[0].profiling, "train.jsonl:1");
}

TEST(Leaks, RefusesImpossibleOptionsAndStopsWhenCancelled) {
  const Corpus corpus = corpus_of("a", {"text"});
  expect_error(find_leaks(corpus, corpus, {.ngram = 0}, silent_observer()), Code::kInvalidArgument,
               "n-gram");
  for (const double share : {0.0, -1.0, 1.5})
    expect_error(find_leaks(corpus, corpus, {.share = share}, silent_observer()),
                 Code::kInvalidArgument, "share");
  class Impatient : public Observer {
    bool cancelled() override { return true; }
  } impatient;
  expect_error(find_leaks(corpus, corpus, {}, impatient), Code::kCancelled, "interrupted");
}

// The corpora beside the checkout, where they are: prose and reasoning are clean; of the code,
// seven evaluation records are a profiling record's problem in another programming language or
// form.
TEST(Leaks, SharedCorporaShareOnlyProblemsTranslated) {
  const Path shared = Path(COE_SOURCE_DIR) / "../shared/models";
  if (!std::filesystem::exists(shared / "corpora"))
    GTEST_SKIP() << "no corpora beside the checkout";
  const auto load = [&](const char* folder, const std::vector<std::string>& names) {
    std::vector<Path> files;
    for (const auto& name : names) files.push_back(shared / folder / (name + ".jsonl"));
    return value_of(testing::load_text(files));
  };
  const std::vector<std::string> all = {"web", "python", "systems", "prose", "reasoning"};
  const Corpus profiling = load("corpora", all);
  const auto clean = value_of(
      find_leaks(profiling, load("heldout", {"prose", "reasoning"}), {}, silent_observer()));
  EXPECT_THAT(clean.leaks, IsEmpty());
  const auto code = value_of(
      find_leaks(profiling, load("heldout", {"web", "python", "systems"}), {}, silent_observer()));
  std::vector<std::string> found;
  for (const auto& leak : code.leaks) found.push_back(Path(leak.evaluation).filename());
  EXPECT_THAT(found, ::testing::ElementsAre("python.jsonl:4", "python.jsonl:5", "python.jsonl:8",
                                            "python.jsonl:10", "systems.jsonl:3",
                                            "systems.jsonl:21", "web.jsonl:17"));
}

}  // namespace
}  // namespace coe
