#include "coe/college/package/package.h"

#include "coe/base/file.h"
#include "coe/base/hash.h"
#include "coe/base/json.h"
#include "coe/base/sha256.h"
#include "coe/college/package/check.h"
#include "coe/college/package/front_matter.h"
#include "coe/engine/no_engine.h"

#include "college/package/package_fixture.h"
#include "college/package/reference_modelfile.h"
#include "support/json_schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace coe {
namespace {

using ::testing::ElementsAre;
using testing::expect_error;
using testing::expect_ok;
using testing::gemma_library;
using testing::gemma_parent;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::JsonSchema;
using ::testing::Not;
using testing::Off;
using testing::OllamaCommand;
using testing::PackageTest;
using testing::read_as_ollama;
using testing::value_of;
using testing::write_tiny;

using Json = nlohmann::ordered_json;

class Warnings : public Observer {
 public:
  void warning(std::string_view message) override { all += std::string(message) + "\n"; }
  std::string all;
};

std::string text_of(const gguf::GgufFile& file, std::string_view key) {
  return std::string(file.header().find_key(key)->as_string().value());
}

std::vector<std::string> files_in(const Path& folder) {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file())
      out.push_back(entry.path().lexically_relative(folder).generic_string());
  std::ranges::sort(out);
  return out;
}

const std::string kName = "Tiny-Gemma-web-4-of-8-experts";
const std::string kFile = kName + "-Q4_K_M.gguf";

TEST_F(PackageTest, HasAFileForEachProgram) {
  const auto report = value_of(make(options()));
  EXPECT_THAT(files_in(dir_ / "out"),
              ElementsAre("Modelfile", "README.md", kFile, "llama-server.ini", "llama-swap.yaml",
                          "lmstudio/coe/" + kName + "/" + kFile, "manifest.json", "mask.json"));
  EXPECT_EQ(report.placement, Placement::kHardLink);
  EXPECT_EQ(std::filesystem::hard_link_count(dir_ / "child.gguf"), 3U);
  EXPECT_EQ(report.manifest.model.sha256, sha256_of(read("child.gguf")));
  const auto child = value_of(gguf::GgufFile::open(dir_ / "child.gguf"));
  EXPECT_EQ(read("out/mask.json"), text_of(child, "coe.mask"));
  EXPECT_EQ(read("out/llama-server.ini"),
            "; Run in this folder, for the model's path counts from there:\n"
            "; llama-server --models-preset llama-server.ini\n"
            "version = 1\n\n[" +
                kName + "]\nmodel = ./" + kFile +
                "\nctx-size = 8192\nn-predict = 16384\nreasoning = off\ntemp = 0.6\ntop-k = 64\n"
                "top-p = 0.95\nmin-p = 0\nrepeat-penalty = 1.05\nrepeat-last-n = 1024\n");
}

TEST_F(PackageTest, ModelfileSaysHowTheFamilyIsPrompted) {
  auto with = options();
  with.system = "You write \"web\" pages.\nNothing else.";
  with.license = "apache-2.0";
  ASSERT_TRUE(make(with));
  EXPECT_EQ(read_as_ollama(read("out/Modelfile")),
            (std::vector<OllamaCommand>{{"model", "./" + kFile},
                                        {"renderer", "gemma4-large"},
                                        {"parser", "gemma4"},
                                        {"stop", "<turn|>"},
                                        {"temperature", "0.6"},
                                        {"top_k", "64"},
                                        {"top_p", "0.95"},
                                        {"repeat_penalty", "1.05"},
                                        {"repeat_last_n", "1024"},
                                        {"num_ctx", "8192"},
                                        {"num_predict", "16384"},
                                        {"system", with.system},
                                        {"license", "apache-2.0"}}));
}

