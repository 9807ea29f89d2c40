#include "coe/specialize/verdict.h"

#include "coe/measure/eval/eval.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace coe {
namespace {

// Records of 300 tokens each, whose KL a token is `kl` and a little more or less by turns.
DomainEval eval_of(double kl, std::uint64_t n_record = 8) {
  DomainEval eval;
  for (std::uint64_t i = 0; i < n_record; ++i) {
    RecordEval record;
    record.n_token = 300;
    record.kl = 300 * kl * (i % 2 == 0 ? 0.95 : 1.05);
    eval.add(record);
  }
  return eval;
}

TEST(Verdict, SaysHowMuchIsKept) {
  const std::vector<DomainEval> random = {eval_of(1.5), eval_of(1.7)};
  EXPECT_EQ(verdict_of(eval_of(0.1), random), Verdict::kKeeps);
  EXPECT_EQ(verdict_of(eval_of(0.21), random), Verdict::kKeeps);
  EXPECT_EQ(verdict_of(eval_of(0.23), random), Verdict::kKeepsInPart);
  EXPECT_EQ(verdict_of(eval_of(0.70), random), Verdict::kLoses);
  EXPECT_EQ(verdict_of(eval_of(0.70), {}), Verdict::kLoses);
}

TEST(Verdict, ComparesWithRandomExpertsFirst) {
  EXPECT_EQ(verdict_of(eval_of(0.2), std::vector{eval_of(0.1), eval_of(0.15)}),
            Verdict::kWorseThanRandom);
  EXPECT_EQ(verdict_of(eval_of(0.2), std::vector{eval_of(0.1), eval_of(0.5)}),
            Verdict::kNoBetterThanRandom);
  EXPECT_EQ(verdict_of(eval_of(0.2), std::vector{eval_of(0.2)}), Verdict::kNoBetterThanRandom);
}

TEST(Verdict, SaysNothingOfTooLittleText) {
  EXPECT_EQ(verdict_of(eval_of(0.1, 4), std::vector{eval_of(0.9, 4)}), Verdict::kTooLittle);
  EXPECT_EQ(verdict_of(eval_of(0.1, 5), std::vector{eval_of(0.9, 5)}), Verdict::kKeeps);
  EXPECT_EQ(verdict_of(DomainEval(), {}), Verdict::kTooLittle);
}

}  // namespace
}  // namespace coe
