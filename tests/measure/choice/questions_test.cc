#include "coe/measure/choice/questions.h"

#include "support/expect.h"
#include "support/temp_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <utility>
#include <vector>

namespace coe {
namespace {

using coe::testing::expect_error;
using coe::testing::TempDir;
using coe::testing::value_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

TEST(ParseChoice, ReadsTheFormsOfPublishedSets) {
  const std::vector<std::string> forms = {
      R"({"question": "Q?", "options": ["x", "y", "z"], "answer": "B", "category": "math"})",
      R"({"problem": "Q?", "options": ["x", "y", "z"], "answer": "y", "domain": "math"})",
      // MMLU
      R"({"question": "Q?", "choices": ["x", "y", "z"], "answer": 1, "subject": "math"})",
      // ARC
      R"({"question": "Q?", "choices": {"text": ["x", "y", "z"], "label": ["1", "2", "3"]},)"
      R"( "answerKey": "2", "category": "math"})",
  };
  for (const auto& form : forms) {
    const auto choice = value_of(parse_choice(form));
    EXPECT_EQ(choice.question, "Q?") << form;
    EXPECT_THAT(choice.options, ElementsAre("x", "y", "z")) << form;
    EXPECT_EQ(choice.answer, 1U) << form;
    EXPECT_EQ(choice.category, "math") << form;
  }
}

TEST(ParseChoice, ReadsCommonsenseQaAndOpenBookQa) {
  const std::vector<std::string> forms = {
      // CommonsenseQA, as first published and as a table
      R"({"answerKey": "B", "id": "1", "question": {"question_concept": "c", "stem": "Q?",)"
      R"( "choices": [{"label": "A", "text": "x"}, {"label": "B", "text": "y"}]}})",
      R"({"id": "1", "question": "Q?", "question_concept": "c", "answerKey": "B",)"
      R"( "choices": {"label": ["A", "B"], "text": ["x", "y"]}})",
      // OpenBookQA, likewise
      R"({"id": "7", "question": {"stem": "Q?", "choices": [{"text": "x", "label": "A"},)"
      R"( {"text": "y", "label": "B"}]}, "answerKey": "B"})",
      R"({"id": "7", "question_stem": "Q?", "choices": {"text": ["x", "y"], "label": ["A", "B"]},)"
      R"( "answerKey": "B"})"};
  for (const auto& form : forms) {
    const auto choice = value_of(parse_choice(form));
    EXPECT_EQ(choice.question, "Q?") << form;
    EXPECT_THAT(choice.options, ElementsAre("x", "y")) << form;
    EXPECT_EQ(choice.answer, 1U) << form;
  }
  // Labels are meant even where options are called so.
  EXPECT_EQ(value_of(parse_choice(R"({"question":"Q","choices":{"text":["2","1"],)"
                                  R"("label":["1","2"]},"answerKey":"2"})"))
                .answer,
            1U);
}

TEST(ParseChoice, ReadsHellaSwag) {
  const std::string record =
      R"({"ind": 24, "activity_label": "Roof", "ctx_a": "A man sits.", "ctx_b": "he",)"
      R"( "ctx": "A man sits. he", "split": "val", "endings": ["3", "runs", "sits", "falls"],)";
  for (const char* label : {"\"3\"", "3"}) {
    const auto choice = value_of(parse_choice(record + R"("label": )" + label + "}"));
    EXPECT_EQ(choice.question, "How does this go on?\nA man sits. he");
    EXPECT_THAT(choice.options, ElementsAre("3", "runs", "sits", "falls"));
    EXPECT_EQ(choice.answer, 3U) << label;
  }
  expect_error(parse_choice(record + R"("label": ""})"), Code::kCorrupt, "field `label` is empty");
  expect_error(parse_choice(record + R"("label": "4"})"), Code::kCorrupt, "is no option");
  expect_error(parse_choice(record + R"("label": "x"})"), Code::kCorrupt, "is `x`, not an index");
}

TEST(ParseChoice, ReadsGpqa) {
  const std::string record =
      R"({"Question": "Q?", "Correct Answer": "right\n", "Incorrect Answer 1": "w1",)"
      R"( "Incorrect Answer 2": "w2", "High-level domain": "Physics", "Incorrect Answer 3": )";
  const auto choice = value_of(parse_choice(record + R"("w3"})"));
  EXPECT_EQ(choice.question, "Q?");
  EXPECT_THAT(choice.options, UnorderedElementsAre("right", "w1", "w2", "w3"));
  EXPECT_EQ(choice.options.at(choice.answer), "right");
  EXPECT_EQ(choice.category, "Physics");
  expect_error(parse_choice(record + R"("right"})"), Code::kCorrupt, "equals the right one");
  expect_error(parse_choice(record + "7}"), Code::kCorrupt, "no field `Incorrect Answer 3`");
}

TEST(ParseChoice, RefusesAnAnswerThatMayBeTwo) {
  expect_error(parse_choice(R"({"question":"Q","options":["B","A"],"answer":"A"})"), Code::kCorrupt,
               "the answer `A` may be the text of one option and the letter of another");
  expect_error(parse_choice(R"({"question":"Q","options":["1","0"],"answer":"1"})"), Code::kCorrupt,
               "the answer `1` may be the text of one option and the index of another");
  EXPECT_EQ(value_of(parse_choice(R"({"question":"Q","options":["A","B"],"answer":"B"})")).answer,
            1U);
  EXPECT_EQ(value_of(parse_choice(R"({"question":"Q","options":["1","0"],"answer":1})")).answer,
            1U);
}

TEST(ParseChoice, RefusesAnAnswerThatIsTwoOptions) {
  expect_error(parse_choice(R"({"question":"Q","options":["x","x","y"],"answer":"x"})"),
               Code::kCorrupt, "the answer `x` is more than one option");
  EXPECT_EQ(
      value_of(parse_choice(R"({"question":"Q","options":["x","x","y"],"answer":"y"})")).answer,
      2U);
}

TEST(ParseChoice, SaysWhatIsWrong) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({"options": ["x", "y"], "answer": "A"})", "no field `question`"},
      {R"({"question": "", "options": ["x", "y"], "answer": "A"})", "no field `question`"},
      {R"({"question": 3, "options": ["x", "y"], "answer": "A"})", "no field `question`"},
      {R"({"question": "Q", "answer": "A"})", "no field `options`"},
      {R"({"question": "Q", "options": "x", "answer": "A"})", "must be a list of strings"},
      {R"({"question": "Q", "options": ["x", 2], "answer": "A"})", "must be a list of strings"},
      {R"({"question": "Q", "options": ["x"], "answer": "A"})", "1 options, not 2 to 26"},
      {R"({"question": "Q", "choices": {"text": ["x"]}, "answer": "A"})", "lacks `text` or"},
      {R"({"question": "Q", "choices": {"text": ["x", "y"], "label": ["1"]}, "answer": "A"})",
       "more texts than labels"},
      {R"({"question": {"stem": "Q", "choices": ["x", {}]}, "answer": "A"})", "a list of strings"},
      {R"({"question": {"choices": ["x", "y"]}, "answer": "A"})", "no field `stem`"},
      {R"({"question": "Q", "options": ["x", "y"], "answerKey": ""})", "field `answer` is empty"},
      {R"({"question": "Q", "options": ["x", "y"]})", "no field `answer`"},
      {R"({"question": "Q", "options": ["x", "y"], "answer": "C"})", "is no option"},
      {R"({"question": "Q", "options": ["x", "y"], "answer": 2})", "the answer 2 is no option"},
      {R"({"question": "Q", "options": ["x", "y"], "answer": -1})", "is no option"},
      {R"({"question": "Q", "options": ["x", "y"], "answer": [1]})", "is no option"},
      {"[1]", "not an object"},
      {"{", "not valid JSON"},
      {R"({"question": "Q", "options": ["x", "y"], "answer": )" + std::string(10'000, '[') +
           std::string(10'000, ']') + "}",
       "more than 256 levels of brackets"},
  };
  for (const auto& [json, message] : cases) {
    SCOPED_TRACE(json);
    expect_error(parse_choice(json), Code::kCorrupt, message);
  }
}

class LoadChoices : public ::testing::Test {
 protected:
  Path write(const std::string& name, const std::string& text) const {
    std::ofstream(dir_ / name, std::ios::binary) << text;
    return dir_ / name;
  }
  // Questions "a0", "b0", "a1", … of categories a and b.
  Path two_categories(int n) const {
    std::string text;
    for (int i = 0; i < n; ++i)
      for (const std::string category : {"a", "b"})
        text += R"({"question": ")" + category + std::to_string(i) +
                R"(", "options": ["x", "y"], "answer": "A", "category": ")" + category + "\"}\n";
    return write("two.jsonl", text);
  }
  static std::vector<std::string> names(const ChoiceSet& set) {
    std::vector<std::string> out;
    for (const auto& question : set.questions) out.push_back(question.choice.question);
    return out;
  }