TEST_F(PackageTest, ModelfileFollowsTheTemplateAndTheVocabulary) {
  auto model = gemma_parent();
  model.set("tokenizer.chat_template", gguf::Value::string("{{ bos_token }}<eos>"));
  write_models(model);
  ASSERT_TRUE(make(options()));
  EXPECT_THAT(read("out/Modelfile"), HasSubstr("RENDERER gemma4-small\n"));
  EXPECT_THAT(read("out/Modelfile"), HasSubstr("PARAMETER stop \"<eos>\"\n"));
  EXPECT_THAT(read("out/Modelfile"), Not(HasSubstr("<turn|>")));
}

TEST_F(PackageTest, OtherFamiliesGetNoRenderer) {
  auto model = testing::tiny_moe({.name = "Tiny"});
  model.set("qwen3moe.context_length", gguf::Value::u32(4096));
  write_models(model);
  Warnings warnings;
  auto asked = options();
  asked.n_ctx = 8192;
  ASSERT_TRUE(make(asked, warnings));
  EXPECT_THAT(read("out/Modelfile"), Not(HasSubstr("RENDERER")));
  EXPECT_THAT(read("out/README.md"), HasSubstr("no RENDERER and PARSER of Ollama are known"));
  EXPECT_THAT(warnings.all, HasSubstr("no RENDERER and PARSER of Ollama are known for qwen3moe"));
  EXPECT_THAT(warnings.all, HasSubstr("--num-ctx: 8192 is more than the 4096 tokens"));
  EXPECT_THAT(read("out/Modelfile"), HasSubstr("PARAMETER num_ctx 4096\n"));
  const auto proof = value_of(check_package(dir_ / "out", {}, library_, silent_observer()));
  EXPECT_TRUE(proof.ok());
  EXPECT_EQ(proof.find("renderer")->state, CheckState::kNotRun);
}

TEST_F(PackageTest, TakesTheChatCheckIn) {
  put_chats(0);
  const auto good = value_of(make(options()));
  ASSERT_TRUE(good.manifest.chat_check);
  EXPECT_EQ(good.manifest.chat_check->n_answer, 2U);
  EXPECT_TRUE(good.manifest.chat_check->passed);
  EXPECT_THAT(read("out/README.md"),
              HasSubstr("It was asked 2 short questions from held-out text of its domain (1 that "
                        "users asked there, 1 made of other text: \"Continue this\"), greedily"));
  EXPECT_THAT(read("out/README.md"), HasSubstr("none thinks, is empty or loops"));
  EXPECT_EQ(Json::parse(read("out/chat-check.json")).at("child").at("answers").size(), 2U);
  EXPECT_THAT(good.manifest.missing, Not(::testing::Contains(HasSubstr("answers chats"))));
  // Who does not want to give the questions away.
  auto without = options();
  without.overwrite = Overwrite::kAllow;
  without.chat_check = false;
  const auto bare = value_of(make(without));
  EXPECT_FALSE(bare.manifest.chat_check);
  EXPECT_FALSE(std::filesystem::exists(dir_ / "out" / "chat-check.json"));
  EXPECT_THAT(read("out/README.md"), HasSubstr("Not tried: no chat check was beside the file"));

  put_chats(2);
  Warnings warnings;
  auto again = options();
  again.overwrite = Overwrite::kAllow;
  const auto bad = value_of(make(again, warnings));
  EXPECT_FALSE(bad.manifest.chat_check->passed);
  EXPECT_THAT(read("out/README.md"),
              HasSubstr("**It does not answer well**: bad are 2 of 2 answers: 2 think"));
  EXPECT_THAT(warnings.all, HasSubstr("it does not answer chats well (2 of 2 answers"));
}

