#include "coe/mask/recon/recon.h"

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/base/rng.h"
#include "coe/corpus/corpus.h"
#include "coe/engine/engine.h"
#include "coe/mask/recon/norms.h"
#include "coe/mask/score/table.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/model.h"
#include "coe/profile/stretches.h"

#include "support/expect.h"
#include "support/temp_dir.h"
#include "support/tiny_gguf.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <numeric>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {
namespace {

using ::coe::testing::expect_error;
using ::coe::testing::expect_ok;
using ::coe::testing::value_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Tells candidates that depend on layer and token only. A token is a byte; 1 begins each text.
class CandidateEngine : public Engine {
 public:
  explicit CandidateEngine(std::uint32_t n_candidate = 4) {
    info_.engine = "candidates";
    info_.n_ctx = 64;
    info_.n_expert = 8;
    info_.n_expert_used = 2;
    info_.n_candidate = n_candidate;
    info_.moe_layers = {LayerId{0}, LayerId{2}, LayerId{3}};
    info_.bos_token = 1;
  }

  const EngineInfo& info() const override { return info_; }
  Result<std::vector<std::int32_t>> tokenize(std::string_view text) override {
    if (text == "bad") return fail(Code::kEngine, "no tokens for this");
    std::vector<std::int32_t> tokens = {1};
    tokens.insert(tokens.end(), text.begin(), text.end());
    return tokens;
  }
  Status decode(const DecodeRequest& request) override {
    ++n_decode;
    for (const auto& [layer, channel_weights] : request.candidates->layers) tell(request, layer);
    return {};
  }

  int n_decode = 0;

 private:
  void tell(const DecodeRequest& request, LayerId layer) const {
    const std::size_t m = info_.n_candidate;
    std::vector<std::int32_t> ids;
    std::vector<float> weights;
    std::vector<float> gram;
    std::vector<float> norms;
    for (const auto token : request.tokens) {
      Rng rng(1000U * layer.value + static_cast<std::uint32_t>(token));
      std::vector<std::int32_t> all(info_.n_expert);
      std::iota(all.begin(), all.end(), 0);
      rng.shuffle(std::span(all));
      ids.insert(ids.end(), all.begin(), all.begin() + static_cast<std::ptrdiff_t>(m));
      for (std::size_t i = 0; i < m; ++i) {
        weights.push_back(1.0F / static_cast<float>(i + 1));
        for (std::size_t j = 0; j <= i; ++j)
          gram.push_back(i == j ? 1.0F + static_cast<float>(rng.uniform()) : 0.0F);
      }
      norms.push_back(2.0F);
    }
    CandidateView view;
    view.layer = layer;
    view.n_token = static_cast<std::uint32_t>(request.tokens.size());
    view.n_candidate = info_.n_candidate;
    view.renormalisation = Renormalisation::kOverSelected;
    view.ids = ids;
    view.weights = weights;
    view.gram = gram;
    view.residual_norms = norms;
    request.candidates->observer->on_candidates(view);
  }

  EngineInfo info_;
};

MoeModel model_of(const Engine& engine) {
  MoeModel model;
  model.id = {"fake", "fake", "xxh3:0"};
  model.n_block = 4;
  model.n_embd = 16;
  model.n_expert = engine.info().n_expert;
  model.n_expert_used = engine.info().n_expert_used;
  for (const auto id : engine.info().moe_layers) {
    model.layers.emplace_back();
    model.layers.back().id = id;
  }
  return model;
}

Corpus corpus_of(const std::vector<std::string>& texts) {
  Corpus corpus;
  corpus.digest = "text";
  corpus.domains.emplace_back();
  corpus.domains.front().name = "d";
  for (const auto& text : texts)
    corpus.domains.front().records.push_back({text, fmt::format("d.jsonl:{}", text)});
  return corpus;
}

class Recon : public ::testing::Test {
 protected:
  Recon() : file_(open(dir_)) {}
  static gguf::GgufFile open(const testing::TempDir& dir) {
    return value_of(
        gguf::GgufFile::open(testing::write_tiny(dir / "tiny.gguf", testing::tiny_moe({}))));
  }
  Result<ScoreTable> run(CandidateEngine& engine, const ReconOptions& options,
                         Observer& observer = silent_observer()) {
    return run_recon(engine, file_, model_of(engine), corpus_, options, observer);
  }

