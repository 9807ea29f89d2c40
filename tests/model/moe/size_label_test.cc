#include "coe/model/moe/size_label.h"

#include "coe/model/gguf/reader.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

namespace coe {
namespace {

gguf::TensorInfo tensor(std::string name, std::initializer_list<std::uint64_t> ne) {
  gguf::TensorInfo info;
  info.name = std::move(name);
  for (const auto n : ne) info.ne[info.n_dims++] = n;
  return info;
}

std::string label_of(std::vector<gguf::TensorInfo> tensors) { return size_label(tensors); }

// The values were worked out with gguf-py's own functions on the same shapes.
TEST(SizeLabel, CountsOneExpertBesideAllElse) {
  EXPECT_EQ(label_of({tensor("token_embd.weight", {1000, 2000}),
                      tensor("blk.0.ffn_up_exps.weight", {1000, 100, 64}),
                      tensor("blk.0.ffn_down_exps.weight", {100, 1000, 64})}),
            "64x2.2M");
  // Below three dimensions a tensor counts whole, whatever its name.
  EXPECT_EQ(label_of({tensor("blk.0.ffn_up_exps.weight", {1000, 1000, 8}),
                      tensor("blk.0.ffn_up_exps.bias", {1'000'000, 8})}),
            "8x9.0M");
}

TEST(SizeLabel, NamesNoExpertsOfADenseModel) {
  EXPECT_EQ(label_of({tensor("token_embd.weight", {1000, 8'030'261})}), "8.0B");
}

TEST(SizeLabel, GivesTwoDigitsAtLeast) {
  EXPECT_EQ(label_of({tensor("a", {260})}), "0.26K");
  EXPECT_EQ(label_of({tensor("a", {1'000'000})}), "1000K");  // M begins above a million
  EXPECT_EQ(label_of({tensor("a", {1'000'001})}), "1.0M");
  EXPECT_EQ(label_of({tensor("a", {9'960'000})}), "10M");
  EXPECT_EQ(label_of({tensor("a", {671'026'419})}), "671M");
  EXPECT_EQ(label_of({tensor("a", {1'000'000, 1'040'000})}), "1.0T");
}

}  // namespace
}  // namespace coe
