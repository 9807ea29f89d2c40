#include "coe/engine/engine.h"

#include <fmt/format.h>

#include <algorithm>

namespace coe {

namespace {

auto no_chat(const Engine& engine) {
  return fail(Code::kUnsupported, fmt::format("{}: has no chat template", engine.info().engine));
}

}  // namespace

Result<ChatMarkup> Engine::chat_markup() { return no_chat(*this); }

Result<std::string> Engine::render_chat(std::span<const ChatMessage> /*messages*/,
                                        bool /*thinking*/) {
  return no_chat(*this);
}

Result<Generation> Engine::generate(const GenerateRequest& /*request*/) { return no_chat(*this); }

Result<std::vector<TokenText>> Engine::spell(std::span<const std::int32_t> /*tokens*/) {
  return no_chat(*this);
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

Status check_filter(const EngineInfo& info, const ExpertFilter& filter) {
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
