#include "coe/profile/routing/file.h"

#include "coe/base/file.h"
#include "coe/base/hash.h"
#include "coe/base/result.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/tensor_type.h"
#include "coe/model/gguf/value.h"
#include "coe/model/gguf/writer.h"
#include "coe/profile/routing/stats.h"

#include "support/expect.h"
#include "support/temp_dir.h"
#include "support/tiny_stats.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <ios>
#include <string>
#include <string_view>
#include <vector>

namespace coe {
namespace {

using ::coe::testing::expect_error;
using ::coe::testing::expect_ok;
using ::coe::testing::random_stats;
using ::coe::testing::shape_of;
using ::coe::testing::TempDir;
using ::coe::testing::value_of;
using ::coe::testing::worked_stats;

bool equal(const DomainStats& a, const DomainStats& b) {
  return a.name == b.name && a.weight == b.weight && a.n_token == b.n_token &&
         a.n_sample == b.n_sample && a.histograms == b.histograms && a.weight_sum == b.weight_sum &&
         a.freq_by_sample == b.freq_by_sample &&
         a.weight_mean_by_sample == b.weight_mean_by_sample && a.decisive == b.decisive &&
         a.output_norm == b.output_norm && a.gated_norm == b.gated_norm &&
         a.output_share == b.output_share && a.moe_ratio == b.moe_ratio &&
         a.output_square == b.output_square && a.coactivation == b.coactivation;
}

bool equal(const RoutingStats& a, const RoutingStats& b) {
  return a.parent == b.parent && a.shape == b.shape &&
         std::equal(a.domains.begin(), a.domains.end(), b.domains.begin(), b.domains.end(),
                    [](const DomainStats& x, const DomainStats& y) { return equal(x, y); }) &&
         a.tool_version == b.tool_version && a.engine == b.engine &&
         a.corpus_digest == b.corpus_digest && a.settings == b.settings &&
         a.router_temperature == b.router_temperature && a.mask_digest == b.mask_digest &&
         a.command_line == b.command_line;
}

RC_GTEST_PROP(ProfileFile, RoundTripsExactly,
              (std::uint64_t seed, bool with_outputs, bool with_coactivation, bool squares)) {
  const TempDir dir;
  const auto n_layer = *rc::gen::inRange<std::uint32_t>(1, 4);
  const auto n_expert = *rc::gen::inRange<std::uint32_t>(1, 7);
  const auto n_used = *rc::gen::inRange<std::uint32_t>(1, n_expert + 1);
  auto stats = random_stats(shape_of(n_layer, n_expert, n_used), {{"", 0.0}, {"web", 0.25}}, seed,
                            with_outputs, with_coactivation, with_outputs && squares);
  stats.router_temperature = *rc::gen::element(1.0, 0.6);
  stats.mask_digest = *rc::gen::element(std::string(), std::string("xxh3:1"));
  for (auto& layer : stats.shape.layers) layer.value = layer.value * 2 + 3;  // MoE need not be all
  stats.shape.n_expert_group = *rc::gen::arbitrary<std::uint32_t>();
  stats.command_line = *rc::gen::arbitrary<std::string>();
  const Path path = dir / "x.profile.gguf";
  expect_ok(write_profile(path, stats, Overwrite::kRefuse));
  const auto read = read_profile(path);
  RC_ASSERT(read.has_value());
  RC_ASSERT(equal(*read, stats));
}

TEST(ProfileFile, SameStatsGiveTheSameBytes) {
  const TempDir dir;
  expect_ok(write_profile(dir / "a", worked_stats(), Overwrite::kRefuse));
  expect_ok(write_profile(dir / "b", worked_stats(), Overwrite::kRefuse));
  EXPECT_EQ(value_of(read_text(dir / "a")), value_of(read_text(dir / "b")));
}

// The bytes that the first writer gave, so that no later one gives others.
TEST(ProfileFile, HasTheBytesThatItAlwaysHad) {
  const TempDir dir;
  expect_ok(write_profile(dir / "first", worked_stats(), Overwrite::kRefuse));
  EXPECT_EQ(digest_of(value_of(read_text(dir / "first"))), "xxh3:03eb51faafb717daa37b2224f82a3e1b");
  auto stats = random_stats(shape_of(2, 4, 2), {{"a", 1.0}, {"b", 0.5}}, 1, false, true);
  stats.router_temperature = 0.5;
  stats.mask_digest = "xxh3:1";
  expect_ok(write_profile(dir / "second", stats, Overwrite::kRefuse));
  EXPECT_EQ(digest_of(value_of(read_text(dir / "second"))),
            "xxh3:980c346362815a86db55f46fadaddba3");
}

TEST(ProfileFile, IsOfTheThirdVersionOnlyWithSquares) {
  const TempDir dir;
  const auto with = random_stats(shape_of(2, 4, 2), {{"a", 1.0}}, 1, true, false, true);
  expect_ok(write_profile(dir / "with", with, Overwrite::kRefuse));
  const auto header = value_of(gguf::GgufFile::open(dir / "with")).header();
  EXPECT_EQ(header.find_key("coe.profile.version")->as_uint(), 3U);
  EXPECT_NE(header.find_tensor("domain.0.output_square"), nullptr);
  // What has none keeps the identity that it had before there were squares.
  const auto without = random_stats(shape_of(2, 4, 2), {{"a", 1.0}}, 1);
  EXPECT_NE(content_digest(with), content_digest(without));
  EXPECT_EQ(content_digest(worked_stats()), "xxh3:3fc63e3152a6737d91308c135c0c7c61");
}

std::uint64_t version_in(const Path& path) {
  return *value_of(gguf::GgufFile::open(path)).header().find_key("coe.profile.version")->as_uint();
}

TEST(ProfileFile, IsOfTheSecondVersionOnlyWhereItMustBe) {
  const TempDir dir;
  expect_ok(write_profile(dir / "first", worked_stats(), Overwrite::kRefuse));
  EXPECT_EQ(version_in(dir / "first"), 1U);
  auto stats = worked_stats();
  stats.router_temperature = 0.6;
  expect_ok(write_profile(dir / "tempered", stats, Overwrite::kRefuse));
  EXPECT_EQ(version_in(dir / "tempered"), 2U);
  auto masked = worked_stats();
  masked.mask_digest = "xxh3:1";
  expect_ok(write_profile(dir / "masked", masked, Overwrite::kRefuse));
  EXPECT_EQ(version_in(dir / "masked"), 2U);
  expect_ok(write_profile(dir / "pairs",
                          random_stats(shape_of(2, 4, 2), {{"a", 1.0}}, 1, false, true),
                          Overwrite::kRefuse));
  EXPECT_EQ(version_in(dir / "pairs"), 2U);
  const auto file = value_of(gguf::GgufFile::open(dir / "pairs"));
  const auto* pairs = file.header().find_tensor("domain.0.coactivation");
  ASSERT_NE(pairs, nullptr);
  EXPECT_EQ(gguf::traits(pairs->type).name, "I64");
  EXPECT_EQ(gguf::shape_text(*pairs), "[4, 4, 2]");
}

// docs/formats/routing-profile.md promises this to other readers.
TEST(ProfileFile, HasTheDocumentedKeysAndTensors) {
  const TempDir dir;
  expect_ok(write_profile(dir / "p", worked_stats(), Overwrite::kRefuse));
  const auto file = value_of(gguf::GgufFile::open(dir / "p"));
  const auto& header = file.header();
  EXPECT_EQ(header.find_key("general.type")->as_string(), "coe-routing-profile");
  EXPECT_EQ(header.find_key("coe.profile.version")->as_uint(), 1U);
  EXPECT_EQ(header.find_key("coe.profile.layers")->as_uint_array(),
            (std::vector<std::uint64_t>{0, 1}));
  EXPECT_EQ(header.find_key("coe.profile.domains")->as_string_array(),
            (std::vector<std::string>{"css", "js"}));
  EXPECT_EQ(header.find_key("coe.profile.weights")->as_float_array(),
            (std::vector<double>{0.75, 0.25}));
  const auto* histograms = header.find_tensor("domain.1.histograms");
  ASSERT_NE(histograms, nullptr);
  EXPECT_EQ(gguf::traits(histograms->type).name, "I64");
  EXPECT_EQ(gguf::shape_text(*histograms), "[2, 4, 2]");
  const auto* share = header.find_tensor("domain.0.output_share");
  ASSERT_NE(share, nullptr);
  EXPECT_EQ(gguf::traits(share->type).name, "F64");
  EXPECT_EQ(gguf::shape_text(*share), "[4, 2]");
  EXPECT_EQ(header.tensors.size(), 2U * 11U);
}

TEST(ProfileFile, RefusesToOverwriteOrToWriteNonsense) {
  const TempDir dir;
  expect_ok(write_profile(dir / "p", worked_stats(), Overwrite::kRefuse));
  expect_error(write_profile(dir / "p", worked_stats(), Overwrite::kRefuse), Code::kExists, "p:");
  auto stats = worked_stats();
  stats.domains[0].histograms[0] += 1;
  expect_error(write_profile(dir / "q", stats, Overwrite::kRefuse), Code::kCorrupt, "layer 0");
  EXPECT_FALSE(exists(dir / "q"));
}

TEST(ProfileFile, TellsAModelFromAProfile) {
  const auto result = read_profile(Path(COE_SOURCE_DIR) / "models/gemma4-tiny-moe-q4_k_m.gguf");
  expect_error(result, Code::kCorrupt, "q4_k_m.gguf: a model, not a routing profile");
  EXPECT_EQ(result.error().hint, "make one with `coe profile`");
}

TEST(ProfileFile, ReportsWhatIsNoFile) {
  const TempDir dir;
  expect_error(read_profile(dir / "missing.gguf"), Code::kNotFound, "missing.gguf");
  expect_ok(write_file(dir / "text", "hello, I am no GGUF file at all", Overwrite::kRefuse));
  expect_error(read_profile(dir / "text"), Code::kCorrupt, "text");
}

// A profile taken apart, to be put together wrongly.
struct Parts {
  std::vector<gguf::KeyValue> keys;
  std::vector<gguf::TensorData> tensors;

