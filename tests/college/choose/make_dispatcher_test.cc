#include "coe/college/choose/make_dispatcher.h"

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/college/choose/dispatcher.h"
#include "coe/engine/fake_engine.h"
#include "coe/engine/no_engine.h"
#include "coe/model/moe/open_model.h"

#include "choose_fixture.h"
#include "support/expect.h"
#include "support/fake_library.h"
#include "support/temp_dir.h"
#include "support/tiny_gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace coe {
namespace {

using testing::expect_error;
using testing::FakeLibrary;
using ::testing::HasSubstr;
using testing::hold_out;
using testing::made_corpus;
using testing::TempDir;
using testing::value_of;

class Said : public Observer {
 public:
  void warning(std::string_view message) override { warnings.emplace_back(message); }
  std::vector<std::string> warnings;
};

class MakeDispatcher : public ::testing::Test {
 protected:
  MakeDispatcher() {
    options_.output = dir_ / "zoo.dispatcher.gguf";
    options_.training.n_window = 200;
    options_.n_request = 10;
    options_.n_layer = 1;
    options_.n_profile_token = 500;
    options_.command_line = "coe dispatcher";
    corpus_ = made_corpus(40, 60);
    heldout_ = hold_out(corpus_, 8);
  }
  // A parent of two layers, of which the library runs the first.
  void with_parent(const std::string& architecture = "qwen3moe") {
    options_.parent.model = write_tiny(
        dir_ / "parent.gguf", testing::tiny_moe({.architecture = architecture, .n_block = 3}));
  }
  Result<DispatcherReport> make() {
    return make_dispatcher(corpus_, heldout_, options_, library_, said_);
  }

