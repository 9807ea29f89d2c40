// Each way in which a package can be wrong is caught by its own name.
#include "coe/college/package/check.h"

#include "coe/base/file.h"
#include "coe/base/json.h"
#include "coe/base/sha256.h"
#include "coe/mask/keep_mask.h"

#include "college/package/package_fixture.h"
#include "support/ollama_form.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace coe {
namespace {

using testing::expect_error;
using testing::expect_ok;
using testing::gemma_library;
using testing::gemma_parent;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Off;
using testing::PackageTest;
using testing::value_of;
using testing::write_tiny;

using Json = nlohmann::ordered_json;

class CheckTest : public PackageTest {
 protected:
  CheckTest() {
    auto with = options();
    with.parent = dir_ / "parent.gguf";
    with.license = "mit";
    report_ = value_of(make(with));
  }

  PackageProof check(const Path& parent = {}) const {
    return value_of(check_package(dir_ / "out", parent, library_, silent_observer()));
  }

  // Breaks the link first: the child is not to change.
  void write(const std::string& name, const std::string& text) const {
    std::filesystem::remove(dir_ / "out" / name);
    expect_ok(write_file(dir_ / "out" / name, text, Overwrite::kRefuse));
  }

  void replace(const std::string& name, const std::string& from, const std::string& to) const {
    auto text = read("out/" + name);
    const auto at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    write(name, text);
  }

  // As one who wants to hide a change would: with the hash of what is there now.
  void adjust_manifest(const std::string& name) const {
    auto json = Json::parse(read("out/manifest.json"));
    const auto text = read("out/" + name);
    for (auto& file : json.at("files")) {
      if (file.at("path") != name) continue;
      file["bytes"] = text.size();
      file["sha256"] = sha256_of(text);
    }
    write("manifest.json", json.dump(2) + "\n");
  }

  // The named check fails, with words that hold `part` at `where`.
  void expect_found(const PackageProof& proof, const std::string& name, const std::string& where,
                    const std::string& part) const {
    EXPECT_FALSE(proof.ok());
    const auto* check = proof.find(name);
    ASSERT_NE(check, nullptr) << name;
    EXPECT_EQ(check->state, CheckState::kFailed) << name;
    ASSERT_FALSE(check->findings.empty()) << name;
    std::string all;
    for (const auto& finding : check->findings)
      all += finding.where + ": " + finding.message + "\n";
    EXPECT_THAT(all, HasSubstr(where));
    EXPECT_THAT(all, HasSubstr(part));
  }

  std::string model() const { return report_.manifest.model.file; }

