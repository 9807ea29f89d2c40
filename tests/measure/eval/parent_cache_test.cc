#include "coe/measure/eval/parent_cache.h"

#include "coe/base/rng.h"
#include "coe/engine/fake_engine.h"
#include "coe/measure/eval/eval.h"

#include "support/expect.h"
#include "support/temp_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace coe {
namespace {

using testing::expect_error;
using testing::value_of;

constexpr std::uint32_t kVocab = 40;

// Logits of their own for each seed, token and position; a text is its characters.
class NoisyEngine : public Engine {
 public:
  explicit NoisyEngine(std::uint64_t seed) : seed_(seed) {
    info_.engine = "noisy";
    info_.n_vocab = kVocab;
    info_.n_ctx = 64;
  }
  const EngineInfo& info() const override { return info_; }
  Result<std::vector<std::int32_t>> tokenize(std::string_view text) override {
    std::vector<std::int32_t> tokens;
    for (const char c : text) tokens.push_back(static_cast<unsigned char>(c) % kVocab);
    return tokens;
  }
  Status decode(const DecodeRequest& request) override {
    ++n_decode;
    if (n_decode == fails_at) return fail(Code::kEngine, "the engine broke");
    const auto n_token = static_cast<std::uint32_t>(request.tokens.size());
    std::vector<float> logits;
    for (std::uint32_t i = 0; i < n_token; ++i) {
      Rng rng(seed_ + (1000U * i) + static_cast<std::uint64_t>(request.tokens[i]));
      for (std::uint32_t v = 0; v < kVocab; ++v)
        logits.push_back(static_cast<float>(rng.below(1000)) / 100.0F - 2.0F);
    }
    request.logits->on_logits({0, n_token, logits});
    return {};
  }
  int n_decode = 0;
  int fails_at = 0;

 private:
  std::uint64_t seed_;
  EngineInfo info_;
};

Corpus text() {
  Corpus corpus;
  corpus.domains.push_back({"a", 1.0, {{"a first record", "a:1"}, {"and another", "a:2"}}});
  corpus.domains.push_back({"b", 1.0, {{"something else", "b:1"}}});
  return corpus;
}

class ParentCacheTest : public ::testing::Test {
 protected:
  ParentCacheOptions options(double tail = 0.05) const {
    return {file, "xxh3:1", "n_batch=16 repack=1", tail};
  }
  Result<std::vector<EvalReport>> run(const ParentCacheOptions& cache, const EvalSubject* reference,
                                      const Corpus& corpus = text()) {
    COE_TRY(const auto source, ParentCache::open(cache, reference));
    const EvalSubject subject{&child, nullptr};
    return evaluate_against({&subject, 1}, source.get(), corpus, {}, silent_observer());
  }
  std::string bytes() const { return value_of(read_text(file)); }
  void put(std::string_view content) const {
    testing::expect_ok(write_file(file, content, Overwrite::kAllow));
  }

