#include "coe/child/surgery/child_source.h"

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/rng.h"
#include "coe/child/surgery/apply.h"
#include "coe/child/surgery/plan.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/gguf/gguf_source.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/model.h"
#include "coe/model/moe/open_model.h"

#include "support/expect.h"
#include "support/temp_dir.h"
#include "support/tiny_gguf.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace coe {
namespace {

using testing::expect_error;
using testing::expect_ok;
using testing::TempDir;
using testing::tiny_moe;
using testing::TinySpec;
using testing::value_of;
using testing::write_tiny;

KeepMask every_other(const MoeModel& moe) {
  std::map<LayerId, std::vector<ExpertId>> kept;
  for (const auto* layers : {&moe.layers, &moe.mtp_layers})
    for (const auto& layer : *layers)
      for (std::uint32_t e = layer.id.value % 2; e < moe.n_expert; e += 2)
        kept[layer.id].push_back(ExpertId{e});
  return value_of(KeepMask::create(moe.n_expert, std::move(kept)));
}

// A child that is written, and the same that is not.
struct Both {
  Path parent;
  Path file;
  std::shared_ptr<const gguf::GgufSource> source;
};

Both cut(const TempDir& dir, const TinySpec& spec, const SurgeryOptions& options = {}) {
  Both both{write_tiny(dir / "parent.gguf", tiny_moe(spec)), dir / "child.gguf", nullptr};
  auto parent = value_of(gguf::GgufFile::open(both.parent));
  const auto moe = value_of(describe_moe(parent));
  auto plan = value_of(plan_surgery(parent, moe, every_other(moe), options));
  expect_ok(apply_plan(parent, plan, both.file, Overwrite::kRefuse, silent_observer()));
  both.source = child_source(std::move(parent), std::move(plan), "the child");
  return both;
}

std::string read_source(const gguf::GgufSource& source, std::uint64_t position, std::size_t size) {
  std::string out(size, '?');
  expect_ok(source.read(position, std::as_writable_bytes(std::span(out))));
  return out;
}

class ChildSource : public ::testing::TestWithParam<TinySpec> {};

TEST_P(ChildSource, ReadsWhatWouldBeWritten) {
  const TempDir dir;
  const auto both = cut(dir, GetParam());
  const auto written = value_of(read_text(both.file));
  ASSERT_EQ(both.source->header().file_bytes, written.size());
  EXPECT_EQ(read_source(*both.source, 0, written.size()), written);
  Rng rng(1);
  for (int i = 0; i < 2000; ++i) {
    const auto position = rng.below(written.size() + 1);
    const auto size = static_cast<std::size_t>(
        rng.below(std::min<std::uint64_t>(written.size() - position, 700) + 1));
    ASSERT_EQ(read_source(*both.source, position, size), written.substr(position, size))
        << position << " " << size;
  }
}

// Identity, layers and tensors: no room above can tell it from a file.
TEST_P(ChildSource, IsAModelLikeAnyOther) {
  const TempDir dir;
  const auto both = cut(dir, GetParam());
  const auto file = value_of(open_model(both.file, silent_observer()));
  const auto instant = value_of(open_model(both.source, silent_observer()));
  EXPECT_EQ(instant.moe.id, file.moe.id);
  EXPECT_EQ(instant.moe.n_expert, file.moe.n_expert);
  EXPECT_EQ(metadata_digest(instant.file.header()), metadata_digest(file.file.header()));
  EXPECT_EQ(instant.file.path(), "the child");
  EXPECT_EQ(instant.file.part_fd(0), -1);
  ASSERT_EQ(instant.file.header().tensors.size(), file.file.header().tensors.size());
  for (std::size_t i = 0; i < file.file.header().tensors.size(); ++i)
    EXPECT_EQ(value_of(instant.file.read_all(instant.file.header().tensors[i])),
              value_of(file.file.read_all(file.file.header().tensors[i])));
  // Cut again, in a file: surgery reads it as it reads a parent.
  const auto mask = every_other(instant.moe);
  for (const auto* model : {&file, &instant}) {
    const auto plan = value_of(plan_surgery(model->file, model->moe, mask, {}));
    expect_ok(apply_plan(model->file, plan, dir / (model == &file ? "a" : "b"), Overwrite::kRefuse,
                         silent_observer()));
  }
  EXPECT_EQ(value_of(read_text(dir / "a")), value_of(read_text(dir / "b")));
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, ChildSource,
    ::testing::Values(TinySpec{},
                      TinySpec{
                          .architecture = "gemma4", .expert_type = "Q4_0", .merged_gate_up = true},
                      TinySpec{.down_scale = true, .alignment = 64},
                      TinySpec{.architecture = "deepseek4", .n_expert = 16, .hash_blocks = {0}},
                      TinySpec{.architecture = "glm4moe", .n_block = 3, .n_mtp = 1}));

TEST(ChildSourceOfZeroes, ReadsZeroesToo) {
  const TempDir dir;
  const auto both =
      cut(dir, {.architecture = "glm4moe", .selection_bias = true}, {.mode = SurgeryMode::kZero});
  const auto written = value_of(read_text(both.file));
  EXPECT_EQ(read_source(*both.source, 0, written.size()), written);
}

TEST(ChildSourceErrors, NameTheParent) {
  const TempDir dir;
  const auto both = cut(dir, {});
  expect_ok(both.source->check_unchanged());
  const auto n = both.source->header().file_bytes;
  std::filesystem::resize_file(both.parent, std::filesystem::file_size(both.parent) / 2);
  std::string out(n, '?');
  expect_error(both.source->read(0, std::as_writable_bytes(std::span(out))), Code::kIo,
               "parent.gguf: became shorter");
  expect_error(both.source->check_unchanged(), Code::kMismatch, "parent.gguf: changed");
}

}  // namespace
}  // namespace coe
