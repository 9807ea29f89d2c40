// The model's own chat template, run by llama.cpp's common library: Jinja, the switch for thinking,
// and what it knows of the template's markers.
#pragma once

#include "coe/base/result.h"
#include "coe/engine/chat.h"

#include <memory>
#include <span>
#include <string>

struct common_chat_templates;  // NOLINT(readability-identifier-naming): the engine's
struct llama_model;            // NOLINT(readability-identifier-naming): the engine's

namespace coe {

class ChatTemplate {
 public:
  // Errors, which are different words: kUnsupported when the model has no template, an empty one,
  // only the name of one, or one that cannot be parsed.
  static Result<ChatTemplate> load(const llama_model* model);
  ChatTemplate(ChatTemplate&& other) noexcept;
  ~ChatTemplate();

  // See Engine::render_chat. Dates in templates are fixed, so that texts do not change from day to
  // day. Errors: kUnsupported when the template fails on the messages, or has no place for tools.
  Result<std::string> render(std::span<const ChatMessage> messages, bool thinking) const;
  // As the template writes it. Errors: kUnsupported when nothing tells where a turn of the model
  // begins.
  Result<ChatMarkup> markup() const;

 private:
  explicit ChatTemplate(common_chat_templates* templates);

  struct Deleter {
    void operator()(common_chat_templates* templates) const;
  };
  std::unique_ptr<common_chat_templates, Deleter> templates_;
};

}  // namespace coe
