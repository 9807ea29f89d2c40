#include "coe/ask/endpoint/ending.h"

#include <gtest/gtest.h>

namespace coe {
namespace {

TEST(Ending, KnowsTheWordsOfServers) {
  for (const char* reason : {"stop", "STOP", "eos", "eos_token", "end_turn", "stop_sequence"})
    EXPECT_EQ(ending_of(reason), Ending::kDone) << reason;
  for (const char* reason : {"length", "model_length", "max_tokens", "MAX_TOKENS"})
    EXPECT_EQ(ending_of(reason), Ending::kCut) << reason;
  for (const char* reason : {"content_filter", "SAFETY", "recitation"})
    EXPECT_EQ(ending_of(reason), Ending::kFilter) << reason;
}

TEST(Ending, TakesNoOtherForAnAnswer) {
  for (const char* reason : {"", "error", "abort", "cancelled", "tool_calls", "unload",
                             "stopped by", "insufficient_system_resource", " stop"})
    EXPECT_EQ(ending_of(reason), Ending::kUnknown) << reason;
}

}  // namespace
}  // namespace coe
