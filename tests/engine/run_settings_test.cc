#include "coe/engine/run_settings.h"

#include "support/fake_library.h"
#include "support/temp_dir.h"
#include "support/tiny_gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string_view>

namespace coe {
namespace {

using ::testing::HasSubstr;

TEST(RunSettings, NameEverythingThatDecidesABit) {
  ::coe::testing::FakeLibrary library;
  library.space = {{.device = "GPU0", .description = "A Card", .total = 1, .free = 1}};
  EngineOptions base;
  base.n_gpu_layers = 0;
  const auto before = run_settings(library, base);
  EXPECT_THAT(before, HasSubstr("engine=fake_1 revision=tree"));
  EXPECT_THAT(before, HasSubstr("devices=- rpc=-"));  // no layer is on a GPU
  const auto differs = [&](const std::function<void(EngineOptions&)>& change) {
    auto options = base;
    change(options);
    return settings_difference(before, run_settings(library, options)).value_or("nothing");
  };
  EXPECT_EQ(differs([](auto& o) { o.n_ctx = 1024; }), "n_ctx (2048 vs 1024)");
  EXPECT_EQ(differs([](auto& o) { o.n_batch = 32; }), "n_batch (512 vs 32)");
  EXPECT_EQ(differs([](auto& o) { o.n_seq = 4; }), "n_seq (0 vs 4)");
  EXPECT_EQ(differs([](auto& o) { o.n_gpu_layers = -1; }), "n_gpu_layers (0 vs -1)");
  EXPECT_EQ(differs([](auto& o) { o.n_cpu_moe = 3; }), "n_cpu_moe (0 vs 3)");
  EXPECT_EQ(differs([](auto& o) { o.rpc_servers = {"a:1", "b:2"}; }), "rpc (- vs a:1,b:2)");
  EXPECT_EQ(differs([](auto& o) { o.repack = false; }), "repack (1 vs 0)");
  EXPECT_EQ(differs([](auto& o) { o.flash_attn = true; }), "flash_attn (0 vs 1)");
  EXPECT_EQ(differs([](auto& o) { o.swa_full = false; }), "swa_full (1 vs 0)");
  EXPECT_EQ(differs([](auto& o) { o.cache_type_k = "q8_0"; }), "cache_type_k (missing vs q8_0)");
  EXPECT_EQ(differs([](auto& o) { o.cache_type_v = "q4_0"; }), "cache_type_v (missing vs q4_0)");
  EXPECT_EQ(differs([](auto& o) { o.model = "absent.gguf"; }), "nothing");
  // These decide none.
  EXPECT_EQ(differs([](auto& o) { o.n_threads = 7; }), "nothing");
  EXPECT_EQ(differs([](auto& o) { o.mmap = false; }), "nothing");

  const EngineOptions gpu;
  const auto on_card = run_settings(library, gpu);
  EXPECT_THAT(on_card, HasSubstr("devices=A_Card"));
  library.space.front().description = "Another";
  EXPECT_EQ(settings_difference(on_card, run_settings(library, gpu)),
            "devices (A_Card vs Another)");
}

// The same tensors with another epsilon, soft cap or template compute or say something else.
TEST(RunSettings, NameTheMetadataThatDecides) {
  const ::coe::testing::TempDir dir;
  const ::coe::testing::FakeLibrary library;
  EngineOptions options;
  options.model = dir / "m.gguf";
  const auto with = [&](std::string_view key, const gguf::Value& value) {
    auto model = ::coe::testing::tiny_moe({});
    if (!key.empty()) model.set(key, value);
    ::coe::testing::write_tiny(options.model, model);
    return run_settings(library, options);
  };
  const auto before = with("", {});
  EXPECT_THAT(before, HasSubstr(" metadata=xxh3:"));
  for (const auto* key : {"qwen3moe.attention.layer_norm_rms_epsilon", "qwen3moe.rope.freq_base",
                          "tokenizer.chat_template", "tokenizer.ggml.bos_token_id"})
    EXPECT_THAT(settings_difference(before, with(key, gguf::Value::u32(77))).value_or("nothing"),
                HasSubstr("metadata (xxh3:"))
        << key;
  for (const auto* key : {"general.name", "general.license", "coe.mask", "quantize.imatrix.file"})
    EXPECT_EQ(with(key, gguf::Value::string("other")), before) << key;
}

// llama.cpp's default asks for all layers on a GPU; where there is none, nothing is different.
TEST(RunSettings, CountLayersOnlyWhereThereIsADeviceForThem) {
  const ::coe::testing::FakeLibrary library;
  EngineOptions cpu;
  cpu.n_gpu_layers = 0;
  EXPECT_EQ(run_settings(library, EngineOptions()), run_settings(library, cpu));
  EngineOptions remote;
  remote.rpc_servers = {"a:1"};
  EXPECT_THAT(run_settings(library, remote), HasSubstr("n_gpu_layers=-1"));
}

TEST(RunSettings, CanLeaveTheModelOut) {
  EXPECT_EQ(without_model("n_ctx=2 metadata=xxh3:1 cache_type_k=q8_0"),
            "n_ctx=2 cache_type_k=q8_0");
  EXPECT_EQ(without_model("metadata=-"), "");
  EXPECT_EQ(without_model(""), "");
}

TEST(RunSettings, SayWhatIsMissing) {
  EXPECT_EQ(settings_difference("a=1 b=2", "a=1 b=2"), std::nullopt);
  EXPECT_EQ(settings_difference("a=1", "a=1 b=2"), "b (missing vs 2)");
  EXPECT_EQ(settings_difference("a=1 b=2", "a=1"), "b (2 vs missing)");
  EXPECT_EQ(settings_difference("", ""), std::nullopt);
}

}  // namespace
}  // namespace coe
