#include "coe/child/surgery/names.h"

#include "coe/base/observer.h"
#include "coe/base/text.h"
#include "coe/child/surgery/apply.h"
#include "coe/child/surgery/plan.h"
#include "coe/child/surgery/records.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/value.h"
#include "coe/model/moe/model.h"

#include "support/expect.h"
#include "support/temp_dir.h"
#include "support/tiny_gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace coe {
namespace {

using ::testing::ElementsAre;
using testing::expect_error;
using testing::expect_ok;
using testing::TempDir;
using testing::tiny_moe;
using testing::TinyGguf;
using testing::value_of;
using testing::write_tiny;

constexpr const char* kWebPass =
    R"({"pass":"domain","score":"util","profiles":[{"domains":["web"]}]})";

// The first `n_keep` experts of both layers.
KeepMask first(std::uint32_t n_keep, std::uint32_t n_expert, const char* pass = nullptr) {
  std::map<LayerId, std::vector<ExpertId>> layers;
  for (std::uint32_t layer = 0; layer < 2; ++layer)
    for (std::uint32_t id = 0; id < n_keep; ++id) layers[LayerId{layer}].push_back(ExpertId{id});
  auto mask = value_of(KeepMask::create(n_expert, layers));
  if (pass != nullptr) mask.passes = {{pass}};
  return mask;
}

std::string name_of(const std::string& parent, std::uint32_t n_expert, const KeepMask& mask) {
  MoeModel model;
  model.id.name = parent;
  model.n_expert = n_expert;
  return child_name(model, mask);
}

TEST(ChildName, SaysParentDomainAndHowMuchIsKept) {
  EXPECT_EQ(name_of("Gemma 4", 8, first(4, 8, kWebPass)), "Gemma 4 web 4 of 8 experts");
  EXPECT_EQ(name_of("Gemma 4", 8, first(4, 8)), "Gemma 4 4 of 8 experts");
}

TEST(ChildName, OfAChildsChildIsAsOfOneCut) {
  EXPECT_EQ(name_of("Gemma 4 web 4 of 8 experts", 4, first(2, 4, kWebPass)),
            "Gemma 4 web 2 of 8 experts");
  EXPECT_EQ(name_of("Gemma 4 4 of 8 experts", 4, first(2, 4, kWebPass)),
            "Gemma 4 web 2 of 8 experts");
  // Of a child that only uses fewer.
  EXPECT_EQ(name_of("A 8 of 8 experts", 8, first(4, 8)), "A 4 of 8 experts");
}

TEST(ChildName, TakesNothingFromANameThatSaysAnotherCut) {
  EXPECT_EQ(name_of("A 4 of 8 experts", 8, first(4, 8)), "A 4 of 8 experts 4 of 8 experts");
  EXPECT_EQ(name_of("A 8 of x experts", 8, first(4, 8)), "A 8 of x experts 4 of 8 experts");
  EXPECT_EQ(name_of(" 8 of  experts", 8, first(4, 8)), " 8 of  experts 4 of 8 experts");
  EXPECT_EQ(name_of("8 of experts", 8, first(4, 8)), "8 of experts 4 of 8 experts");
}

TEST(CheckChildName, RefusesWhatIsNoLineOfText) {
  expect_ok(check_child_name("Gemma 4, für das Web"));
  for (const auto* name : {"", "  ", "a\nb", "a\x7f", "\xff"})
    expect_error(check_child_name(name), Code::kInvalidArgument, "is no name for a model");
}

struct Cut {
  TinyGguf model;  // to be cut again
  gguf::Header header;
  std::string text(const std::string& key) const {
    const auto* value = header.find_key(key);
    return value == nullptr ? "(none)" : std::string(value->as_string().value_or("(no text)"));
  }
};

Cut cut(const TinyGguf& parent, const KeepMask& mask, SurgeryOptions options = {}) {
  const TempDir dir;
  const auto file = value_of(gguf::GgufFile::open(write_tiny(dir / "parent.gguf", parent)));
  const auto moe = value_of(describe_moe(file));
  options.mask_name = "m";
  const auto plan = value_of(plan_surgery(file, moe, mask, options));
  expect_ok(apply_plan(file, plan, dir / "child.gguf", Overwrite::kRefuse, silent_observer()));
  const auto child = value_of(gguf::GgufFile::open(dir / "child.gguf"));
  Cut out{.model = {.keys = child.header().keys, .tensors = {}}, .header = child.header()};
  for (const auto& tensor : child.header().tensors)
    out.model.tensors.push_back({tensor, value_of(child.read_all(tensor))});
  return out;
}

std::vector<std::string> keys_with(const gguf::Header& header, const std::string& start) {
  std::vector<std::string> keys;
  for (const auto& item : header.keys)
    if (item.key.starts_with(start)) keys.push_back(item.key.substr(start.size()));
  return keys;
}

TEST(Names, StandInTheirPlaceAndNameTheParent) {
  auto model = tiny_moe({});
  model.set("general.size_label", gguf::Value::string("8B"));
  model.set("general.organization", gguf::Value::string("Tiny & Sons"));
  model.set("general.repo_url", gguf::Value::string("https://example.org/tiny"));
  const auto child = cut(model, first(4, 8, kWebPass));
  for (std::size_t i = 0; i < model.keys.size(); ++i)
    EXPECT_EQ(child.header.keys[i].key, model.keys[i].key);
  EXPECT_EQ(child.text("general.name"), "Tiny web 4 of 8 experts");
  EXPECT_EQ(child.text("general.size_label").substr(0, 2), "4x");
  EXPECT_EQ(*child.header.find_key("general.base_model.count"), gguf::Value::u32(1));
  EXPECT_THAT(keys_with(child.header, "general.base_model."),
              ElementsAre("count", "0.name", "0.organization", "0.repo_url"));
  EXPECT_EQ(child.text("general.base_model.0.name"), "Tiny");
  EXPECT_EQ(child.text("general.base_model.0.organization"), "Tiny & Sons");
  EXPECT_EQ(child.text("general.base_model.0.repo_url"), "https://example.org/tiny");
  EXPECT_EQ(child.text("general.organization"), "Tiny & Sons");
}

TEST(Names, PutTheParentBeforeItsOwnAncestors) {
  auto model = tiny_moe({});
  model.set("general.base_model.count", gguf::Value::u32(2));
  model.set("general.base_model.0.name", gguf::Value::string("Left"));
  model.set("general.base_model.1.name", gguf::Value::string("Right"));
  model.set("general.base_model.1.doi", gguf::Value::string("10.1/2"));
  model.set("general.base_model.note", gguf::Value::string("no ancestor"));
  const auto child = cut(model, first(4, 8));
  EXPECT_EQ(*child.header.find_key("general.base_model.count"), gguf::Value::u32(3));
  EXPECT_EQ(child.text("general.base_model.0.name"), "Tiny");
  EXPECT_EQ(child.text("general.base_model.1.name"), "Left");
  EXPECT_EQ(child.text("general.base_model.2.name"), "Right");
  EXPECT_EQ(child.text("general.base_model.2.doi"), "10.1/2");
  EXPECT_EQ(child.text("general.base_model.note"), "no ancestor");
  EXPECT_EQ(keys_with(child.header, "general.base_model.").size(), 6U);
}

// The name of a file without one is the file's, and so is its parent's in the child.
TEST(Names, ComeFromTheFile_WhereTheParentHasNone) {
  auto model = tiny_moe({});
  model.erase("general.name");
  const auto child = cut(model, first(4, 8));
  EXPECT_EQ(child.text("general.name"), "parent 4 of 8 experts");
  EXPECT_EQ(child.text("general.base_model.0.name"), "parent");
}

TEST(Names, OfAChildsChildListBothAndClaimNoOriginForTheChild) {
  auto model = tiny_moe({});
  model.set("general.repo_url", gguf::Value::string("https://example.org/tiny"));
  const auto child = cut(model, first(4, 8, kWebPass));
  const auto grandchild = cut(child.model, first(2, 4, kWebPass));
  EXPECT_EQ(grandchild.text("general.name"), "Tiny web 2 of 8 experts");
  EXPECT_THAT(keys_with(grandchild.header, "general.base_model."),
              ElementsAre("count", "0.name", "1.name", "1.repo_url"));
  EXPECT_EQ(grandchild.text("general.base_model.0.name"), "Tiny web 4 of 8 experts");
  EXPECT_EQ(grandchild.text("general.base_model.1.name"), "Tiny");
}

TEST(Names, MayBeGivenAndAreRecordedThen) {
  const auto child = cut(tiny_moe({}), first(4, 8), {.name = "My web model"});
  EXPECT_EQ(child.text("general.name"), "My web model");
  EXPECT_EQ(child.text("coe.name"), "My web model");
  EXPECT_EQ(child.header.keys.back().key, "coe.name");
  EXPECT_EQ(cut(tiny_moe({}), first(4, 8)).text("coe.name"), "(none)");
}

TEST(Names, AreTheParentsWithoutProvenance) {
  const auto model = tiny_moe({});
  const auto child = cut(model, first(4, 8), {.provenance = false});
  EXPECT_EQ(child.header.keys.size(), model.keys.size());
  EXPECT_EQ(child.text("general.name"), "Tiny");
}

TEST(Names, KeepTheSizeLabelOfAZeroedChild) {
  auto model = tiny_moe({.architecture = "deepseek32", .selection_bias = true, .gating = 2});
  model.set("general.size_label", gguf::Value::string("8x1K"));
  const auto child = cut(model, first(4, 8), {.mode = SurgeryMode::kZero});
  EXPECT_EQ(child.text("general.size_label"), "8x1K");
  EXPECT_EQ(child.text("general.name"), "Tiny 4 of 8 experts");
}

TEST(Names, AreRefusedBeforeAnythingIsPlanned) {
  const TempDir dir;
  const auto file = value_of(gguf::GgufFile::open(write_tiny(dir / "p.gguf", tiny_moe({}))));
  const auto moe = value_of(describe_moe(file));
  expect_error(plan_surgery(file, moe, first(4, 8), {.name = " "}), Code::kInvalidArgument,
               "is no name for a model");
  expect_error(plan_surgery(file, moe, first(4, 8), {.provenance = false, .name = "A"}),
               Code::kInvalidArgument, "a name is given, but no record");
}

std::optional<CutRecords> records_of(const TinyGguf& model) {
  gguf::Header header;
  header.keys = model.keys;
  return read_cut_records(header);
}

TEST(CutRecords, AreReadBack) {
  const auto child = cut(tiny_moe({}), first(4, 8, kWebPass));
  const auto records = read_cut_records(child.header);
  ASSERT_TRUE(records.has_value());
  EXPECT_EQ(records->version, tool_version());
  EXPECT_EQ(records->mode, "slice");
  EXPECT_EQ(records->parent_name, "Tiny");
  EXPECT_EQ(records->parent_digest, child.text("coe.parent.digest"));
  EXPECT_EQ(records->n_expert, 8U);
  EXPECT_EQ(records->n_keep, 4U);
  EXPECT_EQ(records->n_layer, 2U);
  EXPECT_EQ(records->domain, "web");
}

TEST(CutRecords, AreNoneOfAParentAndFewerWhereTheFileSaysLess) {
  auto model = tiny_moe({});
  EXPECT_FALSE(records_of(model).has_value());
  model.set("coe.parent.name", gguf::Value::string("Old"));
  model.set("coe.parent.n_expert", gguf::Value::u32(16));
  model.set("coe.n_keep", gguf::Value::string("8"));
  EXPECT_FALSE(records_of(model).has_value());
  model.set("coe.n_keep", gguf::Value::u32(8));
  model.set("coe.mask", gguf::Value::string("{not json"));
  const auto records = records_of(model);
  ASSERT_TRUE(records.has_value());
  EXPECT_EQ(records->parent_name, "Old");
  EXPECT_EQ(records->n_layer, 0U);
  EXPECT_EQ(records->version + records->parent_digest + records->domain, "");
}

}  // namespace
}  // namespace coe
