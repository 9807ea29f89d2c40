// Models by name, from outside: `coe models`, and -m with names of other programs.
#include "support/cli_test.h"
#include "support/model_stores.h"
#include "support/tiny_gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>
#include <string>

namespace coe {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::put;
using testing::put_hub;
using testing::put_model;
using testing::put_ollama;
using testing::tiny_moe;

class CliModels : public testing::CliTest {
 protected:
  // In a home of its own, so that the machine's models are not seen.
  testing::CommandResult at_home(const std::string& command) const {
    return run(
        "unset OLLAMA_MODELS HF_HOME HF_HUB_CACHE HUGGINGFACE_HUB_CACHE LLAMA_CACHE "
        "XDG_CACHE_HOME; export HOME=\"$PWD\"; " +
        command);
  }
  nlohmann::json json_at_home(const std::string& command) const {
    const auto result = at_home(command + " --json");
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return nlohmann::json::parse(result.out);
  }
  void fill() const {
    auto gemma = tiny_moe({.architecture = "gemma4", .merged_gate_up = true, .down_scale = true});
    gemma.set("general.file_type", gguf::Value::u32(15));
    put_ollama(dir_ / ".ollama/models", "registry.ollama.ai/library/gemma4/26b", "aa", gemma);
    put(dir_ / ".ollama/models/manifests/registry.ollama.ai/library/gone/1b",
        testing::ollama_manifest(testing::ollama_blob("0b"), 7));
    const Path hub = dir_ / ".cache/huggingface/hub";
    put_hub(hub, "models--unsloth--Qwen3-30B-A3B-Instruct-2507-GGUF", "Qwen3-Q4_K_M.gguf", "b4",
            tiny_moe({}));
    testing::link_in_hub(hub, "models--me--half-GGUF", "half-Q8_0.gguf", "b8");
    put(hub / "models--me--half-GGUF/blobs/b8.incomplete", "12345");
    put_model(dir_ / ".lmstudio/models/lmstudio-community/plain-GGUF/plain-Q8_0.gguf",
              testing::tiny_dense());
    put(dir_ / ".lmstudio/models/lmstudio-community/plain-GGUF/junk-F16.gguf", "<html>");
    put_model(dir_ / ".cache/llama.cpp/a_b_m-Q5_0.gguf", tiny_moe({}));
    put(dir_ / ".cache/llama.cpp/manifest=a=b=Q5_0.json",
        R"({"ggufFile":{"rfilename":"m-Q5_0.gguf"}})");
  }
};

TEST_F(CliModels, ListsTheFourStores) {
  fill();
  const auto result = at_home("coe models");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("\n  ollama:gemma4:26b      gemma4          2 of 8 "));
  EXPECT_THAT(result.out, HasSubstr("Q4_K_M"));
  EXPECT_THAT(result.out, HasSubstr("  hf:unsloth/Qwen3-30B-A3B-Instruct-2507-GGUF:Q4_K_M"));
  EXPECT_THAT(result.out, HasSubstr("dense"));
  EXPECT_THAT(result.out, HasSubstr("llama:a/b:Q5_0"));
  EXPECT_THAT(result.out, HasSubstr("3 of 4 have experts"));
  EXPECT_THAT(result.out, HasSubstr("ollama pull gone:1b"));
  EXPECT_THAT(result.out, HasSubstr("partly downloaded, 5 B so far"));
  EXPECT_THAT(result.out, HasSubstr("hf download me/half-GGUF half-Q8_0.gguf"));
  EXPECT_THAT(result.out, HasSubstr("junk-F16.gguf: not a GGUF file"));
  std::istringstream lines(result.out);
  for (std::string line; std::getline(lines, line);)
    EXPECT_TRUE(line.size() <= 80 || line.find('/') != std::string::npos) << line;
}