  TempDir dir_;
};

TEST_F(LoadChoices, SelectsByCategoryAndNumber) {
  const std::vector files = {two_categories(25)};
  EXPECT_EQ(value_of(load_choices(files, {})).questions.size(), 50U);
  EXPECT_THAT(names(value_of(load_choices(files, {.off = 4}))),
              ElementsAre("a4", "b4", "a14", "b14", "a24", "b24"));
  EXPECT_THAT(names(value_of(load_choices(files, {.categories = {"b"}, .off = 9}))),
              ElementsAre("b9", "b19"));
  const auto few = value_of(load_choices(files, {.max_questions = 3}));
  EXPECT_THAT(names(few), ElementsAre("a0", "b0", "a1"));
  EXPECT_EQ(few.questions[2].where, "two.jsonl:3");
  expect_error(load_choices(files, {.categories = {"c"}}), Code::kInvalidArgument,
               "no question of category `c`");
}

constexpr const char* kMmluPro =
    R"({"question_id": 7, "question": "Which?", "options": ["x", "y", "N/A"], "answer": "B",)"
    R"( "answer_index": 1, "cot_content": "", "category": "law", "src": "s"})";
constexpr const char* kPlain = R"({"question": "What?", "options": ["x", "y"], "answer": "A"})";

TEST_F(LoadChoices, ReadsMmluProAndArrays) {
  const std::vector files = {write("pro.json", std::string("[") + kMmluPro + "]"),
                             write("test.json", std::string("[") + kPlain + ",\n" + kPlain + "]")};
  const auto set = value_of(load_choices(files, {}));
  ASSERT_EQ(set.questions.size(), 3U);
  EXPECT_EQ(set.questions[0].choice.options.size(), 2U);
  EXPECT_EQ(set.questions[0].choice.category, "law");
  EXPECT_EQ(set.questions[1].choice.category, "test");  // the file's stem
}

TEST_F(LoadChoices, DecidesTheFormOnceForAFile) {
  const auto mixed = write("mixed.jsonl", std::string(kPlain) + "\n" + kMmluPro + "\n");
  expect_error(load_choices(std::vector{mixed}, {}), Code::kCorrupt,
               "mixed.jsonl:2: a record in the form of MMLU-Pro, but the file began with question");
  const auto records = [&](const std::vector<std::string>& answers) {
    std::string text;
    for (const auto& answer : answers)
      text += R"({"question": "Q?", "options": ["B", "A", "x"], "answer": )" + answer + "}\n";
    return write("answers.jsonl", text);
  };
  const auto answer = [&](const Path& file, std::size_t i) {
    return value_of(load_choices(std::vector{file}, {})).questions.at(i).choice.answer;
  };
  // Another record says what is meant.
  EXPECT_EQ(answer(records({R"("A")", R"("C")"}), 0), 0U);  // letters
  EXPECT_EQ(answer(records({R"("A")", R"("x")"}), 0), 1U);  // texts
  expect_error(load_choices(std::vector{records({R"("x")", R"("A")", R"("C")"})}, {}),
               Code::kCorrupt, "answers.jsonl:3: the answer `C` is no option, read as the answers");
  expect_error(load_choices(std::vector{records({R"("B")", R"("A")"})}, {}), Code::kCorrupt,
               "answers.jsonl:1: the answer `B` may be the text of one option and the letter");
}

// As published: many columns, of which five count, and text over several lines.
constexpr const char* kGpqaHeader =
    "Pre-Revision Question,Subdomain,Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,"
    "Incorrect Answer 3,Explanation,High-level domain,Canary String\n";

std::string gpqa_row(const std::string& question) {
  return "\"old\n, one\",Optics,\"" + question +
         "\nWhich?\",\"right, \"\"so\"\"\n\",w1,w2,w3,\"why\n\nso\",Physics,c\n";
}

TEST_F(LoadChoices, ReadsGpqasTable) {
  const auto text = kGpqaHeader + gpqa_row("Q0") + gpqa_row("Q1");
  for (const auto* name : {"gpqa.csv", "gpqa.CSV", "gpqa_main"}) {
    const auto set = value_of(load_choices(std::vector{write(name, text)}, {}));
    ASSERT_EQ(set.questions.size(), 2U) << name;
    const auto& [choice, where] = set.questions[1];
    EXPECT_EQ(choice.question, "Q1\nWhich?");
    EXPECT_THAT(choice.options, UnorderedElementsAre("right, \"so\"", "w1", "w2", "w3"));
    EXPECT_EQ(choice.options.at(choice.answer), "right, \"so\"");
    EXPECT_EQ(choice.category, "Physics");
    EXPECT_EQ(where, std::string(name) + ":8");
  }
}

TEST_F(LoadChoices, PutsGpqasOptionsInAnOrderOfTheQuestionsOwn) {
  std::string table = kGpqaHeader;
  std::string back = kGpqaHeader;
  std::string json;
  constexpr int kQuestions = 400;
  for (int i = 0; i < kQuestions; ++i) {
    table += gpqa_row("Q" + std::to_string(i));
    back += gpqa_row("Q" + std::to_string(kQuestions - 1 - i));
    json += R"({"Question": "Q)" + std::to_string(i) +
            R"(\nWhich?", "Correct Answer": "right, \"so\"", "Incorrect Answer 1": "w1",)"
            R"( "Incorrect Answer 2": "w2", "Incorrect Answer 3": "w3"})"
            "\n";
  }
  const auto load = [&](const std::string& name, const std::string& text) {
    return value_of(load_choices(std::vector{write(name, text)}, {})).questions;
  };
  const auto forwards = load("a.csv", table);
  const auto backwards = load("b.csv", back);
  const auto records = load("c.jsonl", json);
  std::vector<int> n_at(4);
  for (std::size_t i = 0; i < kQuestions; ++i) {
    ++n_at.at(forwards[i].choice.answer);
    EXPECT_EQ(forwards[i].choice.options, backwards[kQuestions - 1 - i].choice.options);
    EXPECT_EQ(forwards[i].choice.options, records[i].choice.options);
  }
  // 100 each expected, with a standard deviation of 8.7: these are 4.6 of them.
  for (const int n : n_at) {
    EXPECT_GE(n, 60);
    EXPECT_LE(n, 140);
  }
}

