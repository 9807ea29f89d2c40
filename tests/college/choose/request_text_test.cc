#include "coe/college/choose/request_text.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>

namespace coe {
namespace {

TEST(RequestText, LeavesTheWordsOfAChat) {
  EXPECT_EQ(request_text("<|turn>user\nWhat is 2 + 2?<turn|>\n<|turn>model\n<|channel>thought\n"
                         "<channel|>4<turn|>\n"),
            "What is 2 + 2?\n4");
  EXPECT_EQ(request_text("<|turn>system\n<|think|>\n<turn|>\n<|turn>user\nA coat<turn|>\n"),
            "A coat");
  EXPECT_EQ(request_text("<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"), "hi");
  EXPECT_EQ(request_text("<start_of_turn>user\nhi<end_of_turn>\n<start_of_turn>model\n"), "hi");
  EXPECT_EQ(request_text("<|start_header_id|>user<|end_header_id|>\n\nhi<|eot_id|>"), "hi");
  EXPECT_EQ(request_text("<s>[INST] hi [/INST] you</s>"), "hi  you");
  EXPECT_EQ(request_text("<|start|>assistant<|channel|>final<|message|>hi<|return|>"), "hi");
}

TEST(RequestText, LeavesAllOtherTextAlone) {
  for (const auto* text :
       {"<div class=\"user\">a</div>", "a < b | c > d", "x = a[i] <|> g", "[INS]", "<>", "<|>",
        "<||>", "user\nmodel", "if (a<b||c>d)", "für <b>dich</b>", "<|not closed", "a<"})
    EXPECT_EQ(request_text(text), text);
}

// Words that only look like a role are the user's.
TEST(RequestText, TakesARoleOnlyBehindAToken) {
  EXPECT_EQ(request_text("<|turn>users are many<turn|>"), "users are many");
  EXPECT_EQ(request_text("<|turn>user are many<turn|>"), "user are many");
  EXPECT_EQ(request_text("<|turn>user"), "");
}

TEST(RequestText, IsEmptyWhereNothingIsSaid) {
  EXPECT_EQ(request_text(""), "");
  EXPECT_EQ(request_text(" \n\t"), "");
  EXPECT_EQ(request_text("<|turn>model\n<turn|>\n"), "");
}

RC_GTEST_PROP(RequestText, NeverGrows, (const std::string& text)) {
  RC_ASSERT(request_text(text).size() <= text.size());
}

}  // namespace
}  // namespace coe