  TempDir dir_;
  MakeDispatcherOptions options_;
  Corpus corpus_;
  Corpus heldout_;
  FakeLibrary library_{FakeEngineOptions{.n_layer = 1}};
  Said said_;
};

TEST_F(MakeDispatcher, ChoosesByTextWithoutAParent) {
  const auto report = value_of(make());
  EXPECT_EQ(report.dispatcher.by, ChooseBy::kText);
  EXPECT_TRUE(report.blocks.empty());
  EXPECT_FALSE(report.lengths_in_tokens);
  ASSERT_EQ(report.methods.size(), 1U);
  EXPECT_EQ(report.n_heldout, (std::vector<std::uint64_t>{8, 8, 8}));
  EXPECT_EQ(report.n_record, (std::vector<std::uint64_t>{32, 32, 32}));
  EXPECT_EQ(report.methods[0].lengths[0].n, 24U);
  EXPECT_GT(report.methods[0].lengths[0].accuracy.value, 0.9);
  EXPECT_GT(report.methods[0].speed.n, 0U);
  const auto chooser = value_of(open_chooser(options_.output, {}));
  EXPECT_EQ(value_of(chooser->choose(heldout_.domains[1].records[0].text)).chosen, 1U);
  EXPECT_EQ(library_.n_opened, 0);
}

TEST_F(MakeDispatcher, CrossValidatesWithoutHeldOutText) {
  heldout_ = {};
  const auto report = value_of(make());
  EXPECT_TRUE(report.n_heldout.empty());
  EXPECT_EQ(report.methods[0].lengths[0].n, 30U);
  EXPECT_GT(report.methods[0].cross_validated, 0.9);
}

TEST_F(MakeDispatcher, GivesTheSameFileAgain) {
  (void)value_of(make());
  const auto first = value_of(read_text(options_.output));
  options_.overwrite = Overwrite::kAllow;
  options_.training.n_thread = 1;
  (void)value_of(make());
  EXPECT_EQ(value_of(read_text(options_.output)), first);
}

// All three are measured; the file of the first blocks is written only where they are asked.
TEST_F(MakeDispatcher, MeasuresRoutingToo) {
  with_parent();
  options_.by = ChooseBy::kBoth;
  const auto report = value_of(make());
  ASSERT_EQ(report.methods.size(), 3U);
  EXPECT_TRUE(report.lengths_in_tokens);
  EXPECT_EQ(report.blocks, dir_ / "zoo.blocks.gguf");
  EXPECT_EQ(std::filesystem::file_size(report.blocks), report.blocks_bytes);
  // The fake's routing tells tokens, which are letters, apart, and those say little of a domain.
  EXPECT_GT(report.methods[1].cross_validated, 0.3);
  EXPECT_GT(report.methods[2].cross_validated, 0.9);
  EXPECT_EQ(report.methods[1].lengths[0].n, report.methods[0].lengths[0].n);
  const auto& routing = *report.dispatcher.routing;
  for (const auto& domain : routing.domains) EXPECT_GE(domain.n_token, 500);
  const auto model = value_of(open_model(report.blocks, silent_observer()));
  EXPECT_EQ(model.moe.n_block, 1U);
  EXPECT_EQ(model.moe.id.digest, report.dispatcher.blocks.digest);

  const auto chooser = value_of(open_chooser(options_.output, {.library = &library_}));
  EXPECT_EQ(chooser->kind(), "both");
  EXPECT_EQ(value_of(chooser->choose(heldout_.domains[1].records[0].text)).chosen, 1U);
}

// Text tells these apart without an error, so nothing is worth an engine.
TEST_F(MakeDispatcher, PrefersTextWhereRoutingGivesNoMore) {
  with_parent();
  const auto report = value_of(make());
  EXPECT_EQ(report.dispatcher.by, ChooseBy::kText);
  EXPECT_FALSE(report.by_was_asked);
  EXPECT_EQ(report.methods.size(), 3U);
  EXPECT_FALSE(std::filesystem::exists(dir_ / "zoo.blocks.gguf"));
}

TEST_F(MakeDispatcher, ByTextTakesTheParentAsARulerAlone) {
  with_parent();
  options_.by = ChooseBy::kText;
  const auto report = value_of(make());
  EXPECT_TRUE(report.lengths_in_tokens);
  EXPECT_EQ(report.methods.size(), 1U);
  // Tokens of the fake are letters.
  EXPECT_EQ(report.methods[0].lengths[2].n_token, 200U);
}

TEST_F(MakeDispatcher, GoesOnByTextWhereBlocksCannotBeCut) {
  with_parent("deepseek2");
  EXPECT_EQ(value_of(make()).methods.size(), 1U);
  EXPECT_THAT(said_.warnings, ::testing::Contains(HasSubstr("only text is tried")));
  options_.by = ChooseBy::kRouting;
  options_.overwrite = Overwrite::kAllow;
  expect_error(make(), Code::kUnsupported, "deepseek2");
}

TEST_F(MakeDispatcher, RefusesWhatCannotBeMade) {
  options_.by = ChooseBy::kRouting;
  expect_error(make(), Code::kInvalidArgument, "takes the parent");
  options_.by.reset();
  with_parent();
  options_.n_layer = 4;
  expect_error(make(), Code::kInvalidArgument, "4 layers asked for, where 3 route");
  options_.parent.model.clear();
  heldout_ = corpus_;
  expect_error(make(), Code::kInvalidArgument, "all of the held-out text");
  heldout_ = {};
  corpus_.domains.resize(1);
  expect_error(make(), Code::kInvalidArgument, "only one domain");
  EXPECT_FALSE(std::filesystem::exists(options_.output));
}

TEST_F(MakeDispatcher, RefusesToReplaceEitherFile) {
  with_parent();
  testing::expect_ok(write_file(dir_ / "zoo.blocks.gguf", "mine", Overwrite::kRefuse));
  expect_error(make(), Code::kExists, "zoo.blocks.gguf");
  std::filesystem::remove(dir_ / "zoo.blocks.gguf");
  testing::expect_ok(write_file(options_.output, "mine", Overwrite::kRefuse));
  expect_error(make(), Code::kExists, "zoo.dispatcher.gguf");
  EXPECT_EQ(value_of(read_text(options_.output)), "mine");
}

// A run that was killed between its two files leaves the first.
TEST_F(MakeDispatcher, GoesOnFromItsOwnBlocks) {
  with_parent();
  options_.by = ChooseBy::kBoth;
  const auto blocks = value_of(make()).blocks;
  const auto first = value_of(read_text(options_.output));
  std::filesystem::remove(options_.output);
  (void)value_of(make());
  EXPECT_EQ(value_of(read_text(options_.output)), first);
  EXPECT_TRUE(std::filesystem::exists(blocks));
}

TEST_F(MakeDispatcher, LeavesNothingWhereTheEngineFails) {
  with_parent();
  FakeLibrary failing{FakeEngineOptions{.n_layer = 1, .fail_at_decode = 20}};
  expect_error(make_dispatcher(corpus_, heldout_, options_, failing, said_), Code::kEngine,
               "told to fail");
  for (const auto& entry : std::filesystem::directory_iterator(dir_.path()))
    EXPECT_EQ(entry.path().filename(), "parent.gguf");
}

TEST_F(MakeDispatcher, OpensOnlyItsOwnBlocks) {
  with_parent();
  options_.by = ChooseBy::kRouting;
  const auto report = value_of(make());
  const OpenChooserOptions options{.library = &library_};
  std::filesystem::rename(report.blocks, dir_ / "away.gguf");
  expect_error(open_chooser(options_.output, options), Code::kNotFound, "zoo.blocks.gguf");
  write_tiny(report.blocks, testing::tiny_moe({.n_block = 1, .seed = 9}));
  expect_error(open_chooser(options_.output, options), Code::kMismatch, "not the first blocks");
  std::filesystem::rename(dir_ / "away.gguf", report.blocks);
  EXPECT_EQ(value_of(open_chooser(options_.output, options))->kind(), "routing");
}

TEST(BlocksBeside, IsNamedAfterTheDispatcher) {
  EXPECT_EQ(blocks_beside("a/college.dispatcher.gguf"), Path("a/college.blocks.gguf"));
  EXPECT_EQ(blocks_beside("college.gguf"), Path("college.blocks.gguf"));
  EXPECT_EQ(blocks_beside("college"), Path("college.blocks.gguf"));
  EXPECT_EQ(blocks_beside(".gguf"), Path(".gguf.blocks.gguf"));
}

}  // namespace
}  // namespace coe
