// The whole pipeline over a tiny model and the fake engine: text to matrices, and what a second
// run does not do again.
#include "coe/measure/transfer/transfer_run.h"

#include "coe/corpus/select.h"

#include "support/expect.h"
#include "support/fake_library.h"
#include "support/temp_dir.h"
#include "support/tiny_gguf.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe {
namespace {

using ::coe::testing::expect_error;
using ::coe::testing::FakeLibrary;
using ::coe::testing::TempDir;
using ::coe::testing::value_of;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Corpus corpus_of(std::string_view tail) {
  Corpus corpus;
  for (const auto* domain : {"a", "b"}) {
    corpus.domains.push_back({domain, 1.0, {}});
    for (int i = 0; i < 6; ++i)
      corpus.domains.back().records.push_back({fmt::format("{}{} {}", domain, i, tail), "t"});
  }
  corpus.digest = corpus_digest(corpus);
  return corpus;
}

// Lends the values of F32 tensors, or of none.
class Floats : public gguf::Dequantizer {
 public:
  bool can(gguf::TensorType type) const override {
    return lends && gguf::traits(type).name == "F32";
  }
  void to_floats(gguf::TensorType /*type*/, std::span<const std::byte> blocks,
                 std::span<float> values) const override {
    std::memcpy(values.data(), blocks.data(), blocks.size());
  }
  bool lends = true;
};

class Warnings : public Observer {
 public:
  void warning(std::string_view message) override { heard.emplace_back(message); }
  std::vector<std::string> heard;
};

class Transfer : public ::testing::Test {
 protected:
  Transfer() {
    options_.engine.model = coe::testing::write_tiny(
        dir_ / "m.gguf", coe::testing::tiny_moe({.n_expert = 8, .n_expert_used = 2}));
    options_.corpus = corpus_of("profiled");
    options_.evaluation = corpus_of("held out");
    options_.counts = {4, 6};
    options_.random_seeds = {1};
    options_.folder = dir_ / "out";
    library_.values = &floats_;
  }
  Result<TransferReport> run() { return run_transfer(options_, library_, warnings_); }
  bool exists(const std::string& name) const {
    return std::filesystem::exists(options_.folder / name);
  }

  TempDir dir_;
  Floats floats_;
  FakeLibrary library_;
  TransferOptions options_;
  Warnings warnings_;
};

TEST_F(Transfer, FromTextToMatricesOfEachK) {
  const auto report = value_of(run());
  ASSERT_EQ(report.results.size(), 2U);
  EXPECT_EQ(report.results[0].matrix.n_keep, 4U);
  EXPECT_EQ(report.results[1].matrix.n_keep, 6U);
  EXPECT_THAT(report.results[0].matrix.specialists, ElementsAre("a", "b", "random-1"));
  EXPECT_THAT(report.results[0].matrix.domains, ElementsAre("a", "b"));
  EXPECT_EQ(report.engine, "fake");
  EXPECT_EQ(report.corpus_digest, options_.evaluation.digest);
  for (const auto* name :
       {"profile.gguf", "masks/a-k4.json", "masks/b-k6.json", "masks/random-1-k4.json",
        "cells/a.json", "matrix-k4.svg", "matrix-k6.svg"})
    EXPECT_TRUE(exists(name)) << name;
  EXPECT_FALSE(exists("profile.gguf.partial"));
  EXPECT_FALSE(report.results[0].square.agg_cosine.empty());
}

TEST_F(Transfer, ValuesThatTheEngineCannotLendCostTheAggCosineOnly) {
  floats_.lends = false;
  const auto report = value_of(run());
  EXPECT_THAT(warnings_.heard, Contains(HasSubstr("no Agg-cos is reported")));
  EXPECT_TRUE(report.results[0].square.agg_cosine.empty());
  EXPECT_EQ(report.results.size(), 2U);
}

TEST_F(Transfer, ASecondRunOpensNoEngineAndFindsTheSame) {
  const auto first = value_of(run());
  library_.n_opened = 0;
  options_.overwrite = Overwrite::kAllow;  // the pictures are drawn again
  const auto second = value_of(run());
  EXPECT_EQ(library_.n_opened, 0);
  EXPECT_EQ(second.engine, first.engine);  // the cells tell what measured them
  for (std::size_t k = 0; k < 2; ++k)
    for (std::size_t r = 0; r < 3; ++r)
      EXPECT_EQ(second.results[k].matrix.at(r, 0).records,
                first.results[k].matrix.at(r, 0).records);
}

TEST_F(Transfer, OutputsThatAreThereAreRefusedBeforeAnyWork) {
  std::filesystem::create_directories(options_.folder);
  ASSERT_TRUE(write_file(options_.folder / "matrix-k6.svg", "someone's", Overwrite::kRefuse));
  expect_error(run(), Code::kExists, "matrix-k6.svg");
  EXPECT_EQ(library_.n_opened, 0);
}

TEST_F(Transfer, ReadyMasksStandBesideThoseOfProfiles) {
  value_of(run());
  options_.masks = {{"mine", options_.folder / "masks/a-k4.json"}};
  options_.overwrite = Overwrite::kAllow;
  const auto report = value_of(run());
  EXPECT_THAT(report.results[0].matrix.specialists, ElementsAre("mine", "a", "b", "random-1"));
  options_.masks[0].name = "a";
  expect_error(run(), Code::kInvalidArgument, "two specialists of 4 experts have this name");
}

TEST_F(Transfer, TextThatWasProfiledIsNotEvaluated) {
  options_.evaluation.domains[0].records.push_back(options_.corpus.domains[0].records[0]);
  expect_error(run(), Code::kMismatch, "");
  EXPECT_EQ(library_.n_opened, 0);
}

TEST_F(Transfer, TakesTheFirstRecordsOfEachSubDomain) {
  options_.max_records = 2;
  const auto report = value_of(run());
  EXPECT_EQ(report.results[0].matrix.at(0, 0).n_record, 2U);
  EXPECT_EQ(report.results[0].matrix.at(0, 1).n_record, 2U);
  EXPECT_NE(report.corpus_digest, options_.evaluation.digest);
}

TEST_F(Transfer, RefusesAnImpossibleKBeforeAnyWork) {
  options_.counts = {1};
  expect_error(run(), Code::kInvalidArgument, "K = 1");
  EXPECT_EQ(library_.n_opened, 0);
}

TEST(ReadyMask, IsANameAndAFile) {
  const auto ready = value_of(parse_ready_mask("web=a=b.json"));
  EXPECT_EQ(ready.name, "web");
  EXPECT_EQ(ready.file, "a=b.json");
  for (const auto* text : {"", "web", "web=", "=web.json"})
    expect_error(parse_ready_mask(text), Code::kInvalidArgument, "is not NAME=FILE");
}

}  // namespace
}  // namespace coe
