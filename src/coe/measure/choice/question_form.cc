#include "coe/measure/choice/question_form.h"

#include "coe/base/hash.h"
#include "coe/base/json.h"
#include "coe/base/parse.h"
#include "coe/base/printable.h"
#include "coe/base/rng.h"
#include "coe/base/search.h"
#include "coe/corpus/json_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <exception>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostOptions = 26;

tl::unexpected<Error> bad(std::string message) {
  return fail(Code::kCorrupt, std::move(message),
              R"(a question is {"question": "…", "options": ["…", "…"], "answer": "B"})");
}

const Json* first_of(const Json& object, std::initializer_list<const char*> names) {
  for (const auto* name : names) {
    const auto found = object.find(name);
    if (found != object.end() && !found->is_null()) return &*found;
  }
  return nullptr;
}

Result<std::string> string_of(const Json& object, std::initializer_list<const char*> names) {
  const auto* value = first_of(object, names);
  if (value == nullptr || !value->is_string() || value->get_ref<const std::string&>().empty())
    return bad(fmt::format("no field `{}` with a text", *names.begin()));
  return value->get<std::string>();
}

Result<std::vector<std::string>> strings_of(const Json& list, std::string_view field) {
  std::vector<std::string> out;
  if (!list.is_array()) return bad(fmt::format("field `{}` must be a list of strings", field));
  out.reserve(list.size());
  for (const auto& item : list) {
    if (!item.is_string()) return bad(fmt::format("field `{}` must be a list of strings", field));
    out.push_back(item.get<std::string>());
  }
  return out;
}

Status check_options(const std::vector<std::string>& options) {
  if (options.size() < 2 || options.size() > kMostOptions)
    return bad(fmt::format("{} options, not 2 to {}", options.size(), kMostOptions));
  return {};
}

Status read_answer(const Json& object, std::initializer_list<const char*> names, RawQuestion& out) {
  const auto* answer = first_of(object, names);
  if (answer == nullptr) return bad(fmt::format("no field `{}`", *names.begin()));
  if (answer->is_number_integer())
    out.number = answer->get<std::int64_t>();
  else if (answer->is_string())
    out.text = answer->get<std::string>();
  else
    return bad(fmt::format("the answer {} is no option", printable(json_text(*answer))));
  if (!out.number && out.text.empty())
    return fail(Code::kCorrupt, fmt::format("field `{}` is empty", *names.begin()),
                "published test sets hold no answers: take the validation set");
  return {};
}

// [{"label": "A", "text": "…"}, …]
Status read_labelled(const Json& list, RawQuestion& out) {
  for (const auto& item : list) {
    if (!item.is_object()) return bad("field `choices` must be a list of strings, or of objects");
    COE_TRY(auto text, string_of(item, {"text"}));
    COE_TRY(auto label, string_of(item, {"label"}));
    out.choice.options.push_back(std::move(text));
    out.labels.push_back(std::move(label));
  }
  return {};
}

Status read_options(const Json& options, RawQuestion& out) {
  if (options.is_object()) {
    const auto* texts = first_of(options, {"text"});
    const auto* names = first_of(options, {"label"});
    if (texts == nullptr || names == nullptr) return bad("field `choices` lacks `text` or `label`");
    COE_TRY(out.choice.options, strings_of(*texts, "choices.text"));
    COE_TRY(out.labels, strings_of(*names, "choices.label"));
    if (out.labels.size() != out.choice.options.size())
      return bad("`choices` has more texts than labels, or fewer");
  } else if (options.is_array() && !options.empty() && options.front().is_object()) {
    COE_TRY_STATUS(read_labelled(options, out));
  } else {
    COE_TRY(out.choice.options, strings_of(options, "options"));
  }
  return check_options(out.choice.options);
}

