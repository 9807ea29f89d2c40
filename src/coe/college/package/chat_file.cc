#include "coe/college/package/chat_file.h"

#include "coe/base/json.h"
#include "coe/base/printable.h"
#include "coe/measure/chat_check/chat_check_json.h"

#include <fmt/format.h>

#include <string_view>
#include <system_error>
#include <utility>

namespace coe {

namespace {

using Json = nlohmann::ordered_json;

tl::unexpected<Error> no_chat_file(std::string why) { return fail(Code::kCorrupt, std::move(why)); }

}  // namespace

std::string chat_file_text(const ChatFacts& facts) {
  Json document = {{"schema", kChatCheckSchema}, {"max_new_tokens", facts.max_new_tokens}};
  document.update(chat_checks_json(facts.checks));
  return json_text(document, 2) + "\n";
}

Result<std::vector<ChatQuestion>> read_chat_file(const Path& file, const PackageChatCheck& said) {
  // Eight answers of 64 tokens have some kB.
  constexpr std::uint64_t kMostBytes = std::uint64_t{16} << 20;
  std::error_code ec;
  if (const auto size = std::filesystem::file_size(file, ec); !ec && size > kMostBytes)
    return no_chat_file("is too large for it");
  COE_TRY(const auto text, read_text(file));
  const auto document = parse_json<Json>(text);
  if (!document.is_object()) return no_chat_file("is no JSON object");
  try {
    if (document.at("schema") != kChatCheckSchema) return no_chat_file("has another schema");
    const auto check = read_chat_checks(document).child;
    if (check.answers.empty() || check.answers.size() > kChatCheckQuestions)
      return no_chat_file(fmt::format("has {} answers", check.answers.size()));
    if (check.n_question != said.n_question || check.answers.size() != said.n_answer ||
        check.n_bad() != said.n_bad || check.passed() != said.passed)
      return no_chat_file("says another thing than the manifest");
    std::vector<ChatQuestion> questions;
    questions.reserve(check.answers.size());
    for (const auto& answer : check.answers) questions.push_back(answer.question);
    return questions;
  } catch (const Json::exception& problem) {
    return no_chat_file(fmt::format("cannot be read ({})", printable(problem.what(), 200)));
  }
}

}  // namespace coe
