#include "coe/college/choose/own_text.h"

#include "coe/base/observer.h"
#include "coe/corpus/corpus.h"

#include "choose_fixture.h"
#include "support/expect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace coe {
namespace {

using ::testing::ElementsAre;
using testing::expect_error;
using ::testing::HasSubstr;
using testing::hold_out;
using ::testing::IsEmpty;
using testing::made_corpus;
using testing::value_of;

class Warnings : public Observer {
 public:
  void warning(std::string_view message) override { said.emplace_back(message); }
  std::vector<std::string> said;
};

TEST(OwnText, LeavesOutWhatTwoDomainsHave) {
  auto corpus = made_corpus(10, 20);
  corpus.domains[0].records[2].text = "The same   Licence";
  corpus.domains[2].records[5].text = "<|turn>user\nthe same licence<turn|>";
  Warnings warnings;
  const auto own = value_of(own_text(corpus, warnings));
  EXPECT_EQ(own.domains[0].records.size(), 9U);
  EXPECT_EQ(own.domains[1].records.size(), 10U);
  EXPECT_EQ(own.domains[2].records.size(), 9U);
  EXPECT_THAT(warnings.said, ElementsAre(HasSubstr("2 records stand in the text of two domains")));
  EXPECT_THAT(warnings.said[0], HasSubstr("apes.jsonl:3"));
}

TEST(OwnText, KeepsATextThatOneDomainHasTwice) {
  auto corpus = made_corpus(10, 20);
  corpus.domains[0].records[1].text = corpus.domains[0].records[0].text;
  Warnings warnings;
  EXPECT_EQ(value_of(own_text(corpus, warnings)).domains[0].records.size(), 10U);
  EXPECT_THAT(warnings.said, IsEmpty());
}

TEST(OwnText, RefusesOneTextUnderTwoNames) {
  auto corpus = made_corpus(10, 20);
  corpus.domains[2].records = corpus.domains[0].records;
  expect_error(own_text(corpus, silent_observer()), Code::kInvalidArgument,
               "domains `apes` and `cows` have the same text: 10 records of 10 and 10");
}

TEST(UnseenText, LeavesOutWhatLeaked) {
  auto corpus = made_corpus(20, 40);
  auto heldout = hold_out(corpus, 4);
  heldout.domains[1].records[2].text = corpus.domains[1].records[0].text;
  Warnings warnings;
  std::uint64_t n_leak = 9;
  const auto unseen = value_of(unseen_text(corpus, heldout, n_leak, warnings));
  EXPECT_EQ(n_leak, 1U);
  EXPECT_EQ(unseen.domains[1].records.size(), 3U);
  EXPECT_EQ(unseen.domains[0].records.size(), 4U);
  EXPECT_THAT(warnings.said, ElementsAre(HasSubstr("1 of 12 held-out records")));
  EXPECT_THAT(warnings.said[0], HasSubstr("bees.jsonl:1"));
}

TEST(UnseenText, RefusesADomainThatNobodyTeaches) {
  const auto corpus = made_corpus(8, 20);
  auto heldout = corpus;
  heldout.domains[1].name = "beees";
  std::uint64_t n_leak = 0;
  const auto found = unseen_text(corpus, heldout, n_leak, silent_observer());
  expect_error(found, Code::kInvalidArgument, "held-out text of `beees`");
  EXPECT_EQ(found.error().hint, "did you mean `bees`?");
}

TEST(HeldoutTexts, AreInTheOrderOfTheDomains) {
  auto corpus = made_corpus(12, 20);
  auto heldout = hold_out(corpus, 2);
  heldout.domains.erase(heldout.domains.begin());
  const auto domains = domain_texts(corpus);
  const auto texts = heldout_texts(heldout, domains);
  ASSERT_EQ(texts.size(), 3U);
  EXPECT_TRUE(texts[0].records.empty());
  EXPECT_EQ(texts[1].records.size(), 2U);
  EXPECT_EQ(texts[2].name, "cows");
  EXPECT_TRUE(heldout_texts({}, domains).empty());
}

}  // namespace
}  // namespace coe
