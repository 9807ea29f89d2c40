// Scores and pass-1 masks against tests/reference/reference.py, which shares no code with coe: it
// reads the profile file with a GGUF reader of its own.

#include "coe/base/file.h"
#include "coe/mask/build.h"
#include "coe/mask/keep_mask.h"
#include "coe/mask/score/score.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/expert_table.h"
#include "coe/model/moe/ids.h"
#include "coe/profile/routing/file.h"
#include "coe/profile/routing/stats.h"

#include "support/command.h"
#include "support/expect.h"
#include "support/temp_dir.h"
#include "support/tiny_stats.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace coe {
namespace {

using ::coe::testing::expect_ok;
using ::coe::testing::random_stats;
using ::coe::testing::run_command;
using ::coe::testing::shape_of;
using ::coe::testing::TempDir;
using ::coe::testing::value_of;
using ::coe::testing::worked_stats;
using ::testing::HasSubstr;

constexpr std::uint32_t kKeep = 6;

class Reference : public ::testing::TestWithParam<Score> {
 protected:
  void SetUp() override {
    if (run_command(dir_.path(), "command -v python3").exit_code != 0)
      GTEST_SKIP() << "python3 is not installed";
  }

  KeepMask make(const RoutingStats& stats, std::uint32_t n_keep) {
    expect_ok(write_profile(dir_ / "p.gguf", stats, Overwrite::kAllow));
    ScoreOptions options;
    options.score = GetParam();
    // From the file: what is read back is what is scored.
    const auto read = value_of(read_profile(dir_ / "p.gguf"));
    score_ = value_of(compute_score(read, options));
    return value_of(top_k_mask(score_, read.shape.layers, n_keep, read.shape.n_expert_group));
  }

  void write(const KeepMask& mask, bool plain) {
    expect_ok(write_file(dir_ / "m.json", mask_to_json(mask, plain), Overwrite::kAllow));
  }

  testing::CommandResult run(std::uint32_t n_keep, std::string_view more) {
    return run_command(dir_.path(),
                       fmt::format("python3 {}/tests/reference/reference.py p.gguf -k {} --score "
                                   "{} {}",
                                   COE_SOURCE_DIR, n_keep, score_name(GetParam()), more));
  }

  TempDir dir_;
  ExpertTable<double> score_;
};

RoutingStats arbitrary_stats() {
  return random_stats(shape_of(5, 16, 4), {{"css", 0.2}, {"html", 0.3}, {"js", 0.5}}, 99);
}

// Scores: both sides add fewer than 2^5 terms, each with a few roundings.
TEST_P(Reference, AgreesOnScoresAndMasks) {
  write(make(arbitrary_stats(), kKeep), false);
  const auto result = run(kKeep, "--compare m.json --scores-out s.json");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const auto scores = nlohmann::json::parse(value_of(read_text(dir_ / "s.json")));
  ASSERT_EQ(scores.size(), score_.n_layer());
  for (std::size_t l = 0; l < score_.n_layer(); ++l) {
    for (std::size_t e = 0; e < score_.n_expert(); ++e) {
      const double expected = scores.at(std::to_string(l)).at(e).get<double>();
      EXPECT_NEAR(score_.at(l, e), expected, 64 * 0x1.0p-52 * expected) << l << " " << e;
    }
  }
}

TEST_P(Reference, AgreesOnGroups) {
  auto stats = arbitrary_stats();
  stats.shape.n_expert_group = 2;
  write(make(stats, kKeep), false);
  const auto result = run(kKeep, "--compare m.json");
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

// Experts 1 and 2 tie exactly in util for the third place.
TEST_P(Reference, AgreesOnTies) {
  write(make(worked_stats(), 3), false);
  const auto result = run(3, "--compare m.json");
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

// The comparison can fail: one expert exchanged in one layer.
TEST_P(Reference, NoticesOneWrongExpert) {
  const auto mask = make(arbitrary_stats(), kKeep);
  std::map<LayerId, std::vector<ExpertId>> layers;
  for (const auto& [layer, kept] : mask.layers()) layers[layer] = kept.ids();
  auto& ids = layers[LayerId{3}];
  ExpertId outside{0};
  while (mask.keeps(LayerId{3}, outside)) ++outside.value;
  ids.back() = outside;
  write(value_of(KeepMask::create(16, layers)), false);
  const auto result = run(kKeep, "--compare m.json");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("layer 3: the mask lacks {"));
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
}

INSTANTIATE_TEST_SUITE_P(Scores, Reference,
                         ::testing::Values(Score::kUtil, Score::kFreq, Score::kRank, Score::kEan,
                                           Score::kReap, Score::kReapSum, Score::kDecisive,
                                           Score::kShare),
                         [](const auto& param) { return std::string(score_name(param.param)); });

using ReferenceScript = Reference;

// It checks the sum of choices by itself: a profile with a forged token count.
TEST_P(ReferenceScript, NoticesMissingChoices) {
  make(worked_stats(), 2);
  std::uint64_t position = 0;
  {
    const auto file = value_of(gguf::GgufFile::open(dir_ / "p.gguf"));
    position = file.position(*file.header().find_tensor("domain.0.n_tokens"));
  }
  auto bytes = value_of(read_text(dir_ / "p.gguf"));
  ASSERT_EQ(bytes.at(position), 4);
  bytes[position] = 3;
  expect_ok(write_file(dir_ / "p.gguf", bytes, Overwrite::kAllow));
  const auto result = run(2, "");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("sub-domain css, layer 0: 8 choices, not 6"));
}

TEST_P(ReferenceScript, ReadsThePlainFormAndPrintsIt) {
  const auto mask = make(arbitrary_stats(), kKeep);
  write(mask, true);
  const auto compared = run(kKeep, "--compare m.json");
  EXPECT_EQ(compared.exit_code, 0) << compared.err;
  EXPECT_EQ(value_of(parse_mask(run(kKeep, "").out, "stdout")).layers(), mask.layers());
}

TEST_P(ReferenceScript, RefusesWhatIsNoProfile) {
  expect_ok(write_file(dir_ / "p.gguf", "GGUF", Overwrite::kAllow));
  EXPECT_EQ(run(2, "").exit_code, 2);
}

INSTANTIATE_TEST_SUITE_P(Script, ReferenceScript, ::testing::Values(Score::kUtil));

}  // namespace
}  // namespace coe
