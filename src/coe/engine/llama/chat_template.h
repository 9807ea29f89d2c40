// The model's own chat template, run by llama.cpp's common library: Jinja, the switch for thinking,
// and what it knows of the template's markers.
#pragma once

#include "coe/base/result.h"
#include "coe/engine/chat.h"

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

struct common_chat_templates;  // NOLINT(readability-identifier-naming): the engine's
struct llama_model;            // NOLINT(readability-identifier-naming): the engine's

namespace coe {

// A template is a program of a stranger. One that takes more than ten seconds, or nests until no
// stack is left, ends the process with words (CrashDeadline, guard_crashes).
inline constexpr std::size_t kMostTemplateBytes = std::size_t{1} << 20;
inline constexpr std::size_t kMostRenderedBytes = std::size_t{16} << 20;

class ChatTemplate {
 public:
  // Errors, which are different words: kUnsupported when the model has no template, an empty one,
  // only the name of one, or one that cannot be parsed.
  static Result<ChatTemplate> load(const llama_model* model);
  // The same for a template that no model is at hand for: it knows no tokens of a vocabulary.
  static Result<ChatTemplate> parse(std::string_view source);
  ChatTemplate(ChatTemplate&& other) noexcept;
  ~ChatTemplate();

  // See Engine::render_chat. Dates in templates are fixed, so that texts do not change from day to
  // day. Errors: kUnsupported when the template fails on the messages, has no place for tools,
  // wants more than 1 GiB of memory, or makes a text of more than kMostRenderedBytes.
  Result<std::string> render(std::span<const ChatMessage> messages, bool thinking) const;
  // As the template writes it. Errors: kUnsupported when nothing tells where a turn of the model
  // begins.
  Result<ChatMarkup> markup() const;

 private:
  static Result<ChatTemplate> open(const llama_model* model, std::string_view source);
  explicit ChatTemplate(common_chat_templates* templates);

  struct Deleter {
    void operator()(common_chat_templates* templates) const;
  };
  std::unique_ptr<common_chat_templates, Deleter> templates_;
};

}  // namespace coe