TEST_F(LoadChoices, SaysWhatIsWrongInATable) {
  const auto expect_bad = [&](const std::string& text, const std::string& message) {
    expect_error(load_choices(std::vector{write("t.csv", text)}, {}), Code::kCorrupt, message);
  };
  const std::string header = kGpqaHeader;
  expect_bad("", "t.csv:1: there is no header");
  expect_bad("question,A,B,C,D,answer\nQ,a,b,c,d,A\n",
             "t.csv:1: the header has no column `Question`: it begins with `question`, `A`");
  expect_bad("Question," + header, "t.csv:1: the header has the column `Question` twice");
  expect_bad(header + gpqa_row("Q") + "a,b\n",
             "t.csv:8: a record of 2 fields, but the header has 10");
  expect_bad(header + "o,s,Q,right,w1,w2,w3,e,d,c,more\n",
             "t.csv:2: a record of 11 fields, but the header has 10");
  expect_bad(header + "o,s,Q,right,w1,,w3,e,d,c\n", "t.csv:2: no field `Incorrect Answer 2`");
  expect_bad(header + "o,s,Q,right,w1,right,w3,e,d,c\n", "t.csv:2: a wrong option equals");
  expect_bad(header + "o,s,\"Q\n", "t.csv:2: the quotes of a field never close");
  expect_bad("{\"question\": 1}\n", "t.csv:1: a quote in a field");
  expect_error(
      load_choices(std::vector{write("t.csv", header + gpqa_row("Q"))}, {.n_made_option = 4}),
      Code::kInvalidArgument, "t.csv:1: questions are made of JSON records");
  // Neither a table nor JSON.
  expect_error(load_choices(std::vector{write("t.txt", "Question,Answer\n")}, {}), Code::kCorrupt,
               "t.txt:1: ");
}

