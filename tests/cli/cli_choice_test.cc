// coe bench choice from outside, against servers that follow a script.

#include "support/cli_test.h"
#include "support/mock_endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace coe {
namespace {

using coe::testing::CommandResult;
using coe::testing::MockEndpoint;
using coe::testing::MockReply;
using coe::testing::MockRequest;
using ::testing::HasSubstr;
using Json = nlohmann::json;

// Questions "q0", "q1", … with options A to D; B is right.
class CliChoice : public coe::testing::CliTest {
 protected:
  void make_questions(std::size_t n) const {
    std::string text;
    for (std::size_t i = 0; i < n; ++i)
      text += Json{{"question", "q" + std::to_string(i)},
                   {"options", {"w", "x", "y", "z"}},
                   {"answer", "B"},
                   {"category", i % 2 == 0 ? "even" : "odd"}}
                  .dump() +
              "\n";
    write("q.jsonl", text);
  }
  CommandResult bench(const MockEndpoint& server, const std::string& options = "") const {
    return run("coe bench choice q.jsonl --endpoint " + server.url() + " " + options);
  }
  static std::string question_of(const MockRequest& request) {
    return request.question.substr(0, request.question.find('\n'));
  }
  static double value(const std::vector<Json>& rows, const std::string& metric,
                      const Json& domain = nullptr) {
    for (const auto& row : rows)
      if (row.at("metric") == metric && row.at("domain") == domain)
        return row.at("value").get<double>();
    ADD_FAILURE() << metric;
    return -1.0;
  }
};

TEST_F(CliChoice, FindsTheLetterByEveryRule) {
  const std::map<std::string, std::pair<std::string, std::string>> script = {
      {"q0", {"so \\boxed{B}", "boxed"}},
      {"q1", {"Then the answer is (B), is it not?", "answer_is"}},
      {"q2", {"**Answer:** B, surely so", "answer_colon"}},
      {"q3", {"I take **B** for it, surely", "bold"}},
      {"q4", {"Let me see.\n(B)\nThat was it then", "lone_line"}},
      {"q5", {"after all that it must be B.", "last_letter"}},
      {"q6", {"\\boxed{C}, though the answer is B", "boxed"}},  // wrong
      {"q7", {"I cannot say", ""}},
  };
  make_questions(script.size());
  const MockEndpoint server([&](const MockRequest& request) {
    return MockReply{.content = script.at(question_of(request)).first, .thinking = "\\boxed{A}"};
  });
  const auto result = bench(server, "-o out -j 3 --json");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto answers = read_lines("out/answers.jsonl");
  ASSERT_EQ(answers.size(), script.size());
  std::size_t i = 0;
  for (const auto& [question, reply] : script) {
    const auto& answer = answers.at(i++);
    EXPECT_EQ(answer.at("rule"), reply.second.empty() ? Json(nullptr) : Json(reply.second));
    EXPECT_EQ(answer.at("right"), question < "q6") << question;
    EXPECT_EQ(answer.at("outcome"), "done");
  }
  const auto document = Json::parse(result.out);
  EXPECT_EQ(document.at("schema"), "coe.bench-choice/1");
  EXPECT_EQ(document.at("n_question"), 8);
  EXPECT_EQ(document.at("rules").at("boxed"), 2);
  const auto rows = read_lines("out/rows.jsonl");
  EXPECT_DOUBLE_EQ(value(rows, "accuracy"), 0.75);
  EXPECT_DOUBLE_EQ(value(rows, "accuracy", "even"), 0.75);
  EXPECT_DOUBLE_EQ(value(rows, "no_letter_rate"), 0.125);
  EXPECT_DOUBLE_EQ(value(rows, "chance"), 0.25);
  for (const auto& row : rows) {
    EXPECT_EQ(row.at("schema"), "coe.result/1");
    EXPECT_EQ(row.at("kind"), "bench-choice");
    EXPECT_EQ(row.at("subject"), "mock");
  }
  // The request asks for no thinking, T = 0.6, the options, and a letter in a box.
  const auto body = Json::parse(server.requests().at(0).body);
  EXPECT_EQ(body.at("chat_template_kwargs").at("enable_thinking"), false);
  EXPECT_EQ(body.at("temperature"), 0.6);
  EXPECT_THAT(server.requests().at(0).question, HasSubstr("\nA. w\nB. x\nC. y\nD. z\n"));
  EXPECT_THAT(server.requests().at(0).question, HasSubstr("\\boxed{X}"));
}

TEST_F(CliChoice, AsksAsTheCardSaysAndSaysSo) {
  make_questions(2);
  write("judge.txt", "You are a judge.\n");
  const MockEndpoint server([](const MockRequest&) { return MockReply{.content = "\\boxed{B}"}; });
  const auto result = bench(server, "-o out --system \"Be brief.\" --system odd=judge.txt --json");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("the server is sent, in place of its own settings: "
                                    "temperature 0.6"));
  for (const auto& request : server.requests()) {
    const auto body = Json::parse(request.body);
    EXPECT_EQ(body.at("max_tokens"), 16384);
    EXPECT_EQ(body.at("repeat_penalty"), 1.05);
    EXPECT_EQ(body.at("repeat_last_n"), 1024);
    const auto& system = body.at("messages").at(0);
    EXPECT_EQ(system.at("role"), "system");
    EXPECT_EQ(system.at("content"),
              question_of(request) == "q1" ? "You are a judge." : "Be brief.");
  }
  const auto sampling = read_lines("out/rows.jsonl").at(0).at("run").at("sampling");
  EXPECT_EQ(sampling.at("temperature"), 0.6);
  EXPECT_EQ(sampling.at("repeat_penalty"), 1.05);
  EXPECT_EQ(sampling.at("max_new_tokens"), 16384);
  EXPECT_EQ(sampling.at("thinking"), false);
  EXPECT_EQ(sampling.at("system"), "Be brief.");
  EXPECT_EQ(sampling.at("systems").at("odd"), "You are a judge.");
  EXPECT_EQ(bench(server, "-o other --system a --system b").exit_code, 2);
}

