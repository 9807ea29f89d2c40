// What each verb says to type next, as words, and that none that makes a file was forgotten.
#include "coe/cli/render/next_step.h"

#include "support/cli_test.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace coe::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(NextStep, LeadsFromTextToASpecialist) {
  EXPECT_EQ(next_step("inspect", {.model = "p.gguf"}),
            "next: coe specialize -m p.gguf -f DOMAIN.jsonl -k half -o specialist.gguf\n");
  EXPECT_EQ(next_step("corpus build", {.output = "web.jsonl"}),
            "next: coe specialize -m PARENT.gguf -f web.jsonl -k half -o web.gguf\n");
  EXPECT_EQ(next_step("corpus build --held-out", {.output = "held-out.jsonl"}),
            "next: coe corpus check DOMAIN.jsonl --against held-out.jsonl\n");
  EXPECT_EQ(next_step("corpus build", {.model = "web.gguf", .output = "web.jsonl"}),
            "next: coe specialize -m web.gguf -f web.jsonl -k half -o web.specialist.gguf\n");
  EXPECT_EQ(
      next_step("corpus generate", {.output = "out"}),
      "next: coe specialize -m PARENT.gguf -f out/answers.jsonl -k half -o out/answers.gguf\n");
  EXPECT_EQ(next_step("corpus check", {.text = {"a.jsonl", "b.jsonl"}}),
            "next: coe specialize -m PARENT.gguf -f a.jsonl -k half -o a.gguf\n");
  EXPECT_EQ(next_step("corpus check", {.text = {"a.jsonl.gz"}}),
            "next: coe specialize -m PARENT.gguf -f a.jsonl.gz -k half -o a.gguf\n");
}

TEST(NextStep, LeadsFromAProfileToAProof) {
  for (const auto* verb : {"profile", "merge"})
    EXPECT_EQ(next_step(verb, {.output = "my web.profile.gguf"}),
              "next: coe mask -p 'my web.profile.gguf' -k half -o 'my web.mask.json'\n");
  EXPECT_EQ(next_step("recon", {.output = "web.recon.gguf"}),
            "next: coe mask -p DOMAIN.profile.gguf --score-table web.recon.gguf -k half -o "
            "web.mask.json\n");
  EXPECT_EQ(next_step("mask", {.output = "web.mask.json"}),
            "next: coe prune -m PARENT.gguf --mask web.mask.json -o web.gguf\n");
  EXPECT_EQ(next_step("mask --sweep", {.profiles = {"a.gguf:2", "b.gguf:1"}, .keep = "48"}),
            "next: coe mask -p a.gguf:2 -p b.gguf:1 -k 48 -o a.mask.json\n");
  EXPECT_EQ(next_step("compare", {.masks = {"a.json", "b.json"}}),
            "next: coe eval -m PARENT.gguf --mask a.json --mask b.json -f HELD-OUT.jsonl\n");
  EXPECT_EQ(next_step("prune", {.model = "p.gguf", .output = "c.gguf", .masks = {"m.json"}}),
            "next: coe verify p.gguf c.gguf\n");
  EXPECT_EQ(next_step("package", {.output = "my web"}), "next: coe package --check 'my web'\n");
  EXPECT_EQ(next_step("package", {.parent = "p.gguf", .output = "out"}),
            "next: coe package --check out -m p.gguf\n");
  EXPECT_EQ(next_step("dispatcher", {.output = "zoo.gguf"}),
            "next: coe dispatcher --ask zoo.gguf -f REQUESTS.jsonl\n");
  EXPECT_EQ(next_step("prune", {.model = "p.gguf", .masks = {"p.json"}}),
            "next: coe prune -m p.gguf --mask p.json -o p.specialist.gguf\n");
  EXPECT_EQ(next_step("verify", {.model = "c.gguf", .parent = "p.gguf"}),
            "next: coe eval -m c.gguf --parent p.gguf -f HELD-OUT.jsonl\n");
  EXPECT_EQ(next_step("eval", {.model = "p.gguf", .masks = {"m.json", "n.json"}}),
            "next: coe prune -m p.gguf --mask m.json -o m.gguf\n");
}

// With the sampling of the web specialist's card.
TEST(NextStep, ServesASpecialist) {
  const std::string serve =
      "next: llama-server -m 'my web.gguf' -c 20480 --reasoning off --temp 0.6 --top-k 64 --top-p "
      "0.95 --min-p 0 --repeat-penalty 1.05 --repeat-last-n 1024\n";
  EXPECT_EQ(next_step("specialize", {.output = "my web.gguf"}), serve);
  EXPECT_EQ(next_step("inspect", {.model = "my web.gguf", .is_specialist = true}), serve);
  EXPECT_EQ(next_step("eval", {.model = "my web.gguf"}), serve);
  EXPECT_EQ(next_step("bench memory", {.model = "my web.gguf"}), serve);
  EXPECT_EQ(next_step("bench speed", {.model = "my web.gguf"}), serve);
  EXPECT_EQ(next_step("bench choice", {.model = "my web.gguf", .parent = "out"}), serve);
}

