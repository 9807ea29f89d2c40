#include "coe/college/package/manifest.h"

#include "coe/base/file.h"
#include "coe/base/json.h"
#include "coe/base/result.h"

#include "support/expect.h"
#include "support/json_schema.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace coe {
namespace {

using testing::expect_error;
using testing::JsonSchema;
using testing::value_of;

using Json = nlohmann::ordered_json;

PackageManifest full_manifest() {
  PackageManifest m;
  m.version = "0.1.0";
  m.name = "Tiny \"web\"";
  m.slug = "Tiny-web";
  m.publisher = "me";
  m.model = {.file = "Tiny-web.gguf",
             .name = "Tiny web",
             .architecture = "gemma4",
             .digest = "xxh3:" + std::string(32, '1'),
             .bytes = 123,
             .sha256 = std::string(64, 'a'),
             .n_expert = 4,
             .n_expert_used = 2,
             .n_block = 2,
             .n_ctx_train = 4096,
             .quantization = "Q4_K_M",
             .chat_template_sha256 = std::string(64, 'b')};
  m.parent = {.name = "Tiny",
              .digest = "xxh3:" + std::string(32, '2'),
              .n_expert = 8,
              .file = "tiny.gguf",
              .bytes = 456,
              .sha256 = std::string(64, 'c')};
  m.mask_digest = "xxh3:" + std::string(32, '3');
  m.domain = "web";
  m.recipe = {.mode = "zero", .drop_mtp = true, .name = "given name", .coe_version = "0.0.9"};
  m.engine = "llama.cpp v0.5.0";
  m.engine_revision = "tree";
  m.license = "mit";
  m.base_model = "org/tiny";
  m.thinking = "switch";
  m.n_ctx = 8192;
  m.max_new_tokens = 16384;
  m.profiles = {{.digest = "xxh3:" + std::string(32, '4'),
                 .corpus = "xxh3:" + std::string(32, '5'),
                 .n_token = 99,
                 .engine = "e",
                 .domains = {"web"},
                 .passes = {"domain"}}};
  m.evaluation = PackageEvaluation{.sha256 = std::string(64, 'd'),
                                   .corpus = "xxh3:" + std::string(32, '6'),
                                   .engine = "e",
                                   .n_record = 3,
                                   .n_token = 300};
  m.chat_check = PackageChatCheck{
      .n_question = 8, .n_answer = 7, .n_bad = 1, .max_new_tokens = 64, .passed = true};
  m.missing = {"something"};
  m.files = {{"README.md", 1, std::string(64, 'e')}, {"Tiny-web.gguf", 123, std::string(64, 'a')}};
  return m;
}

std::vector<std::string> violations(const std::string& manifest) {
  const JsonSchema schema(nlohmann::json::parse(
      value_of(read_text(Path(COE_SOURCE_DIR) / "schemas/package.schema.json"))));
  return schema.violations(nlohmann::json::parse(manifest));
}

TEST(Manifest, IsReadAsItWasWritten) {
  const auto text = manifest_text(full_manifest());
  EXPECT_EQ(violations(text), std::vector<std::string>());
  EXPECT_EQ(manifest_text(value_of(parse_manifest(text, "m"))), text);
}

TEST(Manifest, SaysNullForWhatIsNotKnown) {
  PackageManifest m = full_manifest();
  m.parent.file.clear();
  m.parent.sha256.clear();
  m.recipe.drop_mtp.reset();
  m.recipe.name.clear();
  m.license.clear();
  m.base_model.clear();
  m.thinking.clear();
  m.domain.clear();
  m.profiles.clear();
  m.evaluation.reset();
  m.chat_check.reset();
  m.model.quantization.clear();
  m.model.chat_template_sha256.clear();
  const auto text = manifest_text(m);
  EXPECT_EQ(violations(text), std::vector<std::string>());
  const auto json = Json::parse(text);
  for (const auto* key : {"license", "base_model", "thinking", "evaluation", "chat_check"})
    EXPECT_TRUE(json.at(key).is_null()) << key;
  EXPECT_TRUE(json.at("parent").at("bytes").is_null());
  EXPECT_TRUE(json.at("recipe").at("drop_mtp").is_null());
  const auto back = value_of(parse_manifest(text, "m"));
  EXPECT_FALSE(back.recipe.drop_mtp.has_value());
  EXPECT_FALSE(back.evaluation.has_value());
  EXPECT_EQ(back.license, "");
}

// Earlier versions made these.
TEST(Manifest, ReadsAPackageWithoutAChatCheck) {
  auto json = Json::parse(manifest_text(full_manifest()));
  json.erase("chat_check");
  EXPECT_EQ(violations(json.dump()), std::vector<std::string>());
  EXPECT_FALSE(value_of(parse_manifest(json.dump(), "m")).chat_check.has_value());
}

TEST(Manifest, TheSchemaFindsWhatIsWrong) {
  auto json = Json::parse(manifest_text(full_manifest()));
  json["model"]["sha256"] = "none";
  json["thinking"] = "sometimes";
  json.erase("files");
  json["extra"] = 1;
  EXPECT_EQ(violations(json.dump()).size(), 4U);
}

TEST(Manifest, NamesTheKeyOfWhatItRefuses) {
  const auto refused = [](const std::function<void(Json&)>& change, const std::string& part,
                          Code code = Code::kCorrupt) {
    auto json = Json::parse(manifest_text(full_manifest()));
    change(json);
    expect_error(parse_manifest(json.dump(), "m.json"), code, part);
  };
  refused([](Json& j) { j["schema"] = "coe.package/2"; }, "`coe.package/2`", Code::kUnsupported);
  refused([](Json& j) { j["schema"] = "coe.mask/1"; }, "`coe.mask/1`");
  refused([](Json& j) { j.erase("schema"); }, "m.json: its schema is ``");
  refused([](Json& j) { j.erase("slug"); }, "m.json: `slug` is missing");
  refused([](Json& j) { j["model"]["bytes"] = -1; }, "`model.bytes` is no count");
  refused([](Json& j) { j["model"]["n_expert"] = 1ULL << 40; }, "`model.n_expert` is no count");
  refused([](Json& j) { j["model"] = 1; }, "`model` is no object");
  refused([](Json& j) { j["chat_check"] = 1; }, "`chat_check` is no object");
  refused([](Json& j) { j["chat_check"]["n_bad"] = -1; }, "`chat_check.n_bad` is no count");
  refused([](Json& j) { j["chat_check"].erase("passed"); }, "`chat_check.passed` is missing");
  refused([](Json& j) { j["parent"]["name"] = nullptr; }, "`parent.name` is no text");
  refused([](Json& j) { j["recipe"]["drop_mtp"] = "yes"; }, "`recipe.drop_mtp` is neither");
  refused([](Json& j) { j["recipe"]["mode"] = "half"; }, "`recipe.mode` `half` is unknown");
  refused([](Json& j) { j["sampling"]["top_p"] = "x"; }, "`sampling.top_p` is no number");
  refused([](Json& j) { j["sampling"]["top_p"] = 1e39; }, "`sampling.top_p` is no number");
  refused([](Json& j) { j["sampling"]["top_p"] = -0.5; }, "`sampling.top_p` is no number");
  refused([](Json& j) { j["missing"] = 1; }, "`missing` is no list");
  refused([](Json& j) { j["profiles"] = {1}; }, "`profiles` is no list of objects");
  refused([](Json& j) { j["files"] = Json::array(); }, "`files` is no list of files");
  refused([](Json& j) { j["files"][0]["sha256"] = "abc"; }, "is no SHA-256");
  refused([](Json& j) { j["model"]["file"] = "other.gguf"; }, "is not among `files`");
  for (const auto* path : {"../x", "/etc/passwd", "a/../../x", "./a", "a//b", "", "a\\b"})
    refused([&](Json& j) { j["files"][0]["path"] = path; }, "leads out of the package");
  expect_error(parse_manifest("[]", "m.json"), Code::kCorrupt, "is no JSON object");
  expect_error(parse_manifest("{", "m.json"), Code::kCorrupt, "is no JSON object");
}

TEST(Manifest, GivesTheCommandThatRebuilds) {
  auto m = full_manifest();
  EXPECT_EQ(rebuild_command(m),
            (std::vector<std::string>{"coe", "prune", "-m", "tiny.gguf", "--mask", "mask.json",
                                      "--mode", "zero", "--drop-mtp", "--name", "given name", "-o",
                                      "Tiny-web.gguf"}));
  m.recipe = {.mode = "slice", .drop_mtp = {}, .name = {}, .coe_version = "0.1.0"};
  m.parent.file.clear();
  EXPECT_EQ(rebuild_command(m),
            (std::vector<std::string>{"coe", "prune", "-m", "PARENT.gguf", "--mask", "mask.json",
                                      "-o", "Tiny-web.gguf"}));
  m.recipe.n_used = 6;
  EXPECT_EQ(rebuild_command(m),
            (std::vector<std::string>{"coe", "prune", "-m", "PARENT.gguf", "--mask", "mask.json",
                                      "--experts-used", "6", "-o", "Tiny-web.gguf"}));
}

}  // namespace
}  // namespace coe
