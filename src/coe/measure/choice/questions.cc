#include "coe/measure/choice/questions.h"

#include "coe/base/printable.h"
#include "coe/base/rng.h"
#include "coe/base/unpack.h"
#include "coe/corpus/json_line.h"
#include "coe/corpus/record_reader.h"
#include "coe/measure/choice/question_form.h"
#include "coe/measure/choice/question_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

namespace {

std::string text_of(const std::vector<JsonMember>& members, std::string_view name) {
  const auto* member = find_member(members, name);
  return member != nullptr && member->kind == JsonMember::Kind::kString ? member->text
                                                                        : std::string();
}

// Null: no question can be made of it.
Result<std::optional<MultipleChoice>> made_question(std::string_view json, std::uint64_t number,
                                                    const ChoiceSetOptions& options) {
  COE_TRY(const auto members, parse_json_line(json));
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

// Reads the questions of one file, which has one form.
class QuestionFile {
 public:
  QuestionFile(const Path& path, const ChoiceSetOptions& options, std::uint64_t& number,
               ChoiceSet& set)
      : path_(path), options_(options), number_(number), set_(set) {}

  Status read() {
    COE_TRY(const auto file, TextFile::open(path_));
    COE_TRY_STATUS(is_question_table(path_, file.text()) ? read_table(file.text())
                                                         : read_records(file.text()));
    if (auto unsettled = settle_answers(raw_))
      return located(std::move(unsettled->error), lines_[unsettled->index]);
    for (std::size_t i = 0; i < raw_.size(); ++i) add(std::move(raw_[i].choice), lines_[i]);
    return {};
  }

 private:
  Status read_records(std::string_view text) {
    RecordReader reader(text);
    while (true) {
      auto record = reader.next();
      if (!record) return located(std::move(record).error(), reader.line());
      if (!*record) return {};
      const auto& line = **record;
      if (line.blank()) continue;
      auto status = options_.n_made_option > 0 ? make(line) : take(line);
      if (!status) return located(std::move(status).error(), line.number);
      ++number_;
    }
  }

  Status read_table(std::string_view text) {
    if (options_.n_made_option > 0)
      return located({Code::kInvalidArgument, "questions are made of JSON records, not of a table",
                      "leave out --make-options"},
                     1);
    QuestionTable table(text);
    while (true) {
      auto question = table.next(options_.seed);
      if (!question) return located(std::move(question).error(), table.line());
      if (!*question) return {};
      raw_.push_back(**std::move(question));
      lines_.push_back(table.line());
      ++number_;
    }
  }

  Status located(Error error, std::uint64_t line) const {
    error.message = fmt::format("{}:{}: {}", path_.string(), line, error.message);
    return tl::unexpected(std::move(error));
  }

  Status make(const Line& line) {
    COE_TRY(auto made, made_question(line.text, number_, options_));
    if (made)
      add(*std::move(made), line.number);
    else
      ++set_.n_unusable;
    return {};
  }

  Status take(const Line& line) {
    COE_TRY(const auto form, form_of(line.text));
    if (!form_) form_ = form;
    if (form != *form_)
      return fail(Code::kCorrupt,
                  fmt::format("a record in the form of {}, but the file began with {}",
                              form_name(form), form_name(*form_)),
                  "put each set into a file of its own");
    COE_TRY(auto question, parse_question(line.text, form, options_.seed));
    raw_.push_back(std::move(question));
    lines_.push_back(line.number);
    return {};
  }

  void add(MultipleChoice choice, std::uint64_t line) {
    if (choice.category.empty()) choice.category = path_.stem().string();
    set_.questions.push_back(
        {std::move(choice), fmt::format("{}:{}", path_.filename().string(), line)});
  }

  const Path& path_;
  const ChoiceSetOptions& options_;
  std::uint64_t& number_;  // of the record, over all files
  ChoiceSet& set_;
  std::optional<QuestionForm> form_;
  std::vector<RawQuestion> raw_;
  std::vector<std::uint64_t> lines_;
};

}  // namespace

Result<MultipleChoice> parse_choice(std::string_view json) {
  COE_TRY(const auto form, form_of(json));
  COE_TRY(auto question, parse_question(json, form, 1));
  if (auto unsettled = settle_answers({&question, 1})) return tl::unexpected(unsettled->error);
  return std::move(question.choice);
}

Result<ChoiceSet> load_choices(std::span<const Path> files, const ChoiceSetOptions& options) {
  if (files.empty()) return fail(Code::kInvalidArgument, "no file of questions is given");
  ChoiceSet set;
  std::uint64_t number = 0;
  for (const auto& file : files) COE_TRY_STATUS(QuestionFile(file, options, number, set).read());

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