  gguf::Value& key(std::string_view name) {
    return std::find_if(keys.begin(), keys.end(), [&](const auto& kv) { return kv.key == name; })
        ->value;
  }
  gguf::TensorData& tensor(std::string_view name) {
    return *std::find_if(tensors.begin(), tensors.end(),
                         [&](const auto& t) { return t.info.name == name; });
  }
};

Parts take_apart(const Path& path) {
  const auto file = value_of(gguf::GgufFile::open(path));
  Parts parts;
  parts.keys = file.header().keys;
  for (const auto& info : file.header().tensors) {
    parts.tensors.push_back({info, value_of(file.read_all(info))});
  }
  return parts;
}

class BrokenProfile : public ::testing::Test {
 protected:
  Result<RoutingStats> read_after(const std::function<void(Parts&)>& change) {
    expect_ok(write_profile(dir_ / "good", worked_stats(), Overwrite::kAllow));
    auto parts = take_apart(dir_ / "good");
    change(parts);
    expect_ok(gguf::write_gguf(dir_ / "bad", parts.keys, parts.tensors, Overwrite::kAllow));
    return read_profile(dir_ / "bad");
  }

  TempDir dir_;
};

TEST_F(BrokenProfile, AnotherKindOfFile) {
  expect_error(read_after([](Parts& p) { p.key("general.type") = gguf::Value::string("imatrix"); }),
               Code::kCorrupt, "bad: holds a `imatrix`, not a routing profile");
  expect_error(read_after([](Parts& p) { p.key("general.type") = gguf::Value::u32(1); }),
               Code::kCorrupt, "bad: no `general.type` that says it is a routing profile");
  expect_error(read_after([](Parts& p) { p.key("general.type") = gguf::Value::string("model"); }),
               Code::kCorrupt, "bad: a model, not a routing profile");
}

TEST_F(BrokenProfile, AnotherVersion) {
  expect_error(read_after([](Parts& p) { p.key("coe.profile.version") = gguf::Value::u32(4); }),
               Code::kUnsupported,
               "bad: routing profile version 4 is newer than this program (it reads 3)");
  expect_error(read_after([](Parts& p) { p.key("coe.profile.version") = gguf::Value::u32(0); }),
               Code::kCorrupt, "version 0 does not exist");
}

TEST_F(BrokenProfile, EachKeyMissingOrOfAnotherType) {
  const auto good = [&] {
    expect_ok(write_profile(dir_ / "good", worked_stats(), Overwrite::kAllow));
    return take_apart(dir_ / "good");
  }();
  for (const auto& [key, value] : good.keys) {
    if (key == "general.type" || key == "coe.checksum") continue;
    const std::string name = key;
    expect_error(read_after([&](Parts& p) {
                   std::erase_if(p.keys, [&](const auto& kv) { return kv.key == name; });
                 }),
                 Code::kCorrupt, "key `" + name + "` is missing");
    expect_error(read_after([&](Parts& p) { p.key(name) = gguf::Value::boolean(true); }),
                 Code::kCorrupt, "key `" + name + "` has another type (bool vs ");
  }
  expect_error(read_after([](Parts& p) {
                 p.key("coe.profile.layers") = gguf::Value::array_f64(std::vector{0.0, 1.0});
               }),
               Code::kCorrupt,
               "key `coe.profile.layers` has elements of another type (f64 vs u32)");
  expect_error(read_after([](Parts& p) {
                 p.key("coe.profile.weights") = gguf::Value::array_f64(std::vector{1.0});
               }),
               Code::kCorrupt, "key `coe.profile.weights` has another length (1 vs 2)");
}

TEST_F(BrokenProfile, EachTensorMissingOrOfAnotherTypeOrShape) {
  const auto good = [&] {
    expect_ok(write_profile(dir_ / "good", worked_stats(), Overwrite::kAllow));
    return take_apart(dir_ / "good");
  }();
  for (const auto& tensor : good.tensors) {
    const std::string name = tensor.info.name;
    const auto without = read_after([&](Parts& p) {
      std::erase_if(p.tensors, [&](const auto& t) { return t.info.name == name; });
    });
    // Without the tensor that announces outputs, the other outputs do not belong.
    if (name == "domain.0.output_norm")
      expect_error(without, Code::kCorrupt, "tensor `domain.0.gated_norm` does not belong");
    else
      expect_error(without, Code::kCorrupt, "tensor `" + name + "` is missing");
    expect_error(read_after([&](Parts& p) {
                   auto& type = p.tensor(name).info.type;
                   type = gguf::traits(type).name == "I64" ? *gguf::type_from_name("F64")
                                                           : *gguf::type_from_name("I64");
                 }),
                 Code::kCorrupt, "tensor `" + name + "` has another type");
    expect_error(
        read_after([&](Parts& p) {
          auto& broken = p.tensor(name);
          broken.info.ne[0] += 1;
          broken.bytes.resize(broken.bytes.size() / (broken.info.ne[0] - 1) * broken.info.ne[0]);
        }),
        Code::kCorrupt, "tensor `" + name + "` has another shape ([");
  }
}

TEST_F(BrokenProfile, StrayTensor) {
  expect_error(read_after([](Parts& p) {
                 auto stray = p.tensor("domain.0.n_tokens");
                 stray.info.name = "domain.2.n_tokens";
                 p.tensors.push_back(stray);
               }),
               Code::kCorrupt, "bad: tensor `domain.2.n_tokens` does not belong");
}

TEST_F(BrokenProfile, CoactivationInTheFirstVersionDoesNotBelong) {
  expect_error(read_after([](Parts& p) {
                 auto stray = p.tensor("domain.0.histograms");
                 stray.info.name = "domain.0.coactivation";
                 p.tensors.push_back(stray);
               }),
               Code::kCorrupt, "tensor `domain.0.coactivation` does not belong");
}

TEST_F(BrokenProfile, SquaresInAnEarlierVersionDoNotBelong) {
  expect_error(read_after([](Parts& p) {
                 auto stray = p.tensor("domain.0.output_norm");
                 stray.info.name = "domain.0.output_square";
                 p.tensors.push_back(stray);
               }),
               Code::kCorrupt, "tensor `domain.0.output_square` does not belong");
}

TEST_F(BrokenProfile, TheSecondVersionNeedsATemperatureAndAMask) {
  expect_error(read_after([](Parts& p) { p.key("coe.profile.version") = gguf::Value::u32(2); }),
               Code::kCorrupt, "key `coe.profile.router_temperature` is missing");
  expect_error(read_after([](Parts& p) {
                 p.key("coe.profile.version") = gguf::Value::u32(2);
                 p.keys.push_back({"coe.profile.router_temperature", gguf::Value::f64(1.0)});
               }),
               Code::kCorrupt, "key `coe.profile.mask_digest` is missing");
  expect_error(read_after([](Parts& p) {
                 p.key("coe.profile.version") = gguf::Value::u32(2);
                 p.keys.push_back({"coe.profile.router_temperature", gguf::Value::f64(0.0)});
                 p.keys.push_back({"coe.profile.mask_digest", gguf::Value::string("")});
               }),
               Code::kCorrupt, "router temperature 0 is not a positive number");
}

TEST_F(BrokenProfile, BrokenInvariant) {
  expect_error(read_after([](Parts& p) {
                 const std::int64_t five = 5;
                 std::memcpy(p.tensor("domain.1.n_tokens").bytes.data(), &five, sizeof(five));
               }),
               Code::kCorrupt, "bad: sub-domain `js`: layer 0: histograms");
}

// A huge shape must be refused for lack of data before anything of that size is allocated.
TEST_F(BrokenProfile, HugeShape) {
  expect_error(read_after([](Parts& p) {
                 p.key("coe.profile.n_expert") = gguf::Value::u32(0xffffffffU);
                 p.key("coe.profile.n_expert_used") = gguf::Value::u32(0xffffffffU);
               }),
               Code::kCorrupt, "tensor `domain.0.histograms` has another shape");
}

class DamagedProfile : public ::testing::Test {
 protected:
  DamagedProfile() {
    expect_ok(write_profile(dir_ / "good", random_stats(shape_of(1, 2, 1), {{"w", 1.0}}, 1, false),
                            Overwrite::kRefuse));
    good_ = value_of(read_text(dir_ / "good"));
  }

