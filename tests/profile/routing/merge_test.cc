#include "coe/base/result.h"
#include "coe/base/rng.h"
#include "coe/model/moe/ids.h"
#include "coe/profile/routing/stats.h"

#include "support/expect.h"
#include "support/tiny_stats.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace coe {
namespace {

using ::coe::testing::add_sample;
using ::coe::testing::empty_stats;
using ::coe::testing::expect_error;
using ::coe::testing::expect_ok;
using ::coe::testing::random_sample;
using ::coe::testing::random_stats;
using ::coe::testing::shape_of;
using ::coe::testing::worked_stats;

// Sums of n terms in another order differ by at most n roundings of their size; these tests add a
// few dozen terms.
bool close(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::abs(a[i] - b[i]) > 64 * 0x1.0p-52 * (std::abs(a[i]) + std::abs(b[i]))) return false;
  }
  return true;
}

bool close(const DomainStats& a, const DomainStats& b) {
  return a.name == b.name && a.weight == b.weight && a.n_token == b.n_token &&
         a.n_sample == b.n_sample && a.histograms == b.histograms &&
         close(a.weight_sum, b.weight_sum) && close(a.freq_by_sample, b.freq_by_sample) &&
         close(a.weight_mean_by_sample, b.weight_mean_by_sample) && close(a.decisive, b.decisive) &&
         close(a.output_norm, b.output_norm) && close(a.gated_norm, b.gated_norm) &&
         close(a.output_share, b.output_share) && close(a.moe_ratio, b.moe_ratio) &&
         close(a.output_square, b.output_square) && a.coactivation == b.coactivation;
}

bool close(const RoutingStats& a, const RoutingStats& b) {
  if (a.domains.size() != b.domains.size() || a.engine != b.engine ||
      a.corpus_digest != b.corpus_digest || a.settings != b.settings)
    return false;
  for (std::size_t i = 0; i < a.domains.size(); ++i) {
    if (!close(a.domains[i], b.domains[i])) return false;
  }
  return true;
}

RoutingStats merged(RoutingStats a, const RoutingStats& b) {
  expect_ok(merge_into(a, b));
  return a;
}

// One to three of four names, so that profiles share some sub-domains and not others.
RoutingStats arbitrary_stats(bool with_outputs, bool with_coactivation = false,
                             bool with_squares = false) {
  static const std::vector<std::pair<std::string, double>> kAll = {
      {"css", 0.1}, {"html", 0.2}, {"js", 0.3}, {"ts", 0.4}};
  const auto first = *rc::gen::inRange<std::size_t>(0, kAll.size());
  const auto last = *rc::gen::inRange<std::size_t>(first, kAll.size());
  auto stats = random_stats(shape_of(2, 6, 2),
                            {kAll.begin() + static_cast<std::ptrdiff_t>(first),
                             kAll.begin() + static_cast<std::ptrdiff_t>(last) + 1},
                            *rc::gen::arbitrary<std::uint64_t>(), with_outputs, with_coactivation,
                            with_squares);
  stats.corpus_digest = *rc::gen::element<std::string>("a", "b", "");
  stats.settings = *rc::gen::element<std::string>("s", "t", "");
  return stats;
}

RC_GTEST_PROP(MergeInto, IsCommutative, (bool with_outputs)) {
  const auto a = arbitrary_stats(with_outputs);
  const auto b = arbitrary_stats(with_outputs);
  RC_ASSERT(close(merged(a, b), merged(b, a)));
}

RC_GTEST_PROP(MergeInto, IsAssociativeUpToRounding, (bool with_outputs)) {
  const auto a = arbitrary_stats(with_outputs);
  const auto b = arbitrary_stats(with_outputs);
  const auto c = arbitrary_stats(with_outputs);
  RC_ASSERT(close(merged(merged(a, b), c), merged(a, merged(b, c))));
}

RC_GTEST_PROP(MergeInto, KeepsTheInvariantsAndCounts,
              (bool with_outputs, bool with_coactivation, bool squares)) {
  const auto a = arbitrary_stats(with_outputs, with_coactivation, with_outputs && squares);
  const auto b = arbitrary_stats(with_outputs, with_coactivation, with_outputs && squares);
  const auto sum = merged(a, b);
  RC_ASSERT(check_invariants(sum).has_value());
  RC_ASSERT(sum.n_token() == a.n_token() + b.n_token());
  RC_ASSERT(sum.n_sample() == a.n_sample() + b.n_sample());
}

// Records dealt to two shards in turn, as `--shard i/2` does.
TEST(MergeInto, TwoShardsEqualOneRun) {
  const auto shape = shape_of(3, 8, 2);
  auto whole = empty_stats(shape);
  std::vector<RoutingStats> shards(2, empty_stats(shape));
  Rng rng(11);
  for (const std::string name : {"css", "js"}) {
    whole.domains.push_back(DomainStats::zero(name, 1.0, shape, true));
    for (auto& shard : shards) shard.domains.push_back(DomainStats::zero(name, 1.0, shape, true));
    for (std::size_t record = 0; record < 9; ++record) {
      const auto sample = random_sample(shape, static_cast<std::size_t>(rng.between(3, 20)), rng);
      add_sample(whole.domains.back(), shape, sample);
      add_sample(shards[record % 2].domains.back(), shape, sample);
    }
  }
  const auto sum = merged(shards[0], shards[1]);
  for (std::size_t d = 0; d < 2; ++d)
    EXPECT_EQ(sum.domains[d].histograms, whole.domains[d].histograms);
  EXPECT_TRUE(close(sum, whole));
}

