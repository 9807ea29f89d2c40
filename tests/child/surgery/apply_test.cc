#include "coe/child/surgery/apply.h"

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/child/surgery/plan.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/value.h"
#include "coe/model/moe/ids.h"
#include "coe/model/moe/model.h"

#include "support/expect.h"
#include "support/temp_dir.h"
#include "support/tiny_gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <sys/mount.h>
#include <sys/resource.h>
#include <utility>
#include <vector>

namespace coe {
namespace {

using testing::expect_error;
using testing::expect_ok;
using testing::TempDir;
using testing::tiny_moe;
using testing::value_of;
using testing::write_tiny;

using Layers = std::map<LayerId, std::vector<ExpertId>>;

KeepMask same_everywhere(const MoeModel& moe, const std::vector<std::uint32_t>& ids) {
  Layers layers;
  for (const auto& layer : moe.layers)
    for (const auto id : ids) layers[layer.id].push_back(ExpertId{id});
  return value_of(KeepMask::create(moe.n_expert, layers));
}

Status prune(const Path& parent, const KeepMask& mask, const Path& child,
             Observer& observer = silent_observer(), const SurgeryOptions& options = {}) {
  COE_TRY(const auto file, gguf::GgufFile::open(parent));
  COE_TRY(const auto moe, describe_moe(file));
  COE_TRY(const auto plan, plan_surgery(file, moe, mask, options));
  return apply_plan(file, plan, child, Overwrite::kRefuse, observer);
}

MoeModel describe(const Path& path) {
  return value_of(describe_moe(value_of(gguf::GgufFile::open(path))));
}

TEST(ApplyPlan, WritesTheKeptExpertsAndAllElse) {
  const TempDir dir;
  const auto model = tiny_moe({.n_block = 1, .n_embd = 4, .n_ff = 8});
  const Path parent = write_tiny(dir / "parent.gguf", model);
  expect_ok(prune(parent, same_everywhere(describe(parent), {2, 5, 7}), dir / "child.gguf"));
  const auto child = value_of(gguf::GgufFile::open(dir / "child.gguf"));
  EXPECT_EQ(describe(dir / "child.gguf").n_expert, 3U);
  for (const auto& tensor : model.tensors) {
    std::vector<std::byte> expected;
    const auto slab = static_cast<std::ptrdiff_t>(tensor.bytes.size() / 8);
    const bool cut = tensor.info.name.find("_exps") != std::string::npos ||
                     tensor.info.name.find("gate_inp") != std::string::npos;
    if (!cut) expected = tensor.bytes;
    for (const std::ptrdiff_t id :
         cut ? std::vector<std::ptrdiff_t>{2, 5, 7} : std::vector<std::ptrdiff_t>{})
      expected.insert(expected.end(), tensor.bytes.begin() + id * slab,
                      tensor.bytes.begin() + (id + 1) * slab);
    const auto* found = child.header().find_tensor(tensor.info.name);
    ASSERT_NE(found, nullptr);
    EXPECT_TRUE(std::ranges::equal(value_of(child.read_all(*found)), expected)) << tensor.info.name;
  }
  EXPECT_EQ(std::filesystem::file_size(dir / "child.gguf"), child.header().file_bytes);
}

// What fails its proof never has a name, and an older child stays.
TEST(ApplyPlan, ShowsTheFilesToTheProofBeforeTheyHaveNames) {
  const TempDir dir;
  const Path path = write_tiny(dir / "parent.gguf", tiny_moe({}));
  const auto parent = value_of(gguf::GgufFile::open(path));
  const auto moe = value_of(describe_moe(parent));
  expect_ok(prune(path, same_everywhere(moe, {0, 3}), dir / "child.gguf"));
  const auto old = value_of(read_text(dir / "child.gguf"));
  for (const std::uint64_t split : {0U, 1000U}) {
    SurgeryOptions options;
    options.split_max_bytes = split;
    const auto plan = value_of(plan_surgery(parent, moe, same_everywhere(moe, {1, 2}), options));
    const auto names = output_paths(dir / "child.gguf", plan);
    std::size_t n_proof = 0;
    const ChildProof refuse = [&](std::span<const Path> files) -> Status {
      ++n_proof;
      EXPECT_EQ(files.size(), names.size());
      const auto child = gguf::GgufFile::open_parts(files);
      EXPECT_TRUE(child) << child.error().message;
      return fail(Code::kCheckFailed, "not good");
    };
    expect_error(
        apply_plan(parent, plan, dir / "child.gguf", Overwrite::kAllow, silent_observer(), refuse),
        Code::kCheckFailed, "not good");
    EXPECT_EQ(n_proof, 1U);
    EXPECT_EQ(value_of(read_text(dir / "child.gguf")), old);
    std::size_t n_file = 0;
    for (const auto& entry : std::filesystem::directory_iterator(dir.path()))
      n_file += entry.is_regular_file() ? 1U : 0U;
    EXPECT_EQ(n_file, 2U) << split;  // parent and old child
    const ChildProof take = [](std::span<const Path>) { return Status(); };
    expect_ok(
        apply_plan(parent, plan, dir / "child.gguf", Overwrite::kAllow, silent_observer(), take));
    EXPECT_TRUE(gguf::GgufFile::open(names.front()));
    for (const auto& name : names) std::filesystem::remove(name);
    expect_ok(write_file(dir / "child.gguf", old, Overwrite::kAllow));
  }
}

TEST(ApplyPlan, GivesIdenticalFilesForIdenticalInput) {
  const TempDir dir;
  const Path parent = write_tiny(dir / "parent.gguf", tiny_moe({}));
  const auto mask = same_everywhere(describe(parent), {0, 3});
  expect_ok(prune(parent, mask, dir / "a.gguf"));
  expect_ok(prune(parent, mask, dir / "b.gguf"));
  EXPECT_EQ(value_of(read_text(dir / "a.gguf")), value_of(read_text(dir / "b.gguf")));
}

TEST(ApplyPlan, MakesWhatAnotherVersionMade) {
  const TempDir dir;
  const Path parent = write_tiny(dir / "parent.gguf", tiny_moe({}));
  const auto mask = same_everywhere(describe(parent), {0, 3});
  expect_ok(prune(parent, mask, dir / "mine.gguf"));
  expect_ok(prune(parent, mask, dir / "theirs.gguf", silent_observer(), {.version = "9.9.9"}));
  const auto version = [&](const std::string& name) {
    const auto file = value_of(gguf::GgufFile::open(dir / name));
    return std::string(file.header().find_key("coe.version")->as_string().value());
  };
  EXPECT_EQ(version("theirs.gguf"), "9.9.9");
  EXPECT_NE(version("mine.gguf"), "9.9.9");
}

TEST(ApplyPlan, PadsWithZerosWhateverTheAlignment) {
  const TempDir dir;
  for (const std::uint32_t alignment : {1U, 8U, 4096U}) {
    const auto name = std::to_string(alignment);
    const Path parent =
        write_tiny(dir / ("parent" + name), tiny_moe({.down_scale = true, .alignment = alignment}));
    expect_ok(prune(parent, same_everywhere(describe(parent), {1, 2, 6}), dir / ("child" + name)));
    const auto child = value_of(gguf::GgufFile::open(dir / ("child" + name)));
    EXPECT_EQ(child.header().alignment, alignment);
    const auto& tensors = child.header().tensors;
    for (std::size_t i = 0; i + 1 < tensors.size(); ++i) {
      const auto end = child.position(tensors[i]) + tensors[i].n_bytes;
      std::vector<std::byte> gap(child.position(tensors[i + 1]) - end);
      expect_ok(child.read_part(0, end, gap));
      EXPECT_TRUE(std::ranges::all_of(gap, [](std::byte b) { return b == std::byte{0}; }));
    }
  }
}

// Slicing by A, then the result by B, equals slicing once by "B of A".
RC_GTEST_PROP(ApplyPlanProperties, SlicingTwiceEqualsSlicingOnce, ()) {
  const TempDir dir;
  const Path parent =
      write_tiny(dir / "parent.gguf",
                 tiny_moe({.n_block = 2, .n_embd = 4, .n_ff = 4, .selection_bias = true}));
  const auto moe = describe(parent);
  const auto n_first = *rc::gen::inRange<std::uint32_t>(3, 8);
  const auto n_second = *rc::gen::inRange<std::uint32_t>(2, n_first);
  const auto any = [&](std::uint32_t n, std::uint32_t bound) {
    Layers layers;
    for (const auto& layer : moe.layers)
      for (const auto id : *rc::gen::unique<std::vector<std::uint32_t>>(
               n, rc::gen::inRange<std::uint32_t>(0, bound)))
        layers[layer.id].push_back(ExpertId{id});
    return value_of(KeepMask::create(bound, layers));
  };
  const auto first = any(n_first, 8);
  const auto second = any(n_second, n_first);
  Layers composed;
  for (const auto& [layer, ids] : second.layers())
    for (const auto id : ids) composed[layer].push_back(first.layers().at(layer)[id.value]);
  const auto once = value_of(KeepMask::create(8, composed));
  // Provenance names the direct parent, so it differs; all else must not.
  const SurgeryOptions bare{.provenance = false, .mask_name = "m"};
  auto& quiet = silent_observer();
  RC_ASSERT(prune(parent, first, dir / "first.gguf", quiet, bare).has_value());
  RC_ASSERT(prune(dir / "first.gguf", second, dir / "twice.gguf", quiet, bare).has_value());
  RC_ASSERT(prune(parent, once, dir / "once.gguf", quiet, bare).has_value());
  RC_ASSERT(value_of(read_text(dir / "twice.gguf")) == value_of(read_text(dir / "once.gguf")));
  // With provenance the name is the same, too; what differs is whose child each says it is.
  const Path a = dir / "named-first.gguf";
  const Path b = dir / "named-twice.gguf";
  const Path c = dir / "named-once.gguf";
  RC_ASSERT(prune(parent, first, a).has_value());
  RC_ASSERT(prune(a, second, b).has_value());
  RC_ASSERT(prune(parent, once, c).has_value());
  const auto keys_of = [&](const Path& path) {
    auto keys = value_of(gguf::GgufFile::open(path)).header().keys;
    std::erase_if(keys, [](const gguf::KeyValue& item) {
      return item.key.starts_with("coe.") || item.key.starts_with("general.base_model.");
    });
    return keys;
  };
  const auto twice_keys = keys_of(b);
  const auto once_keys = keys_of(c);
  RC_ASSERT(std::ranges::equal(twice_keys, once_keys, [](const auto& x, const auto& y) {
    return x.key == y.key && x.value == y.value;
  }));
}

TEST(ApplyPlan, CutsASpecialistAgainWithItsRecords) {
  const TempDir dir;
  const Path parent = write_tiny(dir / "parent.gguf", tiny_moe({}));
  expect_ok(prune(parent, same_everywhere(describe(parent), {1, 3, 5, 7}), dir / "child.gguf"));
  const auto child = describe(dir / "child.gguf");
  expect_ok(prune(dir / "child.gguf", same_everywhere(child, {0, 2}), dir / "grandchild.gguf"));
  const auto file = value_of(gguf::GgufFile::open(dir / "grandchild.gguf"));
  EXPECT_EQ(file.header().find_key("coe.parent.digest")->as_string(), child.id.digest);
  EXPECT_EQ(file.header().find_key("coe.parent.n_expert")->as_uint(), 4U);
  const auto mask =
      value_of(parse_mask(*file.header().find_key("coe.mask")->as_string(), "coe.mask"));
  EXPECT_EQ(mask.layers().at(LayerId{0}), (ExpertSet{{0}, {2}}));
}

class Recorder : public Observer {
 public:
  void progress(std::string_view stage, std::uint64_t done, std::uint64_t total,
                std::string_view unit) override {
    EXPECT_EQ(stage, "prune");
    EXPECT_EQ(unit, "bytes");
    EXPECT_GE(done, last);
    EXPECT_LE(done, total);
    last = done;
    last_total = total;
  }
  bool cancelled() override { return n_poll++ >= cancel_after; }

