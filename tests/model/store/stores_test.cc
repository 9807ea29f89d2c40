#include "coe/model/store/stores.h"

#include "coe/model/store/about.h"

#include "support/expect.h"
#include "support/model_stores.h"
#include "support/temp_dir.h"
#include "support/tiny_gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace coe {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using testing::expect_error;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kCommit;
using testing::link_in_hub;
using testing::ollama_blob;
using testing::ollama_manifest;
using testing::put;
using testing::put_hub;
using testing::put_model;
using testing::put_ollama;
using ::testing::SizeIs;
using testing::tiny_moe;
using testing::value_of;

class Stores : public ::testing::Test {
 protected:
  Surroundings around() const {
    return {.variables = {{"HOME", dir_.path().string()}}, .ollama_service = dir_ / "service"};
  }
  std::vector<StoredModel> listed(Program program) const {
    return stored_models(program, around());
  }
  static std::vector<std::string> names(const std::vector<StoredModel>& models) {
    std::vector<std::string> out;
    for (const auto& model : models) out.push_back(model.typed());
    return out;
  }

  testing::TempDir dir_;
  Path ollama_ = dir_ / ".ollama/models";
  Path hub_ = dir_ / ".cache/huggingface/hub";
  Path studio_ = dir_ / ".lmstudio/models";
  Path flat_ = dir_ / ".cache/llama.cpp";
};

TEST_F(Stores, AreEmpty_WhereThereAreNone) {
  for (const auto& facts : all_programs()) EXPECT_THAT(listed(facts.program), IsEmpty());
}

TEST_F(Stores, OllamasAreNamedAsItNamesThem) {
  const auto file =
      put_ollama(ollama_, "registry.ollama.ai/library/gemma4/26b", "aa", tiny_moe({}));
  put_ollama(ollama_, "registry.ollama.ai/me/mine/latest", "bb", tiny_moe({}));
  put_ollama(ollama_, "hf.co/unsloth/Qwen3-GGUF/Q4_K_M", "cc", tiny_moe({}));
  put_ollama(dir_ / "service/.ollama/models", "registry.ollama.ai/library/gpt-oss/20b", "dd",
             tiny_moe({}));
  const auto models = listed(Program::kOllama);
  EXPECT_THAT(names(models),
              ElementsAre("ollama:gemma4:26b", "ollama:gpt-oss:20b",
                          "ollama:hf.co/unsloth/Qwen3-GGUF:Q4_K_M", "ollama:me/mine:latest"));
  EXPECT_THAT(models[0].files, ElementsAre(file));
  EXPECT_EQ(models[0].problem, "");
  EXPECT_EQ(models[0].fetch, "ollama pull gemma4:26b");
}

TEST_F(Stores, OllamasLinkedManifestsAreRead) {
  const auto blob = ollama_blob("aa");
  put_model(ollama_ / "blobs" / blob, tiny_moe({}));
  const auto manifest = ollama_blob("ee");
  put(ollama_ / "blobs" / manifest,
      ollama_manifest(blob, std::filesystem::file_size(ollama_ / "blobs" / blob)));
  const Path named = ollama_ / "manifests-v2/ollama.com/library/gemma4/26b";
  std::filesystem::create_directories(named.parent_path());
  std::filesystem::create_symlink("../../../../blobs/" + manifest, named);
  const Path broken = named.parent_path() / "31b";
  std::filesystem::create_symlink("../../../../blobs/" + ollama_blob("ff"), broken);
  const auto models = listed(Program::kOllama);
  ASSERT_THAT(names(models), ElementsAre("ollama:gemma4:26b", "ollama:gemma4:31b"));
  EXPECT_EQ(models[0].problem, "");
  EXPECT_THAT(models[1].problem, HasSubstr("manifest is missing"));
}

TEST_F(Stores, OllamasManifestListGivesTheFileForLlamaCpp) {
  put_model(ollama_ / "blobs" / ollama_blob("aa"), tiny_moe({}));
  const auto bytes = std::filesystem::file_size(ollama_ / "blobs" / ollama_blob("aa"));
  put(ollama_ / "blobs" / ollama_blob("c1"), ollama_manifest(ollama_blob("aa"), bytes));
  put(ollama_ / "manifests-v2/ollama.com/library/gemma4/26b",
      R"({"mediaType":"application/vnd.ollama.manifest.list.v2+json","manifests":[)"
      R"({"runner":"mlx","format":"safetensors","layers":[]},)"
      R"({"runner":"llamacpp","format":"gguf","digest":"sha256:)" +
          ollama_blob("c1").substr(7) + "\"}]}");
  const auto models = listed(Program::kOllama);
  ASSERT_THAT(models, SizeIs(1));
  EXPECT_EQ(models[0].problem, "");
  EXPECT_THAT(models[0].files, ElementsAre(ollama_ / "blobs" / ollama_blob("aa")));
}

