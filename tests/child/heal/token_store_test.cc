#include "coe/child/heal/token_store.h"

#include "coe/base/rng.h"
#include "coe/engine/llama/ggml_values.h"

#include "child/heal/stored_rows.h"
#include "support/expect.h"
#include "support/temp_dir.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <filesystem>
#include <vector>

namespace coe {
namespace {

using coe::testing::expect_error;
using coe::testing::expect_ok;
using coe::testing::rows_of;
using coe::testing::TempDir;
using coe::testing::value_of;

constexpr TokenStore::Shape kShape{.n_layer = 2, .n_token = 5, .n_embd = 8};

// Values far above what a half float holds, and far below beside them.
TEST(TokenStore, KeepsVectorsOfAnySize) {
  const TempDir dir;
  auto store = value_of(TokenStore::open(dir / "tokens.bin", kShape, ggml_values(), ggml_blocks()));
  Rng rng(2);
  std::vector<float> rows(3 * 8);
  for (std::size_t i = 0; i < rows.size(); ++i)
    rows[i] = static_cast<float>((rng.uniform() - .5) * (i < 8 ? 1e9 : i < 16 ? 1.0 : 0.0));
  expect_ok(store.write(1, TokenStore::kExperts, 2, rows));
  expect_ok(store.flush());
  const auto back = rows_of(store, 1, TokenStore::kExperts, 2, 3);
  for (std::size_t i = 0; i < rows.size(); ++i)
    EXPECT_NEAR(back.values[i], rows[i], std::abs(rows[i]) * 1e-3F) << i;
  EXPECT_EQ(rows_of(store, 1, TokenStore::kExperts, 0, 1).values, std::vector<float>(8));
  EXPECT_EQ(rows_of(store, 0, TokenStore::kKept, 2, 1).values, std::vector<float>(8));
}

TEST(TokenStore, IsThereWhenItIsOpenedAgain) {
  const TempDir dir;
  const auto file = dir / "tokens.bin";
  const std::vector<float> row = {1, 2, 3, 4, 5, 6, 7, 8};
  {
    auto store = value_of(TokenStore::open(file, kShape, ggml_values(), ggml_blocks()));
    expect_ok(store.write(0, TokenStore::kStream, 4, row));
  }
  EXPECT_EQ(std::filesystem::file_size(file), TokenStore::bytes_of(kShape));
  auto store = value_of(TokenStore::open(file, kShape, ggml_values(), ggml_blocks()));
  EXPECT_EQ(rows_of(store, 0, TokenStore::kStream, 4, 1).values, row);
  std::filesystem::resize_file(file, 90);
  Matrix rows;
  expect_error(store.read(0, TokenStore::kStream, 4, 1, rows), Code::kIo, "shorter");
}

TEST(TokenStore, SaysWhereItCannotBe) {
  expect_error(TokenStore::open("/proc/none/tokens.bin", kShape, ggml_values(), ggml_blocks()),
               Code::kNotFound, "/proc/none/tokens.bin");
}

}  // namespace
}  // namespace coe
