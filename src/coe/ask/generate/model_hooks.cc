#include "coe/ask/generate/model_hooks.h"

#include "coe/base/result.h"
#include "coe/base/search.h"
#include "coe/corpus/hooks.h"
#include "coe/corpus/message/thinking.h"
#include "coe/engine/chat.h"
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

ChatMessage message_of(const ChatTurn& turn) {
  return {turn.role,       turn.content,
          turn.tool_calls, turn.tool_calls.empty() ? std::string() : turn.thinking,
          turn.tool_name,  turn.tool_call_id};
}

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
    for (const auto& turn : turns) messages.push_back(message_of(turn));
    auto text = completer_->render(messages, turns.empty() ? std::string() : turns.back().thinking);
    // The template works, as create() has shown: it is this chat that it cannot take.
    if (!text && text.error().code == Code::kUnsupported) text.error().code = Code::kCorrupt;
    return text;
  }

 private:
  std::shared_ptr<Engine> engine_;
  std::shared_ptr<ChatCompleter> completer_;
};

// Some published answers mark their answer as they mark their thinking.
std::string without_answer_marks(std::string content) {
  constexpr std::string_view kOpen = "<|begin_of_solution|>";
  constexpr std::string_view kClose = "<|end_of_solution|>";
  if (!content.starts_with(kOpen)) return content;
  content.erase(0, kOpen.size());
  if (content.ends_with(kClose)) content.resize(content.size() - kClose.size());
  return content;
}

class ThinkingHook {
 public:
  explicit ThinkingHook(std::shared_ptr<Engine> engine) : engine_(std::move(engine)) {}

  Result<ThinkingParts> operator()(std::string_view words) {
    if (markers_.empty()) {
      COE_TRY(const auto markup, engine_->chat_markup());
      for (const auto& end : markup.thinking_ends) {
        if (!markup.thinking_start.empty()) markers_.push_back({markup.thinking_start, end});
      }
      const auto& known = known_thinking_markers();
      markers_.insert(markers_.end(), known.begin(), known.end());
    }
    auto split = split_thinking(words, markers_);
    if (split.thinking.empty() && split.content == trimmed(words))
      split.content = words;  // with the white space that it has
    return ThinkingParts{std::move(split.thinking), without_answer_marks(std::move(split.content))};
  }

 private:
  std::shared_ptr<Engine> engine_;
  std::vector<ThinkingMarkers> markers_;  // empty: not asked for yet
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
  hooks.split_thinking = ThinkingHook(engine);
  hooks.count_tokens = [engine](std::string_view text) -> Result<std::uint64_t> {
    COE_TRY(const auto tokens, engine->tokenize(text));
    return tokens.size();
  };
  return hooks;
}

}  // namespace coe