TEST_F(PackageTest, LeavesAnotherChildsChatCheckOut) {
  put_chats(0);
  auto text = read("child.chat.json");
  const auto expect_left_out = [&](const std::string& why) {
    Warnings warnings;
    auto with = options();
    with.overwrite = Overwrite::kAllow;
    EXPECT_FALSE(value_of(make(with, warnings)).manifest.chat_check);
    EXPECT_THAT(warnings.all, HasSubstr("child.chat.json: left out: " + why));
  };
  put("child.chat.json", text.substr(0, text.size() / 2));
  expect_left_out("it is damaged");
  put("child.chat.json", R"({"schema":"coe.chat-check/1"})");
  expect_left_out("it is damaged");
  auto document = open_sealed_json(text);
  document["mask"] = "xxh3:0";
  put("child.chat.json", sealed_json(document));
  expect_left_out("it is of another mask");
  document["model"] = "xxh3:0";
  put("child.chat.json", sealed_json(document));
  expect_left_out("it is of another parent");
  document["schema"] = "coe.specialize-eval/2";
  put("child.chat.json", sealed_json(document));
  expect_left_out("it is no chat check");
}

TEST_F(PackageTest, SaysWhatIsMissing) {
  const auto report = value_of(make(options()));
  EXPECT_THAT(report.manifest.missing,
              ElementsAre(HasSubstr("the licence"), HasSubstr("the parent's repository"),
                          HasSubstr("the SHA-256 of the parent"), HasSubstr("no evaluation"),
                          HasSubstr("no chat check was beside the file")));
  const auto card = read("out/README.md");
  EXPECT_THAT(card, HasSubstr("| licence | not known |"));
  EXPECT_THAT(card, HasSubstr("Not measured: no evaluation was beside the file"));
  const auto front = value_of(parse_front_matter(card, "card"));
  for (const auto& item : front) {
    EXPECT_NE(item.key, "license");
    EXPECT_NE(item.key, "base_model");
  }
}

TEST_F(PackageTest, TakesWhatTheFilesSay) {
  auto model = gemma_parent();
  model.set("general.license", gguf::Value::string("gemma"));
  model.set("general.repo_url", gguf::Value::string("https://huggingface.co/org/tiny"));
  write_models(model);
  auto with = options();
  with.parent = dir_ / "parent.gguf";
  const auto report = value_of(make(with));
  EXPECT_EQ(report.manifest.license, "gemma");
  EXPECT_EQ(report.manifest.base_model, "org/tiny");
  EXPECT_EQ(report.manifest.parent.sha256, sha256_of(read("parent.gguf")));
  EXPECT_EQ(report.manifest.parent.file, "parent.gguf");
  EXPECT_EQ(report.manifest.recipe.drop_mtp, false);
  EXPECT_THAT(read("out/README.md"),
              HasSubstr("base_model: \"org/tiny\"\nbase_model_relation: quantized\n"
                        "license: gemma\n"));
}

TEST_F(PackageTest, ALicenceThatTheHubDoesNotKnowIsOther) {
  auto with = options();
  with.license = "Our Licence: \"v1\"";
  ASSERT_TRUE(make(with));
  EXPECT_THAT(read("out/README.md"),
              HasSubstr("license: other\nlicense_name: \"Our Licence: \\\"v1\\\"\"\n"));
  EXPECT_TRUE(value_of(check_package(dir_ / "out", {}, library_, silent_observer())).ok());
}

TEST_F(PackageTest, ManifestKeepsToItsSchema) {
  ASSERT_TRUE(make(options()));
  const JsonSchema schema(nlohmann::json::parse(
      value_of(read_text(Path(COE_SOURCE_DIR) / "schemas/package.schema.json"))));
  const auto manifest = nlohmann::json::parse(read("out/manifest.json"));
  EXPECT_THAT(schema.violations(manifest), IsEmpty());
  std::set<std::string> listed = {"manifest.json"};
  for (const auto& file : manifest.at("files")) {
    const auto path = file.at("path").get<std::string>();
    listed.insert(path);
    EXPECT_EQ(file.at("sha256"), sha256_of(read("out/" + path)));
    EXPECT_EQ(file.at("bytes"), std::filesystem::file_size(dir_ / "out" / path));
  }
  const auto there = files_in(dir_ / "out");
  EXPECT_EQ(listed, std::set<std::string>(there.begin(), there.end()));
}

