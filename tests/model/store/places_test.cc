#include "coe/model/store/places.h"

#include "support/model_stores.h"
#include "support/temp_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace coe {
namespace {

using ::testing::ElementsAre;
using testing::put;

Surroundings at_home(std::map<std::string, std::string, std::less<>> more = {}) {
  Surroundings around{.variables = std::move(more)};
  around.variables.emplace("HOME", "/home/me");
  return around;
}

TEST(ModelFolders, AreTheProgramsOwn_WithoutVariables) {
  const auto around = at_home();
  EXPECT_THAT(model_folders(Program::kOllama, around),
              ElementsAre("/home/me/.ollama/models", "/usr/share/ollama/.ollama/models"));
  EXPECT_THAT(model_folders(Program::kHub, around), ElementsAre("/home/me/.cache/huggingface/hub"));
  EXPECT_THAT(model_folders(Program::kStudio, around), ElementsAre("/home/me/.lmstudio/models"));
  EXPECT_THAT(model_folders(Program::kLlama, around),
              ElementsAre("/home/me/.cache/llama.cpp", "/home/me/.cache/huggingface/hub"));
}

TEST(ModelFolders, AreTheMacs) {
  auto around = at_home();
  around.mac = true;
  EXPECT_THAT(model_folders(Program::kOllama, around), ElementsAre("/home/me/.ollama/models"));
  EXPECT_THAT(model_folders(Program::kLlama, around),
              ElementsAre("/home/me/Library/Caches/llama.cpp", "/home/me/.cache/huggingface/hub"));
}

TEST(ModelFolders, FollowVariables) {
  EXPECT_THAT(model_folders(Program::kOllama, at_home({{"OLLAMA_MODELS", "\"/disk/ollama\" "}})),
              ElementsAre("/disk/ollama", "/usr/share/ollama/.ollama/models"));
  EXPECT_THAT(model_folders(Program::kHub, at_home({{"XDG_CACHE_HOME", "/x"}})),
              ElementsAre("/x/huggingface/hub"));
  EXPECT_THAT(
      model_folders(Program::kHub, at_home({{"HF_HOME", "~/hf"}, {"XDG_CACHE_HOME", "/x"}})),
      ElementsAre("/home/me/hf/hub"));
  EXPECT_THAT(model_folders(Program::kHub,
                            at_home({{"HUGGINGFACE_HUB_CACHE", "/old"}, {"HF_HOME", "/hf"}})),
              ElementsAre("/old"));
  EXPECT_THAT(model_folders(Program::kHub,
                            at_home({{"HF_HUB_CACHE", "/new"}, {"HUGGINGFACE_HUB_CACHE", "/old"}})),
              ElementsAre("/new"));
  EXPECT_THAT(model_folders(Program::kLlama, at_home({{"LLAMA_CACHE", "/l"}})), ElementsAre("/l"));
  EXPECT_THAT(model_folders(Program::kLlama, at_home({{"XDG_CACHE_HOME", "/x"}})),
              ElementsAre("/x/llama.cpp", "/x/huggingface/hub"));
}

TEST(ModelFolders, FollowLmStudiosPointerAndSettings) {
  const testing::TempDir dir;
  const auto around = at_home({{"HOME", dir.path().string()}});
  EXPECT_THAT(model_folders(Program::kStudio, around), ElementsAre(dir / ".lmstudio/models"));
  std::filesystem::create_directories(dir / ".cache/lm-studio");
  EXPECT_THAT(model_folders(Program::kStudio, around),
              ElementsAre(dir / ".cache/lm-studio/models"));
  put(dir / ".lmstudio-home-pointer", (dir / "studio").string() + "\n");
  EXPECT_THAT(model_folders(Program::kStudio, around), ElementsAre(dir / "studio/models"));
  put(dir / "studio/settings.json", R"({"downloadsFolder": "/disk/models"})");
  EXPECT_THAT(model_folders(Program::kStudio, around), ElementsAre("/disk/models"));
  put(dir / "studio/settings.json", "not JSON");
  EXPECT_THAT(model_folders(Program::kStudio, around), ElementsAre(dir / "studio/models"));
}

}  // namespace
}  // namespace coe
