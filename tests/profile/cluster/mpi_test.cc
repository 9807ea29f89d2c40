// `mpirun -n N coe profile` on the bundled model: as many ranks as one likes, one profile.
#include "coe/base/file.h"
#include "coe/corpus/reasoning.h"
#include "coe/profile/routing/file.h"
#include "coe/profile/routing/stats.h"

#include "support/command.h"
#include "support/expect.h"
#include "support/temp_dir.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>

namespace coe::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

constexpr const char* kModel = COE_SOURCE_DIR "/models/gemma4-tiny-moe-q4_k_m.gguf";

// Largest relative difference. Source of the limit: the order of adding doubles is all that
// differs.
double difference(std::span<const double> a, std::span<const double> b) {
  double worst = a.size() == b.size() ? 0.0 : 1.0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    if (a[i] != b[i]) worst = std::max(worst, std::abs(a[i] - b[i]) / std::abs(b[i]));
  }
  return worst;
}

void expect_same(const RoutingStats& found, const RoutingStats& expected) {
  ASSERT_EQ(found.domains.size(), expected.domains.size());
  double worst = 0.0;
  for (std::size_t d = 0; d < expected.domains.size(); ++d) {
    const auto& a = found.domains[d];
    const auto& b = expected.domains[d];
    EXPECT_EQ(a.name, b.name);
    EXPECT_EQ(a.weight, b.weight);
    EXPECT_EQ(a.n_token, b.n_token);
    EXPECT_EQ(a.n_sample, b.n_sample);
    EXPECT_EQ(a.histograms, b.histograms);
    for (const auto sums :
         {&DomainStats::weight_sum, &DomainStats::freq_by_sample,
          &DomainStats::weight_mean_by_sample, &DomainStats::decisive, &DomainStats::output_norm,
          &DomainStats::gated_norm, &DomainStats::output_share, &DomainStats::moe_ratio})
      worst = std::max(worst, difference(a.*sums, b.*sums));
  }
  EXPECT_LE(worst, 1e-9);
  std::printf("  %lld tokens, sums differ by %.1e relatively at most\n",
              static_cast<long long>(found.n_token()), worst);
}

class Mpi : public ::testing::Test {
 protected:
  Mpi() {
    std::ofstream out(dir_ / "text.jsonl");
    for (const auto& p : generate_reasoning(3, 7))
      out << Json{{"domain", "reasoning"}, {"text", p.problem + p.thinking}}.dump() << "\n"
          << Json{{"domain", "prose"}, {"text", "The harbour road climbs. " + p.solution}}.dump()
          << "\n";
    // Not one record a rank, where there are more ranks than these.
    std::ofstream(dir_ / "few.jsonl") << R"({"text": "one record"})"
                                      << "\n"
                                      << R"({"text": "and another of them"})"
                                      << "\n";
  }
  CommandResult run(const std::string& command) {
    return run_command(dir_.path().string(), command);
  }
  // Root and more ranks than cores are for Open MPI to allow; others do not look at these.
  CommandResult run_ranks(int n, const std::string& command) {
    return run(
        fmt::format("export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 "
                    "OMPI_MCA_rmaps_base_oversubscribe=1\n'" COE_MPIEXEC "' -n {} {}",
                    n, command));
  }
  static std::string profile(const std::string& text, const std::string& output) {
    return fmt::format("'" COE_BINARY "' profile -t 1 -b 64 -m '{}' -f {} -o {}", kModel, text,
                       output);
  }
  RoutingStats read(const std::string& name) { return value_of(read_profile(dir_ / name)); }

  TempDir dir_;
};

TEST_F(Mpi, AnyNumberOfRanksMakesTheProfileOfOneProcess) {
  ASSERT_EQ(run(profile("text.jsonl", "one.gguf")).exit_code, 0);
  const auto one = read("one.gguf");
  ASSERT_EQ(one.domains.size(), 2U);
  for (const int n : {1, 2, 4}) {
    SCOPED_TRACE(n);
    const auto output = fmt::format("ranks{}.gguf", n);
    const auto result = run_ranks(n, profile("text.jsonl", output) + " --json");
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(Json::parse(result.out).at("n_sample"), 14) << "one document, of rank 0";
    const auto ranks = read(output);
    expect_same(ranks, one);
    EXPECT_EQ(ranks.settings, one.settings);
    EXPECT_EQ(ranks.corpus_digest, one.corpus_digest);

    for (int i = 1; i <= n; ++i)
      ASSERT_EQ(run(profile("text.jsonl", fmt::format("shard{}.gguf", i)) +
                    fmt::format(" --force --shard {}/{}", i, n))
                    .exit_code,
                0);
    std::string shards;
    for (int i = 1; i <= n; ++i) shards += fmt::format(" shard{}.gguf", i);
    ASSERT_EQ(run("coe merge --force -o merged.gguf" + shards).exit_code, 0);
    const auto merged = read("merged.gguf");
    EXPECT_EQ(difference(ranks.domains[0].weight_sum, merged.domains[0].weight_sum), 0.0)
        << "merged in the same order";
    expect_same(ranks, merged);
  }
}

