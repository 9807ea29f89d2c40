// A chat that a model wrote becomes a line of a corpus (docs/formats/corpus.md).
#pragma once

#include <cstdint>
#include <string>

namespace coe {

struct ChatRecord {
  std::string text;
  std::string source;
  std::string domain;
  double weight = 1.0;
  std::string format = "chat";
  std::string problem;
  std::string thinking;
  std::string solution;
  bool ended = true;  // false: cut off
  std::uint64_t n_token_prompt = 0;
  std::uint64_t n_token_generated = 0;
};

// Returns one JSON object and a newline. Bytes that are no UTF-8 are replaced, for an answer that
// was cut off may end within a character.
std::string chat_record_line(const ChatRecord& record);

}  // namespace coe
