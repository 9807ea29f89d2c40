#include "coe/model/store/repository.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace coe::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

RepositoryFile file_of(std::string path, std::string problem = {}) {
  return {path, Path("/store") / path, 10, std::move(problem)};
}

TEST(QuantOf, ReadsTheEndOfTheName) {
  EXPECT_EQ(quant_of("gemma-4-26b-Q4_K_M.gguf"), "Q4_K_M");
  EXPECT_EQ(quant_of("Q8_0/gemma.q8_0-00001-of-00002.gguf"), "Q8_0");
  EXPECT_EQ(quant_of("gemma-UD-Q4_K_XL.gguf"), "UD-Q4_K_XL");
  EXPECT_EQ(quant_of("gpt-oss-20b-mxfp4.gguf"), "MXFP4");
  EXPECT_EQ(quant_of("gemma-BF16.gguf"), "BF16");
  EXPECT_EQ(quant_of("ocelot-v1-instruct.gguf"), "");
  EXPECT_EQ(quant_of("gemma.gguf"), "");
  EXPECT_EQ(quant_of("gemma-Q4_K_M.safetensors"), "");
}

TEST(ModelName, LeavesOutWhatGoesWithAModel) {
  EXPECT_TRUE(is_model_name("a/gemma-Q4_K_M.gguf"));
  for (const auto* name : {"mmproj-gemma-F16.gguf", "gemma-mmproj.gguf", "gemma.imatrix.gguf",
                           "mtp-gemma-Q8_0.gguf", "config.json", ".gguf"})
    EXPECT_FALSE(is_model_name(name)) << name;
}

TEST(ModelsOf, JoinsParts) {
  const auto models = models_of({file_of("m-Q8_0-00002-of-00002.gguf"),
                                 file_of("m-Q8_0-00001-of-00002.gguf"), file_of("README.md")});
  ASSERT_EQ(models.size(), 1);
  EXPECT_EQ(models[0].problem, "");
  EXPECT_EQ(models[0].bytes, 20);
  EXPECT_THAT(models[0].files, ElementsAre("/store/m-Q8_0-00001-of-00002.gguf",
                                           "/store/m-Q8_0-00002-of-00002.gguf"));
  EXPECT_EQ(label_of(models[0], models), "Q8_0");
}

TEST(ModelsOf, NamesThePartThatIsMissing) {
  const auto models =
      models_of({file_of("m-Q8_0-00001-of-00003.gguf"), file_of("m-Q8_0-00003-of-00003.gguf")});
  ASSERT_EQ(models.size(), 1);
  EXPECT_THAT(models[0].problem, HasSubstr("part 2 of 3 is missing (m-Q8_0-00002-of-00003.gguf)"));
}

TEST(ModelsOf, KeepsTheProblemOfAPart) {
  const auto models = models_of({file_of("m-Q8_0-00001-of-00002.gguf"),
                                 file_of("m-Q8_0-00002-of-00002.gguf", "partly downloaded")});
  ASSERT_EQ(models.size(), 1);
  EXPECT_EQ(models[0].problem, "partly downloaded");
  EXPECT_EQ(models[0].files.size(), 1);
}

TEST(LabelOf, IsThePath_WhereTheQuantIsNotEnough) {
  const auto models = models_of({file_of("a-Q4_K_M.gguf"), file_of("b-Q4_K_M.gguf"),
                                 file_of("b-Q8_0.gguf"), file_of("plain.gguf")});
  std::vector<std::string> labels;
  for (const auto& model : models) labels.push_back(label_of(model, models));
  EXPECT_THAT(labels, ElementsAre("a-Q4_K_M.gguf", "b-Q4_K_M.gguf", "Q8_0", "plain.gguf"));
}

TEST(ModelsOf, TakesNoPartNumberFromAnOrdinaryName) {
  const auto models = models_of({file_of("m-00000-of-00002.gguf"), file_of("m-00003-of-00002.gguf"),
                                 file_of("-00001-of-00002.gguf")});
  EXPECT_EQ(models.size(), 3);
  for (const auto& model : models) EXPECT_THAT(model.problem, IsEmpty());
}

}  // namespace
}  // namespace coe::store
