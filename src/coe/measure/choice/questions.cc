#include "coe/measure/choice/questions.h"

#include "coe/base/json.h"
#include "coe/base/printable.h"
#include "coe/base/rng.h"
#include "coe/corpus/json_line.h"
#include "coe/corpus/record_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <initializer_list>
#include <map>
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

Result<std::vector<std::string>> strings_of(const Json& list, std::string_view field) {
  std::vector<std::string> out;
  if (!list.is_array()) return bad(fmt::format("field `{}` must be a list of strings", field));
  for (const auto& item : list) {
    if (!item.is_string()) return bad(fmt::format("field `{}` must be a list of strings", field));
    out.push_back(item.get<std::string>());
  }
  return out;
}

// The index of the option that `answer` means.
std::optional<std::size_t> answer_of(const Json& answer, const std::vector<std::string>& options,
                                     const std::vector<std::string>& labels) {
  if (answer.is_number_integer()) {
    const auto index = answer.get<std::int64_t>();
    if (index < 0 || static_cast<std::uint64_t>(index) >= options.size()) return std::nullopt;
    return static_cast<std::size_t>(index);
  }
  if (!answer.is_string()) return std::nullopt;
  const auto text = answer.get<std::string>();
  for (const auto* list : {&labels, &options}) {
    const auto found = std::ranges::find(*list, text);
    if (found != list->end()) return static_cast<std::size_t>(found - list->begin());
  }
  if (text.size() == 1 && text[0] >= 'A' && text[0] < option_letter(options.size()))
    return static_cast<std::size_t>(text[0] - 'A');
  return std::nullopt;
}

Result<MultipleChoice> read_choice(const Json& object) {
  MultipleChoice out;
  const auto* question = first_of(object, {"question", "problem"});
  if (question == nullptr || !question->is_string() || question->get<std::string>().empty())
    return bad("no field `question` with a text");
  out.question = question->get<std::string>();
  const auto* options = first_of(object, {"options", "choices"});
  if (options == nullptr) return bad("no field `options`");
  std::vector<std::string> labels;
  if (options->is_object()) {
    const auto* texts = first_of(*options, {"text"});
    const auto* names = first_of(*options, {"label"});
    if (texts == nullptr || names == nullptr) return bad("field `choices` lacks `text` or `label`");
    COE_TRY(out.options, strings_of(*texts, "choices.text"));
    COE_TRY(labels, strings_of(*names, "choices.label"));
    if (labels.size() != out.options.size()) return bad("`choices` has more texts than labels");
  } else {
    COE_TRY(out.options, strings_of(*options, "options"));
  }
  if (out.options.size() < 2 || out.options.size() > kMostOptions)
    return bad(fmt::format("{} options, not 2 to {}", out.options.size(), kMostOptions));
  const auto* answer = first_of(object, {"answer", "answerKey"});
  if (answer == nullptr) return bad("no field `answer`");
  const auto index = answer_of(*answer, out.options, labels);
  if (!index) return bad(fmt::format("the answer {} is no option", printable(json_text(*answer))));
  out.answer = *index;
  if (const auto* category = first_of(object, {"category", "subject", "domain"});
      category != nullptr && category->is_string())
    out.category = category->get<std::string>();
  return out;
}

std::string text_of(const std::vector<JsonMember>& members, std::string_view name) {
  const auto* member = find_member(members, name);
  return member != nullptr && member->kind == JsonMember::Kind::kString ? member->text
                                                                        : std::string();
}

// Null: no question can be made of it.
Result<std::optional<MultipleChoice>> read_record(std::string_view json, std::uint64_t number,
                                                  const ChoiceSetOptions& options) {
  COE_TRY(const auto members, parse_json_line(json));
  if (options.n_made_option > 0) {
    const auto problem = text_of(members, "problem");
    const auto solution = text_of(members, "solution");
    if (problem.empty() || solution.empty())
      return fail(Code::kCorrupt, "no fields `problem` and `solution` with a text",
                  "only of such records can questions be made");
    auto made = make_choice(problem, solution, text_of(members, "thinking"), options.n_made_option,
                            derived_seed(options.seed, number));
    if (made) made->category = text_of(members, "domain");
    return made;
  }
  if (find_member(members, "answer_index") != nullptr) return parse_mmlu_pro(json);
  return parse_choice(json);
}

Status read_file(const Path& path, const ChoiceSetOptions& options, std::uint64_t& number,
                 ChoiceSet& set) {
  COE_TRY(const auto bytes, read_text(path));
  RecordReader reader(bytes);
  const auto located = [&](Error error, std::uint64_t line) {
    error.message = fmt::format("{}:{}: {}", path.string(), line, error.message);
    return tl::unexpected(std::move(error));
  };
  while (true) {
    auto record = reader.next();
    if (!record) return located(std::move(record).error(), reader.line());
    if (!*record) return {};
    const auto& line = **record;
    if (line.blank()) continue;
    auto question = read_record(line.text, number++, options);
    if (!question) return located(std::move(question).error(), line.number);
    if (!*question) {
      ++set.n_unusable;
      continue;
    }
    if ((*question)->category.empty()) (*question)->category = path.stem().string();
    set.questions.push_back(
        {**std::move(question), fmt::format("{}:{}", path.filename().string(), line.number)});
  }
}

}  // namespace

Result<MultipleChoice> parse_choice(std::string_view json) {
  COE_TRY_STATUS(parse_json_line(json).map([](auto&&) {}));
  try {
    return read_choice(parse_json_or_throw<Json>(json));
  } catch (const std::exception& error) {
    return fail(Code::kInternal, fmt::format("the JSON reader threw: {}", error.what()));
  }
}

Result<ChoiceSet> load_choices(std::span<const Path> files, const ChoiceSetOptions& options) {
  if (files.empty()) return fail(Code::kInvalidArgument, "no file of questions is given");
  ChoiceSet set;
  std::uint64_t number = 0;
  for (const auto& file : files) COE_TRY_STATUS(read_file(file, options, number, set));

  std::map<std::string, std::uint64_t> n_of_category;
  std::vector<ChoiceQuestion> kept;
  for (auto& question : set.questions) {
    const auto& category = question.choice.category;
    const auto index = n_of_category[category]++;
    if (!options.categories.empty() &&
        std::ranges::find(options.categories, category) == options.categories.end())
      continue;
    if (options.off && index % 10 != *options.off) continue;
    if (options.max_questions > 0 && kept.size() == options.max_questions) continue;
    kept.push_back(std::move(question));
  }
  for (const auto& name : options.categories) {
    if (n_of_category.contains(name)) continue;
    std::string known;
    for (const auto& [category, n] : n_of_category)
      known += fmt::format("{}{}", known.empty() ? "" : ", ", printable(category));
    return fail(Code::kInvalidArgument, fmt::format("no question of category `{}`", name),
                fmt::format("there are: {}", known));
  }
  if (kept.empty()) return fail(Code::kInvalidArgument, "no question is left to ask");
  set.questions = std::move(kept);
  return set;
}

}  // namespace coe