  testing::TempDir dir_;
  gguf::GgufFile file_;
  Corpus corpus_ = corpus_of({"abcdef", "ghij", "klmnopqrstuvw", "xyz"});
};

TEST_F(Recon, RanksEveryExpertOfEveryLayer) {
  CandidateEngine engine;
  const auto table = value_of(run(engine, {}));
  EXPECT_EQ(table.score, "recon");
  EXPECT_THAT(table.shape.layers, ElementsAre(LayerId{0}, LayerId{2}, LayerId{3}));
  EXPECT_EQ(table.n_token, 30);  // the texts' 26 and what begins each
  for (std::size_t l = 0; l < 3; ++l) {
    std::vector<double> ranks(table.scores.row(l).begin(), table.scores.row(l).end());
    std::ranges::sort(ranks);
    EXPECT_THAT(ranks, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
    EXPECT_GT(table.loss.at(l, 7), 0.0);
  }
  EXPECT_EQ(engine.n_decode, 4);
}

// 30 tokens of 4 candidates take 30 * (4 * 6 + 10 * 4 + 4) = 2,040 bytes a layer.
TEST_F(Recon, GivesTheSameInSweeps) {
  CandidateEngine once;
  CandidateEngine thrice;
  ReconOptions options;
  const auto expected = value_of(run(once, options));
  options.memory_bytes = 2040;
  const auto found = value_of(run(thrice, options));
  EXPECT_EQ(found.scores, expected.scores);
  EXPECT_EQ(found.loss, expected.loss);
  EXPECT_EQ(once.n_decode, 4);
  EXPECT_EQ(thrice.n_decode, 12);
  options.memory_bytes = 2039;
  expect_error(run(once, options), Code::kInvalidArgument, "one layer");
}

// Cancels at the n-th question, which comes in sweep after sweep.
class StopAt : public Observer {
 public:
  explicit StopAt(int n) : n_left_(n) {}
  bool cancelled() override { return n_left_-- == 0; }
  void warning(std::string_view message) override { warnings += std::string(message) + "\n"; }
  std::string warnings;

 private:
  int n_left_;
};

TEST_F(Recon, GoesOnFromTheLayersThatAStoppedRunDid) {
  CandidateEngine whole;
  ReconOptions options;
  options.memory_bytes = 2040;  // a layer at a time
  const auto expected = value_of(run(whole, options));
  options.state = dir_ / "r.gguf.partial";
  std::set<std::uint32_t> done;
  for (int n = 0; n < 200; ++n) {
    CandidateEngine engine;
    StopAt stop(n);
    const auto stopped = run(engine, options, stop);
    if (stopped) break;
    expect_error(stopped, Code::kCancelled, "");
    std::uint32_t n_done = 0;
    if (std::filesystem::exists(options.state))
      n_done = value_of(read_score_state(options.state)).n_layer_done;
    done.insert(n_done);
    CandidateEngine rest;
    const auto found = value_of(run(rest, options));
    EXPECT_EQ(found.scores, expected.scores);
    EXPECT_EQ(found.loss, expected.loss);
    EXPECT_EQ(rest.n_decode, 4 * static_cast<int>(3 - n_done));
    std::filesystem::remove(options.state);
  }
  EXPECT_THAT(done, ElementsAre(0U, 1U, 2U));
}

TEST_F(Recon, BeginsAnewWhereTheStateIsOfAnotherRun) {
  ReconOptions options;
  options.memory_bytes = 2040;
  options.state = dir_ / "r.gguf.partial";
  CandidateEngine engine;
  value_of(run(engine, options));  // its last state stays: who writes the table removes it
  const auto state = value_of(read_score_state(options.state));
  EXPECT_EQ(state.n_layer_done, 2U);
  const auto warning = [&](ScoreState other) {
    expect_ok(write_score_state(options.state, other));
    CandidateEngine again;
    StopAt never(-1);
    value_of(run(again, options, never));
    EXPECT_EQ(again.n_decode, never.warnings.empty() ? 4 : 12);
    return never.warnings;
  };
  EXPECT_EQ(warning(state), "");
  auto other = state;
  other.table.parent.digest = "xxh3:1";
  EXPECT_THAT(warning(other), HasSubstr("r.gguf.partial: is of another model: recon begins anew"));
  other = state;
  other.table.corpus_digest = "other";
  EXPECT_THAT(warning(other), HasSubstr("is of another text"));
  other = state;
  other.table.settings += " more";
  EXPECT_THAT(warning(other), HasSubstr("is of other settings"));
  expect_ok(write_file(options.state, "no GGUF", Overwrite::kAllow));
  CandidateEngine again;
  StopAt never(-1);
  value_of(run(again, options, never));
  EXPECT_THAT(never.warnings, HasSubstr("recon begins anew"));
}

TEST_F(Recon, AFinishedTableTakesThePlaceOfItsState) {
  ReconOptions options;
  options.memory_bytes = 2040;
  options.state = dir_ / "r.gguf.partial";
  CandidateEngine engine;
  const auto table = value_of(run(engine, options));
  ASSERT_TRUE(std::filesystem::exists(options.state));
  expect_ok(write_recon_table(dir_ / "r.gguf", table, Overwrite::kRefuse));
  EXPECT_FALSE(std::filesystem::exists(options.state));
  EXPECT_EQ(value_of(read_score_table(dir_ / "r.gguf")).scores, table.scores);
  expect_ok(write_file(options.state, "of a later run", Overwrite::kAllow));
  expect_error(write_recon_table(dir_ / "r.gguf", table, Overwrite::kRefuse), Code::kExists, "");
  EXPECT_TRUE(std::filesystem::exists(options.state));
}

TEST_F(Recon, WeighsTokensByTheirStream) {
  // All streams are of length 2, so that every error counts a quarter, and so does all of them.
  CandidateEngine engine;
  const auto table = value_of(run(engine, {}));
  EXPECT_NEAR(table.loss.at(0, 7) / table.loss.at(1, 7), 1.0, 0.5);
}

TEST_F(Recon, RefusesEnginesThatDoNotFit) {
  CandidateEngine none(0);
  expect_error(run(none, {}), Code::kInvalidArgument, "not opened for candidates");
  CandidateEngine engine;
  auto model = model_of(engine);
  model.n_expert = 9;
  expect_error(run_recon(engine, file_, model, corpus_, {}, silent_observer()), Code::kMismatch,
               "the engine sees 3 MoE layers of 8 experts (2 used), the file says 3 of 9");
}

TEST_F(Recon, StopsWhenCancelled) {
  class Stop : public Observer {
   public:
    bool cancelled() override { return n_left-- == 0; }
    int n_left = 5;
  };
  CandidateEngine engine;
  Stop stop;
  expect_error(run(engine, {}, stop), Code::kCancelled, "interrupted");
}

// --- text ---------------------------------------------------------------------------------------

std::vector<std::size_t> lengths(const std::vector<std::vector<std::int32_t>>& stretches) {
  std::vector<std::size_t> out;
  for (const auto& stretch : stretches) out.push_back(stretch.size());
  return out;
}

TEST(Stretches, TakeTheFirstOfEachRecordBeforeASecondOfAny) {
  CandidateEngine engine;
  const auto corpus = corpus_of({"aaaaaaa", "bbbbbbb", "ccccccc"});
  StretchOptions options;
  options.record_tokens = 4;
  options.n_token = 21;
  // Eight tokens a record: 4 and, with another 1 before them, the other 4 in 3 and 1.
  const auto stretches = value_of(plan_stretches(engine, corpus, options, silent_observer()));
  EXPECT_THAT(lengths(stretches), ElementsAre(4, 4, 4, 4, 4, 1));
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(stretches[i][0], 1);
    EXPECT_EQ(stretches[i][1], stretches[i + 3 < 6 && i < 2 ? i + 3 : i][1]);
    for (std::size_t j = 0; j < i; ++j) EXPECT_NE(stretches[i][1], stretches[j][1]);
  }
}

TEST(Stretches, EndWithTheText) {
  CandidateEngine engine;
  StretchOptions options;
  options.record_tokens = 100;
  const auto stretches =
      value_of(plan_stretches(engine, corpus_of({"ab", "c"}), options, silent_observer()));
  EXPECT_THAT(lengths(stretches), ::testing::UnorderedElementsAre(3, 2));
}

TEST(Stretches, RefuseWhatCannotBe) {
  CandidateEngine engine;
  StretchOptions options;
  options.record_tokens = 1;
  expect_error(plan_stretches(engine, corpus_of({"a"}), options, silent_observer()),
               Code::kInvalidArgument, "stretches of fewer than 2");
  options.record_tokens = 8;
  options.n_token = 0;
  expect_error(plan_stretches(engine, corpus_of({"a"}), options, silent_observer()),
               Code::kInvalidArgument, "no tokens are asked for");
  options.n_token = 10;
  expect_error(plan_stretches(engine, corpus_of({"bad"}), options, silent_observer()),
               Code::kEngine, "d.jsonl:bad");
  expect_error(plan_stretches(engine, corpus_of({}), options, silent_observer()), Code::kCorrupt,
               "no token");
}

// --- depth and norms ----------------------------------------------------------------------------

TEST(CandidateDepth, IsEightTimesTheExpertsUsed) {
  MoeModel model;
  model.n_expert = 128;
  model.n_expert_used = 8;
  EXPECT_EQ(value_of(candidate_depth(model, 0)), 64U);
  EXPECT_EQ(value_of(candidate_depth(model, 20)), 20U);
  EXPECT_EQ(value_of(candidate_depth(model, 500)), 128U);
  model.n_expert = 32;
  EXPECT_EQ(value_of(candidate_depth(model, 0)), 32U);
  model.n_expert_group = 4;
  model.n_group_used = 2;
  EXPECT_EQ(value_of(candidate_depth(model, 0)), 16U);
  expect_error(candidate_depth(model, 7), Code::kInvalidArgument, "7 candidates are fewer");
  model.n_chunk_expert = 2;
  expect_error(candidate_depth(model, 0), Code::kUnsupported, "share chunks");
  model.n_chunk_expert = 1;
  model.layers.emplace_back();
  model.layers.back().id = LayerId{5};
  model.layers.back().token_table = 3;
  expect_error(candidate_depth(model, 0), Code::kUnsupported, "layer 5");
}

TEST_F(Recon, NormsThatAreMissingAreNamed) {
  CandidateEngine engine;
  auto model = model_of(engine);
  EXPECT_FALSE(has_output_norm(model));
  model.id.architecture = "gemma4";
  EXPECT_TRUE(has_output_norm(model));
  expect_error(read_output_norm(file_, model, LayerId{2}), Code::kCorrupt,
               "tensor `blk.2.post_ffw_norm_2.weight` is missing or not F32 [16]");
}

TEST(OutputNorm, OfTheBundledModel) {
  const auto file = value_of(
      gguf::GgufFile::open(Path(COE_SOURCE_DIR) / "models" / "gemma4-tiny-moe-q4_k_m.gguf"));
  const auto model = value_of(describe_moe(file));
  const auto norm = value_of(read_output_norm(file, model, LayerId{3}));
  EXPECT_EQ(norm.weights.size(), 256U);
  EXPECT_FLOAT_EQ(norm.eps, 1e-6F);
}

}  // namespace
}  // namespace coe