TEST_F(PackageTest, EqualInputsGiveEqualBytes) {
  auto with = options();
  ASSERT_TRUE(make(with));
  with.output = dir_ / "again";
  ASSERT_TRUE(make(with));
  for (const auto& file : files_in(dir_ / "out"))
    EXPECT_EQ(read("out/" + file), read("again/" + file)) << file;
}

// The evaluation's figures by hand: nll 20 and 10 over 10 tokens is a perplexity of e times the
// parent's, 5 nats of KL over them are 0.5, and 8 of 10 first choices are 80 %.
TEST_F(PackageTest, TablesComeFromTheEvaluation) {
  const auto child = value_of(gguf::GgufFile::open(dir_ / "child.gguf"));
  const auto mask = text_of(child, "coe.mask");
  const auto domain = [](const std::string& name, double kl) {
    return Json{{"name", name},
                {"kl_max", 1.0},
                {"logit_diff_max", 1.0},
                {"top1_gap_max", 1.0},
                {"records", {{10, 20.0, 10.0, kl, 8}}}};
  };
  Json eval = {{"schema", "coe.specialize-eval/2"},
               {"settings", "model=x mask=" + digest_of(mask) + " text=y"},
               {"parent", text_of(child, "coe.parent.digest")},
               {"corpus", "xxh3:00000000000000000000000000000009"},
               {"engine", "e|1"},
               {"specialist", {domain("prose", 6.0), domain("web", 5.0)}},
               {"random", {{{"seed", 1}, {"domains", {domain("prose", 7.0), domain("web", 8.0)}}}}},
               {"chats", {{"n_record", 2}, {"n_chat", 0}}}};
  put("child.eval.json", eval.dump());
  const auto report = value_of(make(options()));
  ASSERT_TRUE(report.manifest.evaluation);
  EXPECT_EQ(report.manifest.evaluation->n_record, 2U);
  EXPECT_EQ(report.manifest.evaluation->n_token, 20U);
  EXPECT_EQ(report.manifest.evaluation->sha256, sha256_of(read("child.eval.json")));
  const auto card = read("out/README.md");
  EXPECT_THAT(card,
              HasSubstr("| web (its domain) | 1 | 10 | 2.72 | 0.500 | 80 % [80, 80] | 0.800 | "
                        "too little text |\n| prose | 1 | 10 |"));
  EXPECT_THAT(card, HasSubstr("run by e\\|1."));
  EXPECT_THAT(card, HasSubstr("None of the 2 records was a chat"));

  // One of another mask, another parent, or damaged is left out, and that is said.
  const auto left_out = [&](const std::function<void(Json&)>& change, const std::string& why) {
    auto other = eval;
    change(other);
    put("child.eval.json", other.dump());
    Warnings warnings;
    auto with = options();
    with.overwrite = Overwrite::kAllow;
    const auto again = value_of(make(with, warnings));
    EXPECT_FALSE(again.manifest.evaluation) << why;
    EXPECT_THAT(warnings.all, HasSubstr("child.eval.json: left out: " + why));
  };
  left_out([](Json& j) { j["settings"] = "model=x mask=xxh3:0 text=y"; }, "it is of another mask");
  left_out([](Json& j) { j["parent"] = "xxh3:0"; }, "it is of another parent");
  left_out([](Json& j) { j["schema"] = "coe.eval/1"; }, "it is no evaluation");
  left_out([](Json& j) { j["specialist"][0]["records"] = "none"; }, "it is damaged");
  left_out([](Json& j) { j["specialist"][1].erase("kl_max"); }, "it is damaged");
}

