// coe profile --roles and --generate from outside, on the bundled model.

#include "support/cli_test.h"
#include "support/reasoning_chats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

namespace coe {
namespace {

using coe::testing::CommandResult;
using ::testing::HasSubstr;
using Json = nlohmann::json;

const std::string kProfile =
    "coe profile -t 1 -m " COE_SOURCE_DIR "/models/gemma4-tiny-moe-q4_k_m.gguf ";

class CliChats : public coe::testing::CliTest {
 protected:
  CliChats() { coe::testing::write_reasoning_chats(dir_ / "questions.jsonl", 3, 5); }
  // `coe profile` on the bundled model.
  CommandResult profile(const std::string& options) { return run(kProfile + options); }
  Json profile_json(const std::string& options) { return run_json(kProfile + options); }
  static std::map<std::string, int> tokens_of(const Json& document) {
    std::map<std::string, int> out;
    for (const auto& domain : document.at("domains")) out[domain.at("name")] = domain.at("n_token");
    return out;
  }
};

TEST_F(CliChats, RolesOfTextAddUpToThePlainProfile) {
  const auto plain = profile_json("-f questions.jsonl -o plain.gguf");
  const auto roles = profile_json("-f questions.jsonl -o roles.gguf --roles --closing-window 6");
  EXPECT_EQ(roles.at("n_token"), plain.at("n_token"));
  EXPECT_EQ(roles.at("n_sample"), 5);
  const auto tokens = tokens_of(roles);
  ASSERT_EQ(tokens.size(), 4U);
  EXPECT_EQ(tokens.at("reasoning/closing"), 5 * 6);
  EXPECT_GT(tokens.at("reasoning/thinking"), 100);
  EXPECT_EQ(roles.at("chats").at("n_thinking"), 5);
  EXPECT_EQ(roles.at("chats").at("n_thinking_open"), 0);
  EXPECT_FALSE(plain.contains("chats"));
}

TEST_F(CliChats, GeneratedTextsAreACorpusOfTheSameRoles) {
  const std::string command =
      "-f questions.jsonl --text problem --generate --max-new-tokens 80 --seed 5 "
      "--save-text chats.jsonl -o generated.gguf --force";
  const auto generated = profile_json(command);
  const auto& chats = generated.at("chats");
  EXPECT_EQ(chats.at("n_record"), 5);
  const int n_ended = 5 - chats.at("n_cut").get<int>();
  ASSERT_GT(n_ended, 0);  // or the comparison below says little

  std::ifstream lines(dir_ / "chats.jsonl");
  int n_line = 0;
  for (std::string line; std::getline(lines, line); ++n_line) {
    const auto record = Json::parse(line);
    EXPECT_EQ(record.at("domain"), "reasoning");
    EXPECT_THAT(record.at("text").get<std::string>(),
                HasSubstr(record.at("problem").get<std::string>()));
    EXPECT_THAT(record.at("text").get<std::string>(),
                HasSubstr(record.at("solution").get<std::string>()));
    EXPECT_THAT(record.at("thinking").get<std::string>(), Not(HasSubstr("channel")));
    EXPECT_THAT(record.at("source").get<std::string>(), HasSubstr("questions.jsonl:"));
  }
  EXPECT_EQ(n_line, 5);

  const auto forced = profile_json("-f chats.jsonl --roles -o forced.gguf");
  auto live = tokens_of(generated);
  auto text = tokens_of(forced);
  EXPECT_EQ(text["reasoning/prompt"], live["reasoning/prompt"]);
  EXPECT_EQ(text["reasoning/closing"], live["reasoning/closing"]);
  // The text holds the tokens that ended the answers, which the model does not run; one that ends
  // within thinking is thinking.
  EXPECT_EQ(text["reasoning/thinking"] + text["reasoning/answer"],
            live["reasoning/thinking"] + live["reasoning/answer"] + n_ended);

  // The same command gives the same bytes.
  const auto texts = read("chats.jsonl");
  const auto profile_bytes = read("generated.gguf");
  profile_json(command);
  EXPECT_EQ(read("chats.jsonl"), texts);
  EXPECT_EQ(read("generated.gguf"), profile_bytes);
}

TEST_F(CliChats, ThinkingCanBeOff) {
  const auto off = profile_json(
      "-f questions.jsonl --text problem --generate --think off --max-new-tokens 8 -o off.gguf");
  EXPECT_EQ(off.at("chats").at("n_thinking"), 0);
  const auto tokens = tokens_of(off);
  EXPECT_TRUE(tokens.contains("reasoning/answer"));
  EXPECT_FALSE(tokens.contains("reasoning/thinking"));
}

TEST_F(CliChats, SaysWhatIsWrong) {
  std::ofstream(dir_ / "prose.jsonl") << Json{{"text", "The road climbs slowly."}}.dump() << "\n";
  const auto prose = profile("-f questions.jsonl -f prose.jsonl --roles -o p.gguf");
  EXPECT_EQ(prose.exit_code, 3);
  EXPECT_THAT(prose.err, HasSubstr("prose.jsonl:1: no turn of the model in the text"));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "p.gguf"));
  EXPECT_EQ(profile("-f questions.jsonl --seed 2 -o p.gguf").exit_code, 2);
  EXPECT_EQ(profile("-f questions.jsonl --closing-window 2 -o p.gguf").exit_code, 2);
  EXPECT_EQ(profile("-f questions.jsonl --roles --generate -o p.gguf").exit_code, 2);
  EXPECT_EQ(profile("-f questions.jsonl --text problem --generate --save-text t.jsonl --resume "
                    "-o p.gguf")
                .exit_code,
            2);
  std::ofstream(dir_ / "precious.jsonl") << "precious";
  const auto exists =
      profile("-f questions.jsonl --text problem --generate --save-text precious.jsonl -o p.gguf");
  EXPECT_EQ(exists.exit_code, 2);
  EXPECT_EQ(read("precious.jsonl"), "precious");
}

