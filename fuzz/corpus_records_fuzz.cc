// Published records on arbitrary bytes: JSON Lines or an array, each record as a question of
// MMLU-Pro and as a chat in a list of messages or in an export. What is read must be what the
// format promises, and errors must be one line.
#include "coe/base/result.h"
#include "coe/base/utf8.h"
#include "coe/corpus/hooks.h"
#include "coe/corpus/mmlu_pro.h"
#include "coe/corpus/record_chat.h"
#include "coe/corpus/record_reader.h"
#include "coe/corpus/words.h"

#include "require.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace {

void check_question(std::string_view json) {
  const auto question = coe::parse_mmlu_pro(json);
  if (!question) return require_plain(question.error(), {coe::Code::kCorrupt});
  require(question->options.size() >= 2 && question->options.size() <= 26);
  require(question->answer < question->options.size());
  require(question->options.back() != "N/A");
  require(!question->question.empty() && !question->category.empty());
}

void check_chat(std::string_view json, std::string_view field) {
  const auto chat = coe::chat_of_messages(json, field);
  // In an export nobody may have said anything.
  if (!chat) return require_plain(chat.error(), {coe::Code::kCorrupt, coe::Code::kNotFound});
  const auto* turns = &chat->turns;
  require(!turns->empty());
  for (std::size_t i = 0; i < turns->size(); ++i) {
    const auto& turn = (*turns)[i];
    require(!turn.content.empty() || turn.role == "tool" || !turn.tool_calls.empty());
    require(coe::find_invalid_utf8(turn.content) == std::string_view::npos);
    require(turn.role == "user" || turn.role == "assistant" || turn.role == "tool" ||
            (turn.role == "system" && i == 0));
    require(turn.thinking.empty() || turn.role == "assistant");
    if (i > 0) require(turn.role == "tool" || turn.role != (*turns)[i - 1].role);
    // What is compared of a text lies within it and does not change when squeezed again.
    for (const auto& word : coe::words_of(turn.content))
      require(word.begin < word.end && word.end <= turn.content.size());
    const auto squeezed = coe::squeeze(turn.content);
    require(coe::squeeze(squeezed) == squeezed);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  coe::RecordReader reader(input);
  std::uint64_t line_before = 0;
  while (true) {
    const auto record = reader.next();
    if (!record) {
      require_plain(record.error(), {coe::Code::kCorrupt});
      return 0;
    }
    if (!*record) return 0;
    const std::string_view json = (*record)->text;
    require((*record)->number >= line_before);
    line_before = (*record)->number;
    require(!json.empty() && json.data() >= input.data() &&
            json.data() + json.size() <= input.data() + input.size());
    check_question(json);
    check_chat(json, "messages");
    check_chat(json, "conversations");
    check_chat(json, "mapping");
    check_chat(json, "chat_messages");
  }
}
