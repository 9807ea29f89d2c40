// A specialist of a tiny Gemma 4 with all that a package wants to know, and a library whose engine
// renders chats as its template does.
#pragma once

#include "coe/base/file.h"
#include "coe/base/json.h"
#include "coe/base/observer.h"
#include "coe/base/sealed_json.h"
#include "coe/child/surgery/apply.h"
#include "coe/child/surgery/plan.h"
#include "coe/college/package/facts.h"
#include "coe/college/package/package.h"
#include "coe/engine/fake_engine.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/value.h"
#include "coe/model/moe/model.h"
#include "coe/model/moe/open_model.h"
#include "coe/specialize/chat_stage.h"

#include "support/expect.h"
#include "support/fake_library.h"
#include "support/temp_dir.h"
#include "support/tiny_gguf.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace coe::testing {

// It sets thinking off in this way.
enum class Off { kClosedBlock, kNothing, kOpenBlock };

class GemmaEngine : public FakeEngine {
 public:
  explicit GemmaEngine(Off off, const std::string& reply = "yes")
      : FakeEngine(FakeEngineOptions{.n_ctx = 256, .replies = {reply}}), off_(off) {}
  Result<ChatMarkup> chat_markup() override {
    ChatMarkup markup;
    markup.model_turns = {"<|turn>model\n"};
    markup.thinking_start = "<|channel>thought";
    markup.thinking_ends = {"<channel|>"};
    return markup;
  }
  Result<std::string> render_chat(std::span<const ChatMessage> messages, bool thinking) override {
    std::string text = "<bos>";
    for (const auto& message : messages)
      text += "<|turn>" + message.role + "\n" + message.content + "<turn|>\n";
    text += "<|turn>model\n";
    if (off_ == Off::kOpenBlock) return text + "<|channel>thought\n";
    return text + (thinking || off_ == Off::kNothing ? "" : "<|channel>thought\n<channel|>");
  }

 private:
  Off off_;
};

inline FakeLibrary gemma_library(Off off = Off::kClosedBlock, const std::string& reply = "yes") {
  return FakeLibrary([=](const EngineOptions& /*options*/) -> Result<std::unique_ptr<Engine>> {
    return std::make_unique<GemmaEngine>(off, reply);
  });
}

inline constexpr const char* kGemmaTemplate =
    "{{ bos_token }}…<turn|>{{ '<|channel>thought\\n<channel|>' }}";

inline TinyGguf gemma_parent() {
  auto model = tiny_moe(
      {.architecture = "gemma4", .name = "Tiny Gemma", .merged_gate_up = true, .down_scale = true});
  model.set("gemma4.context_length", gguf::Value::u32(32768));
  model.set("general.file_type", gguf::Value::u32(15));
  model.set("tokenizer.ggml.tokens",
            gguf::Value::strings(std::vector<std::string>{"<eos>", "<bos>", "<turn|>", "a"}));
  model.set("tokenizer.ggml.eos_token_id", gguf::Value::u32(0));
  model.set("tokenizer.ggml.eot_token_id", gguf::Value::u32(2));
  model.set("tokenizer.chat_template", gguf::Value::string(kGemmaTemplate));
  return model;
}

inline KeepMask web_mask(const MoeModel& moe, std::uint32_t first = 0) {
  std::map<LayerId, std::vector<ExpertId>> layers;
  for (const auto& layer : moe.layers)
    for (const auto id : {first, 3U, 4U, 7U}) layers[layer.id].push_back(ExpertId{id});
  auto mask = value_of(KeepMask::create(moe.n_expert, layers));
  mask.parent = moe.id;
  mask.passes = {
      {R"({"pass":"domain","score":"util","aggregate":"token","profiles":[{"digest":"xxh3:00000000000000000000000000000002","corpus":"xxh3:00000000000000000000000000000003","n_token":120,"engine":"e","domains":["web"]}],"coverage":0.9})"}};
  return mask;
}

class PackageTest : public ::testing::Test {
 protected:
  PackageTest() { write_models(gemma_parent()); }

  // Writes parent.gguf and child.gguf.
  void write_models(const TinyGguf& model, SurgeryOptions options = {}) {
    std::filesystem::remove(dir_ / "child.gguf");
    write_tiny(dir_ / "parent.gguf", model);
    const auto parent = value_of(gguf::GgufFile::open(dir_ / "parent.gguf"));
    const auto moe = value_of(describe_moe(parent));
    const auto plan = value_of(plan_surgery(parent, moe, web_mask(moe), options));
    expect_ok(apply_plan(parent, plan, dir_ / "child.gguf", Overwrite::kRefuse, silent_observer()));
  }

  PackageOptions options() const {
    PackageOptions options;
    options.child = dir_ / "child.gguf";
    options.output = dir_ / "out";
    return options;
  }
  Result<PackageReport> make(const PackageOptions& options,
                             Observer& observer = silent_observer()) const {
    return make_package(options, library_, observer);
  }
  // Anew: what was read before is an input, and no output may take its place.
  void put(const std::string& name, const std::string& text) const {
    std::filesystem::remove(dir_ / name);
    expect_ok(write_file(dir_ / name, text, Overwrite::kRefuse));
  }
  // child.chat.json as `coe specialize` leaves it: two questions, of which `n_bad` were answered
  // with thinking.
  void put_chats(int n_bad) const {
    ChatFacts facts{.checks = {}, .max_new_tokens = 64};
    auto& check = facts.checks.child;
    check.n_question = 2;
    check.engine = "fake";
    for (int i = 0; i < 2; ++i) {
      ChatCheckAnswer answer;
      answer.question = {i == 0 ? "Q0?" : "Continue this:\n\n<b>", i == 0};
      answer.content = "yes";
      answer.ended = true;
      answer.faults.thinks = i < n_bad;
      check.answers.push_back(answer);
    }
    const auto mask =
        value_of(child_facts(value_of(open_model(dir_ / "child.gguf", silent_observer()))));
    nlohmann::ordered_json document = {{"schema", "coe.chat-check/1"},
                                       {"model", mask.cut.parent_digest},
                                       {"mask", mask.mask.digest()},
                                       {"max_new_tokens", 64}};
    document.update(chat_checks_json(facts.checks));
    put("child.chat.json", sealed_json(document, 2));
  }
  std::string read(const std::string& name) const { return value_of(read_text(dir_ / name)); }

  TempDir dir_;
  FakeLibrary library_ = gemma_library();
};

}  // namespace coe::testing
