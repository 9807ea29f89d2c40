// Help, man pages, completions and docs/reference, all of the one tree of options.
#include "coe/cli/render/command_text.h"

#include "coe/base/file.h"
#include "coe/cli/command_line.h"
#include "coe/cli/console.h"
#include "coe/cli/render/table.h"
#include "coe/cli/render/topics.h"
#include "coe/cli/wrap.h"
#include "coe/engine/no_engine.h"

#include "support/expect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace coe::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::SizeIs;

class CommandText : public ::testing::Test {
 protected:
  std::unique_ptr<Communicator> communicator_ = testing::value_of(open_communicator());
  Ranks ranks_{*communicator_};
  Session session_{ranks_, no_engine_library()};
  coe::cli::Run run_;
  std::unique_ptr<CLI::App> app_ = command_line(session_, run_);
};

std::size_t widest(const std::string& text) {
  std::size_t most = 0;
  std::istringstream lines(text);
  // Characters, not bytes.
  for (std::string line; std::getline(lines, line);)
    most = std::max(most, static_cast<std::size_t>(std::ranges::count_if(line, [](char c) {
                      return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
                    })));
  return most;
}

TEST_F(CommandText, EachVerbHasTwoExamplesAndEachOfThemParses) {
  for (const auto* verb : leaf_verbs(*app_)) {
    const auto words = command_words(*verb);
    EXPECT_THAT(words.examples, SizeIs(::testing::Ge(2U))) << words.name;
    for (const auto& example : words.examples) {
      std::string command(example.command);
      if (const auto from = command.find("<("); from != std::string::npos)
        command = command.substr(from + 2, command.size() - from - 3);
      command = command.substr(0, command.find(" >"));
      ASSERT_TRUE(command.starts_with("coe ")) << command;
      const auto parser = command_line(session_, run_);
      run_ = nullptr;
      EXPECT_NO_THROW(parser->parse(command.substr(4))) << command;
      EXPECT_TRUE(run_) << command;
      EXPECT_TRUE(command.starts_with(words.name)) << command;
    }
  }
}

TEST_F(CommandText, HelpIsWrappedAndGrouped) {
  const auto* verb = app_->get_subcommand("specialize");
  const auto help = help_text(command_words(*verb), 80);
  // Commands stand whole, whatever their length.
  std::string without_examples = help;
  const auto from = without_examples.find("Examples:");
  without_examples.erase(from, without_examples.find("\nOptions:") - from);
  EXPECT_LE(widest(without_examples), 80U);
  for (const auto* title :
       {"\nOptions:", "\nText:", "\nScoring:", "\nPasses:", "\nEngine:", "\nOutput:"})
    EXPECT_THAT(help, HasSubstr(title));
  EXPECT_THAT(help, HasSubstr("Usage: coe specialize -m FILE -o PATH [OPTIONS]"));
  EXPECT_THAT(help, HasSubstr("\n  -k, --keep K"));
  EXPECT_THAT(help, HasSubstr("(default: 512)"));
  EXPECT_THAT(help, Not(HasSubstr("INT in [")));
  // Flags have no value.
  EXPECT_THAT(help, HasSubstr("\n  --t06 "));
  EXPECT_THAT(help, Not(HasSubstr("--t06 TEXT")));
  EXPECT_LE(widest(help_text(command_words(*app_), 60)), 60U);
}

TEST_F(CommandText, ManPagesEscapeWhatTroffTakes) {
  CommandWords words;
  words.name = "coe x";
  words.text = ".dots begin\nlines";
  words.usage = "coe x [OPTIONS]";
  words.groups = {{"", {{{"--a-b"}, "FILE", "'quoted' and \\ back", "", false, false, false}}}};
  EXPECT_EQ(man_page(words, "1.2"),
            ".TH COE-X 1 \"\" \"coe 1.2\" \"College of Experts\"\n.SH NAME\ncoe\\-x \\- \\&.dots "
            "begin\n.SH SYNOPSIS\n.B coe x [OPTIONS]\n.SH DESCRIPTION\n\\&.dots begin\nlines\n.SH "
            "OPTIONS\n.TP\n.B \\-\\-a\\-b FILE\n\\&'quoted' and \\e back\n");
}

TEST_F(CommandText, TheReferenceIsAsTheOptionsAre) {
  const Path folder = Path(COE_SOURCE_DIR) / "docs/reference";
  std::vector<std::string> expected;
  const auto check = [&](const std::string& name, const std::string& text) {
    expected.push_back(name);
    const auto found = read_text(folder / name);
    ASSERT_TRUE(found) << name << ": coe reference markdown -o docs/reference --force";
    EXPECT_EQ(*found, text) << name << ": coe reference markdown -o docs/reference --force";
  };
  std::vector<const CLI::App*> left = {app_.get()};
  while (!left.empty()) {
    const auto* command = left.back();
    left.pop_back();
    const auto words = command_words(*command);
    check(page_name(words) + ".md", reference_page(words));
    for (const auto* below : command->get_subcommands({}))
      if (!below->get_group().empty()) left.push_back(below);
  }
  for (const auto& topic : topics())
    check("topic-" + std::string(topic.name) + ".md", topic_page(topic));
  std::vector<std::string> there;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    there.push_back(entry.path().filename().string());
  EXPECT_THAT(there, ::testing::UnorderedElementsAreArray(expected));
}

TEST_F(CommandText, CompletionsKnowVerbsAndOptions) {
  for (const auto& script :
       {bash_completion(*app_), zsh_completion(*app_), fish_completion(*app_)}) {
    EXPECT_THAT(script, HasSubstr("specialize"));
    EXPECT_THAT(script, HasSubstr("transfer"));
    EXPECT_THAT(script, HasSubstr("random-seeds"));
    EXPECT_THAT(script, Not(HasSubstr("man, completions or markdown")));  // not for people
  }
}

