#include "coe/ask/generate/model_hooks.h"

#include "support/expect.h"
#include "support/fake_library.h"
#include "support/temp_dir.h"
#include "support/tiny_gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace coe {
namespace {

using ::coe::testing::expect_error;
using ::coe::testing::FakeLibrary;
using ::coe::testing::TempDir;
using ::coe::testing::value_of;

TEST(OpenHooks, AreNoneWithoutAModel) {
  const FakeLibrary library;
  const auto hooks = value_of(open_hooks({}, library, silent_observer()));
  EXPECT_FALSE(hooks.render_chat);
  EXPECT_FALSE(hooks.count_tokens);
  EXPECT_EQ(library.n_opened, 0);
}

TEST(OpenHooks, CountAndRenderWithTheModel) {
  const TempDir dir;
  const auto model = coe::testing::write_tiny(dir / "m.gguf", coe::testing::tiny_moe({}));
  const FakeLibrary library;
  const auto hooks = value_of(open_hooks(model, library, silent_observer()));
  EXPECT_EQ(hooks.model_name, "Tiny");
  EXPECT_FALSE(hooks.model_digest.empty());
  EXPECT_EQ(value_of(hooks.count_tokens("four")), 4U);  // the fake has a token for each byte
  const std::vector<ChatTurn> turns = {{"user", "hi", ""}, {"assistant", "yes", "hm"}};
  EXPECT_THAT(value_of(hooks.render_chat(turns)), ::testing::HasSubstr("<user>hi"));
}

// Most corpora hold no chats: a model without a template serves them.
TEST(OpenHooks, NeedATemplateForChatsOnly) {
  const TempDir dir;
  const auto model = coe::testing::write_tiny(dir / "m.gguf", coe::testing::tiny_moe({}));
  const FakeLibrary library(FakeEngineOptions{.has_chat = false});
  const auto hooks = value_of(open_hooks(model, library, silent_observer()));
  EXPECT_EQ(value_of(hooks.count_tokens("four")), 4U);
  const std::vector<ChatTurn> turns = {{"user", "hi", ""}};
  expect_error(hooks.render_chat(turns), Code::kUnsupported, "");
}

}  // namespace
}  // namespace coe
