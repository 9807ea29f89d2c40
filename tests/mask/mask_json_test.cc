#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/moe/ids.h"
#include "coe/model/moe/model.h"

#include "support/expect.h"
#include "support/plain_ids.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace coe {
namespace {

using ::coe::testing::expect_error;
using ::coe::testing::plain_ids;
using ::coe::testing::value_of;

Result<KeepMask> parse(const std::string& json) { return parse_mask(json, "m.json"); }

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  const auto at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return at == std::string::npos ? text : text.replace(at, what.size(), with);
}

// Exactly what mask_to_json writes.
const std::string kNative = R"({
  "schema": "coe.mask/1",
  "checksum": "xxh3:8c407cb567c7f078b7239bbc0c308764",
  "architecture": "gemma4",
  "n_expert": 8,
  "n_keep": 2,
  "parent": {"name": "Tiny", "digest": "xxh3:00"},
  "passes": [
    {"pass":"domain","score":"util","seed":3}
  ],
  "layers": {
    "0": [0, 7],
    "2": [1, 3]
  }
}
)";

std::string without_checksum() {
  auto text = kNative;
  const auto at = text.find("  \"checksum");
  return text.erase(at, text.find('\n', at) + 1 - at);
}

TEST(MaskJson, ReadsTheNativeForm) {
  const auto mask = value_of(parse(kNative));
  EXPECT_EQ(mask.parent, (ModelId{"Tiny", "gemma4", "xxh3:00"}));
  EXPECT_EQ(mask.n_expert(), 8U);
  EXPECT_EQ(mask.n_keep(), 2U);
  ASSERT_EQ(mask.passes.size(), 1U);
  EXPECT_EQ(mask.passes[0].json, R"({"pass":"domain","score":"util","seed":3})");
  EXPECT_EQ(plain_ids(mask.layers()),
            (std::map<std::uint32_t, std::vector<std::uint32_t>>{{0, {0, 7}}, {2, {1, 3}}}));
}

TEST(MaskJson, WritesTheNativeForm) {
  EXPECT_EQ(mask_to_json(value_of(parse(kNative)), false), kNative);
}

TEST(MaskJson, WritesAndReadsTheReferenceForm) {
  const auto mask = value_of(parse(kNative));
  const auto plain = mask_to_json(mask, true);
  EXPECT_EQ(plain, "{\n  \"0\": [0, 7],\n  \"2\": [1, 3]\n}\n");
  const auto read = value_of(parse(plain));
  EXPECT_EQ(read.layers(), mask.layers());
  EXPECT_EQ(read.n_expert(), 0U);
  EXPECT_EQ(read.parent, ModelId{});
}

TEST(MaskJson, WritesWhatTheDocumentationShows) {
  const auto doc = value_of(read_text(Path(COE_SOURCE_DIR) / "docs/formats/keep-mask.md"));
  const std::string fence = "```json\n";
  const auto begin = doc.find(fence) + fence.size();
  const auto example = doc.substr(begin, doc.find("```", begin) - begin);
  EXPECT_EQ(mask_to_json(value_of(parse(example)), false), example);
}

TEST(MaskJson, ReadsLayersInAnyOrderByNumber) {
  const auto mask = value_of(parse(R"({"10": [1], "9": [0], "2": [5]})"));
  EXPECT_EQ(plain_ids(mask.layers()),
            (std::map<std::uint32_t, std::vector<std::uint32_t>>{{2, {5}}, {9, {0}}, {10, {1}}}));
}

TEST(MaskJson, NeedsOnlySchemaCountsAndLayers) {
  const auto mask = value_of(
      parse(R"({"layers": {"1": [4, 2]}, "n_keep": 2, "n_expert": 0, "schema": "coe.mask/1"})"));
  EXPECT_EQ(mask.n_keep(), 2U);
  EXPECT_EQ(mask.parent, ModelId{});
  EXPECT_TRUE(mask.passes.empty());
}

TEST(MaskJson, IgnoresKeysItDoesNotKnow) {
  EXPECT_EQ(value_of(parse(replaced(kNative, "\"n_expert\"", "\"made_on\": [{}], \"n_expert\""))),
            value_of(parse(kNative)));
}

