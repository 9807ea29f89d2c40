// What the documents tell people to type is understood: every `coe …` in their blocks of commands
// parses. Those that can run are run too, by tests/guides.
#include "coe/base/file.h"
#include "coe/cli/command_line.h"
#include "coe/engine/no_engine.h"

#include "support/expect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Words = std::vector<std::string>;

// Splits a script into simple commands, as a shell would: quotes, escapes, comments, what is
// substituted (a 1 stands for it), and redirections, which are left out. A word of `bash -c` or of
// --wrap that holds a command is a script of its own.
class Script {
 public:
  explicit Script(std::string_view text) : text_(text) {}

  std::vector<Words> commands() {
    while (at_ < text_.size()) step();
    end_command();
    return std::move(commands_);
  }

 private:
  char next() const { return at_ < text_.size() ? text_[at_] : '\n'; }

  void step() {
    const char c = text_[at_++];
    if (c == '\\') {
      if (next() != '\n') add(next());
      ++at_;
    } else if (c == '\'' || c == '"') {
      quoted(c);
    } else if (c == '$') {
      substituted();
    } else if (c == '#' && !word_) {
      at_ = std::min(text_.find('\n', at_), text_.size());
    } else if (c == '>' || c == '<') {
      redirected(c);
    } else if (c == '\n' || std::string_view(";&|()").find(c) != std::string_view::npos) {
      end_command();
      if (c == '\n') skip_here_documents();
    } else if (c == ' ' || c == '\t') {
      end_word();
    } else {
      add(c);
    }
  }

  void add(char c) {
    if (!word_) word_.emplace();
    *word_ += c;
  }

  void quoted(char quote) {
    if (!word_) word_.emplace();
    std::string inside;
    while (at_ < text_.size() && text_[at_] != quote) {
      const char c = text_[at_++];
      if (quote == '"' && c == '\\' && at_ < text_.size()) {
        inside += text_[at_++];
      } else if (quote == '"' && c == '$') {
        const auto before = word_;
        word_.emplace();
        substituted();
        inside += *word_;
        word_ = before;
      } else {
        inside += c;
      }
    }
    ++at_;
    *word_ += inside;
    if (inside.find("coe ") == std::string::npos) return;
    for (auto& command : Script(inside).commands()) commands_.push_back(std::move(command));
  }

  // Behind a $.
  void substituted() {
    if (next() == '{') {
      at_ = std::min(text_.find('}', at_), text_.size()) + 1;
    } else if (next() == '(') {
      int depth = 0;
      do {
        depth += next() == '(' ? 1 : next() == ')' ? -1 : 0;
        ++at_;
      } while (depth > 0 && at_ < text_.size());
    } else {
      while (std::isalnum(static_cast<unsigned char>(next())) != 0 || next() == '_') ++at_;
    }
    add('1');
  }

  void redirected(char direction) {
    if (word_ && word_->find_first_not_of("0123456789") == std::string::npos) word_.reset();
    end_word();
    if (direction == '<' && next() == '(') return;  // a command of its own
    if (direction == '<' && next() == '<') {
      ++at_;
      std::string end;
      for (; next() != '\n' && next() != ' '; ++at_)
        if (next() != '\'' && next() != '"') end += next();
      here_documents_.push_back(end);
      return;
    }
    while (next() == '>' || next() == '&' || next() == ' ') ++at_;
    while (std::string_view(" \n;|)").find(next()) == std::string_view::npos) ++at_;
  }

  void skip_here_documents() {
    for (const auto& end : here_documents_) {
      const auto found = text_.find("\n" + end + "\n", at_ - 1);
      at_ = found == std::string_view::npos ? text_.size() : found + end.size() + 2;
    }
    here_documents_.clear();
  }

