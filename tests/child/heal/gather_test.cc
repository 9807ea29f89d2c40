// The pass over text on the bundled model: under a mask every layer sees the parent's stream, to
// the bit on the CPU, and a layer that is not what its tensors say is refused.
#include "coe/child/heal/gather.h"

#include "coe/base/observer.h"
#include "coe/base/rng.h"
#include "coe/child/surgery/apply.h"
#include "coe/child/surgery/plan.h"
#include "coe/engine/llama/ggml_values.h"
#include "coe/mask/keep_mask.h"
#include "coe/mask/masked/virtual_surgery.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/model.h"

#include "child/heal/stored_rows.h"
#include "engine/open_engine.h"
#include "support/expect.h"
#include "support/temp_dir.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace coe::testing {
namespace {

// What a run told of each layer.
class Seen : public RoutingObserver {
 public:
  void on_routing(const LayerRouting& routing) override {
    const auto append = [](auto& to, const auto& from) {
      to.insert(to.end(), from.begin(), from.end());
    };
    append(experts[routing.layer], routing.moe_outputs);
    append(inputs[routing.layer], routing.ffn_inputs);
    append(outputs[routing.layer], routing.block_outputs);
  }
  MoeOutputs experts;
  std::map<LayerId, std::vector<float>> inputs;
  std::map<LayerId, std::vector<float>> outputs;
};

class HealGather : public ::testing::Test {
 protected:
  HealGather()
      : file_(value_of(gguf::GgufFile::open(model_))),
        moe_(value_of(describe_moe(file_))),
        engine_(open_single_threaded(model_)) {
    std::map<LayerId, std::vector<ExpertId>> kept;
    Rng rng(4);
    for (const auto& layer : moe_.layers) {
      std::vector<std::uint32_t> ids(moe_.n_expert);
      for (std::uint32_t e = 0; e < moe_.n_expert; ++e) ids[e] = e;
      rng.shuffle(std::span(ids));
      for (std::size_t i = 0; i < 64; ++i) kept[layer.id].push_back(ExpertId{ids[i]});
      layers_.push_back(layer.id);
      blocks_.push_back(value_of(read_block(file_, moe_, layer.id, ggml_values())));
    }
    mask_ = value_of(KeepMask::create(moe_.n_expert, std::move(kept)));
    filter_ = value_of(virtual_surgery(*mask_, file_, moe_));
    for (const auto* text : {"function add(a, b) {", "The sea was calm.", "def f(x):\n  return x"})
      stretches_.push_back(value_of(engine_->tokenize(text)));
    for (const auto& stretch : stretches_) n_token_ += stretch.size();
  }

  TokenStore store(const Path& name) {
    return value_of(TokenStore::open(dir_ / name, {layers_.size(), n_token_, moe_.n_embd},
                                     ggml_values(), ggml_blocks()));
  }
  Status gather(TokenStore& store, std::size_t n_done) {
    return gather_tokens(
        *engine_, filter_, layers_, blocks_, stretches_, n_done, store,
        [this](std::size_t n) -> Status {
          told_.push_back(n);
          return {};
        },
        silent_observer());
  }

