#include "coe/engine/llama/chat_template.h"

#include "coe/base/printable.h"
#include "coe/base/process/crash_guard.h"
#include "coe/base/process/memory_ceiling.h"

#include <fmt/format.h>
#include <llama.h>

#include <algorithm>
#include <chat.h>
#include <chrono>
#include <cstddef>
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

// Rendering takes milliseconds; a template may loop as long as it likes.
constexpr std::chrono::seconds kMostTime{10};
constexpr std::uint64_t kMostMemory = std::uint64_t{1} << 30;  // beside what the process has
constexpr std::string_view kTooLong = "the model's chat template does not come to an end";

// The library quotes the place in the template over several lines.
constexpr std::size_t kErrorBytes = 300;

// What bounds a call that runs the template.
struct Bounds {
  CrashDeadline deadline{kMostTime, kTooLong};
  MemoryCeiling ceiling{kMostMemory};
};

auto template_error(std::string_view what) {
  // The library passes on, in words of its own, what stopped it amid the template.
  if (what.find("std::bad_alloc") != std::string_view::npos)
    what = "it takes more than 1 GiB of memory";
  return fail(Code::kUnsupported,
              fmt::format("the model's chat template: {}", printable(what, kErrorBytes)));
}

common_chat_msg message_of(const ChatMessage& message) {
  common_chat_msg out;
  out.role = message.role;
  out.content = message.content;
  out.reasoning_content = message.call_thinking;
  out.tool_name = message.tool_name;
  out.tool_call_id = message.tool_call_id;
  for (const auto& call : message.tool_calls)
    out.tool_calls.push_back({call.name, call.arguments, call.id});
  return out;
}

// The library throws on templates that it cannot run.
Result<common_chat_params> apply(const common_chat_templates* templates,
                                 std::span<const ChatMessage> messages, bool thinking) {
  common_chat_templates_inputs inputs;
  inputs.messages.reserve(messages.size());
  for (const auto& message : messages) inputs.messages.push_back(message_of(message));
  const Bounds bounds;
  // Such a template would leave calls and answers out without a word.
  const bool has_tools = std::ranges::any_of(messages, [](const ChatMessage& message) {
    return message.role == "tool" || !message.tool_calls.empty();
  });
  if (has_tools && !common_chat_templates_get_caps(templates).at("supports_tool_calls"))
    return template_error("it has no place for calls of tools");
  inputs.reasoning_format = COMMON_REASONING_FORMAT_DEEPSEEK;
  inputs.enable_thinking = thinking;
  inputs.now = kToday;
  try {
    auto params = common_chat_templates_apply(templates, inputs);
    if (params.prompt.size() > kMostRenderedBytes)
      return template_error(
          fmt::format("it makes a text of {} bytes of this chat", params.prompt.size()));
    return params;
  } catch (const std::exception& e) {
    return template_error(e.what());
  }
}

// The library would take ChatML, another family's, for a template that is empty or only named, and
// its own errors on a broken one lose their words.
Status check_source(std::string_view source) {
  constexpr std::string_view kHint =
      "its file's key `tokenizer.chat_template` must hold the template of the original model";
  if (source.size() > kMostTemplateBytes)
    return fail(Code::kUnsupported,
                fmt::format("the model's chat template has {} bytes, {} are the most",
                            source.size(), kMostTemplateBytes),
                std::string(kHint));
  if (source.find_first_not_of(" \t\r\n") == std::string_view::npos)
    return fail(Code::kUnsupported, "the model's chat template is empty", std::string(kHint));
  if (source.find("{{") == std::string_view::npos && source.find("{%") == std::string_view::npos)
    return fail(Code::kUnsupported,
                fmt::format("the model's chat template is no template, but the text `{}`",
                            printable(source)),
                std::string(kHint));
  try {
    const common_chat_template parsed(std::string(source), "", "");
    return {};
  } catch (const std::exception& e) {
    return fail(
        Code::kUnsupported,
        fmt::format("the model's chat template is broken: {}", printable(e.what(), kErrorBytes)),
        std::string(kHint));
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
  const char* const source = llama_model_chat_template(model, nullptr);
  if (source == nullptr)
    return fail(Code::kUnsupported, "the model has no chat template",
                "its file has no key `tokenizer.chat_template`; profile text as it stands, without "
                "roles");
  return open(model, source);
}

Result<ChatTemplate> ChatTemplate::parse(std::string_view source) {
  common_log_set_verbosity_thold(LOG_LEVEL_OUTPUT - 1);
  return open(nullptr, source);
}

Result<ChatTemplate> ChatTemplate::open(const llama_model* model, std::string_view source) {
  const Bounds bounds;
  COE_TRY_STATUS(check_source(source));
  try {
    const std::string own = model == nullptr ? std::string(source) : std::string();
    return ChatTemplate(common_chat_templates_init(model, own).release());
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