// ARC, CommonsenseQA and OpenBookQA were first published with `stem` and `choices` in `question`.
Result<RawQuestion> read_plain(const Json& object) {
  RawQuestion out;
  const auto* question = first_of(object, {"question"});
  const bool nested = question != nullptr && question->is_object();
  if (nested) {
    COE_TRY(out.choice.question, string_of(*question, {"stem"}));
  } else {
    COE_TRY(out.choice.question, string_of(object, {"question", "problem", "question_stem"}));
  }
  const auto* options = first_of(nested ? *question : object, {"options", "choices"});
  if (options == nullptr) return bad("no field `options`");
  COE_TRY_STATUS(read_options(*options, out));
  COE_TRY_STATUS(read_answer(object, {"answer", "answerKey"}, out));
  if (const auto* category = first_of(object, {"category", "subject", "domain"});
      category != nullptr && category->is_string())
    out.choice.category = category->get<std::string>();
  return out;
}

Result<RawQuestion> read_hellaswag(const Json& object) {
  RawQuestion out;
  COE_TRY(const auto context, string_of(object, {"ctx"}));
  out.choice.question = "How does this go on?\n" + context;
  COE_TRY(out.choice.options, strings_of(object.at("endings"), "endings"));
  COE_TRY_STATUS(check_options(out.choice.options));
  COE_TRY_STATUS(read_answer(object, {"label"}, out));
  if (!out.number) {
    std::int64_t index = 0;
    if (!parse_number(out.text, index))
      return bad(fmt::format("field `label` is `{}`, not an index", printable(out.text)));
    out.number = index;
  }
  return out;
}

enum class Reading : std::uint8_t { kLabel, kText, kLetter, kIndex };
constexpr std::array kReadings = {Reading::kLabel, Reading::kText, Reading::kLetter,
                                  Reading::kIndex};

std::string_view reading_name(Reading reading) {
  static constexpr std::array<std::string_view, 4> kNames = {"label", "text", "letter", "index"};
  return kNames.at(static_cast<std::size_t>(reading));
}

std::optional<std::size_t> position(const std::vector<std::string>& list, const std::string& text) {
  const auto found = std::ranges::find(list, text);
  if (found == list.end()) return std::nullopt;
  return static_cast<std::size_t>(found - list.begin());
}

// The option that the answer means, read so.
std::optional<std::size_t> option_by(Reading reading, const RawQuestion& question) {
  const auto n_option = question.choice.options.size();
  auto number = question.number;
  switch (reading) {
    case Reading::kLabel:
      return number ? std::nullopt : position(question.labels, question.text);
    case Reading::kText:
      return number ? std::nullopt : position(question.choice.options, question.text);
    case Reading::kLetter:
      if (number || question.text.size() != 1 || question.text[0] < 'A' ||
          question.text[0] >= option_letter(n_option))
        return std::nullopt;
      return static_cast<std::size_t>(question.text[0] - 'A');
    case Reading::kIndex:
      break;
  }
  if (std::int64_t index = 0; !number && parse_number(question.text, index)) number = index;
  if (!number || *number < 0 || static_cast<std::uint64_t>(*number) >= n_option)
    return std::nullopt;
  return static_cast<std::size_t>(*number);
}

std::string answer_text(const RawQuestion& question) {
  return question.number ? fmt::format("{}", *question.number)
                         : fmt::format("`{}`", printable(question.text));
}

Error no_option(const RawQuestion& question, bool first) {
  return bad(fmt::format("the answer {} is no option{}", answer_text(question),
                         first ? "" : ", read as the answers before it are"))
      .value();
}

}  // namespace

std::string_view form_name(QuestionForm form) {
  switch (form) {
    case QuestionForm::kMmluPro:
      return "MMLU-Pro";
    case QuestionForm::kHellaSwag:
      return "HellaSwag";
    case QuestionForm::kGpqa:
      return "GPQA";
    case QuestionForm::kPlain:
      break;
  }
  return "question, options and answer";
}

