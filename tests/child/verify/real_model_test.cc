// Surgery and proof on the bundled model.
#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/rng.h"
#include "coe/child/surgery/apply.h"
#include "coe/child/surgery/plan.h"
#include "coe/child/verify/verify.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/ids.h"
#include "coe/model/moe/model.h"

#include "support/expect.h"
#include "support/temp_dir.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <ios>
#include <map>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace coe {
namespace {

using testing::expect_ok;
using testing::TempDir;
using testing::value_of;

class RealModel : public ::testing::Test {
 protected:
  RealModel() {
    const auto file = value_of(gguf::GgufFile::open(parent_));
    const auto moe = value_of(describe_moe(file));
    Rng rng(20240601);
    std::map<LayerId, std::vector<ExpertId>> layers;
    for (const auto& layer : moe.layers) {
      std::vector<std::uint32_t> ids(moe.n_expert);
      std::iota(ids.begin(), ids.end(), 0U);
      rng.shuffle(std::span(ids));
      for (std::size_t i = 0; i < 64; ++i) layers[layer.id].push_back(ExpertId{ids[i]});
    }
    const auto mask = value_of(KeepMask::create(moe.n_expert, layers));
    const auto plan = value_of(plan_surgery(file, moe, mask, {}));
    expect_ok(apply_plan(file, plan, child_, Overwrite::kRefuse, silent_observer()));
  }
  VerifyReport verify() {
    return value_of(verify_child(parent_, child_, std::nullopt, nullptr, silent_observer()));
  }

  TempDir dir_;
  Path parent_ = COE_SOURCE_DIR "/models/gemma4-tiny-moe-q4_k_m.gguf";
  Path child_ = dir_ / "child.gguf";
};

TEST_F(RealModel, IsCutAndProven) {
  const auto report = verify();
  EXPECT_TRUE(report.ok()) << report.bad[0].where << ": " << report.bad[0].message;
  EXPECT_EQ(report.n_tensor, 177U);
  EXPECT_EQ(report.n_tensor_cut, 8U * 4);
  EXPECT_EQ(report.n_expert_checked, 8U * 4 * 64);
  const auto child = value_of(describe_moe(value_of(gguf::GgufFile::open(child_))));
  EXPECT_EQ(child.n_expert, 64U);
  EXPECT_EQ(child.n_expert_used, 8U);
}

TEST_F(RealModel, HasNoByteOfDataThatCouldChangeUnnoticed) {
  const auto header = value_of(gguf::GgufFile::open(child_)).header();
  Rng rng(7);
  std::fstream file(child_, std::ios::binary | std::ios::in | std::ios::out);
  for (int i = 0; i < 20; ++i) {
    const auto at = static_cast<std::streamoff>(header.data_offset +
                                                rng.below(header.file_bytes - header.data_offset));
    const auto flip = [&] {
      file.seekg(at);
      const int byte = file.get();
      file.seekp(at);
      file.put(static_cast<char>(byte ^ 0x40));
      file.flush();
    };
    flip();
    EXPECT_EQ(verify().bad.size(), 1U) << "byte " << at;
    flip();
  }
  EXPECT_TRUE(verify().ok());
}

}  // namespace
}  // namespace coe
