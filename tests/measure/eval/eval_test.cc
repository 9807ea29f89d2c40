#include "coe/measure/eval/eval.h"

#include "coe/engine/fake_engine.h"

#include "support/expect.h"
#include "support/plain_ids.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace coe {
namespace {

using ::testing::HasSubstr;
using testing::value_of;

// Gives the same logits after every token. Vocabulary of four; the text decides nothing: tokens are
// 0, 1, 3.
class FlatEngine : public Engine {
 public:
  explicit FlatEngine(std::vector<float> logits, std::uint32_t n_ctx = 8)
      : logits_(std::move(logits)) {
    info_.engine = "flat";
    info_.n_vocab = static_cast<std::uint32_t>(logits_.size());
    info_.n_ctx = n_ctx;
  }
  const EngineInfo& info() const override { return info_; }
  Result<std::vector<std::int32_t>> tokenize(std::string_view text) override {
    if (text == "short") return std::vector<std::int32_t>{0};
    return tokens;
  }
  Status decode(const DecodeRequest& request) override {
    decoded.push_back(request.tokens.size());
    std::vector<float> logits;
    for (std::size_t i = 0; i < request.tokens.size(); ++i)
      logits.insert(logits.end(), logits_.begin(), logits_.end());
    request.logits->on_logits({0, static_cast<std::uint32_t>(request.tokens.size()), logits});
    return {};
  }
  std::vector<std::int32_t> tokens = {0, 1, 3};
  std::vector<std::size_t> decoded;

 private:
  EngineInfo info_;
  std::vector<float> logits_;
};

Corpus corpus_of(std::vector<std::string> texts) {
  Corpus corpus;
  corpus.domains.push_back({"d", 1.0, {}});
  for (auto& text : texts) corpus.domains[0].records.push_back({std::move(text), "e.jsonl:1"});
  return corpus;
}

float log_of(double p) { return static_cast<float>(std::log(p)); }

// p = (1/2, 1/4, 1/8, 1/8), predicted tokens 1 and 3: nll = ln 4 + ln 8, perplexity = sqrt(32).
TEST(Eval, PerplexityOfAKnownDistribution) {
  // A constant added to all logits changes nothing.
  FlatEngine engine({log_of(0.5) + 3, log_of(0.25) + 3, log_of(0.125) + 3, log_of(0.125) + 3});
  const EvalSubject subject{&engine, nullptr};
  const auto reports = evaluate({&subject, 1}, nullptr, corpus_of({"x"}), {}, silent_observer());
  ASSERT_TRUE(reports) << reports.error().message;
  const auto& d = reports->front().domains[0];
  EXPECT_EQ(d.n_token, 2U);
  EXPECT_EQ(d.n_record, 1U);
  EXPECT_NEAR(d.perplexity(), std::sqrt(32.0), 1e-5);
  EXPECT_FALSE(reports->front().has_reference);
}

// Once NaN was taken for a KL of 0: a maximum with it is the other value.
TEST(Eval, RefusesLogitsThatAreNoNumbers) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  FakeEngine sound({});
  FakeEngine broken({.nan_at = 'x'});
  FlatEngine infinite({0, 1, -std::numeric_limits<float>::infinity(), 2});
  FlatEngine same({3, 3, 3, 3});
  FlatEngine flat({0, 1, 2, nan});
  const auto error_of = [](const EvalSubject& subject, const EvalSubject* reference) {
    const auto reports =
        evaluate({&subject, 1}, reference, corpus_of({"ab", "abxaxb"}), {}, silent_observer());
    EXPECT_FALSE(reports);
    EXPECT_EQ(reports.error().code, Code::kCheckFailed);
    return reports.error().message;
  };
  EXPECT_EQ(error_of({&broken, nullptr}, nullptr),
            "e.jsonl:1: the model gives logits that are no numbers, or all the same, for 2 of 6 "
            "tokens, the first after token 3");
  const EvalSubject parent{&broken, nullptr, "the parent"};
  EXPECT_THAT(error_of({&sound, nullptr}, &parent), HasSubstr("e.jsonl:1: the parent gives"));
  for (auto* engine : {&infinite, &same, &flat})
    EXPECT_THAT(error_of({engine, nullptr}, nullptr), HasSubstr("for 3 of 3 tokens, the first"));
}

