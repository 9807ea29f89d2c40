#include "coe/college/serve/cut_cache.h"

#include "coe/base/hash.h"
#include "coe/child/surgery/apply.h"
#include "coe/child/surgery/plan.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/open_model.h"
#include "coe/model/text_part/text_part.h"

#include "support/expect.h"
#include "support/ollama_form.h"
#include "support/temp_dir.h"
#include "support/tiny_gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

namespace coe {
namespace {

using testing::expect_error;
using testing::expect_ok;
using testing::TempDir;
using testing::tiny_moe;
using testing::value_of;
using testing::write_tiny;

Path write_mask(const Path& path, const std::string& ids) {
  expect_ok(write_file(path, "{\"0\": " + ids + ", \"1\": " + ids + "}", Overwrite::kAllow));
  return path;
}

std::vector<std::string> cuts_in(const Path& folder) {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    out.push_back(entry.path().filename().string());
  std::ranges::sort(out);
  return out;
}

TEST(CutCache, CutsOnceWhatPruneWouldCut) {
  const TempDir dir;
  const auto parent = write_tiny(dir / "parent.gguf", tiny_moe({}));
  const auto mask = write_mask(dir / "web.json", "[0, 3, 5, 7]");
  const CutCache cache(dir / "cuts", 1 << 30);
  const auto file = value_of(cache.get("web", parent, mask, nullptr, silent_observer()));
  EXPECT_TRUE(file.filename().string().starts_with("web-"));

  const auto model = value_of(open_model(parent, silent_observer()));
  SurgeryOptions options;
  options.mask_name = mask.string();
  const auto plan =
      value_of(plan_surgery(model.file, model.moe, value_of(read_mask(mask)), options));
  expect_ok(
      apply_plan(model.file, plan, dir / "pruned.gguf", Overwrite::kRefuse, silent_observer()));
  EXPECT_EQ(value_of(read_text(file)), value_of(read_text(dir / "pruned.gguf")));

  const auto made = std::filesystem::last_write_time(file);
  // The same by what it holds, under another name.
  const auto copy = write_mask(dir / "copy.json", "[7, 5, 3, 0]");
  EXPECT_EQ(value_of(cache.get("web", parent, copy, nullptr, silent_observer())), file);
  EXPECT_EQ(cuts_in(dir / "cuts").size(), 1U);
  EXPECT_GE(std::filesystem::last_write_time(file), made);
}

TEST(CutCache, AnotherMaskOrParentIsAnotherCut) {
  const TempDir dir;
  const auto parent = write_tiny(dir / "parent.gguf", tiny_moe({}));
  const auto other = write_tiny(dir / "other.gguf", tiny_moe({.seed = 2}));
  const CutCache cache(dir / "cuts", 1 << 30);
  const auto mask = write_mask(dir / "a.json", "[0, 1, 2, 3]");
  (void)value_of(cache.get("a", parent, mask, nullptr, silent_observer()));
  (void)value_of(cache.get("a", other, mask, nullptr, silent_observer()));
  (void)value_of(cache.get("a", parent, write_mask(dir / "b.json", "[4, 5, 6, 7]"), nullptr,
                           silent_observer()));
  EXPECT_EQ(cuts_in(dir / "cuts").size(), 3U);
}

TEST(CutCache, DropsTheCutThatWasUsedLongestAgo) {
  const TempDir dir;
  const auto parent = write_tiny(dir / "parent.gguf", tiny_moe({}));
  const auto a = write_mask(dir / "a.json", "[0, 1, 2, 3]");
  const auto b = write_mask(dir / "b.json", "[4, 5, 6, 7]");
  const auto c = write_mask(dir / "c.json", "[0, 2, 4, 6]");
  const CutCache roomy(dir / "cuts", 1 << 30);
  const auto cut_a = value_of(roomy.get("a", parent, a, nullptr, silent_observer()));
  const auto cut_b = value_of(roomy.get("b", parent, b, nullptr, silent_observer()));
  // Not ours, and never dropped.
  expect_ok(write_file(dir.path() / "cuts" / "notes.gguf", "x", Overwrite::kRefuse));
  const auto now = std::filesystem::file_time_type::clock::now();
  std::filesystem::last_write_time(cut_a, now - std::chrono::hours(1));
  std::filesystem::last_write_time(cut_b, now - std::chrono::hours(2));
  const auto bytes = std::filesystem::file_size(cut_a);
  const CutCache small(dir / "cuts", 2 * bytes + bytes / 2);
  const auto cut_c = value_of(small.get("c", parent, c, nullptr, silent_observer()));
  EXPECT_TRUE(std::filesystem::exists(cut_a));
  EXPECT_FALSE(std::filesystem::exists(cut_b));
  EXPECT_TRUE(std::filesystem::exists(cut_c));
  EXPECT_TRUE(std::filesystem::exists(dir.path() / "cuts" / "notes.gguf"));
}

// llama.cpp's server cannot load a file with a tower in it: it is given the text part.
TEST(CutCache, OfAParentWithATowerTheTextPartIsKept) {
  const TempDir dir;
  auto towered = tiny_moe({});
  testing::add_tower(towered);
  const auto parent = write_tiny(dir / "parent.gguf", towered);
  const auto plain = write_tiny(dir / "plain.gguf", tiny_moe({}));
  const auto mask = write_mask(dir / "web.json", "[0, 3, 5, 7]");
  const CutCache cache(dir / "cuts", 1 << 30);
  const auto file = value_of(cache.get("web", parent, mask, nullptr, silent_observer()));
  EXPECT_EQ(cuts_in(dir / "cuts").size(), 1U);  // the whole cut was only for the proof
  const auto text = value_of(gguf::GgufFile::open(file));
  EXPECT_FALSE(needs_text_part(text.header()));
  const auto expected = value_of(
      gguf::GgufFile::open(value_of(cache.get("plain", plain, mask, nullptr, silent_observer()))));
  ASSERT_EQ(text.header().tensors.size(), expected.header().tensors.size());
  for (const auto& tensor : expected.header().tensors)
    EXPECT_TRUE(value_of(text.read_all(*text.header().find_tensor(tensor.name))) ==
                value_of(expected.read_all(tensor)))
        << tensor.name;

  EXPECT_EQ(value_of(cache.loadable("p", plain, silent_observer())), plain);
  const auto whole = value_of(cache.loadable("p", parent, silent_observer()));
  EXPECT_FALSE(needs_text_part(value_of(gguf::GgufFile::open(whole)).header()));
  const auto made = std::filesystem::last_write_time(whole);
  EXPECT_EQ(value_of(cache.loadable("p", parent, silent_observer())), whole);
  EXPECT_GE(std::filesystem::last_write_time(whole), made);
}

TEST(CutCache, SaysWhatIsWrong) {
  const TempDir dir;
  const auto parent = write_tiny(dir / "parent.gguf", tiny_moe({}));
  const CutCache cache(dir / "cuts", 1 << 30);
  expect_error(cache.get("a", parent, dir / "none.json", nullptr, silent_observer()),
               Code::kNotFound, "none.json");
  const auto wrong = write_mask(dir / "wrong.json", "[0, 99]");
  EXPECT_FALSE(cache.get("a", parent, wrong, nullptr, silent_observer()).has_value());
  expect_error(cache.get("a", dir / "gone.gguf", wrong, nullptr, silent_observer()),
               Code::kNotFound, "gone.gguf");
  EXPECT_FALSE(std::filesystem::exists(dir / "cuts") && !cuts_in(dir / "cuts").empty());
}

}  // namespace
}  // namespace coe
