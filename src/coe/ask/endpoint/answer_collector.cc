#include "coe/ask/endpoint/answer_collector.h"

#include <string>
#include <string_view>
#include <utility>

namespace coe {

AnswerCollector::AnswerCollector(Api api, const AnswerRequest& request, std::string_view key)
    : request_(request),
      thinking_redactor_(key),
      content_redactor_(key),
      reader_(api, [this](const ReplyDelta& delta) { return on_delta(delta); }, key) {
  if (request.guard_loops) guard_.emplace(request.loop);
}

bool AnswerCollector::feed(std::string_view bytes) {
  if (auto status = reader_.feed(bytes); !status && !looped()) status_ = std::move(status);
  return status_.has_value() && !looped();
}

Status AnswerCollector::finish() {
  if (!looped() && status_) status_ = reader_.finish();
  if (!looped()) COE_TRY_STATUS(status_);
  COE_TRY_STATUS(keep(thinking_redactor_.finish(), true, text_.thinking));
  return keep(content_redactor_.finish(), false, text_.content);
}

ChatAnswer AnswerCollector::answer(std::span<const ThinkingMarkers> markers) const {
  const auto& summary = reader_.summary();
  ChatAnswer out;
  auto split = split_message(text_, markers);
  out.thinking = std::move(split.thinking);
  out.content = std::move(split.content);
  out.unknown_markers = std::move(split.unknown);
  if (looped())
    out.end = AnswerEnd::kLoop;
  else if (summary.cut)
    out.end = AnswerEnd::kLength;
  else if (!summary.filter.empty())
    out.end = AnswerEnd::kFilter;
  out.filter = summary.filter;
  out.unread_thinking = summary.unread;
  out.n_replaced = summary.n_replaced;
  out.n_token_prompt = summary.n_token_prompt.value_or(0);
  out.n_token_known = summary.n_token.has_value();
  out.n_token = summary.n_token.value_or(summary.n_piece);
  return out;
}

Status AnswerCollector::on_delta(const ReplyDelta& delta) {
  for (const auto& piece : {delta.thinking, delta.content})
    if (guard_) guard_->feed(piece);
  COE_TRY_STATUS(keep(thinking_redactor_.feed(delta.thinking), true, text_.thinking));
  COE_TRY_STATUS(keep(content_redactor_.feed(delta.content), false, text_.content));
  return looped() ? Status(fail(Code::kEngine, "looped")) : Status();
}

Status AnswerCollector::keep(std::string piece, bool thinking, std::string& text) {
  text += piece;
  if (!request_.on_text || piece.empty()) return {};
  auto status = request_.on_text(piece, thinking);
  watcher_failed_ = watcher_failed_ || !status;
  return status;
}

}  // namespace coe