TEST(Tables, ShrinkToTheTerminal) {
  const std::vector<std::vector<std::string>> rows = {{"text", "perplexity × parent's", "KL"},
                                                      {"web", "1.15 [1.11, 1.19]", "0.275"}};
  EXPECT_EQ(format_table(rows, std::nullopt),
            "  text   perplexity × parent's      KL\n"
            "  web        1.15 [1.11, 1.19]   0.275\n");
  EXPECT_EQ(format_table(rows, 38), format_table(rows, std::nullopt));
  EXPECT_EQ(format_table(rows, 34),
            "               perplexity\n"
            "                        ×\n"
            "  text           parent's     KL\n"
            "  web   1.15 [1.11, 1.19]  0.275\n");
  EXPECT_EQ(format_table(rows, 20),
            "  web\n"
            "    perplexity × parent's  1.15 [1.11, 1.19]\n"
            "    KL                     0.275\n");
}

TEST(Tables, WordsOfTheLastColumnGoOnBelowEachOther) {
  const std::vector<std::vector<std::string>> rows = {
      {"task", "actions", "asks for"},
      {"css-toggle", "7", "Theme switch without JavaScript"},
      {"vue", "17", "Two-way currency converter"}};
  const WordColumns words{{2}};
  EXPECT_EQ(format_table(rows, std::nullopt, words),
            "  task         actions   asks for\n"
            "  css-toggle         7   Theme switch without JavaScript\n"
            "  vue               17   Two-way currency converter\n");
  EXPECT_EQ(format_table(rows, 47, words),
            "  task         actions   asks for\n"
            "  css-toggle         7   Theme switch without\n"
            "                         JavaScript\n"
            "  vue               17   Two-way currency\n"
            "                         converter\n");
  EXPECT_EQ(format_table(rows, 40, words),
            "  css-toggle\n"
            "    actions   7\n"
            "    asks for  Theme switch without JavaScript\n"
            "  vue\n"
            "    actions   17\n"
            "    asks for  Two-way currency converter\n");
}

TEST(Tables, AFirstCellThatIsTooWideHasALineOfItsOwn) {
  const std::vector<std::vector<std::string>> rows = {
      {"to be typed", "experts", "size"},
      {"ollama:gemma4", "8 of 128", "18.0 GB"},
      {"hf:unsloth/Qwen3-30B-A3B-GGUF:Q4_K_M", "8 of 128", "18.6 GB"}};
  EXPECT_EQ(format_table(rows, 50),
            "  to be typed      experts      size\n"
            "  ollama:gemma4   8 of 128   18.0 GB\n"
            "  hf:unsloth/Qwen3-30B-A3B-GGUF:Q4_K_M\n"
            "                  8 of 128   18.6 GB\n");
}

TEST(Lines, EndBetweenWordsAndGoOnBelowTheLastColumn) {
  EXPECT_EQ(fit_lines("  proof  2048 experts equal their source byte for byte\n", 40),
            "  proof  2048 experts equal their source\n"
            "         byte for byte\n");
  EXPECT_EQ(fit_lines("  works   a.b  models run on the CPU\n          mended by a build", 35),
            "  works   a.b  models run on the\n"
            "               CPU\n"
            "          mended by a build");
  EXPECT_EQ(fit_lines("error: the folder does not exist", 20), "error: the folder\ndoes not exist");
  EXPECT_EQ(fit_lines("  24   10.8 MB        49 %\n\n", 30), "  24   10.8 MB        49 %\n\n");
  EXPECT_EQ(fit_lines("web.gguf: /a/path/that/is/longer/than/a/line\n", 20),
            "web.gguf:\n/a/path/that/is/longer/than/a/line\n");
}

TEST(Lines, CommandsAreLeftAsTheyAre) {
  const std::string next = "next: coe eval -m web.gguf --parent PARENT.gguf -f HELD-OUT.jsonl\n";
  EXPECT_EQ(fit_lines(next, 30), next);
  EXPECT_EQ(fit_lines("  # llama-server, this model by itself alone\n"
                      "  llama-server -m web.gguf --ctx-size 2048\n\n"
                      "  words that are no command\n",
                      24),
            "  # llama-server, this\n"
            "  # model by itself\n"
            "  # alone\n"
            "  llama-server -m web.gguf --ctx-size 2048\n\n"
            "  words that are no\n"
            "  command\n");
}

// Two characters are left free behind it: a terminal writes "^C" there.
TEST(Terminal, ProgressLeavesOutWhatDoesNotFit) {
  const ProgressLine line{.head = "1 of 7  profile     ",
                          .share = .5,
                          .facts = {" 50 %", "2:31 left", "8792 tokens", "2088/s"}};
  EXPECT_EQ(
      progress_line(line, 90),
      "1 of 7  profile     [#############..............]  50 %  2:31 left  8792 tokens  2088/s");
  EXPECT_EQ(progress_line(line, 71),
            "1 of 7  profile     [####....]  50 %  2:31 left  8792 tokens  2088/s");
  EXPECT_EQ(progress_line(line, 61), "1 of 7  profile       50 %  2:31 left  8792 tokens  2088/s");
  EXPECT_EQ(progress_line(line, 50), "1 of 7  profile       50 %  2:31 left  2088/s");
  EXPECT_EQ(progress_line(line, 20), "1 of 7  profile  ");
}

TEST(Terminal, ShowsAsciiWhereTheLocaleIsNoUtf8) {
  EXPECT_EQ(for_terminal("21 → 13 × é…", true), "21 → 13 × é…");
  EXPECT_EQ(for_terminal("21 → 13 × é…", false), "21 -> 13 x ?...");
}

}  // namespace
}  // namespace coe::cli
