#include "coe/model/store/find.h"

#include "support/expect.h"
#include "support/model_stores.h"
#include "support/temp_dir.h"
#include "support/tiny_gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace coe {
namespace {

using testing::expect_error;
using ::testing::HasSubstr;
using testing::value_of;

class Find : public ::testing::Test {
 protected:
  Find() {
    gemma_ = testing::put_ollama(dir_ / ".ollama/models", "registry.ollama.ai/library/gemma4/26b",
                                 "aa", model_);
    testing::put_ollama(dir_ / ".ollama/models", "registry.ollama.ai/library/gpt-oss/latest", "bb",
                        model_);
    q4_ = testing::put_hub(hub_, "models--unsloth--Qwen3-GGUF", "Qwen3-UD-Q4_K_XL.gguf", "b4",
                           model_);
    q8_ = testing::put_hub(hub_, "models--unsloth--Qwen3-GGUF", "Qwen3-Q8_0.gguf", "b8", model_);
    one_ = testing::put_hub(hub_, "models--me--one", "m-00001-of-00002.gguf", "m1", model_);
    testing::put_hub(hub_, "models--me--one", "m-00002-of-00002.gguf", "m2", model_);
    testing::link_in_hub(hub_, "models--me--broken", "m-Q4_0.gguf", "gone");
  }
  Surroundings around() const {
    return {.variables = {{"HOME", dir_.path().string()}}, .ollama_service = dir_ / "service"};
  }
  Result<Path> found(std::string_view name) const { return find_model(name, around()); }
  std::string hint(std::string_view name) const {
    const auto result = found(name);
    return result ? std::string() : result.error().hint;
  }

  testing::TempDir dir_;
  testing::TinyGguf model_ = testing::tiny_moe({});
  Path hub_ = dir_ / ".cache/huggingface/hub";
  Path gemma_, q4_, q8_, one_;
};

TEST_F(Find, TellsNamesFromPaths) {
  EXPECT_EQ(program_of("ollama:gemma4"), Program::kOllama);
  EXPECT_EQ(program_of("hf:a/b"), Program::kHub);
  EXPECT_EQ(program_of("lmstudio:a/b"), Program::kStudio);
  EXPECT_EQ(program_of("llama:a/b"), Program::kLlama);
  for (const auto* path : {"./ollama:gemma4", "model.gguf", "/a/hf:b", "ollama", "hfx:a/b", ""})
    EXPECT_EQ(program_of(path), std::nullopt) << path;
}

TEST_F(Find, FindsOllamas) {
  EXPECT_EQ(value_of(found("ollama:gemma4:26b")), gemma_);
  EXPECT_EQ(value_of(found("ollama:library/Gemma4:26B")), gemma_);
  EXPECT_EQ(value_of(found("ollama:registry.ollama.ai/library/gemma4:26b")), gemma_);
  EXPECT_TRUE(found("ollama:gpt-oss"));  // :latest
}

TEST_F(Find, FindsTheHubs) {
  EXPECT_EQ(value_of(found("hf:unsloth/Qwen3-GGUF:Q8_0")), q8_);
  EXPECT_EQ(value_of(found("hf:unsloth/qwen3-gguf:q8_0")), q8_);
  EXPECT_EQ(value_of(found("hf:unsloth/Qwen3-GGUF:UD-Q4_K_XL")), q4_);
  EXPECT_EQ(value_of(found("hf:unsloth/Qwen3-GGUF:Q4_K_XL")), q4_);
  EXPECT_EQ(value_of(found("llama:unsloth/Qwen3-GGUF:Q8_0")), q8_);
  EXPECT_EQ(value_of(found("hf:me/one")), one_);  // the first of its parts
  EXPECT_EQ(value_of(found("hf:me/one:m-00001-of-00002.gguf")), one_);
}

TEST_F(Find, SaysWhatIsThere_WhereNoneIsMeant) {
  expect_error(found("hf:unsloth/Qwen3-GGUF"), Code::kInvalidArgument, "there are 2 such models");
  EXPECT_EQ(hint("hf:unsloth/Qwen3-GGUF"),
            "name one: hf:unsloth/Qwen3-GGUF:Q8_0, hf:unsloth/Qwen3-GGUF:UD-Q4_K_XL");
  expect_error(found("hf:unsloth/Qwen3-GGUF:Q6_K"), Code::kNotFound, "no such model on this disk");
  EXPECT_EQ(hint("hf:unsloth/Qwen3-GGUF:Q6_K"),
            "there is hf:unsloth/Qwen3-GGUF:Q8_0, hf:unsloth/Qwen3-GGUF:UD-Q4_K_XL; `hf download "
            "unsloth/Qwen3-GGUF --include \"*Q6_K*.gguf\"` fetches it, `coe models` lists what is "
            "there");
}

TEST_F(Find, SaysWhatWasProbablyMeant) {
  expect_error(found("ollama:gemma:26b"), Code::kNotFound, (dir_ / ".ollama/models").string());
  EXPECT_THAT(hint("ollama:gemma:26b"), HasSubstr("did you mean `ollama:gemma4:26b`?"));
  EXPECT_THAT(hint("ollama:gemma:26b"), HasSubstr("`ollama pull gemma:26b` fetches it"));
  EXPECT_THAT(hint("ollama:gptoss"), HasSubstr("did you mean `ollama:gpt-oss`?"));
  EXPECT_THAT(hint("ollama:gemma4"), HasSubstr("there is ollama:gemma4:26b"));
  EXPECT_THAT(hint("lmstudio:a/b:Q4_0"),
              HasSubstr("`lms get https://huggingface.co/a/b@Q4_0` fetches it"));
  EXPECT_THAT(hint("llama:a/b"), HasSubstr("`llama download -hf a/b` fetches it"));
  EXPECT_EQ(meant_model("gemma4:26b", around()), "ollama:gemma4:26b");
  EXPECT_EQ(meant_model("unsloth/Qwen3-GGUF:Q8_0", around()), "hf:unsloth/Qwen3-GGUF:Q8_0");
  EXPECT_EQ(meant_model("model.gguf", around()), "");
  EXPECT_EQ(meant_model("me/broken", around()), "");
}

TEST_F(Find, RefusesDamage) {
  expect_error(found("hf:me/broken:Q4_0"), Code::kCorrupt, "its link leads nowhere");
  EXPECT_EQ(hint("hf:me/broken"), "`hf download me/broken m-Q4_0.gguf` fetches what is missing");
}

TEST_F(Find, RefusesWhatIsNoName) {
  for (const auto* name : {"ollama:", "hf:", "hf:repository", "hf:a/b/c", "hf:a/b:", "ollama:x:"})
    expect_error(found(name), Code::kInvalidArgument, "is no name of a model");
  expect_error(found("model.gguf"), Code::kInvalidArgument, "is no name of a model");
}

}  // namespace
}  // namespace coe
