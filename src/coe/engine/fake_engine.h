// FakeEngine: a seeded stand-in for inference in tests. Routing depends on layer and token only, so
// that batches, shards and repeated runs must agree exactly; logits depend on the experts chosen,
// so that a filter changes them. Tokens are bytes. Its chats look like this, with the byte
// kFakeEnd where a turn ends: <user>…<model><think>…</think>…
#pragma once

#include "coe/engine/engine.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

inline constexpr char kFakeEnd = '\3';

struct FakeEngineOptions {
  std::uint64_t seed = 1;
  std::uint32_t n_layer = 2;
  std::uint32_t n_expert = 8;
  std::uint32_t n_expert_used = 2;
  std::uint32_t n_vocab = 256;  // one token a byte
  std::uint32_t n_ctx = 64;
  std::uint32_t n_batch = 16;
  std::uint32_t n_seq = 1;
  std::uint32_t n_thread = 1;
  std::uint32_t fail_at_decode = 0;  // the n-th decode (1-based) returns kEngine; 0: never
  char nan_at = '\0';                // after this token all is NaN; 0: nowhere
  // A sliced model has these left: its experts are numbered anew, 0 to K-1. A model that uses fewer
  // says so here, too.
  ExpertFilter kept = {};
  bool has_chat = true;  // false: no chat template
  // generate() goes on with one of these, by the seed, whatever was asked.
  std::vector<std::string> replies = {"<think>hm</think>yes"};
};

class FakeEngine : public Engine {
 public:
  explicit FakeEngine(const FakeEngineOptions& options);

  const EngineInfo& info() const override { return info_; }
  Result<std::vector<std::int32_t>> tokenize(std::string_view text) override;
  Status decode(const DecodeRequest& request) override;
  Result<std::unique_ptr<Engine>> fork() override;
  Result<ChatMarkup> chat_markup() override;
  Result<std::string> render_chat(std::span<const ChatMessage> messages, bool thinking) override;
  Result<std::vector<TokenText>> spell(std::span<const std::int32_t> tokens) override;
  Result<Generation> generate(const GenerateRequest& request) override;
  std::uint32_t n_decode() const { return n_decode_; }

 private:
  struct Choice {
    std::vector<std::int32_t> ids;  // of the whole model
    std::vector<float> weights;
    std::vector<float> scores;  // of all experts, -inf for removed ones
  };
  Choice route(LayerId layer, std::int32_t token, const ExpertFilter* filter) const;
  float number(std::int32_t token, float value) const;  // NaN after nan_at
  // Returns what a sliced model calls the expert.
  std::int32_t own_id(LayerId layer, std::int32_t id) const;
  void report(const DecodeRequest& request, std::uint32_t first, std::uint32_t count) const;

  FakeEngineOptions options_;
  EngineInfo info_;
  std::uint32_t n_decode_ = 0;
};

}  // namespace coe
