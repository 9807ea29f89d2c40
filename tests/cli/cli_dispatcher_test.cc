// coe dispatcher from outside: exit codes, words, JSON.
#include "college/choose/choose_fixture.h"
#include "support/cli_test.h"
#include "support/tiny_gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace coe {
namespace {

using testing::CliTest;
using ::testing::HasSubstr;
using ::testing::Not;

class CliDispatcherTest : public CliTest {
 protected:
  CliDispatcherTest() {
    auto corpus = testing::made_corpus(30, 60);
    put(testing::hold_out(corpus, 6), "-heldout.jsonl");
    put(corpus, ".jsonl");
  }
  void put(const Corpus& corpus, const std::string& ending) const {
    for (const auto& domain : corpus.domains) {
      std::string lines;
      for (const auto& record : domain.records)
        lines += nlohmann::json{{"text", record.text}, {"domain", "not this"}}.dump() + "\n";
      write(domain.name + ending, lines);
    }
  }

  const std::string domains_ =
      "--domain apes=apes.jsonl --domain bees=bees.jsonl "
      "--domain cows=cows.jsonl";
};

TEST_F(CliDispatcherTest, LearnsAndIsAsked) {
  const auto made = run("coe dispatcher " + domains_ +
                        " --heldout bees=bees-heldout.jsonl --heldout cows=cows-heldout.jsonl"
                        " -o zoo.dispatcher.gguf");
  EXPECT_EQ(made.exit_code, 0) << made.err;
  for (const auto* part :
       {"zoo.dispatcher.gguf: chooses among 3 specialists by text (the best by cross-validation)",
        "on the starts of 12 held-out records; lengths in tokens, taken as 3 bytes each",
        "at random", "always one", "unsure below a probability of",
        "\nnext: coe dispatcher --ask zoo.dispatcher.gguf -f REQUESTS.jsonl\n"})
    EXPECT_THAT(made.out, HasSubstr(part));
  const auto asked = run_json("coe dispatcher --ask zoo.dispatcher.gguf -f bees-heldout.jsonl");
  EXPECT_EQ(asked.at("schema"), "coe.dispatcher-ask/1");
  EXPECT_EQ(asked.at("names"), (nlohmann::json{"apes", "bees", "cows"}));
  ASSERT_EQ(asked.at("requests").size(), 6U);
  for (const auto& request : asked.at("requests")) EXPECT_EQ(request.at("chosen"), "bees");
  EXPECT_THAT(run("coe dispatcher --ask zoo.dispatcher.gguf -f bees-heldout.jsonl").out,
              HasSubstr("bees-heldout.jsonl:6"));
}

TEST_F(CliDispatcherTest, SaysTheSameAsJson) {
  const auto made = run_json("coe dispatcher " + domains_ + " --method text -o z.gguf");
  EXPECT_EQ(made.at("schema"), "coe.dispatcher/1");
  EXPECT_EQ(made.at("method"), "text");
  EXPECT_EQ(made.at("method_was_asked"), true);
  EXPECT_EQ(made.at("measured_on"), "cross-validation");
  EXPECT_TRUE(made.at("blocks").is_null());
  ASSERT_EQ(made.at("methods").size(), 1U);
  const auto& method = made.at("methods")[0];
  ASSERT_EQ(method.at("lengths").size(), 3U);
  EXPECT_EQ(method.at("lengths")[1].at("n_token"), 50);
  EXPECT_EQ(method.at("lengths")[0].at("confusion").size(), 3U);
  EXPECT_GT(method.at("lengths")[0].at("accuracy").at("value"), 0.9);
  EXPECT_EQ(made.at("domains")[2].at("name"), "cows");
}

TEST_F(CliDispatcherTest, RefusesInOneLine) {
  const auto refused = [&](const std::string& words, int code, const std::string& part) {
    const auto result = run("coe dispatcher " + words);
    EXPECT_EQ(result.exit_code, code) << words << "\n" << result.err;
    EXPECT_THAT(result.err, HasSubstr(part)) << words;
    EXPECT_THAT(result.out, Not(HasSubstr("chooses"))) << words;
  };
  refused("", 2, "no domain was given");
  refused(domains_, 2, "no output given");
  refused("--domain apes=apes.jsonl -o z.gguf", 2, "only one domain");
  refused("--domain apes -o z.gguf", 2, "`apes` is not NAME=FILE");
  refused("--domain =apes.jsonl -o z.gguf", 2, "is not NAME=FILE");
  refused(domains_ + " --domain dogs=none.jsonl -o z.gguf", 3, "none.jsonl");
  refused(domains_ + " --domain dogs=apes.jsonl -o z.gguf", 2,
          "domains `apes` and `dogs` have the same text");
  refused(domains_ + " --heldout birds=bees-heldout.jsonl -o z.gguf", 2, "`birds`");
  refused(domains_ + " --method routing -o z.gguf", 2, "takes the parent");
  refused(domains_ + " --method luck -o z.gguf", 2, "luck");
  refused(domains_ + " --layers 2 -o z.gguf", 2, "--model");
  refused(domains_ + " -o apes.jsonl --force", 2, "apes.jsonl");
  refused("--ask none.gguf -f apes.jsonl", 3, "none.gguf");
  write_tiny(dir_ / "model.gguf", testing::tiny_moe({}));
  refused("--ask model.gguf -f apes.jsonl", 3, "a model, not a dispatcher");
  write("z.gguf", "mine");
  refused(domains_ + " -o z.gguf", 2, "z.gguf");
  EXPECT_EQ(read("z.gguf"), "mine");
}

TEST_F(CliDispatcherTest, WarnsOfHeldOutTextThatWasLearned) {
  write("seen.jsonl", read("bees-heldout.jsonl") + read("bees.jsonl"));
  const auto made =
      run("coe dispatcher " + domains_ + " --heldout bees=seen.jsonl -o zoo.dispatcher.gguf");
  EXPECT_EQ(made.exit_code, 0) << made.err;
  EXPECT_THAT(made.err, HasSubstr("24 of 30 held-out records stand in the training text"));
  EXPECT_THAT(made.out, HasSubstr("the starts of 6 held-out records"));
}

}  // namespace
}  // namespace coe