TEST_F(PackageTest, WritesWhatTheTemplateDoesAboutThinking) {
  for (const auto& [off, thinking, words] :
       {std::tuple{Off::kClosedBlock, "switch",
                   "with a closed block before the answer, `<|channel>thought\\n<channel|>`"},
        std::tuple{Off::kNothing, "always", "does not switch thinking off"},
        std::tuple{Off::kOpenBlock, "always", "does not switch thinking off"}}) {
    library_ = gemma_library(off);
    auto with = options();
    with.overwrite = Overwrite::kAllow;
    const auto report = value_of(make(with));
    EXPECT_EQ(report.manifest.thinking, thinking);
    EXPECT_THAT(read("out/README.md"), HasSubstr(words));
  }
}

TEST_F(PackageTest, WorksWithoutAnEngine) {
  const auto report = value_of(make_package(options(), no_engine_library(), silent_observer()));
  EXPECT_EQ(report.manifest.thinking, "");
  EXPECT_EQ(report.manifest.engine, "none");
  EXPECT_THAT(read("out/README.md"), HasSubstr("Not predicted: the coe that packaged it has no"));
  const auto proof =
      value_of(check_package(dir_ / "out", {}, no_engine_library(), silent_observer()));
  EXPECT_TRUE(proof.ok());
  EXPECT_EQ(proof.find("template")->state, CheckState::kNotRun);
}

TEST_F(PackageTest, TextOfTheUsersStaysText) {
  auto with = options();
  with.name = "x\" ]: evil {a: b} | <script> ${env.HOME} `c` --- #";
  ASSERT_TRUE(make(with));
  const auto card = read("out/README.md");
  EXPECT_THAT(card, Not(HasSubstr("<script>")));
  EXPECT_THAT(read("out/llama-swap.yaml"), Not(HasSubstr("env.HOME}")));
  EXPECT_THAT(read("out/llama-server.ini"), HasSubstr("[x-evil-a-b-script-env.HOME-c]\n"));
  EXPECT_TRUE(read_as_ollama(read("out/Modelfile")));
  EXPECT_EQ(Json::parse(read("out/manifest.json")).at("name"), with.name);
  EXPECT_TRUE(value_of(check_package(dir_ / "out", {}, library_, silent_observer())).ok());
}

TEST_F(PackageTest, ANameWithoutLatinLettersHasTheFilesName) {
  auto with = options();
  with.name = "日本語";
  const auto report = value_of(make(with));
  EXPECT_EQ(report.manifest.slug, "child");
  EXPECT_THAT(read("out/README.md"), HasSubstr("# 日本語\n"));
  EXPECT_TRUE(value_of(check_package(dir_ / "out", {}, library_, silent_observer())).ok());
}

TEST_F(PackageTest, TextOfTheFilesStaysText) {
  auto model = gemma_parent();
  model.set("general.name",
            gguf::Value::string("x\n---\nlicense: evil\n[m]\nmodel = /etc \xff `|<b>"));
  model.set("general.license", gguf::Value::string("mit\nbase_model: evil"));
  model.set("general.license.link", gguf::Value::string("https://x\nkey: evil"));
  model.set("general.repo_url", gguf::Value::string("https://huggingface.co/a/b\nevil: c"));
  model.set("tokenizer.ggml.tokens", gguf::Value::strings(std::vector<std::string>{
                                         "a\"\"\"\nFROM evil", "\x03", "<turn|>"}));
  model.set("tokenizer.ggml.eom_token_id", gguf::Value::u32(1));
  model.set("tokenizer.chat_template",
            gguf::Value::string("no tokens, <|channel>thought\n<channel|>"));
  write_models(model);
  auto with = options();
  with.parent = dir_ / "parent.gguf";
  Warnings warnings;
  ASSERT_TRUE(make(with, warnings));
  EXPECT_THAT(warnings.all, HasSubstr("the token `\\x03` that ends turns is left out"));
  const auto commands = read_as_ollama(read("out/Modelfile"));
  ASSERT_TRUE(commands);
  EXPECT_EQ(std::ranges::count(*commands, "model", &OllamaCommand::name), 1);
  const auto card = read("out/README.md");
  const auto front = value_of(parse_front_matter(card, "card"));
  EXPECT_TRUE(std::ranges::none_of(
      front, [](const auto& item) { return item.key == "license" || item.key == "evil"; }));
  EXPECT_THAT(card, Not(HasSubstr("<b>")));
  EXPECT_THAT(read("out/llama-server.ini"), Not(HasSubstr("/etc")));
  const auto proof =
      value_of(check_package(dir_ / "out", dir_ / "parent.gguf", library_, silent_observer()));
  for (const auto& check : proof.checks)
    for (const auto& finding : check.findings)
      EXPECT_EQ(check.name, "") << finding.where << ": " << finding.message;
}