  testing::TempDir folder;
  Path file = folder / "parent.logits";
  NoisyEngine parent{1};
  NoisyEngine child{7};
  EvalSubject runs{&parent, nullptr};
};

// p = (1/2, 1/4, 1/8, 1/8) without its two last, q = (1/8, 1/4, 1/8, 1/2). The tail's 1/4 lumped
// against q's 5/8: 1/2 ln 4 + 1/4 ln (2/5); all of it on q's 1/8: 1/2 ln 4. The KL: 3/4 ln 2.
TEST(CondensedLogits, BoundsOfAKnownDistribution) {
  const auto log_of = [](double p) { return static_cast<float>(std::log(p)); };
  const std::vector<float> p = {log_of(0.5), log_of(0.25), log_of(0.125), log_of(0.125)};
  const std::vector<float> q = {log_of(0.125), log_of(0.25), log_of(0.125), log_of(0.5)};
  const auto condensed = condense(p, 0.0, 0.3);
  EXPECT_EQ(condensed.ids, (std::vector<std::uint32_t>{0, 1}));
  EXPECT_NEAR(condensed.rest_mass, 0.25, 1e-6);
  EXPECT_NEAR(condensed.rest_entropy, 0.25 * std::log(0.125), 1e-6);
  const auto bounds = compare_condensed(condensed, 0.0, q, 0.0);
  EXPECT_NEAR(bounds.lower, std::log(2.0) + 0.25 * std::log(0.4), 1e-6);
  EXPECT_NEAR(bounds.upper, std::log(2.0), 1e-6);
  const auto whole = compare_condensed(condense(p, 0.0, 0.0), 0.0, q, 0.0);
  EXPECT_NEAR(whole.lower, 0.75 * std::log(2.0), 1e-6);
  EXPECT_EQ(whole.lower, whole.upper);
  EXPECT_EQ(condense(p, 0.0, 0.9).ids, (std::vector<std::uint32_t>{0}));  // the likeliest stays
}

TEST_F(ParentCacheTest, WithoutATailIsTheRunningParent) {
  const EvalSubject subject{&child, nullptr};
  const auto exact = value_of(evaluate({&subject, 1}, &runs, text(), {}, silent_observer()));
  const auto cached = value_of(run(options(0.0), &runs));
  ASSERT_EQ(cached[0].domains.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    const auto& a = exact[0].domains[i];
    const auto& b = cached[0].domains[i];
    EXPECT_EQ(a.n_token, b.n_token);
    EXPECT_EQ(a.n_top1_same, b.n_top1_same);
    EXPECT_EQ(a.n_reference_hit, b.n_reference_hit);
    EXPECT_DOUBLE_EQ(a.reference_nll, b.reference_nll);
    EXPECT_NEAR(a.kl, b.kl, 1e-5 * a.kl);
    EXPECT_EQ(b.kl_slack, 0.0);
  }
}

TEST_F(ParentCacheTest, ATailBoundsTheDivergence) {
  const EvalSubject subject{&child, nullptr};
  const auto exact = value_of(evaluate({&subject, 1}, &runs, text(), {}, silent_observer()));
  const auto cached = value_of(run(options(0.2), &runs));
  const auto a = exact[0].total();
  const auto b = cached[0].total();
  EXPECT_GT(b.kl_slack, 0.0);
  EXPECT_LT(b.kl, a.kl);
  EXPECT_GT(b.kl + b.kl_slack, a.kl);
  EXPECT_DOUBLE_EQ(a.reference_nll, b.reference_nll);
  EXPECT_EQ(a.n_top1_same, b.n_top1_same);
}

TEST_F(ParentCacheTest, IsComputedOnceAndGivesTheSameNumbers) {
  const auto written = value_of(run(options(), &runs));
  EXPECT_EQ(parent.n_decode, 3);
  const auto before = bytes();
  const auto read = value_of(run(options(), nullptr));
  EXPECT_EQ(parent.n_decode, 3);
  EXPECT_EQ(bytes(), before);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(written[0].domains[i].records, read[0].domains[i].records);
    EXPECT_EQ(written[0].domains[i].kl_slack, read[0].domains[i].kl_slack);
  }
  EXPECT_LT(before.size(), 36U * kVocab * sizeof(float));  // 36 tokens count
}

TEST_F(ParentCacheTest, IsOfOneParentTextAndTail) {
  expect_error(run(options(), nullptr), Code::kNotFound, "parent.logits");
  value_of(run(options(), &runs));
  auto other = options();
  other.model_digest = "xxh3:2";
  expect_error(run(other, nullptr), Code::kMismatch, "another parent");
  other = options();
  other.settings = "n_batch=32 repack=1";
  expect_error(run(other, nullptr), Code::kMismatch, "another setting: n_batch (16 vs 32)");
  expect_error(run(options(0.01), nullptr), Code::kMismatch, "tail");
  auto corpus = text();
  corpus.domains[0].records[0].text = "a fourth record";
  expect_error(run(options(), nullptr, corpus), Code::kMismatch, "other text");
}

TEST_F(ParentCacheTest, AppearsOnlyWhole) {
  parent.fails_at = 2;
  expect_error(run(options(), &runs), Code::kEngine, "broke");
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST_F(ParentCacheTest, EveryCutAndEveryFlippedByteIsSeen) {
  value_of(run(options(), &runs));
  const auto whole = bytes();
  for (std::size_t n = 0; n < whole.size(); n += n < 300 ? 1 : 7) {
    put(std::string_view(whole).substr(0, n));
    expect_error(run(options(), nullptr), Code::kCorrupt, "parent.logits");
  }
  put(whole + "x");
  expect_error(run(options(), nullptr), Code::kCorrupt, "bytes after");
  for (std::size_t i = 0; i < whole.size(); i += i < 300 ? 1 : 7) {
    auto broken = whole;
    broken[i] = static_cast<char>(broken[i] ^ 0x10);
    put(broken);
    EXPECT_FALSE(run(options(), nullptr).has_value()) << "byte " << i;
  }
}

}  // namespace
}  // namespace coe