TEST(NextStep, GoesOnFromABenchmark) {
  EXPECT_EQ(next_step("bench choice", {.output = "out", .text = {"q.jsonl"}}),
            "next: coe bench choice q.jsonl -m SPECIALIST.gguf --parent out -o out-specialist\n");
  EXPECT_EQ(next_step("bench choice", {.parent = "out", .output = "of-a-server"}), "");
  EXPECT_EQ(next_step("bench transfer", {.model = "p.gguf", .text = {"t.jsonl"}}),
            "next: coe specialize -m p.gguf -f t.jsonl -k half -o t.gguf\n");
  EXPECT_EQ(next_step("bench scores", {.model = "p.gguf", .text = {"t.jsonl"}, .score = "share"}),
            "next: coe specialize -m p.gguf -f t.jsonl -k half -o t.gguf --score share\n");
  EXPECT_EQ(next_step("bench scores", {.model = "p.gguf", .score = "recon", .heal = "ridge"}),
            "next: coe specialize -m p.gguf -f DOMAIN.jsonl -k half -o DOMAIN.gguf --recon --heal "
            "ridge\n");
  EXPECT_EQ(next_step("bench web", {.output = "pages"}), "next: xdg-open pages/index.html\n");
}

class NextStepCli : public testing::CliTest {
 protected:
  // Verbs as help lists them, those below `verb` with its name.
  std::vector<std::string> verbs_of(const std::string& verb) const {
    const auto help = run("coe " + verb + " --help").out;
    const auto at = help.find("\nVerbs:\n");
    if (at == std::string::npos) return {};
    std::vector<std::string> verbs;
    std::istringstream lines(help.substr(at, help.find("\n\n", at) - at));  // to the next title
    for (std::string line; std::getline(lines, line);) {
      // Two blanks, a name, its words; what goes on below a name is set in deeper.
      if (!line.starts_with("  ") || line.find_first_not_of(' ') != 2) continue;
      const auto name = (verb.empty() ? "" : verb + " ") + line.substr(2, line.find(' ', 2) - 2);
      verbs.push_back(name);
      for (const auto& nested : verbs_of(name)) verbs.push_back(nested);
    }
    return verbs;
  }
};

// Whoever adds a verb with an output adds what comes after it.
TEST_F(NextStepCli, EveryVerbThatMakesAFileHasOne) {
  const auto verbs = verbs_of("");
  EXPECT_GE(verbs.size(), 18U);
  const Finished all{.model = "p.gguf",
                     .output = "out",
                     .text = {"t.jsonl"},
                     .masks = {"m.json"},
                     .profiles = {"a.gguf"}};
  std::set<std::string> without;
  for (const auto& verb : verbs) {
    const bool makes_file =
        run("coe " + verb + " --help").out.find("--output") != std::string::npos;
    if (makes_file)
      EXPECT_THAT(next_step(verb, all), StartsWith("next: ")) << verb;
    else if (next_step(verb, all).empty())
      without.insert(verb);
  }
  // The first two only hold others; a conversation is its own end; what a server says at its start
  // is its own (render/serve.cc); a list of models is of many; the last three are about coe itself.
  EXPECT_EQ(without, (std::set<std::string>{"bench", "corpus", "chat", "models", "serve",
                                            "completion", "doctor", "help"}));
}

TEST_F(NextStepCli, StandsAtTheEndOfTheTextAndOfNothingElse) {
  write("spec.toml",
        "[[domain]]\nname = \"r\"\n[[domain.source]]\nkind = \"reasoning\"\nseed = 3\nn = 20\n");
  const std::string command = "coe corpus build spec.toml --force -o 'my text.jsonl'";
  const auto text = run(command);
  ASSERT_EQ(text.exit_code, 0) << text.err;
  const std::string next =
      "\nnext: coe specialize -m PARENT.gguf -f 'my text.jsonl' -k half -o 'my text.gguf'\n";
  ASSERT_GE(text.out.size(), next.size());
  EXPECT_EQ(text.out.substr(text.out.size() - next.size()), next);
  EXPECT_THAT(run(command + " --json").out, Not(HasSubstr("next")));
  EXPECT_EQ(run(command + " -q").out, "");
  // Not where the check failed.
  write("leaky.jsonl", read("my text.jsonl"));
  EXPECT_THAT(run("coe corpus check leaky.jsonl --against 'my text.jsonl'").out,
              Not(HasSubstr("next:")));
  EXPECT_THAT(run("coe corpus check leaky.jsonl").out, HasSubstr("\nnext: coe specialize"));
}

}  // namespace
}  // namespace coe::cli