TEST_F(PackageTest, RefusesWordsThatCannotBeWritten) {
  const auto refused = [&](const std::function<void(PackageOptions&)>& change,
                           const std::string& part) {
    auto with = options();
    change(with);
    expect_error(make(with), Code::kInvalidArgument, part);
    EXPECT_FALSE(std::filesystem::exists(dir_ / "out"));
  };
  refused([](auto& o) { o.name = "two\nlines"; }, "--name: `two\\nlines` has control characters");
  refused([](auto& o) { o.name = " "; }, "--name: ` ` is empty");
  refused([](auto& o) { o.license = "mit\nbase_model: evil"; }, "--license");
  refused([](auto& o) { o.publisher = "../me"; }, "--publisher");
  refused([](auto& o) { o.publisher = ""; }, "--publisher");
  refused([](auto& o) { o.base_model = "gemma"; }, "--base-model");
  refused([](auto& o) { o.system = "a\"\"\"\nFROM evil"; }, "--system: line 1 ends in three");
  refused([](auto& o) { o.system = std::string("a\0b", 3); }, "--system: has 1 control character");
}

TEST_F(PackageTest, RefusesWhatIsNoSpecialist) {
  auto with = options();
  with.child = dir_ / "parent.gguf";
  expect_error(make(with), Code::kUnsupported, "does not say what it was cut from");
  with.child = write_tiny(dir_ / "dense.gguf", testing::tiny_dense());
  expect_error(make(with), Code::kUnsupported, "dense.gguf");
  with.child = dir_ / "none.gguf";
  expect_error(make(with), Code::kNotFound, "none.gguf");
  expect_ok(write_file(dir_ / "text.gguf", "no model", Overwrite::kRefuse));
  with.child = dir_ / "text.gguf";
  EXPECT_FALSE(make(with).has_value());
  EXPECT_FALSE(std::filesystem::exists(dir_ / "out"));
  EXPECT_FALSE(std::filesystem::exists(dir_ / ".out.part"));
}

TEST_F(PackageTest, RefusesRecordsThatContradictEachOther) {
  const auto file = value_of(gguf::GgufFile::open(dir_ / "child.gguf"));
  testing::TinyGguf model;
  model.keys = file.header().keys;
  for (const auto& tensor : file.header().tensors)
    model.tensors.push_back({tensor, value_of(file.read_all(tensor))});
  model.set("coe.n_keep", gguf::Value::u32(5));
  auto with = options();
  with.child = write_tiny(dir_ / "odd.gguf", model);
  expect_error(make(with), Code::kCorrupt, "its mask keeps 4 of 8 experts");
}

TEST_F(PackageTest, RefusesASplitModel) {
  write_models(gemma_parent());
  std::filesystem::remove(dir_ / "child.gguf");
  const auto parent = value_of(gguf::GgufFile::open(dir_ / "parent.gguf"));
  const auto moe = value_of(describe_moe(parent));
  SurgeryOptions options;
  options.split_max_bytes = 4096;
  const auto plan = value_of(plan_surgery(parent, moe, testing::web_mask(moe), options));
  expect_ok(apply_plan(parent, plan, dir_ / "split.gguf", Overwrite::kRefuse, silent_observer()));
  auto with = this->options();
  with.child = output_paths(dir_ / "split.gguf", plan).front();
  expect_error(make(with), Code::kUnsupported, "which Ollama cannot import");
}

