#include "coe/measure/chat_check/questions.h"

#include "coe/base/search.h"
#include "coe/base/utf8.h"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

namespace {

constexpr std::string_view kProbe = "coe-question";
constexpr std::string_view kContinue = "Continue this:\n\n";
constexpr auto kNowhere = std::string_view::npos;

// Where a turn of the model begins from `from` on.
std::size_t model_turn_at(std::string_view text, std::size_t from, const ChatMarkup& markup) {
  std::size_t first = kNowhere;
  for (const auto& marker : markup.model_turns) first = std::min(first, text.find(marker, from));
  return first;
}

// What the template puts around the words of a user.
struct UserTurn {
  std::string open;   // "<|turn>user\n"
  std::string close;  // "<turn|>\n", up to the turn of the model
};

// The last opening of somebody else's turn, else the last line that is not blank: before that
// stands what holds for the whole chat.
std::string_view opening_of(std::string_view before, const ChatMarkup& markup) {
  std::size_t at = kNowhere;
  for (const auto& marker : markup.other_turns) {
    const auto found = before.rfind(marker);
    if (found != kNowhere && (at == kNowhere || found > at)) at = found;
  }
  if (at != kNowhere) return before.substr(at);
  const auto end = before.find_last_not_of('\n');
  const auto line = end == kNowhere ? kNowhere : before.rfind('\n', end);
  return line == kNowhere ? before : before.substr(line + 1);
}

Result<UserTurn> learn_turn(Engine& engine, const ChatMarkup& markup) {
  const ChatMessage message = {"user", std::string(kProbe)};
  COE_TRY(const auto prompt, engine.render_chat({&message, 1}, false));
  const std::string_view view = prompt;
  const auto at = view.find(kProbe);
  if (at == kNowhere)
    return fail(Code::kUnsupported, "the model's chat template leaves the user's words out");
  const auto end = at + kProbe.size();
  const auto model = model_turn_at(view, end, markup);
  UserTurn turn;
  turn.open = opening_of(view.substr(0, at), markup);
  if (model != kNowhere) turn.close = view.substr(end, model - end);
  return turn;
}

// The words of a chat's first user; empty where the text is no chat.
std::string_view first_user_turn(std::string_view text, const UserTurn& turn,
                                 const ChatMarkup& markup) {
  if (trimmed(turn.open).empty()) return {};
  const auto open = text.find(turn.open);
  if (open == kNowhere) return {};
  const auto begin = open + turn.open.size();
  const auto model = model_turn_at(text, begin, markup);
  if (model == kNowhere) return {};
  auto words = text.substr(begin, model - begin);
  if (const auto close = trimmed(turn.close); !close.empty())
    words = words.substr(0, words.find(close));
  return trimmed(words);
}

// The beginning of a text, cut at the end of a word.
std::string_view beginning_of(std::string_view text) {
  text = trimmed(text);
  std::size_t n_char = 0;
  std::size_t end = 0;
  while (end < text.size() && n_char < kMostBeginningChars) {
    end += std::max<std::size_t>(1, utf8_length(text.substr(end)));
    ++n_char;
  }
  if (end >= text.size()) return text;
  const auto word = text.substr(0, end + 1).find_last_of(" \t\r\n");
  return trimmed(text.substr(0, word == kNowhere || word == 0 ? end : word));
}

// At most `n` of them, spread evenly.
void add_spread(std::vector<ChatQuestion>& out, std::vector<std::string> texts, std::size_t n,
                bool from_chat) {
  n = std::min(n, texts.size());
  for (std::size_t i = 0; i < n; ++i)
    out.push_back({std::move(texts[i * texts.size() / n]), from_chat});
}

}  // namespace

Result<std::vector<ChatQuestion>> chat_questions(Engine& engine, const Corpus& text,
                                                 std::size_t n) {
  COE_TRY(const auto markup, engine.chat_markup());
  COE_TRY(const auto turn, learn_turn(engine, markup));
  std::vector<std::string> asked;
  std::vector<std::string> beginnings;
  std::set<std::string, std::less<>> known;
  for (const auto& domain : text.domains) {
    for (const auto& record : domain.records) {
      const auto words = first_user_turn(record.text, turn, markup);
      if (count_chars(words) > kMostQuestionChars) continue;
      // A chat without a user's words, as its turns of the model show, is no text to go on with.
      if (words.empty() && model_turn_at(record.text, 0, markup) != kNowhere) continue;
      const auto question = words.empty() ? std::string(kContinue).append(beginning_of(record.text))
                                          : std::string(words);
      if (known.insert(question).second) (words.empty() ? beginnings : asked).push_back(question);
    }
  }
  std::vector<ChatQuestion> out;
  add_spread(out, std::move(asked), n, true);
  add_spread(out, std::move(beginnings), n - out.size(), false);
  return out;
}

}  // namespace coe