  const Path model_ = COE_SOURCE_DIR "/models/gemma4-tiny-moe-q4_k_m.gguf";
  TempDir dir_;
  gguf::GgufFile file_;
  MoeModel moe_;
  std::unique_ptr<Engine> engine_;
  std::vector<LayerId> layers_;
  std::vector<Block> blocks_;
  std::optional<KeepMask> mask_;
  ExpertFilter filter_;
  Stretches stretches_;
  std::size_t n_token_ = 0;
  std::vector<std::size_t> told_;
};

TEST_F(HealGather, EveryLayerSeesTheParentsStream) {
  DecodeRequest request;
  request.tokens = stretches_[0];
  request.layer_values = true;
  request.streams = true;
  Seen parent;
  request.routing = &parent;
  expect_ok(engine_->decode(request));
  Seen masked;
  request.routing = &masked;
  request.filter = &filter_;
  request.pinned = &parent.experts;
  expect_ok(engine_->decode(request));
  for (const auto layer : layers_) {
    EXPECT_EQ(masked.inputs[layer], parent.inputs[layer]) << layer.value;
    EXPECT_EQ(masked.outputs[layer], parent.outputs[layer]) << layer.value;
    EXPECT_NE(masked.experts[layer], parent.experts[layer]) << layer.value;
  }
  // One block gives on what the next one's attention adds to.
  EXPECT_EQ(parent.outputs[layers_[0]].size(), stretches_[0].size() * moe_.n_embd);

  auto all = store("all.bin");
  expect_ok(gather(all, 0));
  EXPECT_EQ(told_, (std::vector<std::size_t>{1, 2, 3}));
  for (std::size_t l = 0; l < layers_.size(); ++l)
    for (const auto& [kind, values] : {std::pair{TokenStore::kStream, &parent.inputs[layers_[l]]},
                                       std::pair{TokenStore::kExperts, &parent.experts[layers_[l]]},
                                       std::pair{TokenStore::kKept, &masked.experts[layers_[l]]}}) {
      const auto rows = rows_of(all, l, kind, 0, stretches_[0].size());
      for (std::size_t i = 0; i < values->size(); ++i)
        ASSERT_NEAR(rows.values[i], (*values)[i], 1e-3 + std::abs((*values)[i]) * 1e-3) << l;
    }
}

// What fewer experts give on the parent's stream is what the file that uses fewer gives: the first
// layer of both sees the same.
TEST_F(HealGather, CountsTheExpertsThatTheChildUses) {
  const auto plan = value_of(plan_surgery(file_, moe_, *mask_, {.n_used = 6}));
  expect_ok(apply_plan(file_, plan, dir_ / "child.gguf", Overwrite::kRefuse, silent_observer()));
  DecodeRequest request;
  request.tokens = stretches_[0];
  request.layer_values = true;
  Seen parent;
  request.routing = &parent;
  expect_ok(engine_->decode(request));
  Seen child;
  request.routing = &child;
  expect_ok(open_single_threaded(dir_ / "child.gguf")->decode(request));
  filter_.n_used = 6;
  Seen fewer;
  request.routing = &fewer;
  request.filter = &filter_;
  request.pinned = &parent.experts;
  expect_ok(engine_->decode(request));
  EXPECT_EQ(fewer.experts[layers_[0]], child.experts[layers_[0]]);
  filter_.n_used = 0;
  Seen all;
  request.routing = &all;
  expect_ok(engine_->decode(request));
  for (const auto layer : layers_) EXPECT_NE(fewer.experts[layer], all.experts[layer]);
}

TEST_F(HealGather, GoesOnWhereItWasStopped) {
  auto whole = store("whole.bin");
  expect_ok(gather(whole, 0));
  auto rest = store("rest.bin");
  told_.clear();
  expect_ok(gather(rest, 2));
  EXPECT_EQ(told_, (std::vector<std::size_t>{3}));
  const std::size_t first = stretches_[0].size() + stretches_[1].size();
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const auto n = stretches_[2].size();
    EXPECT_EQ(rows_of(rest, l, TokenStore::kKept, first, n).values,
              rows_of(whole, l, TokenStore::kKept, first, n).values);
    EXPECT_EQ(rows_of(rest, l, TokenStore::kKept, 0, 1).values, std::vector<float>(moe_.n_embd));
  }
}

TEST_F(HealGather, RefusesALayerOfAnotherForm) {
  blocks_[2].activation = Activation::kSilu;
  for (float& g : blocks_[2].outer_norm) g *= 1.5F;
  auto all = store("all.bin");
  expect_error(gather(all, 0), Code::kUnsupported, "layer 2 cannot be healed");
}

}  // namespace
}  // namespace coe::testing
