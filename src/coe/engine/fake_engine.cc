#include "coe/engine/fake_engine.h"

#include "coe/base/rng.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>

namespace coe {

FakeEngine::FakeEngine(const FakeEngineOptions& options) : options_(options) {
  info_.engine = "fake";
  info_.architecture = "fake";
  info_.n_vocab = options.n_vocab;
  info_.n_ctx = options.n_ctx;
  info_.n_batch = options.n_batch;
  info_.n_seq = options.n_seq;
  info_.n_thread = options.n_thread;
  info_.n_expert = options.n_expert;
  info_.n_expert_used = options.n_expert_used;
  if (!options.kept.kept.empty())
    info_.n_expert = static_cast<std::uint32_t>(options.kept.kept.begin()->second.size());
  if (options.kept.n_used > 0) info_.n_expert_used = options.kept.n_used;
  for (std::uint32_t i = 0; i < options.n_layer; ++i) info_.moe_layers.push_back(LayerId{i});
}

Result<std::vector<std::int32_t>> FakeEngine::tokenize(std::string_view text) {
  std::vector<std::int32_t> tokens;
  tokens.reserve(text.size());
  for (const char c : text)
    tokens.push_back(static_cast<std::int32_t>(static_cast<unsigned char>(c) % options_.n_vocab));
  return tokens;
}

FakeEngine::Choice FakeEngine::route(LayerId layer, std::int32_t token,
                                     const ExpertFilter* filter) const {
  Rng rng(options_.seed ^ (std::uint64_t{layer.value} << 32) ^ static_cast<std::uint64_t>(token));
  std::vector<float> score(options_.n_expert);
  for (auto& s : score) s = static_cast<float>(rng.uniform()) + 0.01F;
  std::vector<std::int32_t> order(options_.n_expert);
  std::iota(order.begin(), order.end(), 0);
  const ExpertFilter& active = filter != nullptr ? *filter : options_.kept;
  if (const auto kept = active.kept.find(layer); kept != active.kept.end()) {
    order.clear();
    for (const ExpertId id : kept->second) order.push_back(static_cast<std::int32_t>(id.value));
  }
  std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    return score[static_cast<std::size_t>(a)] > score[static_cast<std::size_t>(b)];
  });
  Choice choice;
  choice.scores.assign(options_.n_expert, -std::numeric_limits<float>::infinity());
  for (const auto id : order)
    choice.scores[static_cast<std::size_t>(id)] = score[static_cast<std::size_t>(id)];
  choice.ids.assign(order.begin(), order.begin() + active.n_counted(options_.n_expert_used));
  float total = 0;
  for (const auto id : choice.ids) total += score[static_cast<std::size_t>(id)];
  for (const auto id : choice.ids)
    choice.weights.push_back(score[static_cast<std::size_t>(id)] / total);
  return choice;
}

std::int32_t FakeEngine::own_id(LayerId layer, std::int32_t id) const {
  const auto kept = options_.kept.kept.find(layer);
  if (kept == options_.kept.kept.end()) return id;
  const ExpertId expert{static_cast<std::uint32_t>(id)};
  return static_cast<std::int32_t>(kept->second.contains(expert) ? kept->second.position(expert)
                                                                 : kept->second.size());
}

float FakeEngine::number(std::int32_t token, float value) const {
  if (options_.nan_at == '\0' || token != options_.nan_at) return value;
  return std::numeric_limits<float>::quiet_NaN();
}

void FakeEngine::report(const DecodeRequest& request, std::uint32_t first,
                        std::uint32_t count) const {
  for (std::uint32_t layer = 0; layer < options_.n_layer; ++layer) {
    LayerRouting routing;
    routing.layer = LayerId{layer};
    routing.first_token = first;
    routing.n_token = count;
    const ExpertFilter& active = request.filter != nullptr ? *request.filter : options_.kept;
    routing.n_used = active.n_counted(options_.n_expert_used);
    for (std::uint32_t t = first; t < first + count; ++t) {
      const Choice choice = route(LayerId{layer}, request.tokens[t], request.filter);
      for (const auto id : choice.ids) routing.ids.push_back(own_id(LayerId{layer}, id));
      routing.weights.insert(routing.weights.end(), choice.weights.begin(), choice.weights.end());
      // An expert's output norm is its id plus one: easy to work out by hand.
      if (request.outputs)
        for (const auto id : choice.ids)
          routing.output_norms.push_back(number(request.tokens[t], static_cast<float>(id + 1)));
      if (!request.layer_values) continue;
      for (std::int32_t e = 0; e < static_cast<std::int32_t>(options_.n_expert); ++e)
        if (own_id(LayerId{layer}, e) < static_cast<std::int32_t>(info_.n_expert))
          routing.scores.push_back(choice.scores[static_cast<std::size_t>(e)]);
      // Together they give (sum of weighted norms, norm of the first).
      float sum = 0.0F;
      for (std::size_t k = 0; k < choice.ids.size(); ++k)
        sum += choice.weights[k] * static_cast<float>(choice.ids[k] + 1);
      routing.moe_outputs.insert(routing.moe_outputs.end(),
                                 {sum, static_cast<float>(choice.ids[0] + 1)});
    }
    if (request.outputs) {
      routing.moe_norms.assign(count, 2.0F);
      routing.residual_norms.assign(count, 4.0F);
    }
    request.routing->on_routing(routing);
  }
}

