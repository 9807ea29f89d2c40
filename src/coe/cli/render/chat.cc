#include "coe/cli/render/chat.h"

#include "coe/base/printable.h"
#include "coe/base/search.h"
#include "coe/cli/answerer_options.h"
#include "coe/cli/render/document.h"

#include <fmt/format.h>

#include <cstdlib>

namespace coe::cli {

namespace {

constexpr std::string_view kDim = "\x1b[2m";
constexpr std::string_view kPlain = "\x1b[0m";

bool has_colours() {
  const char* none = std::getenv("NO_COLOR");
  return none == nullptr || *none == '\0';
}

std::string_view end_name(AnswerEnd end) {
  switch (end) {
    case AnswerEnd::kTurn:
      return "turn";
    case AnswerEnd::kLength:
      return "length";
    case AnswerEnd::kLoop:
      return "loop";
    case AnswerEnd::kStopped:
      return "stopped";
    case AnswerEnd::kFilter:
      break;
  }
  return "filter";
}

}  // namespace

std::string chat_title(const ChatTitle& title) {
  std::string experts = fmt::format("{} experts", title.n_expert);
  if (!title.mask.empty())
    experts = fmt::format("{} of {} experts ({})", title.n_keep, title.n_expert,
                          printable(title.mask.string()));
  return fmt::format("{}, {}, context {}, thinking {}", printable(title.name), experts, title.n_ctx,
                     title.thinking ? "on" : "off");
}

std::string talker_heading(std::string_view title, bool on_terminal) {
  if (on_terminal && has_colours()) return fmt::format("\x1b[1m{}\x1b[0m\n", title);
  return fmt::format("--- {}\n", title);
}

AnswerPrinter::AnswerPrinter(bool on_terminal) : dims_(on_terminal && has_colours()) {}

std::string AnswerPrinter::take(std::string_view piece, bool thinking) {
  std::string out;
  if (thinking != thinking_ || !begun_) {
    out += text_.end();
    if (begun_) out += "\n\n";
    if (dims_) out += thinking ? kDim : kPlain;
    thinking_ = thinking;
    begun_ = true;
  }
  return out + text_.take(piece);
}

std::string AnswerPrinter::end() {
  auto out = text_.end();
  if (dims_ && begun_) out += kPlain;
  return out;
}

std::string speed_line(const ChatAnswer& answer) {
  if (answer.seconds <= 0) return {};
  const auto line = fmt::format("{} tokens, {:.1f} tokens/s", answer.n_token,
                                static_cast<double>(answer.n_token) / answer.seconds);
  return has_colours() ? fmt::format("{}{}{}\n", kDim, line, kPlain) : line + "\n";
}

std::vector<std::string> turn_notes(const ChatAnswer& answer, std::size_t n_dropped,
                                    bool thinking) {
  std::vector<std::string> out;
  if (n_dropped > 0)
    out.push_back(
        fmt::format("the context is full: the oldest {} forgotten",
                    n_dropped == 1 ? "exchange was" : fmt::format("{} exchanges were", n_dropped)));
  if (answer.end == AnswerEnd::kLoop) out.emplace_back("stopped: the answer goes round in circles");
  if (answer.end == AnswerEnd::kLength)
    out.emplace_back("cut: the context is full, or --max-new-tokens is reached");
  if (!thinking && !answer.thinking.empty())
    out.emplace_back(
        "it thinks although thinking is off: chat text in its corpus, or the CoT pass, would mend "
        "that");
  if (answer.n_stray_marker > 0)
    out.push_back(fmt::format(
        "{} of thinking that began or ended nothing {} left out",
        answer.n_stray_marker == 1 ? "a marker" : fmt::format("{} markers", answer.n_stray_marker),
        answer.n_stray_marker == 1 ? "was" : "were"));
  if (answer.end == AnswerEnd::kTurn && trimmed(answer.content).empty())
    out.emplace_back("the answer is empty");
  return out;
}

std::string chat_record(std::span<const ChatMessage> messages) {
  Json record = {{"messages", Json::array()}};
  for (const auto& message : messages)
    record["messages"].push_back({{"role", message.role}, {"content", message.content}});
  return json_text(record) + "\n";
}

Json chat_json(const ChatOutput& output) {
  auto doc = document("chat");
  doc["model"] = output.model.string();
  doc["mask"] = output.mask.empty() ? Json(nullptr) : Json(output.mask.string());
  doc["sampling"] = sampling_json(output.ask);
  doc["thinking"] = output.answer.thinking;
  doc["answer"] = output.answer.content;
  doc["ended"] = output.answer.end == AnswerEnd::kTurn;
  doc["end"] = end_name(output.answer.end);
  doc["n_token_prompt"] = output.answer.n_token_prompt;
  doc["n_token_generated"] = output.answer.n_token;
  doc["seconds"] = output.answer.seconds;
  return doc;
}

}  // namespace coe::cli