TEST_F(PackageTest, HoldsTheChildToTheMaskThatIsGiven) {
  const auto parent = value_of(gguf::GgufFile::open(dir_ / "parent.gguf"));
  const auto moe = value_of(describe_moe(parent));
  const auto write_mask = [&](const std::string& name, const KeepMask& mask, bool plain) {
    put(name, mask_to_json(mask, plain));
  };
  auto with = options();
  with.overwrite = Overwrite::kAllow;
  with.mask = dir_ / "given.json";
  write_mask("given.json", testing::web_mask(moe), true);
  EXPECT_TRUE(make(with));
  write_mask("given.json", testing::web_mask(moe, 1), true);
  expect_error(make(with), Code::kMismatch, "layer 0 has 1 and not 0");
  auto other = testing::web_mask(moe);
  other.parent.digest = "xxh3:00000000000000000000000000000007";
  write_mask("given.json", other, false);
  expect_error(make(with), Code::kMismatch, "is a mask of another parent");
  // The one beside the child counts as given.
  with.mask.clear();
  write_mask("child.mask.json", testing::web_mask(moe, 1), false);
  expect_error(make(with), Code::kMismatch, "child.mask.json: is not the mask of");
}

TEST_F(PackageTest, RefusesAnotherParent) {
  auto model = gemma_parent();
  model.tensors.front().bytes.front() ^= std::byte{1};
  auto with = options();
  with.parent = write_tiny(dir_ / "other.gguf", model);
  expect_error(make(with), Code::kMismatch, "other.gguf: is not the parent of");
  EXPECT_FALSE(std::filesystem::exists(dir_ / "out"));
}

TEST_F(PackageTest, RefusesAnOutputAroundItsInputs) {
  auto with = options();
  with.output = dir_.path();
  with.overwrite = Overwrite::kAllow;
  expect_error(make(with), Code::kInvalidArgument, "lies in the output");
  EXPECT_TRUE(std::filesystem::exists(dir_ / "child.gguf"));
}

TEST_F(PackageTest, ReplacesAPackageAndNothingElse) {
  ASSERT_TRUE(make(options()));
  expect_error(make(options()), Code::kExists, "output exists already");
  auto with = options();
  with.overwrite = Overwrite::kAllow;
  with.name = "Another";
  ASSERT_TRUE(make(with));
  EXPECT_TRUE(std::filesystem::exists(dir_ / "out" / "Another-Q4_K_M.gguf"));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "out" / kFile));
  std::filesystem::create_directory(dir_ / "mine");
  expect_ok(write_file(dir_ / "mine" / "letter", "x", Overwrite::kRefuse));
  with.output = dir_ / "mine";
  expect_error(make(with), Code::kInvalidArgument, "which --force does not remove");
  EXPECT_TRUE(std::filesystem::exists(dir_ / "mine" / "letter"));
}

// Says stop, or kills the process, at the n-th question.
class StopsAt : public Observer {
 public:
  StopsAt(int n, bool kills) : n_(n), kills_(kills) {}
  bool cancelled() override {
    if (--n_ > 0) return false;
    if (kills_) ::raise(SIGKILL);
    return true;
  }

 private:
  int n_;
  bool kills_;
};

