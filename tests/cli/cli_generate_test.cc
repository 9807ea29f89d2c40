// coe corpus generate from outside, against a server that follows a script.

#include "support/cli_test.h"
#include "support/mock_endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
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
using ::testing::Not;
using Json = nlohmann::json;

MockReply refusal(int status, const std::string& message) {
  return {.status = status, .body = Json{{"error", {{"message", message}}}}.dump()};
}

class CliGenerate : public coe::testing::CliTest {
 protected:
  CliGenerate() {
    std::ofstream out(dir_ / "q.jsonl");
    for (int i = 0; i < 6; ++i)
      out << Json{{"question", "q" + std::to_string(i)}, {"domain", "sums"}}.dump() << "\n";
  }
  CommandResult generate(const MockEndpoint& server, const std::string& options = "") const {
    return run("coe corpus generate q.jsonl --endpoint " + server.url() + " -o out " + options);
  }
  std::vector<Json> lines(const std::string& name) const { return read_lines("out/" + name); }
};

TEST_F(CliGenerate, MakesCorporaOfAnswersAndThinking) {
  const MockEndpoint server([](const MockRequest& request) {
    return MockReply{.content = "It is " + request.question, .thinking = "hm " + request.question};
  });
  const auto result = generate(server, "-j 3 --json");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto document = Json::parse(result.out);
  EXPECT_EQ(document.at("schema"), "coe.corpus-generate/1");
  EXPECT_EQ(document.at("model"), "mock");
  EXPECT_EQ(document.at("n_question"), 6);
  EXPECT_EQ(document.at("n_done"), 6);
  for (const auto* key : {"n_failed", "n_loop", "n_empty", "n_cut"})
    EXPECT_EQ(document.at(key), 0) << key;
  EXPECT_EQ(document.at("n_token_prompt"), 6 * 7);
  EXPECT_EQ(document.at("n_token"), 6 * 4);  // pieces of four bytes: two of each
  EXPECT_GT(document.at("tokens_per_s").get<double>(), 0.0);
  const auto answers = lines("answers.jsonl");
  ASSERT_EQ(answers.size(), 6U);
  for (std::size_t i = 0; i < 6; ++i)
    EXPECT_EQ(answers[i].at("text"), "q" + std::to_string(i) + "\nIt is q" + std::to_string(i));
  EXPECT_EQ(lines("thinking.jsonl").at(5).at("text"), "hm q5");
  // The request is what was asked for.
  const auto body = Json::parse(server.requests().at(0).body);
  EXPECT_EQ(body.at("temperature"), 0.6);
  EXPECT_EQ(body.at("top_k"), 64);
  EXPECT_EQ(body.at("top_p"), 0.95);
  EXPECT_EQ(body.at("max_tokens"), 2048);
  EXPECT_EQ(body.at("chat_template_kwargs").at("enable_thinking"), true);
  // Once more: nothing is left to ask.
  const auto again = generate(server);
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_THAT(again.out, HasSubstr("nothing was left to ask"));
  EXPECT_EQ(server.requests().size(), 6U);
  // Other settings are another run's; --force begins anew.
  const auto other = generate(server, "--think off");
  EXPECT_EQ(other.exit_code, 3);
  EXPECT_THAT(other.err, HasSubstr("begun with other settings"));
  EXPECT_EQ(generate(server, "--think off --force -q").exit_code, 0);
  EXPECT_EQ(server.requests().size(), 12U);
}

TEST_F(CliGenerate, IsKilledAndAsksNothingTwice) {
  std::atomic<bool> is_slow = true;
  const MockEndpoint server([&](const MockRequest& request) {
    if (request.question >= "q3") write("asked", "");
    return MockReply{
        .content = "It is " + request.question,
        .delay = std::chrono::milliseconds(is_slow && request.question >= "q3" ? 2000 : 0)};
  });
  const std::string command = "coe corpus generate q.jsonl --endpoint " + server.url() + " -o out";
  for (const std::string signal : {"KILL", "INT"}) {
    std::filesystem::remove(dir_ / "asked");
    const auto killed = run_and_signal(
        command, signal, "[ -e asked ] && [ $(grep -c It.is out/journal.jsonl) -ge 3 ]");
    EXPECT_EQ(killed.exit_code, signal == "KILL" ? 137 : 130) << killed.err;
    EXPECT_FALSE(std::filesystem::exists(dir_ / "out" / "answers.jsonl"));
  }
  is_slow = false;
  const auto result = run(command + " --json");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(Json::parse(result.out).at("n_done"), 6);
  EXPECT_EQ(lines("answers.jsonl").size(), 6U);
  std::map<std::string, int> n_asked;
  for (const auto& request : server.requests()) ++n_asked[request.question];
  for (const auto* question : {"q0", "q1", "q2"}) EXPECT_EQ(n_asked[question], 1) << question;
}