Status FakeEngine::decode(const DecodeRequest& request) {
  if (request.tokens.empty() || request.tokens.size() > options_.n_ctx)
    return fail(Code::kInvalidArgument, "fake: the sequence is empty or longer than n_ctx");
  if (request.filter != nullptr) COE_TRY_STATUS(check_filter(info_, *request.filter));
  if (++n_decode_ == options_.fail_at_decode) return fail(Code::kEngine, "fake: told to fail");
  const auto n_token = static_cast<std::uint32_t>(request.tokens.size());
  for (std::uint32_t first = 0; first < n_token; first += options_.n_batch) {
    if (request.observer != nullptr && request.observer->cancelled())
      return fail(Code::kCancelled, "interrupted");
    const std::uint32_t count = std::min(options_.n_batch, n_token - first);
    if (request.routing != nullptr) report(request, first, count);
    if (request.logits == nullptr) continue;
    std::vector<float> logits;
    for (std::uint32_t t = first; t < first + count; ++t) {
      std::uint64_t state = static_cast<std::uint64_t>(request.tokens[t]);
      for (std::uint32_t layer = 0; layer < options_.n_layer; ++layer) {
        for (const auto id : route(LayerId{layer}, request.tokens[t], request.filter).ids)
          state = state * 31 + static_cast<std::uint64_t>(id);
      }
      Rng rng(state);
      for (std::uint32_t i = 0; i < options_.n_vocab; ++i)
        logits.push_back(number(request.tokens[t], static_cast<float>(rng.uniform() * 8.0 - 4.0)));
    }
    request.logits->on_logits({first, count, logits});
  }
  return {};
}

Result<ChatMarkup> FakeEngine::chat_markup() {
  if (!options_.has_chat) return Engine::chat_markup();
  ChatMarkup markup;
  markup.model_turns = {"<model>"};
  markup.other_turns = {"<user>"};
  markup.thinking_start = "<think>";
  markup.thinking_ends = {"</think>"};
  return markup;
}

Result<std::string> FakeEngine::render_chat(std::span<const ChatMessage> messages, bool thinking) {
  if (!options_.has_chat) return Engine::render_chat(messages, thinking);
  std::string text;
  for (const auto& message : messages) {
    if (message.role == "tool" || !message.tool_calls.empty())
      return fail(Code::kUnsupported, "fake: no place for calls of tools");
  }
  for (const auto& message : messages)
    text += message.role == "assistant" ? "<model>" + message.content + kFakeEnd
                                        : "<user>" + message.content;
  return text + (thinking ? "<model>" : "<model><think></think>");
}

Result<Generation> FakeEngine::generate(const GenerateRequest& request) {
  const auto& reply = options_.replies[Rng(request.sampling.seed).below(options_.replies.size())];
  const std::size_t n_room =
      options_.n_ctx - std::min<std::size_t>(request.prompt.size(), options_.n_ctx);
  const std::size_t n_new = std::min({reply.size(), std::size_t{request.max_new_tokens}, n_room});
  std::vector<std::int32_t> tokens(request.prompt.begin(), request.prompt.end());
  auto decoded = decode_of(request, tokens);
  COE_TRY_STATUS(decode(decoded));
  COE_TRY(auto next, tokenize(std::string_view(reply).substr(0, n_new)));
  for (std::size_t i = 0; i < next.size(); ++i) {
    tokens.push_back(next[i]);
    if (request.written != nullptr && !request.written->on_token(next[i])) {
      next.resize(i + 1);
      return Generation{std::move(next), -1};
    }
    decoded.tokens = tokens;
    if (request.routing != nullptr)
      report(decoded, static_cast<std::uint32_t>(tokens.size() - 1), 1);
  }
  return Generation{std::move(next), n_new == reply.size() ? kFakeEnd : -1};
}

Result<std::vector<TokenText>> FakeEngine::spell(std::span<const std::int32_t> tokens) {
  std::vector<TokenText> texts;
  texts.reserve(tokens.size());
  for (const auto token : tokens)
    texts.push_back({std::string(1, static_cast<char>(token)), token == kFakeEnd});
  return texts;
}

Result<std::unique_ptr<Engine>> FakeEngine::fork() {
  return std::make_unique<FakeEngine>(options_);
}

}  // namespace coe
