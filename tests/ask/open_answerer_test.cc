// Tells who answers: the engine, under a mask or not. Servers are tried in tests/endpoint and
// tests/cli.
#include "coe/ask/open_answerer.h"

#include "support/expect.h"
#include "support/fake_library.h"
#include "support/temp_dir.h"
#include "support/tiny_gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>

namespace coe {
namespace {

using ::coe::testing::expect_error;
using ::coe::testing::expect_ok;
using ::coe::testing::FakeLibrary;
using ::coe::testing::TempDir;
using ::coe::testing::value_of;
using ::testing::HasSubstr;

class OpenAnswererTest : public ::testing::Test {
 protected:
  OpenAnswererTest() {
    model_ = coe::testing::write_tiny(dir_ / "m.gguf",
                                      coe::testing::tiny_moe({.n_expert = 8, .n_expert_used = 2}));
    options_.engine.n_ctx = 64;
  }
  Result<OpenAnswerer> opened() { return open_answerer(options_, library_, silent_observer()); }

  TempDir dir_;
  Path model_;
  FakeLibrary library_;
  AnswererOptions options_;
};

TEST_F(OpenAnswererTest, TheEngineAnswersAndIsKnownByModelEngineAndContext) {
  options_.engine.model = model_;
  const auto open = value_of(opened());
  ASSERT_TRUE(open.answerer);
  EXPECT_EQ(open.answerer->info().model, model_.string());
  EXPECT_EQ(open.identity, "model=" + open.model->moe.id.digest + " metadata=" +
                               metadata_digest(open.model->file.header()) + " engine=fake ctx=64");
  EXPECT_EQ(library_.n_opened, 1);
}

TEST_F(OpenAnswererTest, TheModelMayBeNamedAsOnAServer) {
  options_.endpoint.model = model_.string();
  EXPECT_EQ(value_of(opened()).answerer->info().model, model_.string());
}

TEST_F(OpenAnswererTest, AMaskIsPartOfWhoAnswers) {
  options_.engine.model = model_;
  const auto plain = value_of(opened()).identity;
  const Path file = dir_ / "mask.json";
  expect_ok(write_file(file, R"({"0": [0, 1, 2, 3], "1": [4, 5, 6, 7]})", Overwrite::kRefuse));
  options_.mask = file;
  const auto open = value_of(opened());
  ASSERT_TRUE(open.masked);
  EXPECT_FALSE(open.masked->filter);
  EXPECT_TRUE(open.masked->engine.source);  // the child is loaded, and no parent
  EXPECT_EQ(open.identity, plain + " mask=" + open.masked->mask.digest() + " instant");
  // As answers under a mask have been recorded since there are any.
  options_.masked_as = MaskedAs::kVirtual;
  const auto hidden = value_of(opened());
  EXPECT_TRUE(hidden.masked->filter);
  EXPECT_FALSE(hidden.masked->engine.source);
  EXPECT_EQ(hidden.identity, plain + " mask=" + open.masked->mask.digest());
}

TEST_F(OpenAnswererTest, NothingToAskIsRefused) {
  expect_error(opened(), Code::kInvalidArgument, "nothing to ask");
  EXPECT_EQ(library_.n_opened, 0);
}

TEST_F(OpenAnswererTest, AServerTakesNoMask) {
  options_.endpoint.url = "localhost:1";
  options_.mask = "mask.json";
  expect_error(opened(), Code::kInvalidArgument, "--mask: a server runs the model as it is");
}

TEST_F(OpenAnswererTest, AKeyThatIsNamedMustBeThere) {
  options_.endpoint.url = "localhost:1";
  options_.key_variable = "COE_TEST_NO_SUCH_KEY";
  ::unsetenv("COE_TEST_NO_SUCH_KEY");
  expect_error(opened(), Code::kInvalidArgument, "has no variable COE_TEST_NO_SUCH_KEY");
}

TEST_F(OpenAnswererTest, AMarkerIsNotEmpty) {
  options_.endpoint.url = "localhost:1";
  options_.think_markers = {"<think>", ""};
  expect_error(opened(), Code::kInvalidArgument, "--think-markers: a marker is empty");
}

// It is opened for its chat template: no weight is touched, and none is reordered.
TEST_F(OpenAnswererTest, BesideAServerTheModelIsOpenedSmall) {
  EngineOptions seen;
  const FakeLibrary library([&](const EngineOptions& options) -> Result<std::unique_ptr<Engine>> {
    seen = options;
    return fail(Code::kEngine, "seen enough");
  });
  options_.endpoint.url = "localhost:1";
  options_.engine.model = model_;
  options_.engine.n_ctx = 16384;
  expect_error(open_answerer(options_, library, silent_observer()), Code::kEngine, "seen enough");
  EXPECT_EQ(seen.n_ctx, 512U);
  EXPECT_FALSE(seen.repack);
}

TEST(CheckAskOptions, OnlyAServerAnswersSeveralAtATime) {
  AskOptions ask;
  AnswererOptions answerer;
  expect_ok(check_ask_options(ask, answerer));
  ask.n_parallel = 2;
  expect_error(check_ask_options(ask, answerer), Code::kInvalidArgument, "-j");
  answerer.endpoint.url = "localhost:1";
  expect_ok(check_ask_options(ask, answerer));
}

}  // namespace
}  // namespace coe
