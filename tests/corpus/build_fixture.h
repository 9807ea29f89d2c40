// A folder with sources, a spec in it and what `coe corpus build` makes of it.
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/build.h"
#include "coe/corpus/hooks.h"

#include "support/expect.h"
#include "support/temp_dir.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace coe::testing {

class RecordingObserver : public Observer {
 public:
  void warning(std::string_view message) override { warnings.emplace_back(message); }
  void progress(std::string_view /*stage*/, std::uint64_t done, std::uint64_t total,
                std::string_view /*unit*/) override {
    n_done = done;
    n_total = total;
  }
  bool cancelled() override { return cancel_after-- == 0; }

  std::vector<std::string> warnings;
  std::uint64_t n_done = 0;
  std::uint64_t n_total = 0;
  int cancel_after = -1;
};

class CorpusBuild : public ::testing::Test {
 protected:
  void write(const std::string& name, std::string_view text) {
    std::filesystem::create_directories((dir_ / name).parent_path());
    expect_ok(write_file(dir_ / name, text, Overwrite::kAllow));
  }
  Result<CorpusBuildReport> build(const std::string& toml,
                                  Overwrite overwrite = Overwrite::kAllow) {
    write("spec.toml", toml);
    return build_corpus({dir_ / "spec.toml", dir_ / "out.jsonl", {}, overwrite, model_}, observer_);
  }
  std::string output() { return value_of(read_text(dir_ / "out.jsonl")); }
  std::vector<nlohmann::ordered_json> records() {
    std::vector<nlohmann::ordered_json> out;
    std::istringstream lines(output());
    for (std::string line; std::getline(lines, line);)
      out.push_back(nlohmann::ordered_json::parse(line));
    return out;
  }
  std::vector<std::string> fields(const char* name) {
    std::vector<std::string> out;
    for (const auto& record : records()) out.push_back(record.at(name));
    return out;
  }
  void expect_no_output() {
    EXPECT_FALSE(std::filesystem::exists(dir_ / "out.jsonl"));
    EXPECT_FALSE(std::filesystem::exists(dir_ / ".out.jsonl.part"));
    EXPECT_FALSE(std::filesystem::exists(dir_ / "out.jsonl.manifest.json"));
  }

  TempDir dir_;
  RecordingObserver observer_;
  ModelHooks model_;  // none
};

// The start of a spec: one domain, and of its first source what its kind requires.
inline std::string domain_head() {
  return "[[domain]]\nname = \"web\"\nmin_records = 1\n[[domain.source]]\n";
}
inline std::string files_head() { return domain_head() + "kind = \"files\"\nroot = \"src\"\n"; }
inline std::string jsonl_head() {
  return domain_head() + "kind = \"jsonl\"\npath = \"in/*.jsonl\"\n";
}

}  // namespace coe::testing