  std::uint64_t last = 0;
  std::uint64_t last_total = 0;
  std::size_t n_poll = 0;
  std::size_t cancel_after = 1U << 30;
};

TEST(ApplyPlan, ReportsProgressInBytesUpToTheEnd) {
  const TempDir dir;
  const Path parent = write_tiny(dir / "parent.gguf", tiny_moe({}));
  Recorder recorder;
  expect_ok(prune(parent, same_everywhere(describe(parent), {0, 3}), dir / "child.gguf", recorder));
  EXPECT_EQ(recorder.last, std::filesystem::file_size(dir / "child.gguf"));
  EXPECT_EQ(recorder.last, recorder.last_total);
}

std::size_t n_entry(const Path& folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder),
                                                std::filesystem::directory_iterator()));
}

TEST(ApplyPlan, StopsWhenAskedAndLeavesNothing) {
  const TempDir dir;
  const Path parent = write_tiny(dir / "parent.gguf", tiny_moe({}));
  Recorder recorder;
  recorder.cancel_after = 5;
  expect_error(
      prune(parent, same_everywhere(describe(parent), {0, 3}), dir / "child.gguf", recorder),
      Code::kCancelled, "child.gguf: stopped");
  EXPECT_EQ(n_entry(dir.path()), 1U);
}

