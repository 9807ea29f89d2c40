#include "coe/college/package/modelfile.h"

#include "coe/base/result.h"

#include "college/package/reference_modelfile.h"
#include "support/expect.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

namespace coe {
namespace {

using testing::expect_error;
using testing::OllamaCommand;
using testing::read_as_ollama;
using testing::value_of;

std::vector<OllamaCommand> as_reference(const std::vector<ModelfileCommand>& commands) {
  std::vector<OllamaCommand> out;
  for (const auto& c : commands)
    out.push_back({c.name == "from" && !c.is_parameter && !c.is_message ? "model"
                   : c.is_message                                       ? "message"
                                                                        : c.name,
                   c.is_message ? c.name + ": " + c.value : c.value});
  return out;
}

TEST(ParseModelfile, ReadsInstructionsWithTheirLines) {
  const auto commands =
      value_of(parse_modelfile("# a comment\n"
                               "from ./m.gguf\n"
                               "PARAMETER stop \"<turn|>\"\n"
                               "SYSTEM \"\"\"two\n"
                               "lines\"\"\"\n"
                               "\n"
                               "Message user How are you?\n"
                               "PARAMETER num_ctx 8192",
                               "Modelfile"));
  ASSERT_EQ(commands.size(), 5U);
  EXPECT_EQ(commands[0].name, "from");
  EXPECT_EQ(commands[0].line, 2U);
  EXPECT_EQ(commands[1].name, "stop");
  EXPECT_TRUE(commands[1].is_parameter);
  EXPECT_EQ(commands[1].value, "<turn|>");
  EXPECT_EQ(commands[2].value, "two\nlines");
  EXPECT_EQ(commands[2].line, 4U);
  EXPECT_EQ(commands[3].name, "user");
  EXPECT_TRUE(commands[3].is_message);
  EXPECT_EQ(commands[3].line, 7U);
  EXPECT_EQ(commands[4].value, "8192");
}

TEST(ParseModelfile, NamesTheLineOfWhatItRefuses) {
  const auto refused = [](const std::string& text, const std::string& part) {
    expect_error(parse_modelfile(text, "Modelfile"), Code::kCorrupt, part);
    EXPECT_EQ(read_as_ollama(text), std::nullopt) << text;
  };
  refused("", "Modelfile: has no line FROM");
  refused("# nothing\n", "has no line FROM");
  refused("PARAMETER from x\n", "has no line FROM");
  refused("FROM ./m.gguf\nTHINK false\n", "Modelfile:2: `THINK` is no instruction");
  refused("FROM ./m.gguf\nFROM\n", "Modelfile:2: `FROM\\n` is no instruction");
  refused("FROM ./m.gguf\n\nSYSTEM \"open\nPARAMETER seed 1\n",
          "Modelfile:3: the text that begins");
  refused("FROM ./m.gguf\nSYSTEM \"\"\"open\"\n", "Modelfile:2");
  refused("FROM ./m.gguf\nPARAMETER num-ctx 1\n", "is no parameter");
  refused("FROM ./m.gguf\nMESSAGE robot hi\n", "`robot` is no role");
  refused("FROM ./m.gguf\n1 x\n", "Modelfile:2");
}

RC_GTEST_PROP(ParseModelfileProperties, AgreesWithTheReference, ()) {
  const auto pieces = *rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
      "FROM ./m.gguf\n", "SYSTEM ", "PARAMETER ", "stop ", "MESSAGE ", "user ", "\"", "\"\"\"",
      "\n", "\r\n", " ", "\t", "x", "# c", "LICENSE ", "é", "1"));
  std::string text = "FROM ./m.gguf\n";
  for (const auto& piece : pieces) text += piece;
  const auto mine = parse_modelfile(text, "Modelfile");
  const auto reference = read_as_ollama(text);
  RC_ASSERT(mine.has_value() == reference.has_value());
  if (mine) RC_ASSERT(as_reference(*mine) == *reference);
}

}  // namespace
}  // namespace coe
