#include "coe/corpus/mmlu_pro.h"

#include "coe/base/json.h"
#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/corpus/json_line.h"

#include <fmt/format.h>

#include <cstddef>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostOptions = 26;
constexpr std::string_view kHint =
    "MMLU-Pro has question_id, question, options, answer, answer_index, cot_content, category and "
    "src; other files are read with kind = \"jsonl\"";

tl::unexpected<Error> bad_field(std::string_view field, std::string_view what) {
  return fail(Code::kCorrupt, fmt::format("field `{}` {}", field, what), std::string(kHint));
}

Result<std::string> string_field(const Json& object, const char* field) {
  const auto found = object.find(field);
  if (found == object.end()) return bad_field(field, "is missing");
  if (!found->is_string()) return bad_field(field, "must be a string");
  return found->get<std::string>();
}

Result<std::int64_t> integer_field(const Json& object, const char* field) {
  const auto found = object.find(field);
  if (found == object.end()) return bad_field(field, "is missing");
  if (!found->is_number_integer()) return bad_field(field, "must be a whole number");
  return found->get<std::int64_t>();
}

Result<std::vector<std::string>> options_field(const Json& object) {
  const auto found = object.find("options");
  if (found == object.end()) return bad_field("options", "is missing");
  std::vector<std::string> out;
  if (!found->is_array()) return bad_field("options", "must be a list of strings");
  for (const auto& option : *found) {
    if (!option.is_string()) return bad_field("options", "must be a list of strings");
    out.push_back(option.get<std::string>());
  }
  while (!out.empty() && out.back() == "N/A") out.pop_back();
  if (out.size() < 2 || out.size() > kMostOptions)
    return bad_field("options",
                     fmt::format("has {} options, not 2 to {}", out.size(), kMostOptions));
  return out;
}

Result<MultipleChoice> read_question(const Json& object) {
  MultipleChoice out;
  COE_TRY(out.id, integer_field(object, "question_id"));
  COE_TRY(out.question, string_field(object, "question"));
  if (out.question.empty()) return bad_field("question", "is empty");
  COE_TRY(out.options, options_field(object));
  COE_TRY(const std::string letter, string_field(object, "answer"));
  COE_TRY(const std::int64_t index, integer_field(object, "answer_index"));
  if (index < 0 || static_cast<std::size_t>(index) >= out.options.size())
    return bad_field("answer_index", fmt::format("is {} of {} options", index, out.options.size()));
  out.answer = static_cast<std::size_t>(index);
  if (letter != std::string(1, option_letter(out.answer)))
    return bad_field("answer", fmt::format("is `{}`, but answer_index {} is {}", printable(letter),
                                           index, option_letter(out.answer)));
  COE_TRY(out.category, string_field(object, "category"));
  if (out.category.empty()) return bad_field("category", "is empty");
  COE_TRY(out.source, string_field(object, "src"));
  COE_TRY(out.reasoning, string_field(object, "cot_content"));
  constexpr std::string_view kLeadIn = "A: ";
  if (out.reasoning.starts_with(kLeadIn)) out.reasoning.erase(0, kLeadIn.size());
  return out;
}

}  // namespace

char option_letter(std::size_t index) { return static_cast<char>('A' + index); }

std::string lettered_options(const MultipleChoice& question) {
  std::string out;
  for (std::size_t i = 0; i < question.options.size(); ++i)
    out += fmt::format("{}{}. {}", i == 0 ? "" : "\n", option_letter(i), question.options[i]);
  return out;
}

Result<MultipleChoice> parse_mmlu_pro(std::string_view json) {
  // Bytes, syntax and depth are judged as everywhere.
  COE_TRY_STATUS(parse_json_line(json).map([](auto&&) {}));
  try {
    return read_question(parse_json_or_throw<Json>(json));
  } catch (const std::exception& error) {
    return fail(Code::kInternal, fmt::format("the JSON reader threw: {}", error.what()));
  }
}

}  // namespace coe