TEST(MaskJson, KeepsPassesItDoesNotKnow) {
  const auto mask =
      value_of(parse(replaced(without_checksum(), "{\"pass\"",
                              R"({"pass": "closure", "x": [1.50, -0.0, 1e300, null, "ü\u0000\n"]},
    {"pass")")));
  ASSERT_EQ(mask.passes.size(), 2U);
  EXPECT_EQ(mask.passes[0].json,
            "{\"pass\":\"closure\",\"x\":[1.5,-0.0,1e+300,null,\"ü\\u0000\\n\"]}");
  EXPECT_EQ(value_of(parse(mask_to_json(mask, false))), mask);
}

RC_GTEST_PROP(MaskJson, RoundTrips, ()) {
  const auto n_expert = *rc::gen::inRange<std::uint32_t>(1, 40);
  const auto n_keep = *rc::gen::inRange<std::size_t>(1, n_expert + 1);
  const auto layer_ids = *rc::gen::nonEmpty(
      rc::gen::unique<std::vector<std::uint32_t>>(rc::gen::arbitrary<std::uint32_t>()));
  std::map<LayerId, std::vector<ExpertId>> layers;
  for (const auto layer : layer_ids) {
    const auto kept = *rc::gen::unique<std::vector<std::uint32_t>>(
        n_keep, rc::gen::inRange<std::uint32_t>(0, n_expert));
    for (const auto id : kept) layers[LayerId{layer}].push_back(ExpertId{id});
  }
  auto mask = value_of(KeepMask::create(*rc::gen::element(0U, n_expert), layers));
  const auto printable = rc::gen::container<std::string>(rc::gen::inRange<char>(1, 127));
  mask.parent = {*printable, *printable, *printable};
  mask.passes.resize(*rc::gen::inRange<std::size_t>(0, 3), MaskPass{R"({"pass":"x","n":[1,{}]})"});
  RC_ASSERT(value_of(parse(mask_to_json(mask, false))) == mask);
  RC_ASSERT(value_of(parse(mask_to_json(mask, true))).layers() == mask.layers());
}

// A name that is not UTF-8 (from a model file) must not break the document.
TEST(MaskJson, WritesNamesThatAreNotUtf8) {
  auto mask = value_of(parse(kNative));
  mask.parent.name = "T\xffny";
  EXPECT_EQ(value_of(parse(mask_to_json(mask, false))).parent.name, "T\xef\xbf\xbdny");
}

TEST(MaskJson, RejectsTextThatIsNotJson) {
  expect_error(parse(""), Code::kCorrupt, "m.json: line 1, byte 0: the JSON text ends early");
  expect_error(parse("{\"0\": [1,\n 2"), Code::kCorrupt, "m.json: line 2, byte 12: the JSON");
  expect_error(parse("{\"0\": [1,\n ?"), Code::kCorrupt, "m.json: line 2, byte 11: not valid JSON");
  expect_error(parse("{\"0\": [1]} {"), Code::kCorrupt, "m.json: line 1, byte 11: not valid JSON");
  expect_error(parse("{\"0\": [\"\xff\"]}"), Code::kCorrupt, "not valid JSON");
  expect_error(parse(std::string("{\"0\": [1]}\0 {", 13)), Code::kCorrupt, "byte 10 is zero");
  expect_error(parse("{\"0\": [1e999]}"), Code::kCorrupt, "number beyond the range");
  expect_error(parse("{\"0\": [NaN]}"), Code::kCorrupt, "not valid JSON");
}

TEST(MaskJson, RejectsJsonThatIsNoMask) {
  expect_error(parse("[[0, 1]]"), Code::kCorrupt, "m.json: `[[0,1]]` is no mask");
  expect_error(parse("7"), Code::kCorrupt, "m.json: `7` is no mask");
  expect_error(parse("{}"), Code::kCorrupt, "m.json: the mask names no layer");
  expect_error(parse(R"({"model": "x"})"), Code::kCorrupt,
               "m.json: key `model` is no layer number");
}

TEST(MaskJson, RejectsKeysGivenTwice) {
  expect_error(parse(R"({"0": [1], "1": [2], "0": [3]})"), Code::kCorrupt,
               "m.json: key `0` is given twice");
  expect_error(parse(replaced(kNative, "\"2\": [1, 3]", "\"0\": [1, 3]")), Code::kCorrupt,
               "m.json: key `0` is given twice in `layers`");
  expect_error(parse(replaced(kNative, "\"seed\"", "\"score\"")), Code::kCorrupt,
               "m.json: key `score` is given twice in `passes`");
  // Escapes do not hide a repetition.
  expect_error(parse(R"({"0": [1], "\u0030": [3]})"), Code::kCorrupt, "key `0` is given twice");
}

TEST(MaskJson, RejectsKeysThatAreNoLayer) {
  for (const std::string key : {"", "-1", "+1", "01", "00", "1.0", " 1", "1 ", "x", "4294967296"})
    expect_error(parse("{\"" + key + "\": [1]}"), Code::kCorrupt,
                 "m.json: key `" + key + "` is no layer number");
  EXPECT_TRUE(parse(R"({"4294967295": [1]})").has_value());
}

TEST(MaskJson, RejectsIdsThatAreNoExpert) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"-1", "-1"},
      {"1.0", "1.0"},
      {"1e1", "10.0"},
      {"\"1\"", "\"1\""},
      {"[1]", "[1]"},
      {"null", "null"},
      {"true", "true"},
      {"4294967296", "4294967296"},
      {"{}", "{}"},
      {"1.5", "1.5"},
      {"18446744073709551616", "1.8446744073709552e+19"}};
  for (const auto& [written, shown] : cases)
    expect_error(parse("{\"0\": [1], \"3\": [" + written + "]}"), Code::kCorrupt,
                 "m.json: layer 3: `" + shown + "` is no expert id");
  expect_error(parse(R"({"3": 5})"), Code::kCorrupt, "layer 3: `5` is no list of expert ids");
  expect_error(parse(R"({"3": {"0": 1}})"), Code::kCorrupt, "layer 3: `{\"0\":1}` is no list");
}