// KL(p||q) with p as above and q = (1/8, 1/4, 1/8, 1/2): 1/2 ln 4 + 1/8 ln(1/4) = 3/4 ln 2 a token.
TEST(Eval, KlAndTop1AgainstAReference) {
  FlatEngine p({log_of(0.5), log_of(0.25), log_of(0.125), log_of(0.125)});
  FlatEngine q({log_of(0.125), log_of(0.25), log_of(0.125), log_of(0.5)});
  const EvalSubject subjects[] = {{&q, nullptr}, {&p, nullptr}};
  const EvalSubject reference{&p, nullptr};
  const auto reports = evaluate(subjects, &reference, corpus_of({"x"}), {}, silent_observer());
  ASSERT_TRUE(reports);
  const auto& d = (*reports)[0].domains[0];
  EXPECT_NEAR(d.kl_mean(), 0.75 * std::log(2.0), 1e-6);
  EXPECT_NEAR(d.kl_max, 0.75 * std::log(2.0), 1e-6);
  EXPECT_EQ(d.top1_agreement(), 0.0);
  EXPECT_NEAR(d.top1_gap_max, std::log(4.0), 1e-6);
  EXPECT_NEAR(d.logit_diff_max, std::log(4.0), 1e-6);
  EXPECT_NEAR(d.reference_perplexity(), std::sqrt(32.0), 1e-5);
  EXPECT_NEAR(d.perplexity(), std::sqrt(8.0), 1e-5);
  const auto& same = (*reports)[1].domains[0];
  EXPECT_EQ(same.kl_mean(), 0.0);
  EXPECT_EQ(same.top1_agreement(), 1.0);
}

TEST(Eval, CutsRecordsAndSkipsThoseWithNothingToPredict) {
  // As good as the same for all four.
  FlatEngine engine({0, 0, 0, 1e-12F});
  engine.tokens = {0, 1, 2, 3, 0, 1};
  const EvalSubject subject{&engine, nullptr};
  const auto reports = evaluate({&subject, 1}, nullptr, corpus_of({"x", "short", "y"}),
                                {.max_tokens = 4}, silent_observer());
  ASSERT_TRUE(reports);
  EXPECT_THAT(engine.decoded, ::testing::ElementsAre(4, 4));
  EXPECT_EQ(reports->front().domains[0].n_record, 2U);
  EXPECT_EQ(reports->front().domains[0].n_token, 6U);
  EXPECT_NEAR(reports->front().domains[0].perplexity(), 4.0, 1e-9);
  EXPECT_EQ(reports->front().total().n_token, 6U);
}

TEST(Eval, RefusesADomainWithNothingToPredict) {
  FlatEngine engine({0, 0, 0, 0});
  const EvalSubject subject{&engine, nullptr};
  const auto reports =
      evaluate({&subject, 1}, nullptr, corpus_of({"short"}), {}, silent_observer());
  ASSERT_FALSE(reports);
  EXPECT_EQ(reports.error().code, Code::kCorrupt);
}

TEST(Eval, RefusesModelsOfOtherVocabularies) {
  FlatEngine a({0, 0, 0, 0});
  FlatEngine b({0, 0, 0, 0, 0});
  const EvalSubject subject{&a, nullptr};
  const EvalSubject reference{&b, nullptr};
  const auto size = evaluate({&subject, 1}, &reference, corpus_of({"x"}), {}, silent_observer());
  ASSERT_FALSE(size);
  EXPECT_EQ(size.error().code, Code::kMismatch);
  FlatEngine c({0, 0, 0, 0});
  c.tokens = {0, 2, 3};
  const EvalSubject other{&c, nullptr};
  const auto text = evaluate({&subject, 1}, &other, corpus_of({"x"}), {}, silent_observer());
  ASSERT_FALSE(text);
  EXPECT_THAT(text.error().message, ::testing::HasSubstr("e.jsonl:1"));
}

TEST(Eval, AFilterOnTheSameEngineIsSeen) {
  FakeEngine engine({});
  const ExpertFilter filter = {.kept = coe::testing::kept_experts({{0, {0, 1}}, {1, {0, 1}}}),
                               .substitutes = {}};
  const EvalSubject masked{&engine, &filter};
  const EvalSubject whole{&engine, nullptr};
  const auto reports =
      evaluate({&masked, 1}, &whole, corpus_of({"some text to route"}), {}, silent_observer());
  ASSERT_TRUE(reports);
  EXPECT_GT(reports->front().domains[0].kl_mean(), 0.0);
  const auto self =
      evaluate({&whole, 1}, &whole, corpus_of({"some text to route"}), {}, silent_observer());
  ASSERT_TRUE(self);
  EXPECT_EQ(self->front().domains[0].kl_mean(), 0.0);
}

