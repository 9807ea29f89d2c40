// This collects an answer while a server streams it.
#pragma once

#include "coe/ask/answer/answerer.h"
#include "coe/ask/answer/loop_guard.h"
#include "coe/ask/endpoint/reply_reader.h"
#include "coe/ask/endpoint/secret.h"
#include "coe/base/result.h"
#include "coe/corpus/message/message_text.h"
#include "coe/corpus/message/thinking.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace coe {

class AnswerCollector {
 public:
  // `key` is kept out of the text. `request` must outlive it.
  AnswerCollector(Api api, const AnswerRequest& request, std::string_view key);
  AnswerCollector(const AnswerCollector&) = delete;
  AnswerCollector& operator=(const AnswerCollector&) = delete;

  // Returns whether to go on.
  bool feed(std::string_view bytes);
  // The reply is over. Errors: those of ReplyReader and of
  // AnswerRequest::on_text.
  Status finish();
  bool is_page() const { return reader_.is_page(); }
  // The error is AnswerRequest::on_text's.
  bool watcher_failed() const { return watcher_failed_; }

  // Thinking that the server leaves in the content stands between `markers`.
  ChatAnswer answer(std::span<const ThinkingMarkers> markers) const;

 private:
  bool looped() const { return guard_ && guard_->looped(); }
  Status on_delta(const ReplyDelta& delta);
  Status keep(std::string piece, bool thinking, std::string& text);

  const AnswerRequest& request_;
  std::optional<LoopGuard> guard_;
  Redactor thinking_redactor_;
  Redactor content_redactor_;
  MessageText text_;
  bool watcher_failed_ = false;
  Status status_;
  ReplyReader reader_;
};

}  // namespace coe
