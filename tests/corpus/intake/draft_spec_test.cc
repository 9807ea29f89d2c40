// The first spec of a folder: what it says, and that a build takes it as it is.
#include "coe/corpus/intake/draft_spec.h"

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/build.h"
#include "coe/corpus/corpus.h"

#include "support/expect.h"
#include "support/temp_dir.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace coe {
namespace {

using ::testing::ElementsAre;
using testing::expect_error;
using testing::expect_ok;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::TempDir;
using testing::value_of;

class SpecDraftTest : public ::testing::Test {
 protected:
  void write(const std::string& name, std::string_view text) {
    std::filesystem::create_directories((dir_ / name).parent_path());
    expect_ok(write_file(dir_ / name, text, Overwrite::kAllow));
  }
  // Forty Python files, thirty of prose, a build folder, and what is left out.
  void write_project() {
    for (int i = 0; i < 40; ++i) write(fmt::format("p/src/m{}.py", i), fmt::format("x = {}\n", i));
    for (int i = 0; i < 30; ++i)
      write(fmt::format("p/docs/d{}.md", i), fmt::format("Page {} has words.\n", i));
    write("p/build/made.py", "made = 1\n");
    write("p/.gitignore", "secret.py\n");
    write("p/src/secret.py", "key = 1\n");
    write("p/one.lua", "print(1)\n");
  }
  Result<SpecDraft> draft(const std::string& output = "corpus.toml") {
    return draft_spec({dir_ / "p", dir_ / output, Overwrite::kRefuse}, silent_observer());
  }
  Corpus build(bool held_out, const std::string& spec = "corpus.toml") {
    CorpusBuildOptions options{dir_ / spec, dir_ / "out.jsonl", {}, Overwrite::kAllow};
    options.held_out = held_out;
    value_of(build_corpus(options, silent_observer()));
    return value_of(
        parse_corpus(value_of(read_text(dir_ / "out.jsonl")), "out.jsonl", default_text_spec()));
  }

  TempDir dir_;
};

TEST_F(SpecDraftTest, GroupsByLanguageAndHoldsOut) {
  write_project();
  const auto made = value_of(draft());
  std::vector<std::string> names;
  for (const auto& domain : made.domains) names.push_back(domain.name);
  EXPECT_THAT(names, ElementsAre("prose", "python", "other"));
  EXPECT_FALSE(made.needs_model);
  EXPECT_EQ(made.domains[1].n_file, 40U);

  const Corpus rest = build(false);
  const Corpus held_out = build(true);
  std::set<std::string> seen;
  std::size_t n = 0;
  for (const auto* corpus : {&rest, &held_out})
    for (const auto& domain : corpus->domains)
      for (const auto& record : domain.records) {
        seen.insert(record.text);
        ++n;
      }
  EXPECT_EQ(seen.size(), n);  // no text is on both sides
  EXPECT_EQ(n, 71U);          // and none is lost
  EXPECT_EQ(held_out.n_record(), 7U);
  for (const auto& text : seen) EXPECT_THAT(text, Not(HasSubstr("made"))) << "build folder";
  EXPECT_FALSE(seen.contains("key = 1\n"));
}

TEST_F(SpecDraftTest, ListsChatsAndRecords) {
  std::string chats;
  for (int i = 0; i < 20; ++i)
    chats += fmt::format("{{\"messages\": [{{\"role\": \"user\", \"content\": \"{}\"}}]}}\n", i);
  write("p/chats.jsonl", chats);
  std::string records;
  for (int i = 0; i < 20; ++i) records += fmt::format("{{\"text\": \"r{}\"}}\n", i);
  write("p/more.jsonl", records);
  const auto made = value_of(draft());
  EXPECT_TRUE(made.needs_model);
  const std::string spec = value_of(read_text(dir_ / "corpus.toml"));
  EXPECT_THAT(spec, HasSubstr("chat = { messages = \"messages\" }"));
  EXPECT_THAT(spec, HasSubstr("path = [\"p/chats.jsonl\"]"));
  EXPECT_THAT(spec, HasSubstr("path = [\"p/more.jsonl\"]"));
}

TEST_F(SpecDraftTest, RefusesToOverwriteAndFoldersWithoutText) {
  write_project();
  write("corpus.toml", "mine");
  expect_error(draft(), Code::kExists, "corpus.toml: output exists already");
  EXPECT_EQ(value_of(read_text(dir_ / "corpus.toml")), "mine");
  std::filesystem::create_directories(dir_ / "empty");
  expect_error(draft_spec({dir_ / "empty", dir_ / "e.toml"}, silent_observer()), Code::kNotFound,
               "there is no text in it");
  expect_error(draft_spec({dir_ / "none", dir_ / "e.toml"}, silent_observer()), Code::kNotFound,
               "no such folder");
}

// A spec within its own folder is none of its text, and names in quotes stay names.
TEST_F(SpecDraftTest, MayLieInItsFolder) {
  for (int i = 0; i < 20; ++i)
    write(fmt::format("p/a \"b\"/f{}.toml", i), fmt::format("k = {}\n", i));
  value_of(draft("p/corpus.toml"));
  EXPECT_EQ(build(false, "p/corpus.toml").n_record(), 18U);
  value_of(draft_spec({dir_ / "p", dir_ / "p/corpus.toml", Overwrite::kAllow}, silent_observer()));
  EXPECT_EQ(build(false, "p/corpus.toml").n_record(), 18U);
}

}  // namespace
}  // namespace coe
