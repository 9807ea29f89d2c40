#include "coe/base/file.h"
#include "coe/college/choose/chooser.h"
#include "coe/college/choose/dispatcher.h"
#include "coe/college/choose/train_text.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/value.h"
#include "coe/model/gguf/writer.h"

#include "choose_fixture.h"
#include "support/expect.h"
#include "support/temp_dir.h"
#include "support/tiny_gguf.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace coe {
namespace {

using testing::expect_error;
using testing::expect_ok;
using testing::TempDir;
using testing::value_of;

Dispatcher worked(ChooseBy by = ChooseBy::kBoth) {
  Dispatcher out;
  out.by = by;
  out.names = {"prose", "web"};
  out.calibration = {{2.0, 0.25}, 0.625, 0.125};
  const auto uses = evidence_of(by);
  if (uses[0]) out.text = {{1, 0x8000000000000002U}, {1.0F, -1.0F, 0.5F, 0.25F}, {0.125F, -0.125F}};
  if (uses[1]) {
    ExpertGrid grid{{LayerId{0}, LayerId{2}}, 3, 1, 0, 1};
    out.routing = {grid, {{{1, 1, 0, 2, 0, 0}, 2}, {{0, 0, 3, 1, 1, 1}, 3}}};
    out.blocks = {"college.blocks.gguf", 1234, "xxh3:0123", {"Parent", "qwen3moe", "xxh3:4567"}};
  }
  out.corpus_digest = "xxh3:89";
  out.tool_version = "0.1.0";
  out.engine = uses[1] ? "fake 1" : "";
  out.command_line = "coe dispatcher";
  return out;
}

void expect_same(const Dispatcher& a, const Dispatcher& b) {
  EXPECT_EQ(a.by, b.by);
  EXPECT_EQ(a.names, b.names);
  EXPECT_EQ(a.calibration, b.calibration);
  ASSERT_EQ(a.text.has_value(), b.text.has_value());
  if (a.text) {
    EXPECT_EQ(a.text->features, b.text->features);
    EXPECT_EQ(a.text->weights, b.text->weights);
    EXPECT_EQ(a.text->bias, b.text->bias);
  }
  ASSERT_EQ(a.routing.has_value(), b.routing.has_value());
  if (a.routing) {
    EXPECT_EQ(a.routing->grid, b.routing->grid);
    ASSERT_EQ(a.routing->domains.size(), b.routing->domains.size());
    for (std::size_t d = 0; d < a.routing->domains.size(); ++d) {
      EXPECT_EQ(a.routing->domains[d].counts, b.routing->domains[d].counts);
      EXPECT_EQ(a.routing->domains[d].n_token, b.routing->domains[d].n_token);
    }
    EXPECT_EQ(a.blocks.file, b.blocks.file);
    EXPECT_EQ(a.blocks.bytes, b.blocks.bytes);
    EXPECT_EQ(a.blocks.digest, b.blocks.digest);
    EXPECT_EQ(a.blocks.parent, b.blocks.parent);
  }
  EXPECT_EQ(a.corpus_digest, b.corpus_digest);
  EXPECT_EQ(a.tool_version, b.tool_version);
  EXPECT_EQ(a.engine, b.engine);
  EXPECT_EQ(a.command_line, b.command_line);
}

class DispatcherFile : public ::testing::Test {
 protected:
  // Writes what `change` makes of the parts of a file, with its checksum as it was.
  Path changed(ChooseBy by, const std::function<void(testing::TinyGguf&)>& change) const {
    expect_ok(write_dispatcher(dir_ / "whole.gguf", worked(by), Overwrite::kAllow));
    const auto file = value_of(gguf::GgufFile::open(dir_ / "whole.gguf"));
    testing::TinyGguf parts;
    parts.keys = file.header().keys;
    for (const auto& tensor : file.header().tensors)
      parts.tensors.push_back({tensor, value_of(file.read_all(tensor))});
    parts.erase("coe.checksum");  // of an earlier version, which said none
    change(parts);
    return write_tiny(dir_ / "changed.gguf", parts);
  }
  void expect_refused(const std::function<void(testing::TinyGguf&)>& change,
                      const std::string& part, Code code = Code::kCorrupt) const {
    const auto found = read_dispatcher(changed(ChooseBy::kBoth, change));
    expect_error(found, code, part);
    EXPECT_NE(found.error().message.find("changed.gguf"), std::string::npos);
  }

