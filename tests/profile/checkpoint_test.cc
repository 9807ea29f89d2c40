// Runs that are stopped and go on: nothing may show in the profile.
#include "coe/profile/checkpoint.h"

#include "coe/base/file.h"
#include "coe/base/hash.h"
#include "coe/engine/fake_engine.h"
#include "coe/profile/profile.h"
#include "coe/profile/routing/file.h"
#include "coe/profile/stability.h"

#include "profile/fake_run.h"
#include "support/expect.h"
#include "support/fake_model.h"
#include "support/temp_dir.h"
#include "support/tiny_stats.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace coe {
namespace {

using ::coe::testing::corpus_of;
using ::coe::testing::expect_error;
using ::coe::testing::expect_ok;
using ::coe::testing::fake_model;
using ::coe::testing::TempDir;
using ::coe::testing::value_of;
using ::coe::testing::worked_stats;
using ::testing::HasSubstr;

constexpr double kAfterEachRecord = 1e-9;

// An engine that stops for good after some decodes, as a kill would.
class CheckpointTest : public ::testing::Test {
 protected:
  CheckpointTest() {
    options_.coactivation = true;
    options_.stability = StabilityOptions{.n_keep = 3};
    options_.run_settings = "n_batch=16 repack=1";
  }

  Path partial() const { return dir_ / "p.gguf.partial"; }

  Result<ProfileRun> run(std::uint32_t fail_at, bool resume, const std::string& command = "first",
                         Observer& observer = silent_observer()) {
    FakeEngine engine({.fail_at_decode = fail_at});
    const CheckpointOptions checkpoint{partial(), seconds_, resume};
    return run_profile(engine, fake_model(engine), corpus_, options_, checkpoint, command,
                       observer);
  }
  // The bytes of the profile that comes out.
  std::string bytes_of(const ProfileRun& run) {
    expect_ok(write_profile(dir_ / "p.gguf", run.stats, Overwrite::kAllow));
    return value_of(read_text(dir_ / "p.gguf"));
  }
  // A checkpoint of a run that broke off in the fifth record.
  void break_off() { expect_error(run(5, false), Code::kEngine, "told to fail"); }

