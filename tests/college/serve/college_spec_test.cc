#include "coe/college/serve/college_spec.h"

#include "support/expect.h"
#include "support/temp_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace coe {
namespace {

using ::testing::ElementsAre;
using testing::expect_error;
using testing::expect_ok;
using testing::TempDir;
using testing::value_of;

constexpr std::string_view kWhole = R"(
name = "school"
unsure = "parent"
dispatcher = "school.gguf"

[server]
host = "0.0.0.0"
port = 9000
hosts = ["box.lan"]
keys = "keys.txt"
memory = "12GB"
context = 4096
max_tokens = 512
threads = 3
gpu_layers = 0
parallel = 2
think = true
cache = "cuts"
cache_size = "40 GB"
log = "requests.jsonl"
log_text = true

[[specialist]]
name = "web"
about = "HTML and CSS"
model = "web.gguf"
text = ["web.jsonl", "/abs/more.jsonl"]

[[specialist]]
name = "prose"
parent = "parent.gguf"
mask = "prose.mask.json"
text = "prose.jsonl"

[[specialist]]
name = "parent"
address = "http://localhost:11434"
model_there = "gemma4:26b"
key_variable = "KEY"
)";

TEST(CollegeSpec, ReadsEverything) {
  const auto spec = value_of(parse_college(kWhole, "/c/college.toml"));
  EXPECT_EQ(spec.name, "school");
  EXPECT_EQ(spec.unsure, "parent");
  EXPECT_EQ(spec.dispatcher, "/c/school.gguf");
  EXPECT_EQ(spec.host, "0.0.0.0");
  EXPECT_EQ(spec.port, 9000);
  EXPECT_THAT(spec.hosts, ElementsAre("box.lan"));
  EXPECT_EQ(spec.keys, "/c/keys.txt");
  EXPECT_EQ(spec.memory, 12'000'000'000U);
  EXPECT_EQ(spec.cache, "/c/cuts");
  EXPECT_EQ(spec.cache_bytes, 40'000'000'000U);
  EXPECT_EQ(spec.log, "/c/requests.jsonl");
  EXPECT_TRUE(spec.log_text);
  EXPECT_EQ(spec.serving.n_ctx, 4096U);
  EXPECT_EQ(spec.serving.max_new_tokens, 512U);
  EXPECT_EQ(spec.serving.n_threads, 3);
  EXPECT_EQ(spec.serving.n_gpu_layers, 0);
  EXPECT_EQ(spec.serving.n_parallel, 2U);
  EXPECT_TRUE(spec.serving.think);
  ASSERT_EQ(spec.members.size(), 3U);
  EXPECT_EQ(spec.members[0].name, "web");
  EXPECT_EQ(spec.members[0].about, "HTML and CSS");
  EXPECT_EQ(spec.members[0].model, "/c/web.gguf");
  EXPECT_THAT(spec.members[0].text, ElementsAre(Path("/c/web.jsonl"), Path("/abs/more.jsonl")));
  EXPECT_EQ(spec.members[1].parent, "/c/parent.gguf");
  EXPECT_EQ(spec.members[1].mask, "/c/prose.mask.json");
  EXPECT_EQ(spec.members[2].address, "http://localhost:11434");
  EXPECT_EQ(spec.members[2].remote_model, "gemma4:26b");
  EXPECT_EQ(spec.members[2].key_variable, "KEY");
}

TEST(CollegeSpec, DefaultsAreForThisMachineAlone) {
  const auto spec =
      value_of(parse_college("[[specialist]]\nname = \"a\"\nmodel = \"a.gguf\"\n", "c.toml"));
  EXPECT_EQ(spec.name, "college");
  EXPECT_EQ(spec.host, "127.0.0.1");
  EXPECT_EQ(spec.port, 8080);
  EXPECT_FALSE(spec.serving.think);
  EXPECT_FALSE(spec.log_text);
  EXPECT_EQ(spec.members[0].model, "a.gguf");
}

struct Bad {
  std::string text;
  std::string message;
};

TEST(CollegeSpec, NamesLineAndKeyOfWhatIsWrong) {
  const std::string one = "[[specialist]]\nname = \"a\"\nmodel = \"a.gguf\"\n";
  const std::vector<Bad> cases = {
      {"", "c.toml:1: the college: no key `specialist`"},
      {"name = 3\n" + one, "c.toml:1: the college: key `name`"},
      {"nam = \"x\"\n" + one, "nam"},
      {"name = \"a b\"\n" + one, "`a b` is no name"},
      {"name = \"a\"\n" + one, "the college itself is called `a`"},
      {one + one, "c.toml:4: specialist `a`: another specialist has this name"},
      {"unsure = \"b\"\n" + one, "no specialist is called `b`"},
      {"[[specialist]]\nname = \"a\"\n", "specialist `a`: it has no model"},
      {one + "address = \"http://x\"\n", "more than one model"},
      {"[[specialist]]\nname = \"a\"\nparent = \"p.gguf\"\n", "`mask` is missing"},
      {"[[specialist]]\nname = \"a\"\nmask = \"m.json\"\n", "`parent` is missing"},
      {one + "model_there = \"x\"\n", "need an address"},
      {"[server]\nport = 0\n" + one, "port"},
      {"[server]\nport = 65536\n" + one, "port"},
      {"[server]\nmemory = \"lots\"\n" + one, "`lots` is no number of bytes"},
      {"[server]\nmemory = \"0\"\n" + one, "no number of bytes"},
      {"[server]\nfoo = 1\n" + one, "foo"},
      {"[server]\ncontext = 1\n" + one, "context"},
      {"[[specialist]\n", "not TOML"},
      {std::string("[[specialist]]\nname = \"../a\"\nmodel = \"a.gguf\"\n"), "is no name"},
  };
  for (const auto& bad : cases)
    expect_error(parse_college(bad.text, "c.toml"), Code::kCorrupt, bad.message);
}

TEST(CollegeSpec, AModelThatIsNamedMustBeThere) {
  expect_error(parse_college("[[specialist]]\nname = \"web\"\nmodel = \"hf:nobody/nothing:Q4_0\"\n",
                             "college.toml"),
               Code::kNotFound, "key `model`: `hf:nobody/nothing:Q4_0`");
}

TEST(CollegeSpec, OneFileIsACollegeOfOne) {
  const auto spec = college_of("/models/My Web (v2).gguf");
  ASSERT_EQ(spec.members.size(), 1U);
  EXPECT_EQ(spec.members[0].name, "My-Web--v2-");
  EXPECT_EQ(spec.members[0].model, "/models/My Web (v2).gguf");
  EXPECT_EQ(college_of("/models/.gguf").members[0].name, "specialist");
}

TEST(CollegeSpec, KeysAreLines) {
  const TempDir dir;
  expect_ok(write_file(dir / "keys", "# mine\n  one  \r\n\ntwo\n", Overwrite::kRefuse));
  EXPECT_THAT(value_of(read_keys(dir / "keys")), ElementsAre("one", "two"));
  expect_ok(write_file(dir / "empty", "# none\n", Overwrite::kRefuse));
  expect_error(read_keys(dir / "empty"), Code::kCorrupt, "no API key");
  expect_ok(write_file(dir / "blank", "a\nb c\n", Overwrite::kRefuse));
  expect_error(read_keys(dir / "blank"), Code::kCorrupt, ":2:");
  expect_error(read_keys(dir / "none"), Code::kNotFound, "none");
}

}  // namespace
}  // namespace coe