TEST_F(CliModels, TellsMachines) {
  fill();
  const auto doc = json_at_home("coe models");
  EXPECT_EQ(doc.at("schema"), "coe.models/1");
  ASSERT_EQ(doc.at("models").size(), 7);
  const auto& gemma = doc.at("models").at(0);
  EXPECT_EQ(gemma.at("name"), "ollama:gemma4:26b");
  EXPECT_EQ(gemma.at("program"), "ollama");
  EXPECT_EQ(gemma.at("architecture"), "gemma4");
  EXPECT_EQ(gemma.at("moe"), true);
  EXPECT_EQ(gemma.at("n_expert"), 8);
  EXPECT_EQ(gemma.at("n_expert_used"), 2);
  EXPECT_EQ(gemma.at("quantization"), "Q4_K_M");
  EXPECT_TRUE(gemma.at("problem").is_null());
  EXPECT_EQ(doc.at("models").at(1).at("name"), "ollama:gone:1b");
  EXPECT_FALSE(doc.at("models").at(1).at("problem").is_null());
  EXPECT_EQ(json_at_home("coe models hf lmstudio").at("models").size(), 4);
}

TEST_F(CliModels, SaysWhereItLooked) {
  const auto result = at_home("coe models");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, HasSubstr("no model found; coe looked in"));
  EXPECT_THAT(result.out, HasSubstr((dir_ / ".ollama/models").string()));
  EXPECT_THAT(result.out, HasSubstr((dir_ / ".cache/llama.cpp").string()));
  EXPECT_EQ(at_home("coe models gpt4all").exit_code, 2);
}

TEST_F(CliModels, NamesStandForPaths) {
  fill();
  const auto doc = json_at_home("coe inspect -m ollama:gemma4:26b");
  EXPECT_EQ(doc.at("architecture"), "gemma4");
  const auto ids = std::string(R"({"0":[0,1,2],"1":[3,4,5]})");
  write("mask.json", ids);
  EXPECT_EQ(at_home("coe prune -m ollama:gemma4:26b --mask mask.json -o named.gguf").exit_code, 0);
  const auto path = ".ollama/models/blobs/" + testing::ollama_blob("aa");
  EXPECT_EQ(at_home("coe prune -m " + path + " --mask mask.json -o given.gguf").exit_code, 0);
  EXPECT_TRUE(read("named.gguf") == read("given.gguf"));
  EXPECT_EQ(at_home("coe verify ollama:gemma4:26b named.gguf").exit_code, 0);
}

TEST_F(CliModels, ErrorsSayWhatToDo) {
  fill();
  const auto error_of = [&](const std::string& name, int exit_code) {
    const auto result = at_home("coe inspect -m " + name);
    EXPECT_EQ(result.exit_code, exit_code) << name;
    EXPECT_THAT(result.out, IsEmpty());
    return result.err;
  };
  EXPECT_THAT(error_of("ollama:gemma4:27b", 3), HasSubstr("ollama pull gemma4:27b"));
  EXPECT_THAT(error_of("ollama:gone:1b", 3), HasSubstr("is missing"));
  EXPECT_THAT(error_of("hf:me/half-GGUF", 3), HasSubstr("partly downloaded"));
  EXPECT_THAT(error_of("hf:me", 2), HasSubstr("is no name of a model"));
  EXPECT_THAT(error_of("gemma4:26b", 3), HasSubstr("did you mean `ollama:gemma4:26b`?"));
  EXPECT_THAT(error_of("lmstudio:lmstudio-community/plain-GGUF", 2), HasSubstr("name one: "));
  const auto doc = at_home("coe inspect -m ollama:gemma4:27b --json");
  EXPECT_EQ(nlohmann::json::parse(doc.out).at("error").at("exit_code"), 3);
  // A file may be called like a name.
  put_model(dir_ / "ollama:gemma4:26b.gguf", tiny_moe({}));
  EXPECT_EQ(at_home("coe inspect -m ./ollama:gemma4:26b.gguf").exit_code, 0);
}

}  // namespace
}  // namespace coe