Result<RawQuestion> gpqa_question(const TextFields& fields, std::uint64_t seed) {
  const auto text_of = [&](std::string_view name) -> Result<std::string> {
    const auto found = fields.find(name);
    const auto text = found == fields.end() ? std::string_view() : trimmed(found->second);
    if (text.empty()) return bad(fmt::format("no field `{}` with a text", name));
    return std::string(text);
  };
  RawQuestion out;
  out.settled = true;
  COE_TRY(out.choice.question, text_of(kGpqaColumns.front()));
  auto& options = out.choice.options;
  for (const auto name : std::span(kGpqaColumns).subspan(1)) {
    COE_TRY(options.emplace_back(), text_of(name));
  }
  const std::string right = options.front();
  if (std::ranges::count(options, right) > 1) return bad("a wrong option equals the right one");
  Rng rng(derived_seed(seed, hash_number(out.choice.question)));
  rng.shuffle(std::span(options));
  out.choice.answer = static_cast<std::size_t>(std::ranges::find(options, right) - options.begin());
  for (const std::string_view name : {"High-level domain", "Subdomain"}) {
    const auto found = fields.find(name);
    if (out.choice.category.empty() && found != fields.end())
      out.choice.category = trimmed(found->second);
  }
  return out;
}

Result<QuestionForm> form_of(std::string_view json) {
  COE_TRY(const auto members, parse_json_line(json));
  const auto has = [&](std::string_view name) { return find_member(members, name) != nullptr; };
  if (has("answer_index")) return QuestionForm::kMmluPro;
  if (has("endings")) return QuestionForm::kHellaSwag;
  if (has("Correct Answer")) return QuestionForm::kGpqa;
  return QuestionForm::kPlain;
}

Result<RawQuestion> parse_question(std::string_view json, QuestionForm form, std::uint64_t seed) {
  COE_TRY(const auto members, parse_json_line(json));
  if (form == QuestionForm::kGpqa) {
    TextFields fields;
    for (const auto& member : members)
      if (member.kind == JsonMember::Kind::kString) fields[member.name] = member.text;
    return gpqa_question(fields, seed);
  }
  try {
    if (form == QuestionForm::kMmluPro) {
      RawQuestion out;
      out.settled = true;
      COE_TRY(out.choice, parse_mmlu_pro(json));
      return out;
    }
    const auto object = parse_json_or_throw<Json>(json);
    if (form == QuestionForm::kHellaSwag) return read_hellaswag(object);
    return read_plain(object);
  } catch (const std::exception& error) {
    return fail(Code::kInternal, fmt::format("the JSON reader threw: {}", error.what()));
  }
}

std::optional<Unsettled> settle_answers(std::span<RawQuestion> questions) {
  std::vector<Reading> readings(kReadings.begin(), kReadings.end());
  for (std::size_t i = 0; i < questions.size(); ++i) {
    if (questions[i].settled) continue;
    if (!questions[i].number &&
        std::ranges::count(questions[i].choice.options, questions[i].text) > 1)
      return Unsettled{
          i, bad(fmt::format("the answer {} is more than one option", answer_text(questions[i])))
                 .value()};
    const auto fits = [&](Reading reading) { return option_by(reading, questions[i]).has_value(); };
    if (std::ranges::none_of(readings, fits))
      return Unsettled{i, no_option(questions[i], std::ranges::none_of(kReadings, fits))};
    std::erase_if(readings, [&](Reading reading) { return !fits(reading); });
  }
  // Labels are there to be the answer.
  if (readings.front() == Reading::kLabel) readings.resize(1);
  for (std::size_t i = 0; i < questions.size(); ++i) {
    auto& question = questions[i];
    if (question.settled) continue;
    question.choice.answer = option_by(readings.front(), question).value_or(0);
    for (const auto reading : readings)
      if (option_by(reading, question) != question.choice.answer)
        return Unsettled{
            i, bad(fmt::format("the answer {} may be the {} of one option and the {} of another",
                               answer_text(question), reading_name(readings.front()),
                               reading_name(reading)))
                   .value()};
    question.settled = true;
  }
  return std::nullopt;
}

}  // namespace coe