TEST_F(Mpi, RanksWithoutARecordAreFine) {
  ASSERT_EQ(run(profile("few.jsonl", "one.gguf")).exit_code, 0);
  const auto result = run_ranks(4, profile("few.jsonl", "four.gguf"));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  expect_same(read("four.gguf"), read("one.gguf"));
}

TEST_F(Mpi, AnErrorOfOneRankIsReportedOnceAndEndsAll) {
  const auto result = run_ranks(
      3, "sh -c '[ \"$OMPI_COMM_WORLD_RANK$PMI_RANK\" = 2 ] && model=absent.gguf || model=" +
             std::string(kModel) +
             "; exec \"" COE_BINARY "\" profile -t 1 -m $model -f text.jsonl -o p.gguf'");
  EXPECT_EQ(result.exit_code, 3) << result.err;
  EXPECT_THAT(result.err, HasSubstr("error: rank 2: absent.gguf"));
  EXPECT_EQ(result.err.find("error: "), result.err.rfind("error: ")) << result.err;
  EXPECT_FALSE(std::filesystem::exists(dir_ / "p.gguf"));
}

TEST_F(Mpi, WhatAllRanksRefuseIsSaidOnce) {
  const auto shard = run_ranks(2, profile("text.jsonl", "p.gguf") + " --shard 1/2");
  EXPECT_EQ(shard.exit_code, 2);
  EXPECT_THAT(shard.err, HasSubstr("--shard: MPI ranks share the records by themselves"));
  const auto stable = run_ranks(2, profile("text.jsonl", "p.gguf") + " --until-stable");
  EXPECT_EQ(stable.exit_code, 2);
  EXPECT_THAT(stable.err, HasSubstr("--stability: no MPI rank sees all"));
  const auto other = run_ranks(2, "'" COE_BINARY "' inspect " + std::string(kModel));
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.err, HasSubstr("only `coe profile`"));
  EXPECT_THAT(other.out, Not(HasSubstr("architecture")));
  const auto usage = run_ranks(2, "'" COE_BINARY "' profile --no-such-option");
  EXPECT_EQ(usage.exit_code, 2);
  EXPECT_EQ(usage.err.find("unknown option"), usage.err.rfind("unknown option")) << usage.err;
}

// A rank that is killed takes the others with it: the launcher sees to that.
TEST_F(Mpi, AKilledRankLeavesNoProfile) {
  const auto result = run_ranks(
      2, "sh -c '[ \"$OMPI_COMM_WORLD_RANK$PMI_RANK\" = 1 ] && kill -9 $$; exec \"" COE_BINARY
         "\" profile -t 1 -m " +
             std::string(kModel) + " -f text.jsonl -o p.gguf'");
  EXPECT_NE(result.exit_code, 0);
  EXPECT_FALSE(std::filesystem::exists(dir_ / "p.gguf"));
}

// Killed at its heart, the work goes on where each rank's last state was.
TEST_F(Mpi, KilledRanksResume) {
  ASSERT_EQ(run("for i in 1 2 3 4 5 6 7 8; do cat text.jsonl; done > long.jsonl").exit_code, 0);
  ASSERT_EQ(run(profile("long.jsonl", "one.gguf")).exit_code, 0);
  const auto command = profile("long.jsonl", "p.gguf") + " --checkpoint 0.01";
  const auto killed = run_ranks(2, command +
                                       " & pid=$!\n"
                                       "until [ -e p.gguf.1-of-2.partial ] && "
                                       "[ -e p.gguf.2-of-2.partial ]; do sleep 0.02; done\n"
                                       "kill -9 $(cat /proc/$pid/task/$pid/children)\nwait $pid");
  ASSERT_NE(killed.exit_code, 0) << killed.err;
  ASSERT_FALSE(std::filesystem::exists(dir_ / "p.gguf"));

  const auto again = run_ranks(2, command);
  EXPECT_EQ(again.exit_code, 2) << "an unfinished run is not thrown away";
  EXPECT_THAT(again.err, HasSubstr("--resume"));
  const auto resumed = run_ranks(2, command + " --resume --json");
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  const auto n_resumed = Json::parse(resumed.out).at("n_token_resumed").get<std::int64_t>();
  EXPECT_GT(n_resumed, 0);
  EXPECT_LT(n_resumed, read("one.gguf").n_token());
  expect_same(read("p.gguf"), read("one.gguf"));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "p.gguf.1-of-2.partial"));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "p.gguf.2-of-2.partial"));
}

}  // namespace
}  // namespace coe::testing