// Tokens 1 and 3 are to be predicted. p puts 0 first, q puts 3 first: one hit of two against none.
// A batch of the large vocabulary has work for 19 threads.
TEST(Eval, ThreadsDoNotMoveABit) {
  const auto run = [](std::uint32_t n_thread) {
    FakeEngine engine({.n_vocab = 120'001, .n_thread = n_thread});
    ExpertFilter filter;
    filter.kept[LayerId{0}] = {ExpertId{0}, ExpertId{2}, ExpertId{5}};
    const EvalSubject subjects[] = {{&engine, &filter}, {&engine, nullptr}};
    const EvalSubject reference{&engine, nullptr};
    return value_of(evaluate(subjects, &reference,
                             corpus_of({"a longer text, in two batches", "b c"}), {},
                             silent_observer()));
  };
  const auto one = run(1);
  for (const std::uint32_t n_thread : {2U, 7U, 64U}) {
    const auto many = run(n_thread);
    for (std::size_t i = 0; i < one.size(); ++i) {
      EXPECT_EQ(one[i].domains[0].records, many[i].domains[0].records);
      EXPECT_EQ(one[i].domains[0].kl_max, many[i].domains[0].kl_max);
      EXPECT_EQ(one[i].domains[0].logit_diff_max, many[i].domains[0].logit_diff_max);
    }
  }
  EXPECT_EQ(one[0].domains[0].n_token, 30U);
  EXPECT_GT(one[0].domains[0].kl, 0.0);
}

TEST(Eval, CountsWhatEachPredicts) {
  FlatEngine p({log_of(0.25), log_of(0.5), log_of(0.125), log_of(0.125)});
  FlatEngine q({log_of(0.125), log_of(0.125), log_of(0.25), log_of(0.5)});
  const EvalSubject subject{&q, nullptr};
  const EvalSubject reference{&p, nullptr};
  q.tokens = p.tokens = {0, 1, 3, 3};
  const auto reports =
      evaluate({&subject, 1}, &reference, corpus_of({"x", "y"}), {}, silent_observer());
  ASSERT_TRUE(reports);
  const auto& d = reports->front().domains[0];
  EXPECT_EQ(d.n_hit, 4U);
  EXPECT_EQ(d.n_reference_hit, 2U);
  ASSERT_EQ(d.records.size(), 2U);
  EXPECT_EQ(d.records[1].n_hit, 2U);
  EXPECT_DOUBLE_EQ(accuracy_ratio(d).value, 2.0);
  EXPECT_DOUBLE_EQ(accuracy_interval(d).value, 2.0 / 3.0);
  EXPECT_DOUBLE_EQ(reference_accuracy_interval(d).value, 1.0 / 3.0);
  EXPECT_DOUBLE_EQ(top1_interval(d).value, 0.0);
  // Equal records: no spread.
  EXPECT_DOUBLE_EQ(accuracy_ratio(d).lower, 2.0);
  // p(1) = 1/8, p(3) = 1/2 twice: 32^(1/3); the reference's 2 * 8 * 8 = 128.
  EXPECT_NEAR(perplexity_interval(d).value, std::cbrt(32.0), 1e-6);
  EXPECT_NEAR(perplexity_ratio(d).value, std::cbrt(32.0 / 128.0), 1e-6);
  EXPECT_NEAR(perplexity_ratio(d).upper, std::cbrt(32.0 / 128.0), 1e-6);
}

// Logits depend on the last token alone, so windows change nothing but what is decoded.
TEST(Eval, WindowsScoreEachTokenOnce) {
  FakeEngine engine({});
  const ExpertFilter filter = {.kept = testing::kept_experts({{0, {0, 1}}, {1, {0, 1}}}),
                               .substitutes = {}};
  const EvalSubject masked{&engine, &filter};
  const EvalSubject whole{&engine, nullptr};
  const auto corpus = corpus_of({"a text of forty bytes, to be cut in some", "another one"});
  const auto run = [&](const EvalOptions& options) {
    auto reports = evaluate({&masked, 1}, &whole, corpus, options, silent_observer());
    EXPECT_TRUE(reports) << reports.error().message;
    return reports->front().domains[0];
  };
  const auto at_once = run({.max_tokens = 0});
  EXPECT_EQ(at_once.n_token, 49U);
  for (const std::uint32_t stride : {1U, 5U, 7U}) {
    const auto windowed = run({.max_tokens = 0, .window = 8, .stride = stride});
    EXPECT_EQ(windowed.n_record, 2U);
    EXPECT_EQ(windowed.n_token, 49U);
    EXPECT_NEAR(windowed.kl, at_once.kl, 1e-9);
    EXPECT_NEAR(windowed.nll, at_once.nll, 1e-9);
    EXPECT_EQ(windowed.records[1].n_token, 10U);
  }
  // A window that holds every record gives the same bits.
  const auto wide = run({.max_tokens = 0, .window = 64});
  EXPECT_EQ(wide.records, at_once.records);
  EXPECT_EQ(wide.kl, at_once.kl);
  // Cut first, then windowed.
  EXPECT_EQ(run({.max_tokens = 20, .window = 8}).n_token, 29U);
}

TEST(Eval, RefusesWindowsThatCannotBe) {
  FakeEngine engine({});
  const EvalSubject whole{&engine, nullptr};
  for (const auto& options : {EvalOptions{.window = 1}, EvalOptions{.window = 65},
                              EvalOptions{.window = 8, .stride = 8}, EvalOptions{.stride = 4}}) {
    const auto reports =
        evaluate({&whole, 1}, nullptr, corpus_of({"some text"}), options, silent_observer());
    ASSERT_FALSE(reports) << options.window;
    EXPECT_EQ(reports.error().code, Code::kInvalidArgument);
  }
}

}  // namespace
}  // namespace coe
