// coe package from outside: exit codes, words, JSON.
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
using testing::tiny_moe;
using testing::write_tiny;

class CliPackageTest : public CliTest {
 protected:
  CliPackageTest() {
    write_tiny(dir_ / "parent.gguf", tiny_moe({.name = "Tiny"}));
    write("mask.json", R"({"0": [0, 3, 5], "1": [1, 2, 7]})");
    EXPECT_EQ(
        run("coe prune -m parent.gguf --mask mask.json -o web.gguf --name 'My web'").exit_code, 0);
  }
};

TEST_F(CliPackageTest, EndsWithTheCommandsOfEachProgram) {
  const auto made = run("coe package web.gguf -o 'the web' -m parent.gguf --license mit");
  EXPECT_EQ(made.exit_code, 0) << made.err;
  for (const auto* line :
       {"the web: My web\n", "a hard link of the child", "  cd 'the web'\n",
        "  ollama create my-web -f Modelfile\n", "  ollama run my-web --think=false\n",
        "  llama-server --models-preset llama-server.ini\n",
        "  lms import --hard-link --user-repo coe/My-web My-web.gguf\n",
        "  llama-swap --config llama-swap.yaml\n",
        "\nnext: coe package --check 'the web' -m parent.gguf\n"})
    EXPECT_THAT(made.out, HasSubstr(line));
  EXPECT_THAT(read("the web/README.md"),
              HasSubstr("Not known: the mask does not record how it came to be."));
  const auto proven = run("coe package --check 'the web' -m parent.gguf");
  EXPECT_EQ(proven.exit_code, 0) << proven.out;
  EXPECT_THAT(proven.out, HasSubstr("the web: ok\n"));
  EXPECT_THAT(proven.out, HasSubstr("  rebuild    ok "));
}

TEST_F(CliPackageTest, SaysTheSameAsJson) {
  const auto made = run_json("coe package web.gguf -o out");
  EXPECT_EQ(made.at("schema"), "coe.package/1");
  EXPECT_EQ(made.at("placement"), "hard link");
  EXPECT_EQ(made.at("programs").size(), 5U);
  EXPECT_EQ(made.at("folder"), "out");
  auto manifest = nlohmann::json::parse(read("out/manifest.json"));
  for (const auto* key : {"folder", "placement", "lm_studio", "programs"})
    manifest[key] = made.at(key);
  EXPECT_EQ(made, manifest);
  const auto proven = run_json("coe package --check out");
  EXPECT_EQ(proven.at("schema"), "coe.package-check/1");
  EXPECT_EQ(proven.at("ok"), true);
  EXPECT_EQ(proven.at("checks").back().at("name"), "rebuild");
  EXPECT_EQ(proven.at("checks").back().at("state"), "not run");
}

TEST_F(CliPackageTest, ExitsWithOneWhereACheckFails) {
  ASSERT_EQ(run("coe package web.gguf -o out").exit_code, 0);
  ASSERT_EQ(run("sed -i 's/num_ctx/think/' out/Modelfile").exit_code, 0);
  const auto proven = run("coe package --check out");
  EXPECT_EQ(proven.exit_code, 1);
  EXPECT_THAT(proven.out, HasSubstr("out: 2 of 11 checks failed"));
  EXPECT_THAT(proven.out, HasSubstr("there is no parameter `think`"));
}

// Rebuilt as its manifest says, in a folder of its own.
TEST_F(CliPackageTest, ItsCommandGivesTheModelAgain) {
  ASSERT_EQ(run("coe package web.gguf -o out -m parent.gguf").exit_code, 0);
  const auto manifest = nlohmann::json::parse(read("out/manifest.json"));
  std::string command;
  for (const auto& word : manifest.at("recipe").at("command"))
    command += (command.empty() ? "" : " ") + ("'" + word.get<std::string>() + "'");
  command.replace(0, 5, "coe");
  const auto rebuilt = run("mkdir clean && cp out/mask.json parent.gguf clean/ && cd clean && " +
                           command + " >/dev/null && sha256sum My-web.gguf");
  EXPECT_EQ(rebuilt.exit_code, 0) << rebuilt.err;
  EXPECT_THAT(rebuilt.out,
              HasSubstr(manifest.at("model").at("sha256").get<std::string>() + "  My-web.gguf"));
}

TEST_F(CliPackageTest, RefusesWithTheExitCodeOfItsKind) {
  const auto refused = [&](const std::string& arguments, int exit_code, const std::string& words) {
    const auto result = run("coe package " + arguments);
    EXPECT_EQ(result.exit_code, exit_code) << arguments << "\n" << result.err;
    EXPECT_THAT(result.err, HasSubstr(words));
  };
  refused("", 2, "no specialist was given");
  refused("web.gguf", 2, "-o: no output given");
  refused("web.gguf --check out", 2, "--check");
  refused("--check out --name x", 2, "--name");
  refused("web.gguf -o out --num-ctx 0", 2, "--num-ctx");
  refused("web.gguf -o out --licence mit", 2, "did you mean `--license`?");
  refused("web.gguf -o out --name \"$(printf 'a\\nb')\"", 2, "--name");
  refused("parent.gguf -o out", 3, "does not say what it was cut from");
  refused("none.gguf -o out", 3, "none.gguf");
  refused("web.gguf -o none/out", 3, "the output's folder does not exist");
  refused("web.gguf -o .", 2, ".");
  refused("--check out", 3, "is no folder");
  refused("web.gguf -o out --mask parent.gguf", 3, "parent.gguf");
  write("full/mine", "x");
  refused("web.gguf -o full", 2, "output exists already");
  refused("web.gguf -o full --force", 2, "which --force does not remove");
  EXPECT_EQ(read("full/mine"), "x");
}

TEST_F(CliPackageTest, TakesTheSystemMessageFromAFile) {
  write("system.txt", "You write web pages.\nOnly those.\n");
  ASSERT_EQ(run("coe package web.gguf -o out --system system.txt --num-ctx 16k").exit_code, 0);
  EXPECT_THAT(read("out/Modelfile"),
              HasSubstr("SYSTEM \"\"\"You write web pages.\nOnly those.\"\"\"\n"));
}

}  // namespace
}  // namespace coe