TEST(MaskJson, NamesTheFileWhenTheMaskBreaksItsInvariant) {
  expect_error(parse(R"({"0": [1, 2], "1": [3]})"), Code::kCorrupt,
               "m.json: layer 1: keeps another number of experts than layer 0 (1 vs 2)");
  expect_error(parse(R"({"0": [2, 2]})"), Code::kCorrupt,
               "m.json: layer 0: names expert 2 more than once");
  expect_error(parse(replaced(kNative, "[1, 3]", "[1, 9]")), Code::kCorrupt,
               "m.json: layer 2: keeps expert 9 but the experts are 0 to 7");
}

TEST(MaskJson, RejectsAnotherSchema) {
  expect_error(parse(replaced(kNative, "coe.mask/1", "coe.mask/2")), Code::kUnsupported,
               "m.json: schema `coe.mask/2` is newer");
  expect_error(parse(replaced(kNative, "coe.mask/1", "coe.eval/1")), Code::kCorrupt,
               "m.json: schema is `coe.eval/1`, not `coe.mask/1`");
  expect_error(parse(replaced(kNative, "\"coe.mask/1\"", "1")), Code::kCorrupt,
               "m.json: `schema` is `1`, not text");
}

TEST(MaskJson, RejectsCountsThatContradictTheLayers) {
  expect_error(parse(replaced(kNative, "\"n_keep\": 2", "\"n_keep\": 3")), Code::kCorrupt,
               "m.json: `n_keep` contradicts the layers (3 vs 2 in each)");
  expect_error(parse(replaced(kNative, "\"n_keep\": 2", "\"n_keep\": -2")), Code::kCorrupt,
               "m.json: `n_keep` is `-2`, not a count");
  expect_error(parse(replaced(kNative, "\"n_expert\": 8", "\"n_expert\": 2.5")), Code::kCorrupt,
               "m.json: `n_expert` is `2.5`, not a count");
}