  void end_word() {
    if (word_) words_.push_back(*std::exchange(word_, std::nullopt));
  }
  void end_command() {
    end_word();
    if (!words_.empty()) commands_.push_back(std::exchange(words_, {}));
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::optional<std::string> word_;
  Words words_;
  std::vector<std::string> here_documents_;
  std::vector<Words> commands_;
};

// The arguments of each coe in a script, whatever runs it.
std::vector<Words> calls_of(std::string_view script) {
  std::vector<Words> calls;
  for (const auto& command : Script(script).commands()) {
    const auto coe = std::ranges::find_if(
        command, [](const auto& word) { return word == "coe" || word.ends_with("/coe"); });
    if (coe == command.end() || coe + 1 == command.end()) continue;
    if (coe != command.begin() && (coe - 1)->starts_with("-")) continue;  // a name: --target coe
    calls.emplace_back(coe + 1, command.end());
  }
  return calls;
}

struct Call {
  std::string where;
  Words arguments;
};

std::vector<Call> calls_in(const Path& file) {
  const auto text = testing::value_of(read_text(file));
  std::vector<Call> calls;
  constexpr std::string_view kFence = "\n```sh\n";
  for (auto at = text.find(kFence); at != std::string::npos; at = text.find(kFence, at + 1)) {
    const auto from = at + kFence.size();
    const auto block = std::string_view(text).substr(from, text.find("\n```", from) - from + 1);
    for (auto& call : calls_of(block))
      calls.push_back(
          {file.filename().string() + ", line " +
               std::to_string(std::count(text.begin(),
                                         text.begin() + static_cast<std::ptrdiff_t>(from), '\n') +
                              1),
           std::move(call)});
  }
  return calls;
}

std::string joined(const Words& words) {
  std::string text = "coe";
  for (const auto& word : words) text += " " + word;
  return text;
}

TEST(Documents, ScriptsAreReadAsAShellDoes) {
  EXPECT_THAT(
      calls_of("coe a -f \"x y\" 'it''s' \\\n  z >out 2>&1 | tee b; X=1 build/coe c # coe d"),
      ElementsAre(ElementsAre("a", "-f", "x y", "its", "z"), ElementsAre("c")));
  EXPECT_THAT(calls_of("cat >x <<'END'\ncoe not this\nEND\nsource <(coe b c)\n"),
              ElementsAre(ElementsAre("b", "c")));
  EXPECT_THAT(calls_of("for i in 1 2; do\n  coe a $((i - 1))/4 \"$(ls)/b\" ${X} &\ndone"),
              ElementsAre(ElementsAre("a", "1/4", "1/b", "1")));
  EXPECT_THAT(calls_of("mpirun -n 4 sh -c 'Y=$X exec coe a -m b'\njob --wrap \"coe c $D/x\""),
              ElementsAre(ElementsAre("a", "-m", "b"), ElementsAre("c", "1/x")));
  EXPECT_THAT(calls_of("scripts/build.sh build coe\ncmake --target coe x\nls coe"), IsEmpty());
}

TEST(Documents, EachCommandParses) {
  std::vector<Path> files = {"README.md", "demo/README.md", "examples/README.md", "HACKING.md",
                             "bench/README.md"};
  const Path source = COE_SOURCE_DIR;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(source / "docs"))
    if (entry.path().extension() == ".md")
      files.push_back(std::filesystem::relative(entry.path(), source));
  auto communicator = testing::value_of(open_communicator());
  Ranks ranks(*communicator);
  std::size_t n_call = 0;
  for (const auto& file : files) {
    for (const auto& [where, arguments] : calls_in(source / file)) {
      Session session(ranks, no_engine_library());
      coe::cli::Run run;
      const auto parser = command_line(session, run);
      std::vector<std::string> words(arguments.rbegin(), arguments.rend());
      std::ranges::transform(words, words.begin(), long_name);
      EXPECT_NO_THROW(parser->parse(words)) << where << ": " << joined(arguments);
      EXPECT_TRUE(run) << where << ": " << joined(arguments);
      ++n_call;
    }
  }
  EXPECT_GE(n_call, 100U);  // that are found at all
}

}  // namespace
}  // namespace coe::cli