TEST_F(Stores, OllamasDamageIsSaid) {
  const Path library = ollama_ / "manifests/registry.ollama.ai/library";
  put(library / "a/missing", ollama_manifest(ollama_blob("01"), 5));
  put(library / "b/partial", ollama_manifest(ollama_blob("02"), 5));
  put(ollama_ / "blobs" / (ollama_blob("02") + "-partial"), "xx");
  put(ollama_ / "blobs" / (ollama_blob("02") + "-partial-0"), "{}");
  put(library / "c/short", ollama_manifest(ollama_blob("03"), 5));
  put(ollama_ / "blobs" / ollama_blob("03"), "GGUF");
  put(library / "d/garbage", "{");
  put(library / "e/cloud", R"({"layers":[]})");
  put(library / "f/mlx",
      R"({"layers":[{"mediaType":"application/vnd.ollama.image.tensor","digest":"x"}]})");
  put(library / "g/outside",
      R"({"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"../../x"}]})");
  put(ollama_ / "blobs" / (ollama_blob("09") + "-partial"), "yyy");
  const auto models = listed(Program::kOllama);
  ASSERT_THAT(models, SizeIs(8));
  EXPECT_EQ(models[0].name, "");  // the pull that no manifest tells of
  EXPECT_THAT(models[0].problem, HasSubstr("unfinished pull of 3 B"));
  EXPECT_THAT(models[1].problem, HasSubstr("is missing"));
  EXPECT_EQ(models[2].problem, "partly downloaded");
  EXPECT_THAT(models[3].problem, HasSubstr("has 4 bytes, its manifest says 5"));
  EXPECT_THAT(models[4].problem, HasSubstr("manifest is damaged"));
  EXPECT_THAT(models[5].problem, HasSubstr("runs on a server"));
  EXPECT_THAT(models[6].problem, HasSubstr("safetensors"));
  EXPECT_THAT(models[7].problem, HasSubstr("manifest is damaged"));
  EXPECT_EQ(models[1].fetch, "ollama pull a:missing");
}

TEST_F(Stores, HubsFilesAreNamedByTheirQuant) {
  const auto repository = std::string("models--unsloth--Qwen3-GGUF");
  const auto q4 = put_hub(hub_, repository, "Qwen3-Q4_K_M.gguf", "b4", tiny_moe({}));
  put_hub(hub_, repository, "Q8_0/Qwen3-Q8_0-00001-of-00002.gguf", "b81", tiny_moe({}));
  put_hub(hub_, repository, "Q8_0/Qwen3-Q8_0-00002-of-00002.gguf", "b82", tiny_moe({}));
  put_hub(hub_, repository, "mmproj-F16.gguf", "bm", tiny_moe({}));
  put(hub_ / "datasets--me--words/snapshots" / kCommit / "x.gguf", "GGUF");
  const auto models = listed(Program::kHub);
  ASSERT_THAT(names(models),
              ElementsAre("hf:unsloth/Qwen3-GGUF:Q4_K_M", "hf:unsloth/Qwen3-GGUF:Q8_0"));
  EXPECT_THAT(models[0].files, ElementsAre(q4));
  EXPECT_EQ(models[0].fetch, "hf download unsloth/Qwen3-GGUF Qwen3-Q4_K_M.gguf");
  EXPECT_THAT(models[1].files, SizeIs(2));
  EXPECT_EQ(models[1].problem, "");
  EXPECT_EQ(models[1].fetch, "hf download unsloth/Qwen3-GGUF --include \"*Q8_0*.gguf\"");
}

TEST_F(Stores, HubsOlderSnapshotsCount) {
  const auto repository = std::string("models--a--b");
  put_model(hub_ / repository / "blobs/old", tiny_moe({}));
  const auto old = link_in_hub(hub_, repository, "m-Q8_0.gguf", "old", "old-commit");
  put_hub(hub_, repository, "m-Q4_0.gguf", "new", tiny_moe({}));
  const auto models = listed(Program::kHub);
  ASSERT_THAT(names(models), ElementsAre("hf:a/b:Q4_0", "hf:a/b:Q8_0"));
  EXPECT_THAT(models[1].files, ElementsAre(old));
}

TEST_F(Stores, HubsDamageIsSaid) {
  link_in_hub(hub_, "models--a--b", "gone-Q4_0.gguf", "blob1");
  link_in_hub(hub_, "models--a--b", "half-Q8_0.gguf", "blob2");
  put(hub_ / "models--a--b/blobs/blob2.incomplete", "12345");
  put_hub(hub_, "models--a--b", "m-Q5_0-00001-of-00002.gguf", "blob3", tiny_moe({}));
  put(hub_ / "models--me--new-GGUF/blobs/blob4.incomplete", "123");
  put(hub_ / "models--me--safetensors/blobs/blob5.incomplete", "123");
  const auto models = listed(Program::kHub);
  ASSERT_THAT(names(models),
              ElementsAre("hf:a/b:Q4_0", "hf:a/b:Q5_0", "hf:a/b:Q8_0", "hf:me/new-GGUF"));
  EXPECT_EQ(models[0].problem, "its link leads nowhere: blobs/blob1 is missing");
  EXPECT_THAT(models[1].problem, HasSubstr("part 2 of 2 is missing"));
  EXPECT_EQ(models[2].problem, "partly downloaded, 5 B so far");
  EXPECT_THAT(models[3].problem, HasSubstr("unfinished download, 3 B so far"));
}

