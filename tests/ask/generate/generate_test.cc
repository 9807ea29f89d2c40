#include "coe/ask/generate/generate.h"

#include "coe/base/rng.h"

#include "support/expect.h"
#include "support/load_text.h"
#include "support/scripted_answerer.h"
#include "support/temp_dir.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace coe {
namespace {

using coe::testing::expect_error;
using coe::testing::ScriptedAnswerer;
using coe::testing::TempDir;
using coe::testing::value_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Json = nlohmann::json;

ChatAnswer answer(const std::string& content, AnswerEnd end = AnswerEnd::kTurn) {
  ChatAnswer out;
  out.thinking = "about " + content;
  out.content = content;
  out.end = end;
  out.n_token_prompt = 2;
  out.n_token = 10;
  return out;
}

Corpus questions(std::size_t n) {
  Corpus corpus;
  corpus.digest = fmt::format("xxh3:{}", n);
  corpus.domains.push_back({"a", 0.5, {}});
  corpus.domains.push_back({"b", 1.0, {}});
  for (std::size_t i = 0; i < n; ++i)
    corpus.domains[i < n / 2 ? 0 : 1].records.push_back(
        {fmt::format("q{}", i), fmt::format("q.jsonl:{}", i + 1)});
  return corpus;
}

ScriptedAnswerer::Script echo() {
  return [](const std::string& question) { return answer("answer to " + question); };
}

class GenerateCorpus : public ::testing::Test {
 protected:
  GenerateCorpus() {
    options_.folder = dir_ / "out";
    options_.identity = "model=scripted";
  }
  Result<GenerateCorpusReport> run(Answerer& answerer, std::size_t n,
                                   Observer& observer = silent_observer()) {
    return generate_corpus(answerer, questions(n), options_, observer);
  }
  std::vector<Json> lines(const std::string& name) const {
    std::ifstream in(options_.folder / name);
    std::vector<Json> out;
    for (std::string line; std::getline(in, line);) out.push_back(Json::parse(line));
    return out;
  }
  std::string bytes(const std::string& name) const {
    std::ifstream in(options_.folder / name, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }

  TempDir dir_;
  GenerateCorpusOptions options_;
};

TEST_F(GenerateCorpus, WritesBothCorpora) {
  ScriptedAnswerer answerer(echo());
  const auto report = value_of(run(answerer, 4));
  EXPECT_EQ(report.n_done, 4U);
  EXPECT_TRUE(report.complete());
  EXPECT_EQ(report.n_token, 40U);
  EXPECT_EQ(report.n_token_prompt, 8U);
  const auto answers = lines("answers.jsonl");
  ASSERT_EQ(answers.size(), 4U);
  EXPECT_EQ(answers[1], Json({{"text", "q1\nanswer to q1"},
                              {"source", "q.jsonl:2"},
                              {"domain", "a"},
                              {"weight", 0.5},
                              {"format", "text"},
                              {"problem", "q1"},
                              {"thinking", "about answer to q1"},
                              {"solution", "answer to q1"},
                              {"ended", true},
                              {"n_token_prompt", 2},
                              {"n_token_generated", 10}}));
  const auto thinking = lines("thinking.jsonl");
  ASSERT_EQ(thinking.size(), 4U);
  EXPECT_EQ(thinking[3]["text"], "about answer to q3");
  EXPECT_EQ(thinking[3]["domain"], "cot_think");
  EXPECT_THAT(lines("failed.jsonl"), IsEmpty());
  EXPECT_THAT(lines("left_out.jsonl"), IsEmpty());
  // Other tools read them as corpora.
  const std::vector<Path> files = {options_.folder / "answers.jsonl",
                                   options_.folder / "thinking.jsonl"};
  const auto corpus = value_of(testing::load_text(files));
  ASSERT_EQ(corpus.domains.size(), 3U);
  EXPECT_EQ(corpus.domains[2].name, "cot_think");
}

TEST_F(GenerateCorpus, RendersChats) {
  ScriptedAnswerer answerer(echo());
  options_.render = [](const std::string& problem,
                       const std::string& solution) -> Result<std::string> {
    return "<user>" + problem + "<model>" + solution;
  };
  value_of(run(answerer, 2));
  EXPECT_EQ(lines("answers.jsonl")[0]["text"], "<user>q0<model>answer to q0");
  EXPECT_EQ(lines("answers.jsonl")[0]["format"], "chat");
  // A template that fails leaves no half of the outputs.
  options_.render = [](const std::string&, const std::string&) -> Result<std::string> {
    return fail(Code::kUnsupported, "no such template");
  };
  const auto before = bytes("answers.jsonl");
  expect_error(run(answerer, 2), Code::kUnsupported, "no such template");
  EXPECT_EQ(bytes("answers.jsonl"), before);
}

TEST_F(GenerateCorpus, LeavesOutWhatIsNoAnswer) {
  ScriptedAnswerer answerer([](const std::string& question) -> Result<ChatAnswer> {
    if (question == "q1") return answer("round", AnswerEnd::kLoop);
    if (question == "q2") return answer("half", AnswerEnd::kLength);
    if (question == "q3") return answer("");
    if (question == "q4") return fail(Code::kInvalidArgument, "too long");
    return answer("good");
  });
  const auto report = value_of(run(answerer, 6));
  EXPECT_EQ(report.n_done, 2U);
  EXPECT_EQ(report.n_loop, 1U);
  EXPECT_EQ(report.n_cut, 1U);
  EXPECT_EQ(report.n_empty, 1U);
  EXPECT_EQ(report.n_failed, 1U);
  EXPECT_EQ(report.n_token, 50U);
  EXPECT_EQ(lines("answers.jsonl").size(), 2U);
  EXPECT_EQ(lines("thinking.jsonl").size(), 2U);
  const auto left_out = lines("left_out.jsonl");
  ASSERT_EQ(left_out.size(), 3U);
  EXPECT_EQ(left_out[0]["outcome"], "loop");
  EXPECT_EQ(left_out[1]["outcome"], "cut");
  EXPECT_EQ(left_out[1]["solution"], "half");
  EXPECT_EQ(left_out[2]["outcome"], "empty");
  EXPECT_EQ(
      lines("failed.jsonl").at(0),
      Json({{"source", "q.jsonl:5"}, {"domain", "b"}, {"problem", "q4"}, {"reason", "too long"}}));
  // On request they are in, marked; nothing is asked again.
  options_.keep_cut = options_.keep_loops = true;
  EXPECT_EQ(value_of(run(answerer, 6)).n_asked, 0U);
  const auto answers = lines("answers.jsonl");
  ASSERT_EQ(answers.size(), 4U);
  EXPECT_EQ(answers[1]["ended"], false);
  EXPECT_EQ(lines("left_out.jsonl").size(), 1U);
  EXPECT_EQ(answerer.asked().size(), 6U);
}

TEST_F(GenerateCorpus, LeavesOutWhatAFilterWithheld) {
  bool filters = true;
  ScriptedAnswerer answerer([&](const std::string& question) -> Result<ChatAnswer> {
    if (question != "q1" || !filters) return answer("good");
    auto out = answer("The answer is not", AnswerEnd::kFilter);
    out.filter = "content_filter";
    return out;
  });
  const auto report = value_of(run(answerer, 3));
  EXPECT_EQ(report.n_done, 2U);
  EXPECT_EQ(report.n_filtered, 1U);
  EXPECT_EQ(report.n_failed, 0U);
  EXPECT_TRUE(report.complete());
  EXPECT_EQ(lines("answers.jsonl").size(), 2U);
  const auto left_out = lines("left_out.jsonl").at(0);
  EXPECT_EQ(left_out["outcome"], "filtered");
  EXPECT_EQ(left_out["reason"], "content_filter");
  EXPECT_EQ(left_out["solution"], "The answer is not");
  // It may pass another time.
  filters = false;
  options_.ask.retry_failed = true;
  EXPECT_EQ(value_of(run(answerer, 3)).n_done, 3U);
}

TEST_F(GenerateCorpus, GoesOnWhereItStopped) {
  struct Stopper : Observer {
    std::atomic<bool> stop = false;
    bool cancelled() override { return stop; }
  } stopper;
  ScriptedAnswerer answerer([&](const std::string& question) -> Result<ChatAnswer> {
    if (question == "q3") {
      stopper.stop = true;
      return fail(Code::kCancelled, "interrupted");
    }
    return answer(question);
  });
  const auto stopped = run(answerer, 6, stopper);
  expect_error(stopped, Code::kCancelled, "interrupted with 3 of 6 questions answered");
  EXPECT_FALSE(std::filesystem::exists(options_.folder / "answers.jsonl"));
  ScriptedAnswerer again(echo());
  const auto report = value_of(run(again, 6));
  EXPECT_THAT(again.asked(), ElementsAre("q3", "q4", "q5"));
  EXPECT_EQ(report.n_asked, 3U);
  EXPECT_EQ(report.n_done, 6U);
  EXPECT_EQ(report.n_token_asked, 30U);
  EXPECT_EQ(report.n_token, 60U);
  EXPECT_EQ(lines("answers.jsonl")[2]["solution"], "q2");
  EXPECT_EQ(lines("answers.jsonl")[3]["solution"], "answer to q3");
}

TEST_F(GenerateCorpus, RefusesAnotherRunsFolder) {
  ScriptedAnswerer answerer(echo());
  value_of(run(answerer, 2));
  expect_error(run(answerer, 3), Code::kMismatch, "other questions");
  options_.ask.sampling.temperature = 0.7F;
  expect_error(run(answerer, 2), Code::kMismatch, "temperature=0.6");
  options_.restart = true;
  EXPECT_EQ(value_of(run(answerer, 2)).n_asked, 2U);
  // Files of somebody else's.
  options_.folder = dir_ / "theirs";
  options_.restart = false;
  std::filesystem::create_directory(options_.folder);
  std::ofstream(options_.folder / "thinking.jsonl") << "precious";
  expect_error(run(answerer, 2), Code::kExists, "thinking.jsonl");
  EXPECT_EQ(bytes("thinking.jsonl"), "precious");
  options_.folder = dir_ / "no" / "such";
  expect_error(run(answerer, 2), Code::kIo, "cannot make the folder");
}

TEST_F(GenerateCorpus, RetriesFailuresWhenTold) {
  bool works = false;
  ScriptedAnswerer answerer([&](const std::string& question) -> Result<ChatAnswer> {
    if (question == "q1" && !works) return fail(Code::kEngine, "HTTP status 500");
    return answer("answer to " + question);
  });
  EXPECT_EQ(value_of(run(answerer, 3)).n_failed, 1U);
  EXPECT_EQ(lines("failed.jsonl").at(0)["reason"], "HTTP status 500");
  works = true;
  EXPECT_EQ(value_of(run(answerer, 3)).n_asked, 0U);
  options_.ask.retry_failed = true;
  const auto report = value_of(run(answerer, 3));
  EXPECT_EQ(report.n_asked, 1U);
  EXPECT_EQ(report.n_failed, 0U);
  EXPECT_THAT(lines("failed.jsonl"), IsEmpty());
  EXPECT_EQ(lines("answers.jsonl").at(1)["problem"], "q1");
}

TEST_F(GenerateCorpus, StopsWhenNobodyAnswersAnyMore) {
  bool works = true;
  ScriptedAnswerer answerer([&](const std::string& question) -> Result<ChatAnswer> {
    if (question == "q2") works = false;
    if (!works) return fail(Code::kEngine, "connection refused");
    return answer(question);
  });
  expect_error(run(answerer, 20), Code::kEngine,
               "connection refused (5 questions in a row got no answer)");
  EXPECT_EQ(answerer.asked().size(), 7U);
  // They do not count as asked.
  ScriptedAnswerer again(echo());
  EXPECT_EQ(value_of(run(again, 20)).n_done, 20U);
  EXPECT_EQ(again.asked().front(), "q2");
  // Fewer than that at the end are failures of their own.
  options_.folder = dir_ / "tail";
  works = true;
  EXPECT_EQ(value_of(run(answerer, 6)).n_failed, 4U);
  // What is no failure to answer ends the run at once.
  ScriptedAnswerer broken(
      [](const std::string&) -> Result<ChatAnswer> { return fail(Code::kInternal, "bug"); });
  options_.folder = dir_ / "broken";
  expect_error(run(broken, 20), Code::kInternal, "bug");
  EXPECT_EQ(broken.asked().size(), 1U);
}

TEST_F(GenerateCorpus, GoesOnAfterAnswersThatAreTooLarge) {
  ScriptedAnswerer answerer([](const std::string& question) -> Result<ChatAnswer> {
    if (question < "q6") return fail(Code::kCorrupt, "more than 16777216 bytes");
    return answer(question);
  });
  const auto report = value_of(run(answerer, 8));
  EXPECT_EQ(report.n_failed, 6U);
  EXPECT_EQ(report.n_done, 2U);
  EXPECT_EQ(lines("failed.jsonl").at(5)["reason"], "more than 16777216 bytes");
}

TEST_F(GenerateCorpus, WritesTheSameWhateverTheParallelism) {
  ScriptedAnswerer one(echo());
  value_of(run(one, 40));
  const auto answers = bytes("answers.jsonl");
  const auto thinking = bytes("thinking.jsonl");
  ScriptedAnswerer many([](const std::string& question) {
    std::this_thread::sleep_for(std::chrono::milliseconds(question.size() * 7 % 5));
    return answer("answer to " + question);
  });
  options_.folder = dir_ / "many";
  options_.ask.n_parallel = 8;
  EXPECT_EQ(value_of(run(many, 40)).n_done, 40U);
  EXPECT_EQ(bytes("answers.jsonl"), answers);
  EXPECT_EQ(bytes("thinking.jsonl"), thinking);
  std::set<std::uint64_t> seeds;
  for (int i = 0; i < 40; ++i) {
    const auto question = fmt::format("q{}", i);
    EXPECT_EQ(many.seed_of(question), one.seed_of(question));
    seeds.insert(many.seed_of(question));
  }
  EXPECT_EQ(seeds.size(), 40U);
  EXPECT_EQ(one.seed_of("q7"), derived_seed(1, 7));
}

// One thread's error ends the others' questions, and is what the run says.
TEST_F(GenerateCorpus, SaysTheErrorThatStoppedIt) {
  std::atomic<bool> broke = false;
  ScriptedAnswerer answerer([&](const std::string& question) -> Result<ChatAnswer> {
    if (question == "q5") {
      broke = true;
      return fail(Code::kIo, "disk full");
    }
    while (!broke) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return fail(Code::kCancelled, "interrupted");  // as an answerer does when its observer says so
  });
  options_.ask.n_parallel = 6;
  expect_error(run(answerer, 30), Code::kIo, "disk full");
}

TEST_F(GenerateCorpus, PassesWarningsOn) {
  struct Listener : Observer {
    std::vector<std::string> warnings;
    void warning(std::string_view message) override { warnings.emplace_back(message); }
  } listener;
  struct Warner : ScriptedAnswerer {
    using ScriptedAnswerer::ScriptedAnswerer;
    Result<ChatAnswer> answer(const AnswerRequest& request, Observer& observer) override {
      observer.warning("careful");
      return ScriptedAnswerer::answer(request, observer);
    }
  } warner(echo());
  value_of(run(warner, 2, listener));
  EXPECT_THAT(listener.warnings, ElementsAre("careful", "careful"));
}

}  // namespace
}  // namespace coe