TEST_F(PackageTest, AnInterruptLeavesNothing) {
  auto with = options();
  with.parent = dir_ / "parent.gguf";
  int n_stopped = 0;
  for (int n = 1; n < 100; ++n) {
    StopsAt observer(n, false);
    const auto report = make(with, observer);
    if (report) break;
    ++n_stopped;
    EXPECT_EQ(report.error().code, Code::kCancelled);
    EXPECT_FALSE(std::filesystem::exists(dir_ / "out"));
    EXPECT_FALSE(std::filesystem::exists(dir_ / ".out.part"));
  }
  EXPECT_GE(n_stopped, 4);
  EXPECT_TRUE(std::filesystem::exists(dir_ / "out"));
}

TEST_F(PackageTest, AKillLeavesNothingUnderTheName) {
  int n_killed = 0;
  for (int n = 1; n < 100; ++n) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      StopsAt observer(n, true);
      ::_exit(make(options(), observer) ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    if (!WIFSIGNALED(status)) {
      EXPECT_EQ(WEXITSTATUS(status), 0);
      break;
    }
    ++n_killed;
    EXPECT_FALSE(std::filesystem::exists(dir_ / "out"));
  }
  EXPECT_GE(n_killed, 3);
  EXPECT_TRUE(value_of(check_package(dir_ / "out", {}, library_, silent_observer())).ok());
  EXPECT_FALSE(std::filesystem::exists(dir_ / ".out.part"));
}

// On another file system there are no hard links to the child.
class OtherDisk {
 public:
  OtherDisk(const Path& at, const std::string& size) : at_(at) {
    std::filesystem::create_directories(at_);
    mounted_ = ::mount("tmpfs", at_.c_str(), "tmpfs", 0, ("size=" + size).c_str()) == 0;
  }
  ~OtherDisk() {
    if (mounted_) ::umount(at_.c_str());
  }
  OtherDisk(const OtherDisk&) = delete;
  OtherDisk& operator=(const OtherDisk&) = delete;
  bool mounted() const { return mounted_; }

 private:
  Path at_;
  bool mounted_ = false;
};

TEST_F(PackageTest, CopiesToAnotherFileSystem) {
  const OtherDisk disk(dir_ / "disk", "4m");
  if (!disk.mounted()) GTEST_SKIP() << "a mount of its own is not permitted here";
  auto with = options();
  with.output = dir_ / "disk/out";
  const auto report = value_of(make(with));
  EXPECT_EQ(report.placement, Placement::kCopy);
  EXPECT_TRUE(report.lm_studio);
  EXPECT_EQ(read("disk/out/" + kFile), read("child.gguf"));
  EXPECT_TRUE(value_of(check_package(with.output, {}, library_, silent_observer())).ok());
}

TEST_F(PackageTest, ADiskThatFillsUpLeavesNothing) {
  const OtherDisk disk(dir_ / "disk", "4m");
  if (!disk.mounted()) GTEST_SKIP() << "a mount of its own is not permitted here";
  // The link takes no room, and the texts find none.
  std::filesystem::copy_file(dir_ / "child.gguf", dir_ / "disk/child.gguf");
  const auto room = std::filesystem::space(dir_ / "disk").available;
  ASSERT_GT(room, 4096U);
  expect_ok(write_file(dir_ / "disk/rest", std::string(room - 4096, 'x'), Overwrite::kRefuse));
  auto with = options();
  with.child = dir_ / "disk/child.gguf";
  with.output = dir_ / "disk/out";
  expect_error(make(with), Code::kIo, "No space left on device");
  EXPECT_FALSE(std::filesystem::exists(dir_ / "disk/out"));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "disk/.out.part"));
}

TEST_F(PackageTest, AFullDiskLeavesNothing) {
  const OtherDisk disk(dir_ / "disk", "16k");
  if (!disk.mounted()) GTEST_SKIP() << "a mount of its own is not permitted here";
  auto with = options();
  with.output = dir_ / "disk/out";
  expect_error(make(with), Code::kIo, "not enough space on the disk");
  EXPECT_TRUE(std::filesystem::is_empty(dir_ / "disk"));
}

}  // namespace
}  // namespace coe