TEST_F(Stores, LmStudiosAreRead) {
  put_model(studio_ / "lmstudio-community/gemma-4-GGUF/gemma-4-Q4_K_M.gguf", tiny_moe({}));
  put_model(studio_ / "lmstudio-community/gemma-4-GGUF/mmproj-gemma-4-BF16.gguf", tiny_moe({}));
  put(studio_ / "lmstudio-community/gemma-4-GGUF/downloading_gemma-4-Q8_0.gguf.part", "1234");
  put(studio_ / "lmstudio-community/gemma-4-GGUF/gemma-4-Q6_K.gguf.part", "1");
  std::filesystem::create_symlink("/nowhere/x.gguf",
                                  studio_ / "lmstudio-community/gemma-4-GGUF/gemma-4-Q5_0.gguf");
  const auto models = listed(Program::kStudio);
  ASSERT_THAT(names(models), ElementsAre("lmstudio:lmstudio-community/gemma-4-GGUF:Q4_K_M",
                                         "lmstudio:lmstudio-community/gemma-4-GGUF:Q5_0",
                                         "lmstudio:lmstudio-community/gemma-4-GGUF:Q6_K",
                                         "lmstudio:lmstudio-community/gemma-4-GGUF:Q8_0"));
  EXPECT_EQ(models[0].problem, "");
  EXPECT_THAT(models[1].problem, HasSubstr("/nowhere/x.gguf"));
  EXPECT_EQ(models[2].problem, "partly downloaded, 1 B so far");
  EXPECT_EQ(models[3].problem, "partly downloaded, 4 B so far");
  EXPECT_EQ(models[3].fetch, "lms get https://huggingface.co/lmstudio-community/gemma-4-GGUF@Q8_0");
}

TEST_F(Stores, LlamasFlatCacheIsRead) {
  put_model(flat_ / "ggml-org_gpt-oss-20b-GGUF_gpt-oss-20b-mxfp4.gguf", tiny_moe({}));
  put(flat_ / "manifest=ggml-org=gpt-oss-20b-GGUF=latest.json",
      R"({"ggufFile":{"rfilename":"gpt-oss-20b-mxfp4.gguf"}})");
  put(flat_ / "manifest=a=b=Q8_0.json", R"({"ggufFile":{"rfilename":"x/m-Q8_0.gguf"}})");
  put(flat_ / "a_c_m-Q4_0.gguf.downloadInProgress", "123");
  put(flat_ / "manifest=a=c=Q4_0.json", R"({"ggufFile":{"rfilename":"m-Q4_0.gguf"}})");
  put(flat_ / "manifest=broken=json=x.json", "{");
  put_model(flat_ / "ai_smollm2_135M-Q4_0.gguf", tiny_moe({}));
  const auto models = listed(Program::kLlama);
  ASSERT_THAT(names(models),
              ElementsAre("llama:a/b:Q8_0", "llama:a/c:Q4_0", "llama:ai_smollm2_135M-Q4_0.gguf",
                          "llama:ggml-org/gpt-oss-20b-GGUF:MXFP4"));
  EXPECT_EQ(models[0].problem, "a_b_x_m-Q8_0.gguf is missing");
  EXPECT_EQ(models[0].fetch, "llama download -hf a/b:Q8_0");
  EXPECT_EQ(models[1].problem, "partly downloaded, 3 B so far");
  EXPECT_EQ(models[2].problem, "");
  EXPECT_EQ(models[3].problem, "");
}

TEST_F(Stores, LlamasNewerBuildsShareTheHubs) {
  put_hub(hub_, "models--a--b", "m-Q4_0.gguf", "b1", tiny_moe({}));
  EXPECT_THAT(names(listed(Program::kLlama)), ElementsAre("llama:a/b:Q4_0"));
}

TEST_F(Stores, AboutReadsTheHeader) {
  auto model = tiny_moe({.architecture = "gemma4", .n_expert = 8, .n_expert_used = 2});
  model.set("general.file_type", gguf::Value::u32(15));
  const auto about = value_of(about_model(write_tiny(dir_ / "m.gguf", model)));
  EXPECT_EQ(about.architecture, "gemma4");
  EXPECT_EQ(about.n_expert, 8);
  EXPECT_EQ(about.n_expert_used, 2);
  EXPECT_EQ(about.quantization, "Q4_K_M");
  model.erase("general.file_type");
  EXPECT_EQ(value_of(about_model(write_tiny(dir_ / "m.gguf", model))).quantization, "F32");
  EXPECT_EQ(value_of(about_model(write_tiny(dir_ / "d.gguf", testing::tiny_dense()))).n_expert, 0);
  model.set("general.architecture", gguf::Value::string("clip"));
  expect_error(about_model(write_tiny(dir_ / "p.gguf", model)), Code::kUnsupported,
               "no model but what goes with one (mmproj)");
}

}  // namespace
}  // namespace coe
