#include "coe/engine/llama/chat_template.h"

#include <fmt/format.h>
#include <llama.h>

#include <algorithm>
#include <chat.h>
#include <chrono>
#include <exception>
#include <log.h>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

namespace {

// 2026-01-01 00:00 UTC.
constexpr std::chrono::system_clock::time_point kToday{std::chrono::seconds{1767225600}};

auto template_error(std::string_view what) {
  return fail(Code::kUnsupported, fmt::format("the model's chat template: {}", what));
}

// The library throws on templates that it cannot run.
Result<common_chat_params> apply(const common_chat_templates* templates,
                                 std::span<const ChatMessage> messages, bool thinking) {
  common_chat_templates_inputs inputs;
  for (const auto& message : messages) {
    common_chat_msg next;
    next.role = message.role;
    next.content = message.content;
    inputs.messages.push_back(std::move(next));
  }
  inputs.reasoning_format = COMMON_REASONING_FORMAT_DEEPSEEK;
  inputs.enable_thinking = thinking;
  inputs.now = kToday;
  try {
    return common_chat_templates_apply(templates, inputs);
  } catch (const std::exception& e) {
    return template_error(e.what());
  }
}

void add(std::vector<std::string>& markers, const std::string& marker) {
  if (!marker.empty() && std::ranges::find(markers, marker) == markers.end())
    markers.push_back(marker);
}

}  // namespace

ChatTemplate::ChatTemplate(common_chat_templates* templates) : templates_(templates) {}
ChatTemplate::ChatTemplate(ChatTemplate&& other) noexcept = default;
ChatTemplate::~ChatTemplate() = default;

void ChatTemplate::Deleter::operator()(common_chat_templates* templates) const {
  common_chat_templates_free(templates);
}

Result<ChatTemplate> ChatTemplate::load(const llama_model* model) {
  // The library prints on its own; what matters comes as exceptions.
  common_log_set_verbosity_thold(LOG_LEVEL_OUTPUT - 1);
  if (llama_model_chat_template(model, nullptr) == nullptr)
    return fail(Code::kUnsupported, "the model has no chat template",
                "its file has no key `tokenizer.chat_template`; profile text as it stands, without "
                "roles");
  try {
    return ChatTemplate(common_chat_templates_init(model, "").release());
  } catch (const std::exception& e) {
    return template_error(e.what());
  }
}

Result<std::string> ChatTemplate::render(std::span<const ChatMessage> messages,
                                         bool thinking) const {
  COE_TRY(auto params, apply(templates_.get(), messages, thinking));
  return std::move(params.prompt);
}

Result<ChatMarkup> ChatTemplate::markup() const {
  const ChatMessage question = {"user", "coe-question"};
  COE_TRY(const auto params, apply(templates_.get(), {&question, 1}, true));
  ChatMarkup markup;
  for (const auto& delimiter : params.message_delimiters.delimiters)
    add(delimiter.role == COMMON_CHAT_ROLE_ASSISTANT ? markup.model_turns : markup.other_turns,
        delimiter.delimiter);
  if (params.supports_thinking) {
    // Where what opens a turn opens thinking as well, thinking begins with the turn.
    if (std::ranges::find(markup.model_turns, params.thinking_start_tag) ==
        markup.model_turns.end())
      markup.thinking_start = params.thinking_start_tag;
    markup.thinking_ends = params.thinking_end_tags;
  }
  // What the template ends a prompt with is the whole opening (the library's delimiters may be
  // shorter), to which some add the start marker of thinking.
  std::string opening = params.generation_prompt;
  if (opening.empty()) {
    const std::size_t at = params.prompt.rfind(question.content);
    if (at != std::string::npos) opening = params.prompt.substr(at + question.content.size());
  }
  if (!markup.thinking_start.empty())
    opening = opening.substr(0, opening.find(markup.thinking_start));
  if (markup.model_turns.empty() || opening.starts_with(markup.model_turns.front()))
    add(markup.model_turns, opening);
  if (markup.model_turns.empty()) return template_error("nothing in it opens a turn of the model");
  return markup;
}

}  // namespace coe
