#include "coe/ask/generate/model_hooks.h"

#include "support/expect.h"
#include "support/fake_library.h"
#include "support/temp_dir.h"
#include "support/tiny_gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string_view>
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

// Whatever family's markers they are, the template's own come of them.
TEST(OpenHooks, PartThinkingByTheMarkersOfAnyFamily) {
  const TempDir dir;
  const auto model = coe::testing::write_tiny(dir / "m.gguf", coe::testing::tiny_moe({}));
  const FakeLibrary library;
  const auto hooks = value_of(open_hooks(model, library, silent_observer()));
  const auto expect_parts = [&](std::string_view words, std::string_view thinking,
                                std::string_view content) {
    const auto parts = value_of(hooks.split_thinking(words));
    EXPECT_EQ(parts.thinking, thinking) << words;
    EXPECT_EQ(parts.content, content) << words;
  };
  expect_parts("<think>hm</think>So.", "hm", "So.");
  expect_parts("First. <think>hm</think>So.", "hm", "First.\nSo.");
  expect_parts("hm</think>\nSo.", "hm", "So.");
  expect_parts("<thinking>hm</thinking>So.", "hm", "So.");
  expect_parts("[THINK]hm[/THINK]So.", "hm", "So.");
  expect_parts("<|channel>thought\nhm\n<channel|>So.", "hm", "So.");
  expect_parts(
      "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>"
      "So.<|return|>",
      "hm", "So.");
  expect_parts(
      "<|begin_of_thought|>hm<|end_of_thought|><|begin_of_solution|>So.<|end_of_solution|>", "hm",
      "So.");
  expect_parts("<think>on and on", "on and on", "");
  // Nothing changes where there are no markers, not even blanks.
  expect_parts(" So.\n", "", " So.\n");
  expect_parts("So.<|end|>", "", "So.<|end|>");
}

// It is the chat that is at fault, unless no chat can be rendered.
TEST(OpenHooks, TellAChatThatCannotBeRenderedFromATemplate) {
  const TempDir dir;
  const auto model = coe::testing::write_tiny(dir / "m.gguf", coe::testing::tiny_moe({}));
  const FakeLibrary library;
  const auto hooks = value_of(open_hooks(model, library, silent_observer()));
  const std::vector<ChatTurn> tool = {{"user", "hi"}, {"tool", "3"}};
  expect_error(hooks.render_chat(tool), Code::kCorrupt, "no place for calls of tools");
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