TEST_F(CliChoice, CountsLoopsEmptyCutFailedAndSlowAnswers) {
  make_questions(6);
  const MockEndpoint server([](const MockRequest& request) {
    const auto question = question_of(request);
    if (question == "q0") return MockReply{.content = "and so on, ", .endless = true};
    // Empty at first, right when asked again.
    if (question == "q1")
      return MockReply{.content = request.index < 6 ? "" : "\\boxed{B}", .thinking = "hm"};
    if (question == "q2") return MockReply{.content = "perhaps B", .finish = "length"};
    if (question == "q3")
      return MockReply{.status = 400, .body = R"({"error": {"message": "no such thing"}})"};
    if (question == "q4")  // slow, but never silent for long
      return MockReply{.content = "Well, let us think. \\boxed{B}",
                       .delay = std::chrono::milliseconds(300),
                       .piece_delay = std::chrono::milliseconds(40)};
    return MockReply{.content = "\\boxed{B}"};
  });
  const auto result = bench(server, "-o out --idle-timeout 1 --json");
  EXPECT_EQ(result.exit_code, 1) << result.err;  // one failed
  const auto document = Json::parse(result.out);
  EXPECT_EQ(document.at("n_failed"), 1);
  EXPECT_EQ(document.at("n_retry"), 2);
  EXPECT_EQ(document.at("n_token_known"), false);
  const auto rows = read_lines("out/rows.jsonl");
  EXPECT_DOUBLE_EQ(value(rows, "accuracy"), 0.4);  // q4 and q5 of five
  EXPECT_DOUBLE_EQ(value(rows, "accuracy_retried"), 0.6);
  EXPECT_DOUBLE_EQ(value(rows, "loop_rate"), 0.2);
  EXPECT_DOUBLE_EQ(value(rows, "empty_rate"), 0.2);
  EXPECT_DOUBLE_EQ(value(rows, "cut_rate"), 0.2);
  const auto answers = read_lines("out/answers.jsonl");
  EXPECT_EQ(answers.at(0).at("retry").at("outcome"), "loop");
  EXPECT_EQ(answers.at(1).at("retry").at("right"), true);
  EXPECT_EQ(answers.at(3).at("outcome"), "failed");
  EXPECT_FALSE(answers.at(4).contains("retry"));
  EXPECT_TRUE(server.wait_closed(2));  // the loops were not read to an end that they have not
}

TEST_F(CliChoice, ASilentServerIsAFailure) {
  make_questions(1);
  const MockEndpoint server([](const MockRequest&) {
    return MockReply{.content = "\\boxed{B}", .delay = std::chrono::milliseconds(1500)};
  });
  const auto result = bench(server, "-o out --idle-timeout 0.3 --attempts 1");
  EXPECT_EQ(result.exit_code, 1) << result.err;
  EXPECT_EQ(read_lines("out/answers.jsonl").at(0).at("outcome"), "failed");
}