  TempDir dir_;
};

TEST_F(DispatcherFile, ReadsWhatItWrote) {
  for (const auto by : {ChooseBy::kText, ChooseBy::kRouting, ChooseBy::kBoth}) {
    const auto path = dir_ / (std::string(choose_by_name(by)) + ".gguf");
    expect_ok(write_dispatcher(path, worked(by), Overwrite::kRefuse));
    expect_same(value_of(read_dispatcher(path)), worked(by));
    const auto again = dir_ / "again.gguf";
    expect_ok(write_dispatcher(again, value_of(read_dispatcher(path)), Overwrite::kAllow));
    EXPECT_EQ(value_of(read_text(path)), value_of(read_text(again)));
  }
}

TEST_F(DispatcherFile, IsNotReplacedUnasked) {
  expect_ok(write_dispatcher(dir_ / "a.gguf", worked(), Overwrite::kRefuse));
  expect_error(write_dispatcher(dir_ / "a.gguf", worked(), Overwrite::kRefuse), Code::kExists,
               "a.gguf");
}

// Every byte counts: whichever is changed, the file is refused or says nothing else.
TEST_F(DispatcherFile, NoticesAnyChangedByte) {
  const auto path = dir_ / "a.gguf";
  expect_ok(write_dispatcher(path, worked(), Overwrite::kRefuse));
  const auto bytes = value_of(read_text(path));
  const auto file = value_of(gguf::GgufFile::open(path));
  std::size_t n_read = 0;
  for (std::size_t at = 0; at < bytes.size(); at += 7) {
    auto damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    std::ofstream(dir_ / "b.gguf", std::ios::binary) << damaged;
    const auto found = read_dispatcher(dir_ / "b.gguf");
    if (!found) continue;
    ++n_read;  // padding between tensors
    expect_same(*found, worked());
  }
  EXPECT_LT(n_read, bytes.size() / 7 / 3);
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{3}, bytes.size() / 2, bytes.size() - 40}) {
    std::ofstream(dir_ / "b.gguf", std::ios::binary) << bytes.substr(0, size);
    EXPECT_FALSE(read_dispatcher(dir_ / "b.gguf").has_value()) << size;
  }
}

TEST_F(DispatcherFile, RefusesAnotherKindOfFile) {
  expect_error(read_dispatcher(dir_ / "none.gguf"), Code::kNotFound, "none.gguf");
  write_tiny(dir_ / "model.gguf", testing::tiny_moe({}));
  expect_error(read_dispatcher(dir_ / "model.gguf"), Code::kCorrupt, "a model, not a dispatcher");
  std::ofstream(dir_ / "text.gguf") << "hello";
  expect_error(read_dispatcher(dir_ / "text.gguf"), Code::kCorrupt, "text.gguf");
}

TEST_F(DispatcherFile, RefusesWhatBreaksTheFormat) {
  const auto set = [](const char* key, gguf::Value value) {
    return [=](testing::TinyGguf& file) { file.set(key, value); };
  };
  expect_refused(set("coe.dispatcher.version", gguf::Value::u32(2)), "newer", Code::kUnsupported);
  expect_refused(set("coe.dispatcher.by", gguf::Value::string("luck")), "coe.dispatcher.by");
  expect_refused(set("coe.dispatcher.by", gguf::Value::string("text")), "does not belong");
  expect_refused(set("coe.dispatcher.threshold", gguf::Value::f64(1.5)), "calibration");
  expect_refused(set("coe.dispatcher.weight.text", gguf::Value::f64(-1.0)), "calibration");
  expect_refused(set("coe.dispatcher.least_known", gguf::Value::u32(0)), "least_known");
  expect_refused(
      set("coe.dispatcher.names", gguf::Value::strings(std::vector<std::string>{"web", "prose"})),
      "do not ascend");
  expect_refused(
      set("coe.dispatcher.names", gguf::Value::strings(std::vector<std::string>{"", "web"})),
      "empty");
  expect_refused(
      set("coe.dispatcher.names", gguf::Value::strings(std::vector<std::string>{"a", "b", "c"})),
      "shape");
  for (const auto* name : {"", "..", "/etc/passwd", "../up.gguf"})
    expect_refused(set("coe.dispatcher.blocks.file", gguf::Value::string(name)),
                   "in the dispatcher's folder");
  expect_refused(set("coe.dispatcher.n_expert", gguf::Value::u32(4)), "shape");
  expect_refused([](testing::TinyGguf& file) { file.erase("coe.dispatcher.corpus_digest"); },
                 "corpus_digest");
  expect_refused([](testing::TinyGguf& file) { file.erase_tensor("text.bias"); }, "text.bias");
  expect_refused([](testing::TinyGguf& file) { file.erase_tensor("text.weights"); },
                 "0 weights for 2 features");
  expect_refused([](testing::TinyGguf& file) { file.erase_tensor("domain.1.choices"); },
                 "domain.1.choices");
  expect_refused(
      [](testing::TinyGguf& file) { file.tensor("domain.0.choices").bytes[0] = std::byte{9}; },
      "routing of domain 0");
}

// A dispatcher that was never one is not written.
TEST_F(DispatcherFile, DoesNotWriteWhatItWouldRefuse) {
  auto one = worked(ChooseBy::kText);
  one.names = {"web"};
  expect_error(write_dispatcher(dir_ / "a.gguf", one, Overwrite::kRefuse), Code::kCorrupt,
               "1 specialists");
  auto lacking = worked();
  lacking.text.reset();
  expect_error(write_dispatcher(dir_ / "a.gguf", lacking, Overwrite::kRefuse), Code::kCorrupt,
               "has not what that takes");
  EXPECT_FALSE(std::filesystem::exists(dir_ / "a.gguf"));
}

TEST_F(DispatcherFile, OpensWithoutAnEngineWhereTextDoes) {
  const auto path = dir_ / "a.gguf";
  expect_ok(write_dispatcher(path, worked(ChooseBy::kText), Overwrite::kRefuse));
  const auto chooser = value_of(open_chooser(path, {}));
  EXPECT_EQ(chooser->names(), (std::vector<std::string>{"prose", "web"}));
  EXPECT_EQ(chooser->kind(), "text");
  expect_ok(write_dispatcher(path, worked(), Overwrite::kAllow));
  expect_error(open_chooser(path, {}), Code::kUnsupported, "chooses by both");
}

}  // namespace
}  // namespace coe
