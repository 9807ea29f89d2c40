// Models whose keys and tensors contradict each other, over the verbs that read them without the
// engine: whatever comes out, it is an answer or an error in words.
#include "support/cli_test.h"
#include "support/tiny_gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <vector>

namespace coe {
namespace {

using coe::testing::CommandResult;
using coe::testing::tiny_moe;
using coe::testing::tiny_tensor;
using coe::testing::TinyGguf;
using gguf::Value;
using ::testing::AnyOf;
using ::testing::StartsWith;

constexpr std::uint32_t kMost = std::numeric_limits<std::uint32_t>::max();

using Mutation = std::function<void(TinyGguf&)>;

Mutation key(std::string name, Value value) {
  return [=](TinyGguf& model) { model.set(name, value); };
}

Value u32s(std::size_t n, std::uint32_t value) {
  return Value::array_u32(std::vector<std::uint32_t>(n, value));
}

Mutation added(const std::string& name) {
  return [=](TinyGguf& model) { model.tensors.push_back(tiny_tensor(name, "F32", {4}, 1)); };
}

// Another shape of as many bytes as it has.
Mutation shaped(const std::string& name, std::vector<std::uint64_t> ne) {
  return [=](TinyGguf& model) {
    auto& tensor = model.tensor(name);
    tensor.info.n_dims = static_cast<std::uint32_t>(ne.size());
    tensor.info.ne = {1, 1, 1, 1};
    std::ranges::copy(ne, tensor.info.ne.begin());
    std::uint64_t n_byte = sizeof(float);
    for (const auto n : ne) n_byte *= n;
    tensor.bytes.resize(n_byte);
  };
}

std::map<std::string, Mutation> key_mutations() {
  const std::string evil = "evil\x1b]0;pwned\x07\x1b[2J\x1b[31m\nroot# \r";
  std::map<std::string, Mutation> all;
  for (const auto* name :
       {"expert_count", "expert_used_count", "block_count", "embedding_length", "context_length",
        "expert_group_count", "expert_group_used_count", "nextn_predict_layers",
        "expert_gating_func", "attention.head_count_kv"}) {
    const auto full = std::string("qwen3moe.") + name;
    all[std::string(name) + " 0"] = key(full, Value::u32(0));
    all[std::string(name) + " 3"] = key(full, Value::u32(3));
    all[std::string(name) + " most"] = key(full, Value::u32(kMost));
    all[std::string(name) + " u64"] = key(full, Value::u64(std::uint64_t{kMost} + 2));
    all[std::string(name) + " negative"] = key(full, Value::i32(-1));
    all[std::string(name) + " text"] = key(full, Value::string(evil));
    all[std::string(name) + " short list"] = key(full, u32s(1, 2));
    all[std::string(name) + " long list"] = key(full, u32s(100'000, 2));
  }
  all["blocks of which most predict"] = [](TinyGguf& model) {
    model.set("qwen3moe.block_count", Value::u32(kMost));
    model.set("qwen3moe.nextn_predict_layers", Value::u32(kMost - 4));
  };
  for (const auto* name : {"general.name", "general.architecture", "general.file_type",
                           "general.size_label", "coe.mask", "tokenizer.ggml.model"})
    all[std::string(name) + " that commands"] = key(name, Value::string(evil));
  all["a key that commands"] = key(evil, Value::string(evil));
  all["a long architecture"] =
      key("general.architecture", Value::string(std::string(5'000'000, 'A')));
  for (const std::uint32_t alignment : {8U, 65536U})
    all["alignment " + std::to_string(alignment)] = key("general.alignment", Value::u32(alignment));
  return all;
}

std::map<std::string, Mutation> tensor_mutations() {
  const std::string down = "blk.0.ffn_down_exps.weight";
  const std::string router = "blk.0.ffn_gate_inp.weight";
  std::map<std::string, Mutation> all;
  for (const auto& name : {down, router, std::string("token_embd.weight")}) {
    all[name + " of nothing"] = shaped(name, {0, 32, 8});
    all[name + " of no dimensions"] = shaped(name, {});
    all[name + " of one"] = shaped(name, {8});
    all[name + " of others"] = shaped(name, {8, 32, 32});
    all[name + " of four"] = shaped(name, {32, 32, 8, 2});
    all[name + " gone"] = [=](TinyGguf& model) { model.erase_tensor(name); };
  }
  for (const auto* name :
       {"blk.00.ffn_down_exps.weight", "blk.+0.ffn_down_exps.weight", "BLK.0.ffn_down_exps.weight",
        "blk.4294967295.ffn_down_exps.weight", "blk.99999999999.ffn_gate_inp.weight",
        "blk.7.ffn_gate_inp.weight", "blk..x", "v.blk.0.ffn_down_exps.weight", "mystery.weight",
        "blk.0.ffn_up_chexps.weight", "blk.0.exp_probs_b.bias", "blk.1.tid2eid.weight",
        "\x1b[2J\x1b[31mx\n\n"})
    all["added " + std::string(name)] = added(name);
  return all;
}

class CliMutations : public coe::testing::CliTest {
 protected:
  CliMutations() {
    coe::testing::write_tiny(dir_ / "parent.gguf", tiny_moe({}));
    write("mask.json", R"({"0":[1,2,3,6],"1":[0,2,4,7]})");
    EXPECT_EQ(run("coe prune -m parent.gguf --mask mask.json -o child.gguf").exit_code, 0);
  }

  static void expect_words(const CommandResult& result, const std::string& what) {
    EXPECT_THAT(result.exit_code, AnyOf(0, 1, 2, 3, 4)) << what << "\n" << result.err;
    const auto is_control = [](char c) {
      return (static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == '\x7f';
    };
    EXPECT_TRUE(std::ranges::none_of(result.out + result.err, is_control)) << what;
    EXPECT_LT(result.err.size() + result.out.size(), 20'000U) << what;
    if (result.exit_code > 1) {
      EXPECT_THAT(result.err, AnyOf(StartsWith("error: "), StartsWith("warning: "))) << what;
      EXPECT_THAT(result.out, AnyOf("", StartsWith("{\n  \"schema\": \"coe.error/1\""))) << what;
    }
  }

  void try_all(const std::map<std::string, Mutation>& mutations) {
    for (const auto& [name, change] : mutations) {
      auto model = tiny_moe({});
      change(model);
      coe::testing::write_tiny(dir_ / "x.gguf", model);
      for (const std::string command :
           {"coe inspect x.gguf", "coe prune -m x.gguf --mask mask.json -o o.gguf --force",
            "coe prune -m x.gguf --mask mask.json -o o.gguf --mode zero --force",
            "coe verify parent.gguf x.gguf", "coe verify x.gguf child.gguf"})
        expect_words(run("ulimit -t 20; " + command), name + ": " + command);
    }
  }
};

TEST_F(CliMutations, KeysThatContradict) { try_all(key_mutations()); }

TEST_F(CliMutations, TensorsThatContradict) { try_all(tensor_mutations()); }

}  // namespace
}  // namespace coe
