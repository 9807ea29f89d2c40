#include "coe/measure/transfer/measure.h"

#include "coe/measure/tune/measure.h"

#include "measure/tune/fake_bench.h"
#include "support/fake_library.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace coe {
namespace {

using ::coe::testing::BorrowedEngine;
using ::coe::testing::expect_error;
using ::coe::testing::FakeBench;
using ::coe::testing::FakeLibrary;
using ::coe::testing::TempDir;
using ::coe::testing::value_of;
using ::testing::ElementsAre;

// Says cancelled from the n-th question on.
class CancelAt : public Observer {
 public:
  explicit CancelAt(int n) : left_(n) {}
  bool cancelled() override { return --left_ < 0; }

 private:
  int left_;
};

class Measure : public ::testing::Test {
 protected:
  Measure() {
    evaluation_ = fake_.text;
    evaluation_.domains.push_back({"b", 1.0, {{"other words", "t"}, {"and more: 0123", "t"}}});
  }
  std::vector<TransferMask> masks(std::uint32_t n_keep) {
    ProfileSet profiles;
    profiles.add("p", fake_.stats);
    auto out = value_of(domain_masks(profiles, {}, n_keep));
    out.push_back(value_of(random_transfer_mask(fake_.model, n_keep, 1)));
    return out;
  }
  TransferBench bench(LazyEngine& engine) {
    return {{fake_.bench().file, fake_.model, {}, dir_.path(), "fake", overwrite_, engine},
            evaluation_};
  }
  Result<std::vector<TransferMatrix>> run(const std::vector<std::uint32_t>& counts,
                                          Observer& observer = silent_observer()) {
    std::vector<std::vector<TransferMask>> sets;
    for (const auto k : counts) sets.push_back(masks(k));
    LazyEngine engine(library_, {});
    return measure_transfer(bench(engine), sets, observer);
  }

  FakeBench fake_;
  Corpus evaluation_;
  TempDir dir_;
  Overwrite overwrite_ = Overwrite::kRefuse;
  FakeLibrary library_{[this](const EngineOptions&) -> Result<std::unique_ptr<Engine>> {
    return std::make_unique<BorrowedEngine>(fake_.engine);
  }};
};

TEST_F(Measure, EachCellIsThatOfTheMaskOnTheTextAlone) {
  const auto matrices = value_of(run({4, 6}));
  ASSERT_EQ(matrices.size(), 2U);
  EXPECT_EQ(matrices[1].n_keep, 6U);
  EXPECT_THAT(matrices[0].specialists, ElementsAre("a", "random-1"));
  EXPECT_EQ(matrices[0].n_random, 1U);
  EXPECT_THAT(matrices[0].domains, ElementsAre("a", "b"));
  for (std::size_t k = 0; k < 2; ++k) {
    const auto set = masks(k == 0 ? 4 : 6);
    for (std::size_t d = 0; d < 2; ++d) {
      Corpus one;
      one.domains.push_back(evaluation_.domains[d]);
      const auto whole = fake_.bench();
      for (std::size_t m = 0; m < set.size(); ++m) {
        const std::vector<const KeepMask*> single = {&set[m].mask};
        const auto alone = value_of(measure_masks({fake_.engine, whole.file, fake_.model, one, {}},
                                                  single, silent_observer()));
        EXPECT_EQ(matrices[k].at(m, d).records, alone[0].records);
        EXPECT_GT(matrices[k].at(m, d).kl, 0.0);
      }
    }
  }
}

TEST_F(Measure, WhatIsThereIsNotMeasuredAgain) {
  const auto first = value_of(run({4}));
  const auto n_decode = fake_.engine.n_decode();
  EXPECT_EQ(n_decode, 10U * 3U + 8U);  // records times parent and two masks; 8 were profiled
  library_.n_opened = 0;
  const auto again = value_of(run({4}));
  EXPECT_EQ(library_.n_opened, 0);
  EXPECT_EQ(again[0].cells[3].records, first[0].cells[3].records);
  // Another K: only its masks run, and the parent once more.
  const auto more = value_of(run({4, 6}));
  EXPECT_EQ(fake_.engine.n_decode(), n_decode + 10U * 3U);
  EXPECT_EQ(more[0].cells[0].records, first[0].cells[0].records);
}

TEST_F(Measure, AStoppedRunKeepsWhatWasDone) {
  // Asked once for each record and for each batch of 16 tokens: of the first sub-domain's 8 records
  // of 20 tokens, which run three times, 8 + 8 * 3 * 2 times.
  CancelAt observer(8 + 48 + 3);
  expect_error(run({4}, observer), Code::kCancelled, "");
  EXPECT_TRUE(std::filesystem::exists(dir_ / "a.json"));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "b.json"));
  const auto n_decode = fake_.engine.n_decode();
  ASSERT_TRUE(run({4}));
  EXPECT_EQ(fake_.engine.n_decode(), n_decode + 2U * 3U);
}

TEST_F(Measure, OtherTextIsRefusedUnlessForced) {
  value_of(run({4}));
  evaluation_.domains[0].records.pop_back();
  expect_error(run({4}), Code::kExists, "a.json");
  overwrite_ = Overwrite::kAllow;
  const auto anew = value_of(run({4}));
  EXPECT_EQ(anew[0].at(0, 0).n_record, 7U);
}

TEST_F(Measure, PassesErrorsOn) {
  const FakeLibrary broken([](const EngineOptions&) -> Result<std::unique_ptr<Engine>> {
    return fail(Code::kEngine, "no engine here");
  });
  LazyEngine engine(broken, {});
  const std::vector<std::vector<TransferMask>> sets = {masks(4)};
  expect_error(measure_transfer(bench(engine), sets, silent_observer()), Code::kEngine,
               "no engine here");
}

}  // namespace
}  // namespace coe