// What the model is asked becomes text that --roles takes.
TEST_F(CliChats, GeneratedCorporaCanBeProfiled) {
  const auto generate = [&](const std::string& options) {
    return coe::testing::run_command(
        dir_.path().string(),
        "coe corpus generate questions.jsonl --text problem -t 1 -m " COE_SOURCE_DIR
        "/models/gemma4-tiny-moe-q4_k_m.gguf --max-new-tokens 300 " +
            options);
  };
  const auto result = generate("-o out --json");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto document = Json::parse(result.out);
  EXPECT_EQ(document.at("n_question"), 5);
  const int n_done = document.at("n_done");
  ASSERT_GT(n_done, 0);
  EXPECT_EQ(n_done + document.at("n_loop").get<int>() + document.at("n_cut").get<int>() +
                document.at("n_empty").get<int>(),
            5);
  EXPECT_TRUE(document.at("n_token_known").get<bool>());
  std::ifstream lines(dir_ / "out" / "answers.jsonl");
  for (std::string line; std::getline(lines, line);) {
    const auto record = Json::parse(line);
    EXPECT_EQ(record.at("format"), "chat");
    EXPECT_EQ(record.at("text"), "<|turn>user\n" + record.at("problem").get<std::string>() +
                                     "<turn|>\n<|turn>model\n" +
                                     record.at("solution").get<std::string>() + "<turn|>\n");
  }
  const auto roles = profile_json("-f out/answers.jsonl --roles -o answers.gguf");
  EXPECT_EQ(roles.at("n_sample"), n_done);
  EXPECT_GT(tokens_of(profile_json("-f out/thinking.jsonl -o thinking.gguf")).at("cot_think"), 10);
  // The same command gives the same bytes.
  const auto answers = read("out/answers.jsonl");
  ASSERT_EQ(generate("-o again").exit_code, 0);
  EXPECT_EQ(read("again/answers.jsonl"), answers);
  EXPECT_EQ(generate("-o more -j 2").exit_code, 2);
}