  PackageReport report_;
};

TEST_F(CheckTest, AGoodPackageIsProven) {
  const auto proof = check(dir_ / "parent.gguf");
  EXPECT_TRUE(proof.ok());
  std::vector<std::string> names;
  for (const auto& c : proof.checks) {
    names.push_back(c.name);
    EXPECT_EQ(c.state, c.name == "chat" ? CheckState::kNotRun : CheckState::kOk) << c.name;
    EXPECT_TRUE(c.findings.empty()) << c.name;
  }
  EXPECT_EQ(names,
            (std::vector<std::string>{"manifest", "files", "model", "mask", "modelfile", "renderer",
                                      "template", "chat", "card", "presets", "rebuild"}));
  // The model has two names in it and is read once.
  EXPECT_LT(proof.bytes_hashed, 2 * report_.manifest.model.bytes);
}

class ChatCheckTest : public CheckTest {
 protected:
  // A package with the chat check of a child of which `n_bad` of two answers are bad.
  void make_with_chats(int n_bad) {
    put_chats(n_bad);
    auto with = options();
    with.overwrite = Overwrite::kAllow;
    report_ = value_of(make(with));
  }
  PackageProof check_with(const std::string& reply, bool ask = true) const {
    const auto library = gemma_library(Off::kClosedBlock, reply);
    return value_of(check_package(dir_ / "out", {}, library, silent_observer(), ask));
  }
};

TEST_F(ChatCheckTest, AsksTheQuestionsAgain) {
  make_with_chats(0);
  const auto proof = check_with("yes");
  EXPECT_TRUE(proof.ok());
  EXPECT_EQ(proof.find("chat")->state, CheckState::kOk);
  EXPECT_EQ(proof.find("chat")->said, "its 2 questions are answered with thinking off");
  expect_found(check_with("<|channel>thought\nhm<channel|>"), "chat", model(),
               "does not answer well, though the manifest says so: 2 of 2 answers: 2 think");
  const auto unasked = check_with("", false);
  EXPECT_TRUE(unasked.ok());
  EXPECT_EQ(unasked.find("chat")->state, CheckState::kNotRun);
}

TEST_F(ChatCheckTest, AModelThatIsSaidToFailMayFail) {
  make_with_chats(2);
  const auto proof = check_with("<|channel>thought\nhm<channel|>");
  EXPECT_TRUE(proof.ok());
  EXPECT_THAT(proof.find("chat")->said,
              HasSubstr("does not answer well, as the manifest says: 2 of 2 answers"));
  EXPECT_TRUE(check_with("yes").ok());
}

TEST_F(ChatCheckTest, AnEditedCheckIsCaught) {
  make_with_chats(2);
  replace("chat-check.json", "\"thinks\": true", "\"thinks\": false");
  adjust_manifest("chat-check.json");
  expect_found(check_with("yes"), "chat", "chat-check.json",
               "says another thing than the manifest");
  write("chat-check.json", "[]");
  expect_found(check_with("yes"), "chat", "chat-check.json", "is no JSON object");
  write("chat-check.json", R"({"schema":"coe.chat-check/1"})");
  expect_found(check_with("yes"), "chat", "chat-check.json", "cannot be read");
  std::filesystem::remove(dir_ / "out" / "chat-check.json");
  const auto missing = check_with("yes");
  expect_found(missing, "files", "chat-check.json", "is missing");
  expect_found(missing, "chat", "chat-check.json", "");
}

TEST_F(CheckTest, WithoutTheParentTheRebuildIsNotRun) {
  const auto proof = check();
  EXPECT_TRUE(proof.ok());
  EXPECT_EQ(proof.find("rebuild")->state, CheckState::kNotRun);
}

TEST_F(CheckTest, MovesWithItsFolder) {
  std::filesystem::rename(dir_ / "out", dir_ / "elsewhere");
  EXPECT_TRUE(value_of(check_package(dir_ / "elsewhere/", dir_ / "parent.gguf", library_,
                                     silent_observer()))
                  .ok());
}

TEST_F(CheckTest, ASwappedFileIsCaught) {
  write_models(gemma_parent(), {.name = "Another"});
  write(model(), read("child.gguf"));
  const auto proof = check(dir_ / "parent.gguf");
  expect_found(proof, "files", model(), "is not the file that was packaged");
  expect_found(proof, "model", model(), "its name is another than the manifest says (Another vs");
  expect_found(proof, "rebuild", model(), "differs from what parent and mask give at byte");
}

TEST_F(CheckTest, AChangedByteIsCaughtAndNamed) {
  auto bytes = read("out/" + model());
  const auto file = value_of(gguf::GgufFile::open(dir_ / "child.gguf"));
  const auto& tensor = file.header().tensors.back();
  bytes[static_cast<std::size_t>(file.position(tensor))] ^= 1;
  write(model(), bytes);
  const auto proof = check(dir_ / "parent.gguf");
  expect_found(proof, "files", model(), "is not the file that was packaged (SHA-256");
  expect_found(proof, "rebuild", model(), "in " + tensor.name);
}

TEST_F(CheckTest, ACutFileIsCaught) {
  auto bytes = read("out/" + model());
  bytes.resize(bytes.size() - 1);
  write(model(), bytes);
  const auto proof = check(dir_ / "parent.gguf");
  expect_found(proof, "files", model(), "has another size than the manifest says");
  EXPECT_EQ(proof.find("model")->state, CheckState::kFailed);
}

TEST_F(CheckTest, AMissingFileIsCaught) {
  std::filesystem::remove(dir_ / "out" / model());
  const auto proof = check(dir_ / "parent.gguf");
  expect_found(proof, "files", model(), "is missing");
  expect_found(proof, "model", model(), "cannot open");
  expect_found(proof, "rebuild", model(), "cannot open");
  EXPECT_EQ(proof.find("template")->state, CheckState::kNotRun);
}

TEST_F(CheckTest, AStrangerIsCaught) {
  write("extra.txt", "x");
  expect_found(check(), "files", "extra.txt", "is not in the manifest");
}

TEST_F(CheckTest, ALinkInPlaceOfAFileIsCaught) {
  std::filesystem::remove(dir_ / "out" / "mask.json");
  std::filesystem::create_symlink(dir_ / "child.gguf", dir_ / "out" / "mask.json");
  expect_found(check(), "files", "mask.json", "is no ordinary file");
}

TEST_F(CheckTest, AnEditedMaskIsCaught) {
  const auto parent = value_of(gguf::GgufFile::open(dir_ / "parent.gguf"));
  const auto moe = value_of(describe_moe(parent));
  write("mask.json", mask_to_json(testing::web_mask(moe, 1), false));
  adjust_manifest("mask.json");
  const auto proof = check(dir_ / "parent.gguf");
  expect_found(proof, "mask", "mask.json", "keeps other experts than the manifest says");
  expect_found(proof, "mask", "mask.json", "is not the mask of the child: layer 0 has 1 and not 0");
  expect_found(proof, "rebuild", "manifest.json", "give another file than it says");
  EXPECT_EQ(proof.find("files")->state, CheckState::kOk);
}

TEST_F(CheckTest, AMaskOfTheSameExpertsThatSaysElseIsCaught) {
  replace("mask.json", "\"web\"", "\"law\"");
  auto text = read("out/mask.json");
  const auto at = text.find("  \"checksum\"");
  text.erase(at, text.find('\n', at) + 1 - at);
  write("mask.json", text);
  adjust_manifest("mask.json");
  const auto proof = check(dir_ / "parent.gguf");
  expect_found(proof, "mask", "mask.json", "but is not the text that the child carries");
  expect_found(proof, "rebuild", model(), "in its header");
}

TEST_F(CheckTest, ADamagedMaskIsCaught) {
  write("mask.json", "{");
  expect_found(check(dir_ / "parent.gguf"), "mask", "mask.json", "mask.json");
}

TEST_F(CheckTest, AMissingRendererIsCaught) {
  replace("Modelfile", "RENDERER gemma4-large\n", "");
  adjust_manifest("Modelfile");
  const auto proof = check();
  expect_found(proof, "renderer", "Modelfile", "RENDERER is missing");
  EXPECT_EQ(proof.find("files")->state, CheckState::kOk);
  EXPECT_EQ(proof.find("modelfile")->state, CheckState::kOk);
}

TEST_F(CheckTest, AWrongRendererIsCaught) {
  replace("Modelfile", "RENDERER gemma4-large", "RENDERER gemma4");
  expect_found(check(), "renderer", "Modelfile",
               "RENDERER is gemma4 and not gemma4-large: Ollama would choose by the model's name");
  replace("Modelfile", "RENDERER gemma4\n", "RENDERER gemma4-small\n");
  expect_found(check(), "renderer", "Modelfile", "it renders another template than the file's");
}

TEST_F(CheckTest, AMissingOrWrongParserIsCaught) {
  replace("Modelfile", "PARSER gemma4\n", "PARSER qwen3\n");
  expect_found(check(), "renderer", "Modelfile", "PARSER is qwen3 and not gemma4");
  replace("Modelfile", "PARSER qwen3\n", "");
  expect_found(check(), "renderer", "Modelfile", "PARSER is missing");
}

TEST_F(CheckTest, NamesThatOllamaDoesNotKnowAreCaught) {
  const auto original = read("out/Modelfile");
  const auto found = [&](const std::string& from, const std::string& to, const std::string& where,
                         const std::string& part) {
    write("Modelfile", original);
    replace("Modelfile", from, to);
    expect_found(check(), "modelfile", where, part);
  };
  found("RENDERER gemma4-large", "RENDERER gemma5", "Modelfile:5", "`gemma5` is no renderer");
  found("PARSER gemma4", "PARSER gemma5", "Modelfile:6", "`gemma5` is no parser");
  found("PARAMETER top_k 64", "PARAMETER think false", "Modelfile:9",
        "there is no parameter `think`");
  found("PARAMETER top_k 64", "PARAMETER topk 64", "Modelfile:9", "`topk` is no parameter");
  found("PARAMETER top_k 64", "PARAMETER top_k 6.4", "Modelfile:9", "`6.4` is no value for top_k");
  found("PARAMETER top_p 0.95", "PARAMETER top_p much", "Modelfile:10",
        "`much` is no value for top_p");
  found("stop \"<turn|>\"", "stop \"</s>\"", "Modelfile:7", "`</s>` is no token that ends a turn");
  found("FROM ./", "FROM ./../", "Modelfile:4", "FROM names ./../");
  found("LICENSE", "FROM other\nLICENSE", "Modelfile:15", "is a second FROM");
  found("LICENSE", "TEMPLATE {{ .Prompt }}\nLICENSE", "Modelfile:15", "template is nothing");
  found("LICENSE", "THINK off\nLICENSE", "Modelfile:15", "`THINK` is no instruction");
  found("LICENSE \"mit\"", "LICENSE \"mit", "Modelfile:15", "has no closing quotation mark");
}

TEST_F(CheckTest, AModelfileThatCannotBeReadHasNoRenderer) {
  write("Modelfile", "FROM");
  const auto proof = check();
  expect_found(proof, "modelfile", "Modelfile", "is no instruction");
  EXPECT_EQ(proof.find("renderer")->state, CheckState::kNotRun);
}

TEST_F(CheckTest, AWrongTemplateIsCaught) {
  // The same tensors, and another template: the parent's digest does not see it.
  auto other = gemma_parent();
  other.set("tokenizer.chat_template", gguf::Value::string("{{ messages }}<turn|>"));
  write_models(other);
  write(model(), read("child.gguf"));
  adjust_manifest(model());
  write_models(gemma_parent());
  const auto proof = check(dir_ / "parent.gguf");
  expect_found(proof, "template", model(),
               "its chat template (tokenizer.chat_template) is another than was packaged");
  expect_found(proof, "renderer", "Modelfile", "RENDERER is gemma4-large and not gemma4-small");
  expect_found(proof, "rebuild", model(), "(tokenizer.chat_template is not the parent's)");
}

TEST_F(CheckTest, ATemplateThatStillThinksIsCaught) {
  library_ = gemma_library(Off::kOpenBlock);
  expect_found(check(), "template", model(), "does not switch thinking off");
  library_ = gemma_library(Off::kNothing);
  expect_found(check(), "template", model(), "does not switch thinking off");
}

TEST_F(CheckTest, ATemplateThatAlwaysThinksIsWhatItsManifestSays) {
  library_ = gemma_library(Off::kNothing);
  auto json = Json::parse(read("out/manifest.json"));
  json["thinking"] = "always";
  write("manifest.json", json.dump());
  const auto proof = check();
  EXPECT_THAT(proof.find("template")->said, HasSubstr("always thinks, as the manifest says"));
  json["thinking"] = "none";
  write("manifest.json", json.dump());
  library_ = gemma_library();
  expect_found(check(), "template", model(),
               "thinking is `switch` in its chat template and `none`");
}

TEST_F(CheckTest, AnEditedCardIsCaught) {
  const auto original = read("out/README.md");
  replace("README.md", "license: mit", "license: apache-2.0");
  expect_found(check(), "card", "README.md", "`license` is `apache-2.0` and in the manifest `mit`");
  write("README.md", original);
  replace("README.md", "---\n", "");
  expect_found(check(), "card", "README.md:1", "is not the `---`");
  write("README.md", original);
  replace("README.md", report_.manifest.model.sha256, std::string(64, '0'));
  expect_found(check(), "card", "README.md", "does not name the model's SHA-256");
}

TEST_F(CheckTest, AnEditedPresetIsCaught) {
  replace("llama-server.ini", "reasoning = off", "reasoning = on");
  expect_found(check(), "presets", "llama-server.ini:9", "is not what coe writes");
  replace("llama-swap.yaml", "--reasoning off", "--reasoning on");
  expect_found(check(), "presets", "llama-swap.yaml:", "is not what coe writes");
}

TEST_F(CheckTest, APackageOfAnotherVersionOfCoeIsRebuilt) {
  // A coe of another version made the child: it says so in its records.
  write_models(gemma_parent(), {.version = "9.9.9"});
  auto with = options();
  with.overwrite = Overwrite::kAllow;
  EXPECT_EQ(value_of(make(with)).manifest.recipe.coe_version, "9.9.9");
  EXPECT_TRUE(check(dir_ / "parent.gguf").ok());
}

TEST_F(CheckTest, RebuildsACutWithANameAndWithoutMtp) {
  auto model = testing::tiny_moe({.architecture = "glm4moe",
                                  .name = "Tiny",
                                  .n_block = 3,
                                  .selection_bias = true,
                                  .shared_expert = true,
                                  .gating = 2,
                                  .n_mtp = 1});
  model.set("glm4moe.context_length", gguf::Value::u32(4096));
  for (const bool drop : {false, true})
    for (const auto mode : {SurgeryMode::kSlice, SurgeryMode::kZero}) {
      write_models(model, {.mode = mode, .drop_mtp = drop, .name = "Mine"});
      for (const auto& parent : {Path(), dir_ / "parent.gguf"}) {
        auto with = options();
        with.overwrite = Overwrite::kAllow;
        with.parent = parent;
        ASSERT_TRUE(make(with));
        const auto proof = check(dir_ / "parent.gguf");
        EXPECT_TRUE(proof.ok());
        EXPECT_EQ(proof.find("rebuild")->state, CheckState::kOk);
      }
    }
}

TEST_F(CheckTest, RebuildsAChildThatUsesFewerExperts) {
  write_models(gemma_parent(), {.n_used = 1});
  auto with = options();
  with.overwrite = Overwrite::kAllow;
  const auto report = value_of(make(with));
  EXPECT_EQ(report.manifest.recipe.n_used, 1U);
  EXPECT_EQ(report.manifest.model.n_expert_used, 1U);
  const auto proof = check(dir_ / "parent.gguf");
  EXPECT_TRUE(proof.ok());
  EXPECT_EQ(proof.find("rebuild")->state, CheckState::kOk);
}

// llama.cpp's own programs do not load a file with a tower: nothing in the package says that they
// do.
TEST_F(CheckTest, AChildWithATowerIsForOllamaAndCoe) {
  auto model = gemma_parent();
  testing::add_tower(model);
  write_models(model);
  auto with = options();
  with.overwrite = Overwrite::kAllow;
  with.parent = dir_ / "parent.gguf";
  const auto report = value_of(make(with));
  EXPECT_TRUE(report.manifest.model.needs_text_part);
  ASSERT_EQ(report.uses.size(), 2U);
  EXPECT_EQ(report.uses[0].program, "Ollama");
  EXPECT_EQ(report.uses[1].program, "coe serve");
  for (const auto* gone : {"llama-server.ini", "llama-swap.yaml", "lmstudio"})
    EXPECT_FALSE(std::filesystem::exists(dir_ / "out" / gone)) << gone;
  EXPECT_THAT(read("out/README.md"), Not(HasSubstr("\nllama-server ")));
  EXPECT_THAT(read("out/README.md"), HasSubstr("coe serve " + report.manifest.model.file));
  auto proof = check(dir_ / "parent.gguf");
  EXPECT_TRUE(proof.ok());
  EXPECT_EQ(proof.find("presets")->state, CheckState::kNotRun);
  EXPECT_EQ(proof.find("rebuild")->state, CheckState::kOk);

  auto manifest = Json::parse(read("out/manifest.json"));
  manifest["model"].erase("needs_text_part");
  write("manifest.json", manifest.dump());
  proof = check({});
  EXPECT_EQ(proof.find("model")->state, CheckState::kFailed);
}

TEST_F(CheckTest, RefusesWhatIsNoPackage) {
  const auto error = [&](const Path& folder, Code code, const std::string& part) {
    expect_error(check_package(folder, {}, library_, silent_observer()), code, part);
  };
  error(dir_ / "none", Code::kNotFound, "is no folder");
  error(dir_.path(), Code::kNotFound, "manifest.json");
  write("manifest.json", "{}");
  error(dir_ / "out", Code::kCorrupt, "manifest.json");
}

TEST_F(CheckTest, RefusesAnotherParent) {
  auto other = gemma_parent();
  other.tensors.front().bytes.front() ^= std::byte{1};
  expect_error(check_package(dir_ / "out", write_tiny(dir_ / "other.gguf", other), library_,
                             silent_observer()),
               Code::kMismatch, "other.gguf: is not the parent of this package");
}

}  // namespace
}  // namespace coe