  Result<RoutingStats> read_bytes(const std::string& bytes) {
    // Neither write_file nor truncation: thousands of flushes to disk would take a minute.
    std::filesystem::remove(dir_ / "bad");
    std::ofstream(dir_ / "bad", std::ios::binary) << bytes;
    return read_profile(dir_ / "bad");
  }

  TempDir dir_;
  std::string good_;
};

// A sum that is another valid sum has no other sign of damage.
TEST_F(DamagedProfile, AChecksumThatDoesNotFitIsAnError) {
  const auto at = good_.find("xxh3:", good_.find("coe.checksum"));
  ASSERT_NE(at, std::string::npos);
  auto bytes = good_;
  bytes[at + 5] = bytes[at + 5] == '0' ? '1' : '0';
  expect_error(read_bytes(bytes), Code::kCorrupt,
               "bad: does not have the checksum that it says: it was damaged or edited");
}

TEST_F(DamagedProfile, EveryTruncationIsAnError) {
  // Only the padding after the last tensor may be missing.
  const std::size_t last_byte = good_.find_last_not_of('\0');
  for (std::size_t size = 0; size <= last_byte; ++size)
    EXPECT_FALSE(read_bytes(good_.substr(0, size)).has_value()) << size << " bytes";
}

// An error, or the same profile (where a byte says nothing, as in padding).
TEST_F(DamagedProfile, FlippedBytesAreErrorsOrChangeNothing) {
  const auto good = value_of(read_bytes(good_));
  for (std::size_t at = 0; at < good_.size(); ++at) {
    for (const int flip : {0x01, 0x80, 0xff}) {
      std::string bytes = good_;
      bytes[at] = static_cast<char>(bytes[at] ^ flip);
      const auto read = read_bytes(bytes);
      if (!read) continue;
      EXPECT_EQ(content_digest(*read), content_digest(good)) << "byte " << at;
      EXPECT_EQ(read->settings, good.settings) << "byte " << at;
      EXPECT_EQ(read->corpus_digest, good.corpus_digest) << "byte " << at;
    }
  }
}

}  // namespace
}  // namespace coe