TEST_F(CliGenerate, CountsWhatIsNoAnswer) {
  const MockEndpoint server([](const MockRequest& request) {
    if (request.question == "q0") return MockReply{.content = "and so on, ", .endless = true};
    if (request.question == "q1") return MockReply{.content = "half of", .finish = "length"};
    if (request.question == "q2") return MockReply{.content = "", .thinking = "hm"};
    if (request.question == "q3") return refusal(400, "no such thing");
    return MockReply{.content = "fine"};
  });
  const auto result = generate(server, "--json");
  EXPECT_EQ(result.exit_code, 1) << result.err;
  const auto document = Json::parse(result.out);
  EXPECT_EQ(document.at("n_done"), 2);
  for (const auto* key : {"n_failed", "n_loop", "n_empty", "n_cut"})
    EXPECT_EQ(document.at(key), 1) << key;
  EXPECT_EQ(document.at("n_token_known"), false);
  EXPECT_EQ(lines("left_out.jsonl").size(), 3U);
  EXPECT_THAT(lines("failed.jsonl").at(0).at("reason").get<std::string>(),
              HasSubstr("HTTP status 400: no such thing"));
  EXPECT_EQ(
      Json::parse(generate(server, "--keep cut --keep loop --json").out).at("n_answer_record"), 4);
  EXPECT_EQ(server.requests().size(), 6U);
}

// A server that still loads its model is waited for, and one line says so; what failed is offered
// again.
TEST_F(CliGenerate, WaitsForAServerAndOffersFailedQuestionsAgain) {
  const MockEndpoint server([](const MockRequest& request) {
    if (request.index < 1) return refusal(503, "Loading model");
    if (request.question == "q3") return refusal(400, "no such thing");
    return MockReply{.content = "fine"};
  });
  const auto result = generate(server);
  EXPECT_EQ(result.exit_code, 1) << result.err;
  EXPECT_THAT(result.err, HasSubstr("Loading model: waiting for it, up to 300 s (--wait)"));
  EXPECT_THAT(result.out, HasSubstr("1 question got no answer: the same command with "
                                    "--retry-failed asks it again"));
  const MockEndpoint loading([](const MockRequest&) { return refusal(503, "Loading model"); });
  const auto impatient = generate(loading, "--wait 0 --force");
  EXPECT_EQ(impatient.exit_code, 4) << impatient.err;
  EXPECT_THAT(impatient.err, HasSubstr("HTTP status 503: Loading model"));
}

TEST_F(CliGenerate, SendsTheKeyOfTheEnvironment) {
  const MockEndpoint server([](const MockRequest& request) {
    return request.headers.at("authorization") == "Bearer sk-right" ? MockReply{.content = "fine"}
                                                                    : refusal(401, "wrong key");
  });
  const std::string command =
      " '" COE_BINARY "' corpus generate q.jsonl --endpoint " + server.url() + " -v -o out";
  const auto wrong = run("COE_API_KEY=sk-wrong" + command);
  EXPECT_EQ(wrong.exit_code, 4);
  EXPECT_THAT(wrong.err, HasSubstr("HTTP status 401: wrong key"));
  EXPECT_THAT(wrong.err, HasSubstr("hint: does the server want a key?"));
  EXPECT_THAT(wrong.err + wrong.out, Not(HasSubstr("sk-wrong")));
  EXPECT_EQ(run("OTHER=sk-right" + command + " --api-key-env OTHER").exit_code, 0);
  EXPECT_EQ(run(command + " --api-key-env NO_SUCH_VARIABLE").exit_code, 2);
}

TEST_F(CliGenerate, SaysWhatIsWrong) {
  const MockEndpoint server([](const MockRequest&) { return MockReply{.content = "fine"}; },
                            MockEndpoint::Kind::kOpenAi, {"a", "b"});
  const auto ambiguous = generate(server);
  EXPECT_EQ(ambiguous.exit_code, 2);
  EXPECT_THAT(ambiguous.err, HasSubstr("choose one with --model: a, b"));
  EXPECT_EQ(run("coe corpus generate q.jsonl -o out").exit_code, 2);
  EXPECT_EQ(generate(server, "--model a --mask m.json").exit_code, 2);
  EXPECT_EQ(run("coe corpus generate q.jsonl --api ollama -m x.gguf -o out").exit_code, 2);
  EXPECT_EQ(run("coe corpus generate no.jsonl --endpoint " + server.url() + " -o out").exit_code,
            3);
  const auto field = generate(server, "--model a --text problem");
  EXPECT_EQ(field.exit_code, 3);
  EXPECT_THAT(field.err, HasSubstr("q.jsonl:1: no field `problem`"));
  EXPECT_EQ(run("coe corpus generate q.jsonl --endpoint 127.0.0.1:1 --wait 0 -o out").exit_code, 4);
  EXPECT_FALSE(std::filesystem::exists(dir_ / "out"));
  std::filesystem::create_directory(dir_ / "out");
  std::ofstream(dir_ / "out" / "answers.jsonl") << "precious";
  EXPECT_EQ(generate(server, "--model a").exit_code, 2);
  EXPECT_EQ(server.requests().size(), 0U);
}

}  // namespace
}  // namespace coe