TEST(ApplyPlan, RefusesAnExistingOutput) {
  const TempDir dir;
  const Path parent = write_tiny(dir / "parent.gguf", tiny_moe({}));
  const auto mask = same_everywhere(describe(parent), {0, 3});
  expect_ok(prune(parent, mask, dir / "child.gguf"));
  expect_error(prune(parent, mask, dir / "child.gguf"), Code::kExists, "child.gguf");
  expect_error(prune(parent, mask, parent), Code::kExists, "parent.gguf");  // never in place
}

TEST(ApplyPlan, LeavesNothingWhenAWriteFails) {
  const TempDir dir;
  const Path parent = write_tiny(dir / "parent.gguf", tiny_moe({}));
  const auto mask = same_everywhere(describe(parent), {0, 3});
  // A limit at every stage: within the header, in the middle, in the last tensor.
  expect_ok(prune(parent, mask, dir / "whole.gguf"));
  const auto size = std::filesystem::file_size(dir / "whole.gguf");
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  auto* const handler = std::signal(SIGXFSZ, SIG_IGN);
  for (const std::uint64_t limit :
       {std::uint64_t{100}, std::uint64_t{size / 2}, std::uint64_t{size - 1}}) {
    const rlimit small{limit, old.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    const auto status = prune(parent, mask, dir / "child.gguf");
    ::setrlimit(RLIMIT_FSIZE, &old);
    expect_error(status, Code::kIo, "child.gguf: cannot write");
    EXPECT_EQ(n_entry(dir.path()), 2U);
  }
  std::signal(SIGXFSZ, handler);
}

// A tmpfs of a given size, where mounting is allowed.
class SmallDisk {
 public:
  SmallDisk(const Path& path, const std::string& size) : path_(path) {
    std::filesystem::create_directory(path);
    mounted_ = ::mount("tmpfs", path.c_str(), "tmpfs", 0, ("size=" + size).c_str()) == 0;
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    if (mounted_) ::umount(path_.c_str());
  }
  bool mounted() const { return mounted_; }

 private:
  Path path_;
  bool mounted_ = false;
};

TEST(ApplyPlan, ChecksTheSpaceBeforeItWrites) {
  const TempDir dir;
  const SmallDisk disk(dir / "disk", "64k");
  if (!disk.mounted()) GTEST_SKIP() << "mounting a tmpfs needs root";
  const Path parent = write_tiny(dir / "parent.gguf", tiny_moe({}));
  const auto status =
      prune(parent, same_everywhere(describe(parent), {0, 3, 4, 5, 6}), dir / "disk/child.gguf");
  expect_error(status, Code::kIo, "child.gguf: not enough space on the disk (65.5 kB free vs ");
  EXPECT_THAT(status.error().hint, ::testing::HasSubstr("free some space"));
  EXPECT_EQ(n_entry(dir / "disk"), 0U);
}

// Fills the rest of the disk once the work has begun.
class DiskFiller : public Observer {
 public:
  explicit DiskFiller(Path path) : path_(std::move(path)) {}
  bool cancelled() override {
    if (!done_) {
      done_ = true;
      // Until the disk is full: the failure is what is wanted.
      (void)write_hog();
    }
    return false;
  }

 private:
  Status write_hog() {
    hog_.emplace(value_of(AtomicFile::create(path_, Overwrite::kAllow)));
    while (true) COE_TRY_STATUS(hog_->write(std::string(512, 'x')));
  }
  Path path_;
  std::optional<AtomicFile> hog_;  // holds the space until the end
  bool done_ = false;
};

TEST(ApplyPlan, LeavesNothingWhenTheDiskFillsUpMeanwhile) {
  const TempDir dir;
  const SmallDisk disk(dir / "disk", "128k");
  if (!disk.mounted()) GTEST_SKIP() << "mounting a tmpfs needs root";
  const Path parent = write_tiny(dir / "parent.gguf", tiny_moe({}));
  const auto mask = same_everywhere(describe(parent), {0, 3, 4});
  {
    DiskFiller filler(dir / "disk/hog");
    const auto status = prune(parent, mask, dir / "disk/child.gguf", filler);
    expect_error(status, Code::kIo, "child.gguf: cannot write: No space left");
    EXPECT_THAT(status.error().hint, ::testing::HasSubstr("free some space"));
    EXPECT_FALSE(std::filesystem::exists(dir / "disk/child.gguf"));
  }
  EXPECT_EQ(n_entry(dir / "disk"), 0U);
}

// Across file systems the kernel may refuse to copy by itself; the result is the same.
TEST(ApplyPlan, CopiesAcrossFileSystems) {
  const TempDir dir;
  const SmallDisk disk(dir / "disk", "4m");
  if (!disk.mounted()) GTEST_SKIP() << "mounting a tmpfs needs root";
  const Path parent = write_tiny(dir / "parent.gguf", tiny_moe({}));
  const auto mask = same_everywhere(describe(parent), {0, 3});
  expect_ok(prune(parent, mask, dir / "disk/child.gguf"));
  expect_ok(prune(parent, mask, dir / "child.gguf"));
  EXPECT_EQ(value_of(read_text(dir / "disk/child.gguf")), value_of(read_text(dir / "child.gguf")));
}

TEST(ApplyPlan, NoticesAParentThatShrinks) {
  const TempDir dir;
  const Path parent = write_tiny(dir / "parent.gguf", tiny_moe({}));
  const auto file = value_of(gguf::GgufFile::open(parent));
  const auto moe = value_of(describe_moe(file));
  const auto plan = value_of(plan_surgery(file, moe, same_everywhere(moe, {0, 7}), {}));
  std::filesystem::resize_file(parent, std::filesystem::file_size(parent) / 2);
  expect_error(apply_plan(file, plan, dir / "child.gguf", Overwrite::kRefuse, silent_observer()),
               Code::kIo, "parent.gguf: became shorter while it was being read");
  EXPECT_EQ(n_entry(dir.path()), 1U);
}

}  // namespace
}  // namespace coe
