// coe package on the bundled model: what the engine says of the template, and memory.
#include "support/cli_test.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstddef>
#include <string>

namespace coe {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

const std::string kModel = COE_SOURCE_DIR "/models/gemma4-tiny-moe-q4_k_m.gguf";
const std::string kFile = "Tiny-web-Q4_K_M.gguf";

class CliPackageEngine : public coe::testing::CliTest {
 protected:
  CliPackageEngine() {
    Json plain = Json::object();
    for (int layer = 0; layer < 8; ++layer) {
      Json ids = Json::array();
      for (int id = 0; id < 16; ++id) ids.push_back(8 * id + layer);
      plain[std::to_string(layer)] = std::move(ids);
    }
    write("m.json", plain.dump());
    EXPECT_EQ(run("coe prune -m " + kModel + " --mask m.json -o web.gguf --no-verify").exit_code,
              0);
  }

  // A finding of this check, or what it was not run for.
  static std::string said_by(const Json& proof, const std::string& name) {
    for (const auto& check : proof.at("checks"))
      if (check.at("name") == name)
        return check.at("state").get<std::string>() + ": " + check.at("findings").dump();
    return "no such check";
  }
};

TEST_F(CliPackageEngine, ProvesAPackageOfTheBundledModel) {
  run_json("coe package web.gguf -o out --name 'Tiny web' -m " + kModel + " --license apache-2.0");
  const auto card = read("out/README.md");
  EXPECT_THAT(card, HasSubstr("closed block before the answer, `<|channel>thought\\n<channel|>`"));
  EXPECT_THAT(card, HasSubstr("| context | device | weights | KV cache |"));
  EXPECT_THAT(card, HasSubstr("| 2048 | CPU | "));
  EXPECT_THAT(read("out/Modelfile"), HasSubstr("RENDERER gemma4-large\nPARSER gemma4\n"
                                               "PARAMETER stop \"<turn|>\"\n"));
  const auto manifest = Json::parse(read("out/manifest.json"));
  EXPECT_EQ(manifest.at("thinking"), "switch");
  EXPECT_THAT(manifest.at("engine").at("version").get<std::string>(), HasSubstr("llama.cpp"));
  const auto proof = run_json("coe package --check out -m " + kModel);
  // `coe prune` asks its child nothing.
  for (const auto& check : proof.at("checks"))
    EXPECT_EQ(check.at("state"), check.at("name") == "chat" ? "not run" : "ok") << check;
}

TEST_F(CliPackageEngine, FindsATemplateThatDoesNotSwitchThinkingOff) {
  // The closed block goes, and as many bytes of a comment come.
  auto bytes = read("web.gguf");
  const std::string block = "{{- '<|channel>thought\\n<channel|>' -}}";
  const auto at = bytes.find(block);
  ASSERT_NE(at, std::string::npos);
  bytes.replace(at, block.size(), "{#" + std::string(block.size() - 4, '-') + "#}");
  write("web.gguf", bytes);
  const auto made = run("coe package web.gguf -o out --name 'Tiny web'");
  ASSERT_EQ(made.exit_code, 0) << made.err;
  // The file says so itself: off is still another prompt, but no longer Gemma's closed block.
  EXPECT_THAT(read("out/Modelfile"), HasSubstr("RENDERER gemma4-small\n"));
  const auto proof = Json::parse(run("coe package --check out -m " + kModel + " --json").out);
  EXPECT_EQ(proof.at("ok"), false);
  EXPECT_THAT(said_by(proof, "rebuild"), HasSubstr("tokenizer.chat_template is not the parent's"));
}

TEST_F(CliPackageEngine, FindsATemplateThatIsBroken) {
  ASSERT_EQ(run("coe package web.gguf -o out --name 'Tiny web'").exit_code, 0);
  auto bytes = read("out/" + kFile);
  const std::string last = "{%- if add_generation_prompt -%}";
  const auto at = bytes.find(last);
  ASSERT_NE(at, std::string::npos);
  bytes.replace(at, last.size(), "{%- fi add_generation_prompt -%}");
  ASSERT_EQ(run("rm out/" + kFile).exit_code, 0);
  write("out/" + kFile, bytes);
  const auto proof = Json::parse(run("coe package --check out --json").out);
  EXPECT_THAT(said_by(proof, "files"), HasSubstr("is not the file that was packaged"));
  EXPECT_THAT(said_by(proof, "template"), HasSubstr("is another than was packaged"));
}

}  // namespace
}  // namespace coe
