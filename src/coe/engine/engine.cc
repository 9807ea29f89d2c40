#include "coe/engine/engine.h"

#include "coe/model/gguf/gguf_source.h"
#include "coe/model/gguf/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace coe {

namespace {

auto no_chat(const Engine& engine) {
  return fail(Code::kUnsupported, fmt::format("{}: has no chat template", engine.info().engine));
}

// Tokens [first, first + n) of values that are as many for each of `n_token`.
template <class T>
std::vector<T> cut(const std::vector<T>& values, std::size_t n_token, std::size_t first,
                   std::size_t n) {
  const std::size_t width = values.size() / n_token;
  const auto begin = values.begin() + static_cast<std::ptrdiff_t>(first * width);
  return {begin, begin + static_cast<std::ptrdiff_t>(n * width)};
}

// The first `n` of each `n_used` values; nothing of nothing.
template <class T>
std::vector<T> first_of_each(const std::vector<T>& values, std::size_t n_used, std::size_t n) {
  std::vector<T> out;
  for (std::size_t at = 0; at < values.size(); at += n_used)
    out.insert(out.end(), values.begin() + static_cast<std::ptrdiff_t>(at),
               values.begin() + static_cast<std::ptrdiff_t>(at + n));
  return out;
}

}  // namespace

LayerRouting LayerRouting::of_tokens(std::uint32_t first, std::uint32_t n) const {
  return {.layer = layer,
          .first_token = first_token + first,
          .n_token = n,
          .n_used = n_used,
          .ids = cut(ids, n_token, first, n),
          .weights = cut(weights, n_token, first, n),
          .output_norms = cut(output_norms, n_token, first, n),
          .moe_norms = cut(moe_norms, n_token, first, n),
          .residual_norms = cut(residual_norms, n_token, first, n),
          .scores = cut(scores, n_token, first, n),
          .moe_outputs = cut(moe_outputs, n_token, first, n),
          .ffn_inputs = cut(ffn_inputs, n_token, first, n),
          .block_outputs = cut(block_outputs, n_token, first, n)};
}

LayerRouting LayerRouting::of_ranks(std::uint32_t n) const {
  LayerRouting out = *this;
  out.n_used = n;
  out.ids = first_of_each(ids, n_used, n);
  out.weights = first_of_each(weights, n_used, n);
  out.output_norms = first_of_each(output_norms, n_used, n);
  return out;
}

std::string EngineOptions::model_name() const { return source ? source->name() : model.string(); }

Result<gguf::Header> model_header(const EngineOptions& options) {
  if (options.source) return options.source->header();
  COE_TRY(const auto file, gguf::GgufFile::open(options.model));
  return file.header();
}

Result<ChatMarkup> Engine::chat_markup() { return no_chat(*this); }

Result<std::string> Engine::render_chat(std::span<const ChatMessage> /*messages*/,
                                        bool /*thinking*/) {
  return no_chat(*this);
}

Result<Generation> Engine::generate(const GenerateRequest& /*request*/) { return no_chat(*this); }

Result<std::vector<TokenText>> Engine::spell(std::span<const std::int32_t> /*tokens*/) {
  return no_chat(*this);
}

const std::vector<std::string>& cache_types() {
  static const std::vector<std::string> types = {"f32",  "f16",    "bf16", "q8_0", "q4_0",
                                                 "q4_1", "iq4_nl", "q5_0", "q5_1"};
  return types;
}

DecodeRequest decode_of(const GenerateRequest& request, std::span<const std::int32_t> tokens) {
  DecodeRequest decoded;
  decoded.tokens = tokens;
  decoded.routing = request.routing;
  decoded.outputs = request.outputs;
  decoded.filter = request.filter;
  decoded.observer = request.observer;
  return decoded;
}

Status Engine::decode_all(std::span<const DecodeRequest> requests) {
  for (const auto& request : requests) COE_TRY_STATUS(decode(request));
  return {};
}

Result<std::unique_ptr<Engine>> Engine::fork() {
  return fail(Code::kUnsupported, "this engine runs in one context only");
}

Result<MatrixProducts*> Engine::products() { return nullptr; }

Status check_filter(const EngineInfo& info, const ExpertFilter& filter) {
  if (filter.n_used > info.n_expert_used)
    return fail(Code::kInvalidArgument,
                fmt::format("filter: {} experts are to be used, above the {} of the model",
                            filter.n_used, info.n_expert_used));
  for (const auto& [layer, kept] : filter.kept) {
    if (std::find(info.moe_layers.begin(), info.moe_layers.end(), layer) == info.moe_layers.end())
      return fail(Code::kInvalidArgument,
                  fmt::format("filter: layer {} has no router", layer.value));
    if (kept.size() < info.n_expert_used)
      return fail(Code::kInvalidArgument,
                  fmt::format("filter: layer {} keeps {} experts, below the {} used per token",
                              layer.value, kept.size(), info.n_expert_used));
    if (const auto above = kept.from(ExpertId{info.n_expert}); !above.empty())
      return fail(Code::kInvalidArgument,
                  fmt::format("filter: layer {} keeps expert {} of {}", layer.value,
                              above.front().value, info.n_expert));
  }
  return {};
}

}  // namespace coe
