// This reads what the JSON of a streamed or whole chat reply says. It is pure:
// payloads go in, text comes out.
#pragma once

#include "coe/ask/endpoint/address.h"
#include "coe/ask/endpoint/payload_reader.h"
#include "coe/ask/endpoint/text_joiner.h"
#include "coe/base/result.h"

#include <nlohmann/json_fwd.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

// One payload's news.
struct ReplyDelta {
  std::string thinking;  // of a server that splits it off
  std::string content;
};

struct ReplySummary {
  bool ended = false;            // the server said why the answer ends, by a word that is known
  bool cut = false;              // … it is the length asked for, or the context's end
  std::string filter;            // … it is a filter, and this its name; empty: none
  std::uint64_t n_piece = 0;     // payloads with text
  std::string unread;            // what it holds of thinking that cannot be read; see ThinkingText
  std::uint64_t n_replaced = 0;  // halves of characters, see whole_characters()
  std::optional<std::uint64_t> n_token_prompt;
  std::optional<std::uint64_t> n_token;
};

// Says whether a body begins as HTML does.
bool is_html(std::string_view body);

class ReplyReader {
 public:
  using Sink = std::function<Status(const ReplyDelta&)>;

  static constexpr std::size_t kMaxPayload = std::size_t{16} << 20;
  static constexpr std::size_t kMaxText = std::size_t{64} << 20;

  // `sink` is told of new text, once, even where the server repeats it; an
  // error of its ends the reading. `api` is not kAuto. `secret` is kept out of
  // messages, and must outlive the reader.
  ReplyReader(Api api, Sink sink, std::string_view secret = {});
  ReplyReader(const ReplyReader&) = delete;
  ReplyReader& operator=(const ReplyReader&) = delete;

  // Errors: kEngine, in one line: not JSON, fields of the wrong type, an error
  // that the server reports in the stream or in a choice, a message that
  // contradicts the pieces before it, an answer that ends for no reason that
  // ending_of() knows; kCorrupt for more than kMaxPayload or kMaxText bytes;
  // those of the sink.
  Status feed(std::string_view bytes);
  // The body is complete. Errors: kEngine, also when no reason was given for
  // the answer's end; those of the sink.
  Status finish();
  const ReplySummary& summary() const { return summary_; }
  // It is a page for people: nothing that is asked there gets an answer.
  bool is_page() const { return is_html(head_); }

 private:
  // What one payload says: in its piece of the text, and in a message that is
  // all of it.
  struct News {
    ReplyDelta piece;
    ReplyDelta whole;
  };

  Status on_payload(std::string_view payload);
  Status read_openai(const nlohmann::json& document, News& news);
  Status read_ollama(const nlohmann::json& document, News& news);
  Status pass_on(ReplyDelta delta);

  Status server_says(const nlohmann::json& object) const;

  Api api_;
  Sink sink_;
  std::string_view secret_;
  ReplySummary summary_;
  TextJoiner thinking_;
  TextJoiner content_;
  bool has_pieces_ = false;
  std::string head_;  // the body's first bytes
  std::size_t n_byte_ = 0;
  PayloadReader payloads_;
};

// Returns the message in the body of a refusal, fit for one line. It is the
// server's own where its form is known, else the body's beginning. It is empty
// for an empty body. `secret` is kept out of it.
std::string error_message(std::string_view body, std::string_view secret = {});

// Says whether that is what Ollama's /api/version, or /api/tags, answers.
bool is_ollama_version(std::string_view body);
bool is_ollama_list(std::string_view body);

// Returns the names of the models that a server lists (/v1/models, Ollama's
// /api/tags). Errors: kEngine when it is no such list.
Result<std::vector<std::string>> parse_model_list(std::string_view body);

}  // namespace coe