TEST_F(LoadChoices, MakesQuestionsOfProblems) {
  const auto file = write("r.jsonl", R"({"problem": "1+1?", "solution": "The answer is 2."})"
                                     "\n"
                                     R"({"problem": "When?", "solution": "Never."})"
                                     "\n"
                                     R"({"problem": "2+2?", "solution": "4", "domain": "sums"})"
                                     "\n");
  const auto set = value_of(load_choices(std::vector{file}, {.n_made_option = 4}));
  EXPECT_EQ(set.n_unusable, 1U);
  ASSERT_EQ(set.questions.size(), 2U);
  EXPECT_EQ(set.questions[0].choice.category, "r");
  EXPECT_EQ(set.questions[1].choice.category, "sums");
  EXPECT_EQ(set.questions[1].where, "r.jsonl:3");
  // What a record becomes does not depend on those before it that were of no use.
  const auto other = value_of(load_choices(std::vector{file}, {.n_made_option = 4, .seed = 2}));
  EXPECT_NE(set.questions[0].choice.options, other.questions[0].choice.options);
}

TEST_F(LoadChoices, NamesFileAndLine) {
  const auto broken = write("broken.jsonl", "{\"question\": \"Q\"}\n");
  expect_error(load_choices(std::vector{broken}, {}), Code::kCorrupt, "broken.jsonl:1: no field");
  expect_error(load_choices(std::vector{broken}, {.n_made_option = 4}), Code::kCorrupt,
               "broken.jsonl:1: no fields `problem` and `solution`");
  expect_error(load_choices(std::vector{dir_ / "none.jsonl"}, {}), Code::kNotFound, "none.jsonl");
  expect_error(load_choices({}, {}), Code::kInvalidArgument, "no file of questions");
  expect_error(load_choices(std::vector{write("empty.jsonl", "\n")}, {}), Code::kInvalidArgument,
               "no question is left");
}

}  // namespace
}  // namespace coe
