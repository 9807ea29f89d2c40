#include "coe/mask/score/table.h"

#include "coe/base/file.h"
#include "coe/base/hash.h"
#include "coe/base/result.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/value.h"
#include "coe/model/gguf/writer.h"

#include "support/expect.h"
#include "support/temp_dir.h"
#include "support/worked_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {
namespace {

using ::coe::testing::expect_error;
using ::coe::testing::expect_ok;
using ::coe::testing::value_of;
using ::coe::testing::worked_table;

class Table : public ::testing::Test {
 protected:
  Path path() const { return dir_ / "t.gguf"; }
  // The file with one thing changed.
  Result<ScoreTable> read_with(const std::function<void(std::vector<gguf::KeyValue>&,
                                                        std::vector<gguf::TensorData>&)>& change) {
    expect_ok(write_score_table(path(), worked_table(), Overwrite::kAllow));
    std::vector<gguf::KeyValue> keys;
    std::vector<gguf::TensorData> tensors;
    {
      const auto file = value_of(gguf::GgufFile::open(path()));
      keys = file.header().keys;
      for (const auto& info : file.header().tensors)
        tensors.push_back({info, value_of(file.read_all(info))});
    }
    change(keys, tensors);
    expect_ok(gguf::write_gguf(path(), keys, tensors, Overwrite::kAllow));
    return read_score_table(path());
  }
  Result<ScoreTable> read_with_key(std::string_view key, const gguf::Value& value) {
    return read_with([&](auto& keys, auto& /*tensors*/) {
      std::ranges::find(keys, key, &gguf::KeyValue::key)->value = value;
    });
  }

  testing::TempDir dir_;
};

TEST_F(Table, ReadsWhatItWrote) {
  const auto table = worked_table();
  expect_ok(write_score_table(path(), table, Overwrite::kRefuse));
  const auto bytes = value_of(read_text(path()));
  const auto found = value_of(read_score_table(path()));
  EXPECT_EQ(found.score, table.score);
  EXPECT_EQ(found.parent, table.parent);
  EXPECT_EQ(found.shape.layers, table.shape.layers);
  EXPECT_EQ(found.shape.n_expert_used, 1U);
  EXPECT_EQ(found.shape.n_expert_group, 3U);
  EXPECT_EQ(found.shape.n_chunk_expert, 1U);
  EXPECT_EQ(found.scores, table.scores);
  EXPECT_EQ(found.loss, table.loss);
  EXPECT_EQ(found.n_token, 4000);
  EXPECT_EQ(found.corpus_digest, table.corpus_digest);
  EXPECT_EQ(found.settings, table.settings);
  EXPECT_EQ(found.engine, table.engine);
  EXPECT_EQ(found.tool_version, table.tool_version);
  EXPECT_EQ(found.command_line, table.command_line);
  expect_ok(write_score_table(path(), found, Overwrite::kAllow));
  EXPECT_EQ(value_of(read_text(path())), bytes);
}

// The bytes that the first writer gave, so that no later one gives others.
TEST_F(Table, HasTheBytesThatItAlwaysHad) {
  expect_ok(write_score_table(path(), worked_table(), Overwrite::kRefuse));
  EXPECT_EQ(digest_of(value_of(read_text(path()))), "xxh3:dea4e3449d0f760c8d4432c53147126f");
}

TEST_F(Table, RefusesToWriteNonsense) {
  auto table = worked_table();
  table.shape.layers[1] = LayerId{0};
  expect_error(write_score_table(path(), table, Overwrite::kAllow), Code::kCorrupt,
               "layer 0 does not come after layer 0");
  table = worked_table();
  table.loss.at(1, 2) = std::numeric_limits<double>::infinity();
  expect_error(write_score_table(path(), table, Overwrite::kAllow), Code::kCorrupt,
               "layer 2: the score or loss of expert 2");
  table = worked_table();
  table.shape.n_expert_used = 4;
  expect_error(write_score_table(path(), table, Overwrite::kAllow), Code::kCorrupt,
               "4 experts used of 3");
  expect_error(write_score_table(path(), {}, Overwrite::kAllow), Code::kCorrupt, "no layers");
}

TEST_F(Table, RefusesOtherFiles) {
  expect_error(read_with_key("general.type", gguf::Value::string("coe-routing-profile")),
               Code::kCorrupt, "t.gguf: holds a `coe-routing-profile`, not a score table");
  expect_error(read_with_key("general.type", gguf::Value::u32(1)), Code::kCorrupt,
               "t.gguf: no `general.type` that says it is a score table");
  expect_error(read_with_key("coe.scores.version", gguf::Value::u32(2)), Code::kUnsupported,
               "version 2");
  expect_error(read_with_key("coe.scores.version", gguf::Value::u32(0)), Code::kCorrupt,
               "version 0");
}

TEST_F(Table, RefusesWrongKeysAndTensors) {
  expect_error(read_with_key("coe.scores.settings", gguf::Value::u32(1)), Code::kCorrupt,
               "coe.scores.settings");
  expect_error(read_with_key("coe.scores.n_expert", gguf::Value::u32(4)), Code::kCorrupt, "scores");
  expect_error(read_with_key("coe.scores.n_expert_used", gguf::Value::u32(0)), Code::kCorrupt,
               "0 experts used");
  const std::vector<std::uint32_t> layers = {2, 0};
  expect_error(read_with_key("coe.scores.layers", gguf::Value::array_u32(layers)), Code::kCorrupt,
               "layer 0 does not come after layer 2");
  expect_error(read_with([](auto& keys, auto& /*tensors*/) { keys.resize(keys.size() - 2); }),
               Code::kCorrupt, "coe.scores.n_tokens");
  expect_error(read_with([](auto& /*keys*/, auto& tensors) { tensors.pop_back(); }), Code::kCorrupt,
               "tensor `loss` is missing");
  expect_error(read_with([](auto& /*keys*/, auto& tensors) { tensors[1].info.ne = {2, 3, 1, 1}; }),
               Code::kCorrupt, "tensor `loss` has another shape ([2, 3, 1, 1] vs [3, 2, 1, 1])");
}

TEST_F(Table, AStateIsNoTable) {
  const ScoreState state{worked_table(), 1};
  expect_ok(write_score_state(path(), state));
  const auto found = value_of(read_score_state(path()));
  EXPECT_EQ(found.n_layer_done, 1U);
  EXPECT_EQ(found.table.scores, state.table.scores);
  EXPECT_EQ(found.table.settings, state.table.settings);
  expect_error(read_score_table(path()), Code::kCorrupt,
               "holds a `coe-score-table-state`, not a score table");
  expect_ok(write_score_state(path(), {worked_table(), 2}));
  expect_error(read_score_state(path()), Code::kCorrupt, "2 of 2 layers are done");
  expect_ok(write_score_table(path(), worked_table(), Overwrite::kAllow));
  expect_error(read_score_state(path()), Code::kCorrupt, "not a state of a score table");
}

}  // namespace
}  // namespace coe
