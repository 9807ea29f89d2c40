#include "coe/engine/thinking_stream.h"

#include "coe/base/rng.h"
#include "coe/base/search.h"
#include "coe/engine/roles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace coe {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const ChatMarkup kMarkup = {{"<model>"}, {"<user>"}, "<think>", {"</think>", "<answer>"}};
const ChatMarkup kNoStart = {{"<model>"}, {"<user>"}, "", {"</think>"}};
const ChatMarkup kNone = {{"<model>"}, {"<user>"}, "", {}};

struct Whole {
  std::string thinking;
  std::string content;
  bool operator==(const Whole&) const = default;
};

Whole join(const std::vector<WrittenPart>& parts) {
  Whole out;
  for (const auto& part : parts) (part.thinking ? out.thinking : out.content) += part.text;
  return out;
}

Whole stream(const ChatMarkup& markup, std::string_view prompt,
             const std::vector<std::string>& pieces) {
  ThinkingStream stream(markup, prompt);
  std::vector<WrittenPart> all;
  for (const auto& piece : pieces)
    for (auto& part : stream.take(piece)) all.push_back(std::move(part));
  for (auto& part : stream.end()) all.push_back(std::move(part));
  return join(all);
}

TEST(ThinkingStream, TellsThinkingFromAnswer) {
  EXPECT_EQ(stream(kMarkup, "<user>q<model>", {"<think>it is even</think>4"}),
            (Whole{"it is even", "4"}));
  // The template opened the block, or closed it.
  EXPECT_EQ(stream(kMarkup, "<user>q<model><think>\n", {"hm", "</think>", "4"}),
            (Whole{"hm", "4"}));
  EXPECT_EQ(stream(kMarkup, "q<model><think>\n</think>\n", {"4"}), (Whole{"", "4"}));
  EXPECT_EQ(stream(kNoStart, "<user>q<model>", {"hm</think>4"}), (Whole{"hm", "4"}));
  EXPECT_EQ(stream(kNone, "<user>q<model>", {"a</think> <think>b"}),
            (Whole{"", "a</think> <think>b"}));
  EXPECT_EQ(stream(kMarkup, "<model>", {"<think>open"}), (Whole{"open", ""}));
}

TEST(ThinkingStream, HoldsBackWhatMayBeAMarker) {
  ThinkingStream stream(kMarkup, "<model>");
  EXPECT_THAT(stream.take("a <th"), ElementsAre(WrittenPart{false, "a"}));
  EXPECT_THAT(stream.take("is> b"), ElementsAre(WrittenPart{false, " <this> b"}));
  EXPECT_THAT(stream.take("  <think"), IsEmpty());
  EXPECT_THAT(stream.take(">\n c"), ElementsAre(WrittenPart{true, "c"}));
  EXPECT_THAT(stream.take(" \n"), IsEmpty());  // at the edges of a block there is no white space
  EXPECT_THAT(stream.take("</think>\n\nd"), ElementsAre(WrittenPart{false, "d"}));
  EXPECT_THAT(stream.take("<thi"), IsEmpty());
  EXPECT_THAT(stream.end(), ElementsAre(WrittenPart{false, "<thi"}));
  EXPECT_EQ(stream.n_stray(), 0U);
}

TEST(ThinkingStream, LeavesStrayMarkersOut) {
  ThinkingStream stream(kMarkup, "<model>");
  EXPECT_THAT(stream.take("</think>a</think><think>b<think>c"),
              ElementsAre(WrittenPart{false, "a"}, WrittenPart{true, "bc"}));
  EXPECT_EQ(stream.n_stray(), 3U);
}

// However the text is cut, it says what the whole text does.
TEST(ThinkingStream, AgreesWithTheRolesOfTheWhole) {
  Rng rng(7);
  const std::vector<std::string> words = {"<think>", "</think>", "<answer>", "a",   "b c",
                                          " ",       "\n",       "<",        "</th"};
  for (int round = 0; round < 500; ++round) {
    // At most one block, as models write them: the roles see further markers as text.
    std::string text;
    bool begun = false;
    bool ended = false;
    for (std::uint64_t i = rng.below(12); i-- > 0;) {
      const auto& word = words[rng.below(words.size())];
      const bool starts = word == "<think>";
      const bool ends = word == "</think>" || word == "<answer>";
      if ((starts && begun) || (ends && (!begun || ended))) continue;
      begun = begun || starts;
      ended = ended || ends;
      text += word;
    }
    std::vector<TokenText> tokens = {{"<model>"}};
    std::vector<std::string> pieces;
    for (std::size_t at = 0; at < text.size();) {
      const auto n = std::min<std::size_t>(rng.below(4) + 1, text.size() - at);
      pieces.push_back(text.substr(at, n));
      tokens.push_back({pieces.back()});
      at += n;
    }
    const auto whole = segment_roles(tokens, kMarkup, {.first_generated = 1});
    auto found = stream(kMarkup, "<model>", pieces);
    // The roles join parts by a newline, the stream shows one after the other.
    auto content = whole.answer;
    std::erase(content, '\n');
    std::erase(found.content, '\n');
    EXPECT_EQ(found.thinking, whole.thinking) << text;
    EXPECT_EQ(found.content, content) << text;
  }
}

}  // namespace
}  // namespace coe
