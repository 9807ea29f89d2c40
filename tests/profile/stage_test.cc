// From text to a finished profile file: what is used again, gone on with, refused and replaced.
#include "coe/profile/stage.h"

#include "coe/base/file.h"
#include "coe/base/inputs.h"
#include "coe/profile/routing/file.h"

#include "support/expect.h"
#include "support/fake_library.h"
#include "support/fake_model.h"
#include "support/temp_dir.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace coe::testing {
namespace {

class ProfileStageTest : public ::testing::Test {
 protected:
  ProfileStageTest() {
    options_.run_settings = "n_batch=16";
    stage_.file = dir_ / "p.gguf";
    stage_.seconds = 1e-9;  // a state after each record
    corpus_.domains.push_back({"own", 1.0, {}});
    for (int i = 0; i < 8; ++i)
      corpus_.domains[0].records.push_back({fmt::format("record {} of the text", i), "t:1"});
    corpus_.digest = "xxh3:corpus";
  }

  Result<StagedProfile> run() {
    LazyEngine engine(library_, {});
    return profile_stage(engine, fake_model(FakeEngine({})), corpus_, options_, stage_,
                         silent_observer());
  }
  // A kill in the middle, as far as the files are concerned.
  void break_off() {
    fake_.fail_at_decode = 5;
    expect_error(run(), Code::kEngine, "told to fail");
    fake_.fail_at_decode = 0;
    EXPECT_TRUE(std::filesystem::exists(partial_of(stage_.file)));
  }
  std::string bytes() const { return value_of(read_text(stage_.file)); }

  TempDir dir_;
  FakeEngineOptions fake_;
  FakeLibrary library_{[this](const EngineOptions&) -> Result<std::unique_ptr<Engine>> {
    return std::make_unique<FakeEngine>(fake_);
  }};
  ProfileOptions options_;
  ProfileStage stage_;
  Corpus corpus_;
};

TEST_F(ProfileStageTest, UsesAFinishedProfileAgainWithoutAnEngine) {
  EXPECT_FALSE(value_of(run()).reused);
  EXPECT_FALSE(std::filesystem::exists(partial_of(stage_.file)));
  library_.n_opened = 0;
  const auto again = value_of(run());
  EXPECT_TRUE(again.reused);
  EXPECT_EQ(library_.n_opened, 0);
  EXPECT_EQ(again.run.stats.settings, "max_tokens=1024 outputs=1 shard=1/1 n_batch=16");
}

TEST_F(ProfileStageTest, SaysWhenThereIsWork) {
  int n_work = 0;
  stage_.on_work = [&] {
    ++n_work;
    EXPECT_EQ(library_.n_opened, 0);  // before the model is loaded, which takes time
  };
  value_of(run());
  EXPECT_EQ(n_work, 1);
  value_of(run());
  EXPECT_EQ(n_work, 1);
}

TEST_F(ProfileStageTest, GoesOnFromAStateToTheSameBytes) {
  value_of(run());
  const auto whole = bytes();
  std::filesystem::remove(stage_.file);
  break_off();
  const auto resumed = value_of(run());
  EXPECT_FALSE(resumed.reused);
  EXPECT_GT(resumed.run.n_resumed, 0);
  EXPECT_EQ(bytes(), whole);
  EXPECT_FALSE(std::filesystem::exists(partial_of(stage_.file)));
}

TEST_F(ProfileStageTest, RefusesAProfileOfOtherSettingsByName) {
  value_of(run());
  const auto before = bytes();
  options_.run_settings = "n_batch=32";
  expect_error(run(), Code::kExists, "p.gguf: is of another run: n_batch (16 vs 32)");
  options_.run_settings = "n_batch=16";
  options_.max_tokens = 8;
  expect_error(run(), Code::kExists, "max_tokens (1024 vs 8)");
  options_.max_tokens = 1024;
  corpus_.digest = "xxh3:other";
  expect_error(run(), Code::kExists, "corpus (xxh3:corpus vs xxh3:other)");
  EXPECT_EQ(bytes(), before);
  stage_.overwrite = Overwrite::kAllow;
  EXPECT_FALSE(value_of(run()).reused);
  EXPECT_NE(bytes(), before);
}

TEST_F(ProfileStageTest, RefusesAStateOfOtherSettingsOrReplacesIt) {
  break_off();
  options_.run_settings = "n_batch=32";
  expect_error(run(), Code::kMismatch, "another setting: n_batch (16 vs 32)");
  stage_.overwrite = Overwrite::kAllow;
  EXPECT_EQ(value_of(run()).run.n_resumed, 0);
}

TEST_F(ProfileStageTest, WithoutResumeLeavesWhatIsThereAlone) {
  break_off();
  stage_.resume = false;
  expect_error(run(), Code::kExists, "p.gguf.partial: an unfinished run is there");
  stage_.overwrite = Overwrite::kAllow;
  EXPECT_EQ(value_of(run()).run.n_resumed, 0);
  stage_.overwrite = Overwrite::kRefuse;
  expect_error(run(), Code::kExists, "p.gguf");
}

// It would be removed at the end.
TEST_F(ProfileStageTest, DoesNotTakeAnInputForItsState) {
  static const TempDir kept;  // as long as the process protects what is in it
  stage_.file = kept / "p.gguf";
  const Path text = partial_of(stage_.file);
  expect_ok(write_file(text, "somebody's text", Overwrite::kRefuse));
  protect_input(text, "--file");
  stage_.overwrite = Overwrite::kAllow;
  expect_error(run(), Code::kInvalidArgument, "the output is an input of the same command");
  EXPECT_EQ(value_of(read_text(text)), "somebody's text");
}

TEST_F(ProfileStageTest, ASecondRunIsRefusedAtOnce) {
  const auto lock = value_of(RunLock::take(stage_.file));
  expect_error(run(), Code::kExists, "another process is writing it");
  EXPECT_EQ(library_.n_opened, 0);
}

TEST_F(ProfileStageTest, RefusesAFileThatIsNoProfile) {
  expect_ok(write_file(stage_.file, "someone's", Overwrite::kRefuse));
  EXPECT_FALSE(run());
  EXPECT_EQ(bytes(), "someone's");
}

}  // namespace
}  // namespace coe::testing