  TempDir dir_;
  ProfileOptions options_;
  Corpus corpus_ = corpus_of(12);
  double seconds_ = kAfterEachRecord;
};

TEST_F(CheckpointTest, StoppedAnywhereAndResumedGivesTheSameBytes) {
  const auto whole = value_of(run(0, false));
  const auto expected = bytes_of(whole);
  for (const std::uint32_t at : {1U, 2U, 3U, 7U, 12U, 19U, 24U}) {
    std::filesystem::remove(partial());
    expect_error(run(at, false), Code::kEngine, "told to fail");
    EXPECT_EQ(std::filesystem::exists(partial()), at > 1) << at;
    const auto resumed = value_of(run(0, true, at > 1 ? "second" : "first"));
    EXPECT_EQ(bytes_of(resumed), expected) << "stopped at decode " << at;
    EXPECT_EQ(resumed.n_resumed > 0, at > 1);
    const auto& points = resumed.stability->points;
    ASSERT_EQ(points.size(), whole.stability->points.size()) << at;
    for (std::size_t i = 0; i < points.size(); ++i) {
      EXPECT_EQ(points[i].n_token, whole.stability->points[i].n_token);
      EXPECT_EQ(points[i].jaccard, whole.stability->points[i].jaccard);
      EXPECT_EQ(points[i].lower, whole.stability->points[i].lower);
    }
    EXPECT_EQ(resumed.stability->membership, whole.stability->membership) << at;
  }
}

TEST_F(CheckpointTest, StoppedAgainAndAgainGivesTheSameBytes) {
  const auto expected = bytes_of(value_of(run(0, false)));
  std::filesystem::remove(partial());
  expect_error(run(3, false), Code::kEngine, "told to fail");
  for (int i = 0; i < 10; ++i) expect_error(run(3, true), Code::kEngine, "told to fail");
  EXPECT_EQ(bytes_of(value_of(run(0, true))), expected);
}

// What is on disk after a kill is the last checkpoint, here that of the second record of four.
TEST_F(CheckpointTest, AnOlderCheckpointServesAsWell) {
  const auto expected = bytes_of(value_of(run(0, false)));
  std::filesystem::remove(partial());
  expect_error(run(3, false), Code::kEngine, "told to fail");
  const auto old = value_of(read_text(partial()));
  expect_error(run(3, true), Code::kEngine, "told to fail");
  expect_ok(write_file(partial(), old, Overwrite::kAllow));
  EXPECT_EQ(bytes_of(value_of(run(0, true))), expected);
}

// Sums that end amid samples which shared a forward pass are none to go on from.
TEST_F(CheckpointTest, AnErrorAmidAPackLeavesTheStateBeforeThePack) {
  for (auto& domain : corpus_.domains)
    for (auto& record : domain.records) record.text = "<user>a<model>b";
  options_.stability.reset();
  options_.roles = true;
  int n_chat = 0;
  int fail_at = 0;
  options_.on_chat = [&](const ChatSample&) -> Status {
    if (++n_chat == fail_at) return fail(Code::kIo, "no room for the text");
    return {};
  };
  const auto run_packed = [&](bool resume) {
    FakeEngine engine({.n_batch = 64, .n_seq = 4});
    const CheckpointOptions checkpoint{partial(), seconds_, resume};
    return run_profile(engine, fake_model(engine), corpus_, options_, checkpoint, "first",
                       silent_observer());
  };
  const auto expected = bytes_of(value_of(run_packed(false)));
  std::filesystem::remove(partial());
  n_chat = 0;
  fail_at = 6;  // the second of the second four
  expect_error(run_packed(false), Code::kIo, "no room");
  EXPECT_EQ(value_of(read_checkpoint(partial())).head.n_done, 4U);
  EXPECT_EQ(bytes_of(value_of(run_packed(true))), expected);
}

// Nothing of a record with a NaN is counted, alone or amid a pack, so that the state can be read.
TEST_F(CheckpointTest, StopsAtTheFirstRecordThatGivesNoNumbersAndKeepsTheOnesBefore) {
  for (const std::uint32_t n_seq : {1U, 4U}) {
    auto broken = corpus_;
    broken.domains[1].records[3] = {"beta text 3 of some ~ length", "beta.jsonl:4"};
    const auto run_on = [&](char nan_at, bool resume) {
      FakeEngine engine({.n_batch = 256, .n_seq = n_seq, .nan_at = nan_at});
      const CheckpointOptions checkpoint{partial(), seconds_, resume};
      return run_profile(engine, fake_model(engine), broken, options_, checkpoint, "c",
                         silent_observer());
    };
    const auto expected = bytes_of(value_of(run_on('\0', false)));
    const auto stopped = run_on('~', false);
    expect_error(stopped, Code::kCheckFailed,
                 "beta.jsonl:4: layer 0: token 21: the output of expert");
    const auto state = value_of(read_checkpoint(partial()));
    EXPECT_GT(state.head.n_done, 0U);
    EXPECT_LT(state.head.n_done, 24U);
    EXPECT_EQ(bytes_of(value_of(run_on('\0', true))), expected);
  }
}

TEST_F(CheckpointTest, WritesNoneWhenSwitchedOff) {
  seconds_ = 0;
  expect_error(run(5, false), Code::kEngine, "told to fail");
  EXPECT_FALSE(std::filesystem::exists(partial()));
}

TEST_F(CheckpointTest, WaitsItsTime) {
  seconds_ = 3600;
  value_of(run(0, false));
  EXPECT_FALSE(std::filesystem::exists(partial()));
  break_off();  // an engine that fails does not wait
  EXPECT_EQ(value_of(read_checkpoint(partial())).head.n_done, 4U);
}

TEST_F(CheckpointTest, AnInterruptKeepsWhatIsDoneAndSaysHowToGoOn) {
  const auto expected = bytes_of(value_of(run(0, false)));
  std::filesystem::remove(partial());
  seconds_ = 3600;
  struct Interrupt : Observer {
    int polls = 0;
    bool cancelled() override { return ++polls > 24 + 9; }  // 24 while planning
  } interrupt;
  const auto stopped = run(0, false, "first", interrupt);
  expect_error(stopped, Code::kCancelled, "interrupted");
  EXPECT_THAT(stopped.error().hint, HasSubstr("--resume"));
  EXPECT_GT(value_of(read_checkpoint(partial())).head.n_done, 0U);
  EXPECT_EQ(bytes_of(value_of(run(0, true))), expected);
}

TEST_F(CheckpointTest, AFullDiskIsAWarningAndNoMore) {
  struct Warnings : Observer {
    int n = 0;
    void warning(std::string_view) override { ++n; }
  } warnings;
  FakeEngine engine({});
  const CheckpointOptions nowhere{dir_ / "no" / "folder" / "p.partial", kAfterEachRecord, false};
  const auto run =
      run_profile(engine, fake_model(engine), corpus_, options_, nowhere, "c", warnings);
  EXPECT_TRUE(run.has_value());
  EXPECT_EQ(warnings.n, 24);
  FakeEngine failing({.fail_at_decode = 5});
  expect_error(
      run_profile(failing, fake_model(failing), corpus_, options_, nowhere, "c", silent_observer()),
      Code::kEngine, "told to fail");
}

TEST_F(CheckpointTest, RefusesWhatBelongsToAnotherRun) {
  const auto refuses = [&](const std::function<void()>& change, const std::string& part) {
    const auto options = options_;
    const auto corpus = corpus_;
    std::filesystem::remove(partial());
    break_off();
    change();
    const auto resumed = run(0, true);
    expect_error(resumed, Code::kMismatch, part);
    EXPECT_THAT(resumed.error().message, HasSubstr("p.gguf.partial: was begun with"));
    EXPECT_THAT(resumed.error().hint, HasSubstr("--force"));
    options_ = options;
    corpus_ = corpus;
  };
  refuses([&] { corpus_.digest = "xxh3:other"; }, "another corpus (`xxh3:corpus` vs `xxh3:other`)");
  refuses([&] { options_.max_tokens = 8; }, "another setting: max_tokens (1024 vs 8)");
  refuses([&] { options_.router_temperature = 0.6; }, "router_temperature (missing vs 0.6)");
  refuses([&] { options_.coactivation = false; }, "coactivation (1 vs missing)");
  refuses([&] { options_.stability->n_keep = 4; }, "another setting: stability_keep (3 vs 4)");
  refuses([&] { options_.stability->stop_at = 0.9; }, "until_stable (missing vs 0.9)");
  refuses([&] { options_.stability.reset(); }, "stability_keep (3 vs missing)");
  refuses([&] { options_.run_settings = "n_batch=32 repack=1"; }, "n_batch (16 vs 32)");
}

TEST_F(CheckpointTest, RefusesAnotherModelEngineOrVersion) {
  const auto refuses = [&](const std::function<void(RoutingStats&)>& change, Code code,
                           const std::string& part) {
    std::filesystem::remove(partial());
    break_off();
    auto found = value_of(read_checkpoint(partial()));
    change(found.stats);
    expect_ok(write_checkpoint(partial(), found.head, found.stats, &*found.stability));
    expect_error(run(0, true), code, part);
  };
  refuses([](auto& s) { s.parent.digest = "xxh3:1"; }, Code::kMismatch, "another model (`xxh3:1`");
  refuses([](auto& s) { s.engine = "fake 2"; }, Code::kMismatch, "another engine (`fake 2`");
  refuses([](auto& s) { s.tool_version = "0.0.1"; }, Code::kMismatch, "another version of coe");
  refuses([](auto& s) { s.domains[1].weight = 2; }, Code::kCorrupt, "does not have the form");
  refuses([](auto& s) { s.domains.pop_back(); }, Code::kCorrupt, "does not have the form");
  refuses([](auto& s) { s.shape.n_expert_group = 2; }, Code::kCorrupt, "does not have the form");
  refuses(
      [](auto& s) {
        for (auto& d : s.domains) d.coactivation.clear();
      },
      Code::kCorrupt, "does not have the form");
}

TEST_F(CheckpointTest, RefusesAStateThatDoesNotFit) {
  break_off();
  const auto good = value_of(read_checkpoint(partial()));
  const auto refuses = [&](const std::function<void(Checkpoint&)>& change,
                           const std::string& part) {
    auto found = good;
    change(found);
    expect_ok(write_checkpoint(partial(), found.head, found.stats,
                               found.stability ? &*found.stability : nullptr));
    expect_error(run(0, true), Code::kCorrupt, part);
  };
  refuses([](auto& c) { c.head.n_done = 25; }, "does not have the form");
  refuses([](auto& c) { c.head.n_item = 23; }, "does not have the form");
  refuses([](auto& c) { c.stability.reset(); }, "does not have the form");
  refuses([](auto& c) { c.stability->next = std::numeric_limits<double>::quiet_NaN(); },
          "the stability state does not have the profile's shape");
  refuses([](auto& c) { c.stability->sums[0] = std::numeric_limits<double>::infinity(); },
          "the stability state does not have the profile's shape");
  refuses([](auto& c) { c.stability->snapshots.front().mask[0] = 2; },
          "the stability state does not have the profile's shape");
  refuses([](auto& c) { c.stats.domains[0].histograms[0] += 1; }, "sub-domain `alpha`: layer 0");
}

// The bytes that the first writer gave, so that no later one gives others. Reading them gives the
// state back, whole.
TEST_F(CheckpointTest, HasTheBytesThatItAlwaysHad) {
  const CheckpointHead head{.n_done = 3, .n_item = 8, .settings = "n_keep=2"};
  StabilityState state;
  state.n_token = 12;
  state.n_sample = 2;
  state.next = 13.5;
  state.sums = {0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0};
  state.replicates.assign(kReplicates * 8, 0.25F);
  state.replicates[9] = 0.5F;
  state.snapshots = {{.n_token = 6, .mask = {1, 0, 0, 1, 1, 1, 0, 0}},
                     {.n_token = 12, .mask = {1, 0, 1, 0, 0, 1, 1, 0}}};
  state.points = {{.n_token = 8,
                   .n_sample = 1,
                   .n_half = 4,
                   .layers = {0.25, 0.75},
                   .jaccard = 0.5,
                   .entropy = 0.875},
                  {.n_token = 12,
                   .n_sample = 2,
                   .n_half = 6,
                   .layers = {0.5, 1.0},
                   .jaccard = 0.75,
                   .lower = 0.625,
                   .entropy = 0.75}};
  const auto stats = worked_stats();
  expect_ok(write_checkpoint(partial(), head, stats, &state));
  const auto bytes = value_of(read_text(partial()));
  EXPECT_EQ(digest_of(bytes), "xxh3:88c305ef005405896f3704f6fd9a3f4b");
  const auto found = value_of(read_checkpoint(partial()));
  EXPECT_EQ(found.head.n_done, 3U);
  EXPECT_EQ(found.head.n_item, 8U);
  EXPECT_EQ(found.head.settings, head.settings);
  EXPECT_EQ(found.stability->points[0].lower, std::nullopt);
  EXPECT_EQ(found.stability->points[1].lower, 0.625);
  expect_ok(write_checkpoint(partial(), found.head, found.stats, &*found.stability));
  EXPECT_EQ(value_of(read_text(partial())), bytes);
  expect_ok(write_checkpoint(partial(), head, stats, nullptr));
  EXPECT_EQ(digest_of(value_of(read_text(partial()))), "xxh3:c2e92d6f6f0e9b30c5e85ddf9c099f77");
  EXPECT_FALSE(value_of(read_checkpoint(partial())).stability.has_value());
}

TEST_F(CheckpointTest, RefusesWhatIsNoCheckpoint) {
  expect_ok(write_file(partial(), "hello, I am no GGUF file at all", Overwrite::kAllow));
  expect_error(run(0, true), Code::kCorrupt, "p.gguf.partial");
  bytes_of(value_of(run(0, false)));
  std::filesystem::copy_file(dir_ / "p.gguf", partial(),
                             std::filesystem::copy_options::overwrite_existing);
  expect_error(run(0, true), Code::kCorrupt,
               "p.gguf.partial: holds a `coe-routing-profile`, not a checkpoint of `coe profile`");
  std::filesystem::remove(partial());
  break_off();
  expect_error(read_profile(partial()), Code::kCorrupt,
               "holds a `coe-profile-checkpoint`, not a routing profile");
}

// An error, or the same profile as ever (where a byte says nothing, as in padding).
TEST_F(CheckpointTest, TruncationsAndFlippedBytesAreErrorsOrChangeNothing) {
  options_.coactivation = false;
  options_.outputs = false;
  corpus_ = corpus_of(2);
  expect_error(run(4, false), Code::kEngine, "told to fail");
  const auto good = value_of(read_text(partial()));
  const auto read_bytes = [&](const std::string& bytes) {
    std::filesystem::remove(partial());
    std::ofstream(partial(), std::ios::binary) << bytes;
    auto resumed = run(0, true);
    return resumed ? std::optional(bytes_of(*resumed)) : std::nullopt;
  };
  const auto expected = read_bytes(good);
  ASSERT_TRUE(expected);
  std::size_t n_read = 0;
  std::size_t n_flip = 0;
  // The head byte by byte, the replicates' sums now and then.
  for (std::size_t size = 0; size < good.size(); size += size < 4096 ? 7 : 997)
    EXPECT_FALSE(read_bytes(good.substr(0, size))) << size << " bytes";
  for (std::size_t at = 0; at < good.size(); at += at < 4096 ? 1 : 251) {
    std::string bytes = good;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x80);
    const auto found = read_bytes(bytes);
    if (found) {
      EXPECT_EQ(*found, *expected) << "byte " << at;
    }
    n_read += found ? 1U : 0U;
    n_flip += 1;
  }
  EXPECT_LT(n_read * 10, n_flip);
}

TEST_F(CheckpointTest, RemovesItAndWhatAKillLeft) {
  break_off();
  std::ofstream(dir_ / ".p.gguf.partial.part") << "half";
  remove_checkpoint(partial());
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
  remove_checkpoint(partial());  // where there is none
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
}

}  // namespace
}  // namespace coe