TEST_F(CliChoice, ComparesWithTheParentQuestionByQuestion) {
  make_questions(20);
  const auto server_with = [](int n_right, const std::string& padding) {
    return [n_right, padding](const MockRequest& request) {
      const int number = std::stoi(question_of(request).substr(1));
      return MockReply{.content = padding + (number < n_right ? "\\boxed{B}" : "\\boxed{D}")};
    };
  };
  const MockEndpoint parent(server_with(18, ""));
  const MockEndpoint child(server_with(12, "Hmm. "));
  ASSERT_EQ(bench(parent, "-o parent -q").exit_code, 0);
  const auto result = bench(child, "-o child --parent parent --name web-k64");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("against the parent"));
  const auto rows = read_lines("child/rows.jsonl");
  EXPECT_DOUBLE_EQ(value(rows, "accuracy"), 0.6);
  EXPECT_DOUBLE_EQ(value(rows, "accuracy_ratio"), 12.0 / 18.0);
  EXPECT_DOUBLE_EQ(value(rows, "n_only_parent"), 6.0);
  EXPECT_DOUBLE_EQ(value(rows, "n_only_model"), 0.0);
  EXPECT_DOUBLE_EQ(value(rows, "mcnemar_p_exact"), 2.0 / 64.0);
  EXPECT_GT(value(rows, "token_ratio"), 1.0);
  EXPECT_EQ(rows.at(0).at("subject"), "web-k64");
  // Another way of asking is no pair.
  const auto other = bench(child, "-o other --parent parent --think on");
  EXPECT_EQ(other.exit_code, 3);
  EXPECT_THAT(other.err, HasSubstr("begun with other settings"));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "other"));
}

TEST_F(CliChoice, IsKilledAndAsksNothingTwice) {
  make_questions(6);
  std::atomic<bool> is_slow = true;
  const MockEndpoint server([&](const MockRequest& request) {
    const bool is_late = question_of(request) >= "q3";
    if (is_late) write("asked", "");
    return MockReply{.content = "\\boxed{B}",
                     .delay = std::chrono::milliseconds(is_slow && is_late ? 2000 : 0)};
  });
  const std::string command = "coe bench choice q.jsonl --endpoint " + server.url() + " -o out";
  for (const std::string signal : {"KILL", "INT"}) {
    std::filesystem::remove(dir_ / "asked");
    const auto killed = run_and_signal(
        command, signal, "[ -e asked ] && [ $(grep -c boxed out/journal.jsonl) -ge 3 ]");
    EXPECT_EQ(killed.exit_code, signal == "KILL" ? 137 : 130) << killed.err;
    EXPECT_FALSE(std::filesystem::exists(dir_ / "out" / "rows.jsonl"));
  }
  is_slow = false;
  ASSERT_EQ(run(command + " -q").exit_code, 0);
  EXPECT_DOUBLE_EQ(value(read_lines("out/rows.jsonl"), "accuracy"), 1.0);
  std::map<std::string, int> n_asked;
  for (const auto& request : server.requests()) ++n_asked[question_of(request)];
  for (const auto* question : {"q0", "q1", "q2"}) EXPECT_EQ(n_asked[question], 1) << question;
}

TEST_F(CliChoice, SaysWhatIsWrong) {
  make_questions(3);
  const MockEndpoint server([](const MockRequest&) { return MockReply{.content = "B"}; });
  EXPECT_EQ(run("coe bench choice q.jsonl -o out").exit_code, 2);
  EXPECT_EQ(run("coe bench choice none.jsonl --endpoint " + server.url() + " -o out").exit_code, 3);
  EXPECT_EQ(bench(server, "-o out --category maths").exit_code, 2);
  EXPECT_EQ(bench(server, "-o out --off 10").exit_code, 2);
  EXPECT_EQ(bench(server, "-o out --make-options 1").exit_code, 2);
  const auto unmade = bench(server, "-o out --make-options 4");
  EXPECT_EQ(unmade.exit_code, 3);
  EXPECT_THAT(unmade.err, HasSubstr("q.jsonl:1: no fields `problem` and `solution`"));
  EXPECT_EQ(bench(server, "-o out --parent nothing").exit_code, 3);
  EXPECT_EQ(server.requests().size(), 0U);
}

}  // namespace
}  // namespace coe
