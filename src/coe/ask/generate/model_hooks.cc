#include "coe/ask/generate/model_hooks.h"

#include "coe/engine/complete_chat.h"
#include "coe/model/moe/open_model.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

namespace {

// The template is looked at when the first chat is rendered: most corpora have none, and not every
// model has a template.
class ChatHook {
 public:
  explicit ChatHook(std::shared_ptr<Engine> engine) : engine_(std::move(engine)) {}

  Result<std::string> operator()(std::span<const ChatTurn> turns) {
    if (!completer_) {
      COE_TRY(auto completer, ChatCompleter::create(*engine_));
      completer_ = std::make_shared<ChatCompleter>(std::move(completer));
    }
    std::vector<ChatMessage> messages;
    messages.reserve(turns.size());
    for (const auto& turn : turns) messages.push_back({turn.role, turn.content});
    return completer_->render(messages, turns.empty() ? std::string() : turns.back().thinking);
  }

 private:
  std::shared_ptr<Engine> engine_;
  std::shared_ptr<ChatCompleter> completer_;
};

}  // namespace

Result<ModelHooks> open_hooks(const Path& model, const EngineLibrary& library, Observer& observer) {
  ModelHooks hooks;
  if (model.empty()) return hooks;
  COE_TRY(const auto opened, open_model(model, observer));
  hooks.model_name = opened.moe.id.name;
  hooks.model_digest = opened.moe.id.digest;
  EngineOptions options;
  options.model = model;
  COE_TRY(auto made, library.open(options));
  const std::shared_ptr<Engine> engine = std::move(made);
  hooks.render_chat = ChatHook(engine);
  hooks.count_tokens = [engine](std::string_view text) -> Result<std::uint64_t> {
    COE_TRY(const auto tokens, engine->tokenize(text));
    return tokens.size();
  };
  return hooks;
}

}  // namespace coe