TEST_F(CliChats, ChatAnswersAQuestionAndALine) {
  const auto chat = [&](const std::string& options) {
    return coe::testing::run_command(
        dir_.path().string(),
        "coe chat -t 1 --temp 0 --think on --repeat-penalty 1 -m " COE_SOURCE_DIR
        "/models/gemma4-tiny-moe-q4_k_m.gguf " +
            options);
  };
  const auto asked = chat("-p \"Solve for x: 7x + 12 = 61\" --json");
  ASSERT_EQ(asked.exit_code, 0) << asked.err;
  const auto document = Json::parse(asked.out);
  EXPECT_THAT(document.at("thinking").get<std::string>(), HasSubstr("7x"));
  EXPECT_FALSE(document.at("answer").get<std::string>().empty());
  EXPECT_TRUE(document.at("ended").get<bool>());
  // As a line of the input it gets the same answer, shown as it is written.
  std::ofstream(dir_ / "lines.txt") << "Solve for x: 7x + 12 = 61\n\n";
  const auto told = chat("< lines.txt");
  ASSERT_EQ(told.exit_code, 0) << told.err;
  EXPECT_THAT(told.out, HasSubstr(document.at("answer").get<std::string>()));
  EXPECT_THAT(told.out, HasSubstr(document.at("thinking").get<std::string>()));

  // Commands, too; a script cannot mend a wrong one.
  std::ofstream(dir_ / "commands.txt")
      << "/think off\n/system be brief\nSolve for x: 7x + 12 = 61\n"
         "/save said.jsonl\n/quit\nnever asked\n";
  const auto commanded = chat("< commands.txt");
  ASSERT_EQ(commanded.exit_code, 0) << commanded.err;
  EXPECT_THAT(commanded.out, HasSubstr("written: said.jsonl"));
  const auto said = Json::parse(read("said.jsonl")).at("messages");
  ASSERT_EQ(said.size(), 3U);
  EXPECT_EQ(said.at(0), (Json{{"role", "system"}, {"content", "be brief"}}));
  std::ofstream(dir_ / "wrong.txt") << "/thinking off\n";
  const auto wrong = chat("< wrong.txt");
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("/thinking: no such command"));

  EXPECT_EQ(chat("--json < lines.txt").exit_code, 2);
  const auto long_question = chat("-c 16 -p \"" + std::string(200, 'x') + "\"");
  EXPECT_EQ(long_question.exit_code, 2);
  EXPECT_THAT(long_question.err, HasSubstr("leaves no room in the context"));
}

// A parent, a mask of half of its experts, and the file that it cuts.
class CliMasked : public CliChats {
 protected:
  CliMasked() {
    profile_json("-f questions.jsonl -o p.gguf");
    run_json("coe mask -p p.gguf -k 64 -o m.json");
    run_json("coe prune -m " + parent_ + " --mask m.json -o c.gguf");
  }
  const std::string parent_ = COE_SOURCE_DIR "/models/gemma4-tiny-moe-q4_k_m.gguf";
};

TEST_F(CliMasked, ChatIsThatOfTheSlicedFile) {
  const std::string question = " -t 1 --seed 3 -p \"Solve for x: 3x - 5 = 16\"";
  const auto virtually = run("coe chat -m " + parent_ + " --mask m.json" + question);
  const auto sliced = run("coe chat -m c.gguf" + question);
  const auto parent = run("coe chat -m " + parent_ + question);
  ASSERT_EQ(virtually.exit_code, 0) << virtually.err;
  EXPECT_EQ(virtually.out, sliced.out);
  EXPECT_NE(virtually.out, parent.out);
}

TEST_F(CliMasked, AnswersAreThoseOfTheSlicedFile) {
  // Thinking and content, by question.
  const auto answers = [&](const std::string& folder) {
    std::map<int, std::string> out;
    std::ifstream lines(dir_ / folder / "journal.jsonl");
    for (std::string line; std::getline(lines, line);) {
      const auto entry = Json::parse(line);
      if (entry.contains("question"))
        out[entry.at("question")] = entry.at("outcome").get<std::string>() + " " +
                                    entry.value("thinking", "") + "\n" + entry.value("content", "");
    }
    return out;
  };
  std::ofstream(dir_ / "choice.jsonl")
      << R"({"question":"3 + 4?","options":["6","7"],"answer":"B"})"
      << "\n"
      << R"({"question":"9 - 5?","options":["4","3"],"answer":"A"})";
  const std::string rest = " -t 1 --temp 0 --max-new-tokens 24 --think on -o ";
  for (const std::string verb :
       {"bench choice choice.jsonl", "corpus generate questions.jsonl --text problem"}) {
    SCOPED_TRACE(verb);
    const auto ask = [&](const std::string& model, const std::string& folder) {
      const auto result = run("coe " + verb + " -m " + model + rest + folder + " --force");
      EXPECT_LE(result.exit_code, 1) << result.err;  // 1: answers were cut
      return answers(folder);
    };
    const auto virtually = ask(parent_ + " --mask m.json", "masked");
    ASSERT_GE(virtually.size(), 2U);
    EXPECT_EQ(virtually, ask("c.gguf", "sliced"));
    EXPECT_NE(virtually, ask(parent_, "parent"));
  }
}

}  // namespace
}  // namespace coe