TEST(MergeInto, InsertsNewDomainsInOrder) {
  auto into = worked_stats();  // css, js
  expect_ok(merge_into(into, random_stats(into.shape, {{"a", 1.0}, {"html", 2.0}, {"z", 1.0}}, 5)));
  std::vector<std::string> names;
  names.reserve(into.domains.size());
  for (const auto& domain : into.domains) names.push_back(domain.name);
  EXPECT_EQ(names, (std::vector<std::string>{"a", "css", "html", "js", "z"}));
  EXPECT_EQ(into.find_domain("html")->weight, 2.0);
  EXPECT_EQ(into.find_domain("css")->n_token, 4);
}

TEST(MergeInto, KeepsOnlyCommonProvenance) {
  auto into = worked_stats();
  auto other = worked_stats();
  other.corpus_digest = "xxh3:c1";
  other.engine = "fake 2";
  other.command_line = "another";
  expect_ok(merge_into(into, other));
  EXPECT_EQ(into.corpus_digest, "");
  EXPECT_EQ(into.engine, "");
  EXPECT_EQ(into.settings, "max_tokens=16");
  EXPECT_EQ(into.command_line, "coe profile -m tiny.gguf");
}

// Each mismatch by itself, and `into` must come out untouched.
void expect_refused(const RoutingStats& other, const std::string& part) {
  auto into = worked_stats();
  expect_error(merge_into(into, other), Code::kMismatch, part);
  EXPECT_TRUE(close(into, worked_stats()));
}

TEST(MergeInto, RefusesAnotherModel) {
  auto other = worked_stats();
  other.parent.name = "other";
  other.parent.digest = "xxh3:2";
  expect_refused(other,
                 "taken from another model (`other` (digest xxh3:2) vs `tiny` (digest xxh3:0");
}

TEST(MergeInto, AcceptsARenamedModel) {
  auto into = worked_stats();
  auto other = worked_stats();
  other.parent.name = "copy";
  expect_ok(merge_into(into, other));
  EXPECT_EQ(into.parent.name, "tiny");
  EXPECT_EQ(into.n_token(), 12);
}

TEST(MergeInto, RefusesAnotherShape) {
  expect_refused(random_stats(shape_of(2, 6, 2), {{"css", 0.75}}, 1),
                 "another shape (2 layers of 6 experts, 2 used vs 2 layers of 4 experts, 2 used)");
  auto other = worked_stats();
  other.shape.layers[1] = LayerId{5};
  expect_refused(other, "another shape");
  other = worked_stats();
  other.shape.n_expert_group = 2;
  expect_refused(other, "another shape");
}

TEST(MergeInto, RefusesMissingOrExtraOutputs) {
  expect_refused(random_stats(shape_of(2, 4, 2), {{"css", 0.75}}, 1, false),
                 "no expert outputs where the others have them");
  auto into = random_stats(shape_of(2, 4, 2), {{"css", 0.75}}, 1, false);
  expect_error(merge_into(into, worked_stats()), Code::kMismatch,
               "expert outputs where the others have none");
}

TEST(MergeInto, RefusesMissingOrExtraSquares) {
  const auto with = random_stats(shape_of(2, 4, 2), {{"css", 0.75}}, 1, true, false, true);
  expect_refused(with, "squares of expert outputs where the others have none");
  auto into = with;
  expect_error(merge_into(into, worked_stats()), Code::kMismatch,
               "no squares of expert outputs where the others have them");
  EXPECT_EQ(merged(with, with).domains[0].output_square[1], 2 * with.domains[0].output_square[1]);
}

TEST(MergeInto, RefusesMissingOrExtraCoactivation) {
  const auto with = random_stats(shape_of(2, 4, 2), {{"css", 0.75}}, 1, true, true);
  expect_refused(with, "coactivation where the others have none");
  auto into = with;
  expect_error(merge_into(into, worked_stats()), Code::kMismatch,
               "no coactivation where the others have it");
}

TEST(MergeInto, RefusesAnotherRouterTemperature) {
  auto other = worked_stats();
  other.router_temperature = 0.6;
  expect_refused(other, "taken at another router temperature (0.6 vs 1)");
}

TEST(MergeInto, RefusesAnotherMask) {
  auto other = worked_stats();
  other.mask_digest = "xxh3:12";
  expect_refused(other, "taken under another mask (xxh3:12 vs none)");
}

TEST(MergeInto, RefusesAnotherWeight) {
  auto other = worked_stats();
  other.domains[1].weight = 0.5;
  expect_refused(other, "sub-domain `js` has another weight (0.5 vs 0.25)");
}

TEST(MergeInto, RefusesCountsThatLeaveTheExactRange) {
  auto into = worked_stats();
  auto other = worked_stats();
  into.domains[0].n_token = std::int64_t{1} << 53;
  expect_error(merge_into(into, other), Code::kMismatch, "more than 2^53");
}

}  // namespace
}  // namespace coe