TEST(MaskJson, RejectsMissingOrMistypedFields) {
  for (const std::string key : {"n_expert", "n_keep", "layers"})
    expect_error(parse(replaced(kNative, "\"" + key + "\"", "\"other\"")), Code::kCorrupt,
                 "m.json: no `" + key + "`");
  expect_error(parse(replaced(kNative, "\"gemma4\"", "4")), Code::kCorrupt,
               "m.json: `architecture` is `4`, not text");
  expect_error(parse(replaced(kNative, "\"Tiny\"", "null")), Code::kCorrupt,
               "m.json: `name` is `null`, not text");
  expect_error(parse(replaced(kNative, "\"xxh3:00\"", "[]")), Code::kCorrupt,
               "m.json: `digest` is `[]`, not text");
  expect_error(parse(replaced(kNative, "{\"name\": \"Tiny\", \"digest\": \"xxh3:00\"}", "1")),
               Code::kCorrupt, "m.json: `parent` is `1`, not an object");
  expect_error(parse(R"({"schema": "coe.mask/1", "n_expert": 8, "n_keep": 1, "layers": [[1]]})"),
               Code::kCorrupt, "m.json: `layers` is `[[1]]`, not an object");
  const std::string head =
      R"({"schema": "coe.mask/1", "n_expert": 8, "n_keep": 1, "layers": {"0": [1]}, "passes": )";
  expect_error(parse(head + "{}}"), Code::kCorrupt, "m.json: `passes` is `{}`, not a list");
  expect_error(parse(head + "[3]}"), Code::kCorrupt, "m.json: a pass is `3`, not an object");
}

// Deep nesting must exhaust neither the stack nor patience, wherever it stands.
TEST(MaskJson, RefusesDeepNesting) {
  const std::string open(1'000'000, '[');
  expect_error(parse(open), Code::kCorrupt, "m.json: nests deeper than 64 levels");
  expect_error(parse("{\"0\": [" + open), Code::kCorrupt, "nests deeper than 64 levels");
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  expect_error(parse(objects), Code::kCorrupt, "nests deeper than 64 levels");
}

// Long hostile strings do not flood the message.
TEST(MaskJson, ShortensWhatItQuotes) {
  const auto result = parse("{\"" + std::string(100'000, 'x') + "\": [1]}");
  expect_error(result, Code::kCorrupt, "is no layer number");
  EXPECT_LT(result.error().message.size(), 200U);
  const auto value = parse("{\"0\": [\"\\u001b[2J" + std::string(100'000, 'x') + "\"]}");
  expect_error(value, Code::kCorrupt, "is no expert id");
  EXPECT_LT(value.error().message.size(), 200U);
  EXPECT_EQ(value.error().message.find('\x1b'), std::string::npos);
}

TEST(MaskJson, NoTruncationParses) {
  const auto last = kNative.find_last_of('}');
  for (std::size_t size = 0; size <= last; ++size)
    EXPECT_FALSE(parse(kNative.substr(0, size)).has_value()) << size;
}

// Another id is another valid mask, but for the checksum.
TEST(MaskJson, NoticesDamageThatLeavesAValidMask) {
  for (const auto& [what, with] : std::map<std::string, std::string>{{"[0, 7]", "[0, 6]"},
                                                                     {"gemma4", "gemma3"},
                                                                     {"util", "utii"},
                                                                     {"xxh3:8c", "xxh3:8d"},
                                                                     {"\"2\": [", "\"3\": ["}})
    expect_error(parse(replaced(kNative, what, with)), Code::kCorrupt,
                 "m.json: `checksum` is not that of the rest");
  // Written by hand, or laid out otherwise.
  EXPECT_EQ(value_of(parse(replaced(kNative, "\"2\": [1, 3]", "\"2\":[1,\t3]"))),
            value_of(parse(kNative)));
  EXPECT_TRUE(parse(replaced(without_checksum(), "[0, 7]", "[0, 6]")).has_value());
}

// More layers than any model has took minutes.
TEST(MaskJson, RefusesAFloodOfKeys) {
  std::string text = "{";
  for (int i = 0; i < 100'000; ++i) text += "\"" + std::to_string(i) + "\":[0],";
  text.back() = '}';
  expect_error(parse(text), Code::kCorrupt, "m.json: an object has more than 4096 keys");
}

// An error, or the same mask (where a byte is white space, or in the name of the checksum).
TEST(MaskJson, FlippedBytesAreErrorsOrChangeNothing) {
  const auto whole = value_of(parse(kNative));
  for (std::size_t at = 0; at < kNative.size(); ++at) {
    for (int flip = 1; flip < 256; flip += 7) {
      std::string text = kNative;
      text[at] = static_cast<char>(text[at] ^ flip);
      const auto mask = parse(text);
      if (mask) {
        EXPECT_EQ(*mask, whole) << at;
      }
    }
  }
}

}  // namespace
}  // namespace coe
