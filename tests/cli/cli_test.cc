// The binary from outside, where no inference is needed: manners, messages, exit codes, nothing
// half-written.
#include "support/cli_test.h"

#include "coe/base/utf8.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/moe/model.h"
#include "coe/profile/routing/file.h"

#include "support/expect.h"
#include "support/tiny_gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <sys/stat.h>

namespace coe {
namespace {

using coe::testing::value_of;
using ::testing::AnyOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using Json = nlohmann::json;

class Cli : public coe::testing::CliTest {
 protected:
  Cli() {
    coe::testing::write_tiny(dir_ / "parent.gguf", coe::testing::tiny_moe({.n_expert = 16}));
    coe::testing::write_tiny(dir_ / "other.gguf",
                             coe::testing::tiny_moe({.n_expert = 16, .seed = 9}));
    coe::testing::write_tiny(dir_ / "dense.gguf", coe::testing::tiny_dense());
    write_test_profile();
    write("notes.txt", "Dear diary, this is not a model.\n");
    EXPECT_EQ(run("coe mask -p parent.profile.gguf -k 8 -o mask.json").exit_code, 0);
  }

  bool exists(const std::string& name) { return std::filesystem::exists(dir_ / name); }
  // Nothing but what the fixture and the test put there: no temporaries left.
  bool leftovers() {
    for (const auto& entry : std::filesystem::directory_iterator(dir_.path()))
      if (entry.path().filename().string().ends_with(".part")) return true;
    return false;
  }
  void expect_error(const std::string& command, int exit_code, const std::string& message,
                    const std::string& hint) {
    const auto result = run(command);
    EXPECT_EQ(result.exit_code, exit_code) << command << "\n" << result.err;
    EXPECT_THAT(result.out, IsEmpty()) << command;
    // Before it may stand what text was taken.
    EXPECT_THAT(result.err, AnyOf(StartsWith("error: "), HasSubstr("\nerror: "))) << command;
    EXPECT_THAT(result.err, HasSubstr(message)) << command;
    EXPECT_THAT(result.err, HasSubstr(hint)) << command;
    EXPECT_FALSE(leftovers()) << command;
  }
  // Expert e of each layer is chosen e+1 times at rank 0 and as often at rank 1 by its neighbour.
  void write_test_profile() {
    const auto file = gguf::GgufFile::open(dir_ / "parent.gguf");
    const auto model = describe_moe(*file);
    RoutingStats stats;
    stats.parent = model->id;
    stats.shape.n_expert = model->n_expert;
    stats.shape.n_expert_used = model->n_expert_used;
    for (const auto& layer : model->layers) stats.shape.layers.push_back(layer.id);
    auto domain = DomainStats::zero("web", 1.0, stats.shape, false);
    for (std::size_t l = 0; l < stats.shape.n_layer(); ++l) {
      for (std::size_t e = 0; e < model->n_expert; ++e) {
        const auto n = static_cast<std::int64_t>(e + 1);
        const std::size_t neighbour = (e + 1) % model->n_expert;
        domain.histograms[stats.shape.at(l, e, 0)] += n;
        domain.histograms[stats.shape.at(l, neighbour, 1)] += n;
        domain.weight_sum[stats.shape.at(l, e, 0)] += 0.75 * static_cast<double>(n);
        domain.weight_sum[stats.shape.at(l, neighbour, 1)] += 0.25 * static_cast<double>(n);
      }
    }
    domain.n_token = 16 * 17 / 2;
    domain.n_sample = 4;
    stats.domains.push_back(domain);
    ASSERT_TRUE(write_profile(dir_ / "parent.profile.gguf", stats, Overwrite::kAllow));
  }
};

TEST_F(Cli, HelpAndVersionGoToStdout) {
  const auto help = run("coe --help");
  EXPECT_EQ(help.exit_code, 0);
  for (const auto* verb : {"specialize", "inspect", "corpus", "profile", "merge", "mask", "compare",
                           "prune", "verify", "eval"})
    EXPECT_THAT(help.out, HasSubstr(verb));
  EXPECT_THAT(help.err, IsEmpty());
  const auto version = run("coe --version");
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_THAT(version.out, StartsWith("coe 0."));
}

TEST_F(Cli, UsageErrorsExitWith2AndSuggest) {
  expect_error("coe", 2, "subcommand", "");
  expect_error("coe inspct parent.gguf", 2, "inspct", "did you mean `inspect`");
  expect_error("coe mask -p parent.profile.gguf -k 8 -o m.json --scoer util", 2, "--scoer",
               "did you mean `--score`");
  expect_error("coe bench web --only css", 2, "unknown option `--only`",
               "run `coe bench web --help`");
  expect_error("coe prune -m parent.gguf", 2, "--mask", "");
}

TEST_F(Cli, InspectShowsTheModel) {
  const auto text = run("coe inspect parent.gguf");
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("16 a layer, 2 used per token"));
  const auto doc = Json::parse(run("coe inspect parent.gguf --json").out);
  EXPECT_EQ(doc.at("schema"), "coe.inspect/1");
  EXPECT_EQ(doc.at("n_expert"), 16);
  EXPECT_EQ(doc.at("n_layer_moe"), 2);
  EXPECT_EQ(doc.at("bytes_file"), std::filesystem::file_size(dir_ / "parent.gguf"));
  std::uint64_t sum = 0;
  for (const auto& layer : doc.at("layers")) sum += layer.at("bytes_expert").get<std::uint64_t>();
  EXPECT_EQ(sum, doc.at("bytes_expert").get<std::uint64_t>());
}

TEST_F(Cli, BadModelsExitWith3) {
  expect_error("coe inspect missing.gguf", 3, "missing.gguf", "hint: ");
  expect_error("coe inspect notes.txt", 3, "notes.txt", "hint: ");
  expect_error("coe inspect dense.gguf", 3, "dense.gguf", "Mixture-of-Experts");
  write("empty.gguf", "");
  expect_error("coe inspect empty.gguf", 3, "empty.gguf", "");
  const auto size = std::filesystem::file_size(dir_ / "parent.gguf");
  std::filesystem::copy_file(dir_ / "parent.gguf", dir_ / "cut.gguf");
  std::filesystem::resize_file(dir_ / "cut.gguf", size - 100);
  expect_error("coe inspect cut.gguf", 3, "cut.gguf", "hint: ");
  expect_error("coe prune -m cut.gguf --mask mask.json -o out.gguf", 3, "cut.gguf", "");
  EXPECT_FALSE(exists("out.gguf"));
  expect_error("coe inspect .", 3, ".: is a folder", "give the path of a file in it");
  expect_error("coe inspect https://example.org/m.gguf", 3, "cannot open", "download it first");
}

TEST_F(Cli, ErrorsAreAlsoJson) {
  const auto result = run("coe inspect notes.txt --json");
  EXPECT_EQ(result.exit_code, 3);
  const auto doc = Json::parse(result.out);
  EXPECT_EQ(doc.at("schema"), "coe.error/1");
  EXPECT_EQ(doc.at("error").at("exit_code"), 3);
  EXPECT_THAT(doc.at("error").at("message").get<std::string>(), HasSubstr("notes.txt"));
  EXPECT_THAT(result.err, StartsWith("error: notes.txt"));
}

// util of the fixture grows with the expert id (except that expert 0 takes expert 15's second
// choices).
TEST_F(Cli, MaskKeepsTheBestAndSaysWhatItCovers) {
  const auto result = run("coe mask -p parent.profile.gguf -k 4 -o m.json --json");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto doc = Json::parse(result.out);
  EXPECT_EQ(doc.at("n_keep"), 4);
  EXPECT_GT(doc.at("coverage").get<double>(), 0.4);
  EXPECT_LT(doc.at("coverage").get<double>(), 0.6);
  const auto mask = Json::parse(std::ifstream(dir_ / "m.json"));
  EXPECT_EQ(mask.at("layers").at("0"), (Json{12, 13, 14, 15}));
  ASSERT_EQ(run("coe mask -p parent.profile.gguf -k 4 -o plain.json --plain").exit_code, 0);
  EXPECT_EQ(Json::parse(std::ifstream(dir_ / "plain.json")),
            (Json{{"0", {12, 13, 14, 15}}, {"1", {12, 13, 14, 15}}}));
}

TEST_F(Cli, MaskRefusesImpossibleK) {
  expect_error("coe mask -p parent.profile.gguf -k 1 -o m.json", 2, "K = 1 is below the 2 experts",
               "from 2 to 15");
  expect_error("coe mask -p parent.profile.gguf -k 16 -o m.json", 2, "K = 16", "from 2 to 15");
  expect_error("coe mask -p parent.profile.gguf -k 17 -o m.json", 2, "K = 17", "from 2 to 15");
  expect_error("coe mask -p parent.profile.gguf -k 4 -o m.json --score reep", 2, "reep", "reap");
  expect_error("coe mask -p parent.profile.gguf -k 4 -o m.json --score reap", 2, "reap", "");
  expect_error("coe mask -p parent.profile.gguf -k 4 -o m.json --blend web", 2, "`web`",
               "name=weight");
  expect_error("coe mask -p parent.profile.gguf -k 4 -o m.json --blend css=1", 2, "css", "");
  expect_error("coe mask -p parent.gguf -k 4 -o m.json", 3, "parent.gguf", "");
  expect_error("coe mask -p notes.txt -k 4 -o m.json", 3, "notes.txt", "");
  EXPECT_FALSE(exists("m.json"));
}

TEST_F(Cli, PruneThenVerify) {
  const auto plan = run("coe prune -m parent.gguf --mask mask.json --dry-run");
  EXPECT_EQ(plan.exit_code, 0) << plan.err;
  EXPECT_THAT(plan.out, HasSubstr("blk.0.ffn_gate_inp.weight"));
  const auto pruned = run("coe prune -m parent.gguf --mask mask.json -o child.gguf --json");
  ASSERT_EQ(pruned.exit_code, 0) << pruned.err;
  const auto doc = Json::parse(pruned.out);
  EXPECT_EQ(doc.at("bytes_child"), std::filesystem::file_size(dir_ / "child.gguf"));
  EXPECT_TRUE(doc.at("proof").at("ok").get<bool>());
  EXPECT_EQ(doc.at("proof").at("n_expert_checked"), 2 * 4 * 8);  // layers, tensors, experts kept
  const auto proof = run("coe verify parent.gguf child.gguf --json");
  EXPECT_EQ(proof.exit_code, 0) << proof.out;
  EXPECT_TRUE(Json::parse(proof.out).at("ok").get<bool>());

  // One flipped byte in the last expert is found, and named.
  const auto size = static_cast<std::streamoff>(std::filesystem::file_size(dir_ / "child.gguf"));
  std::fstream file(dir_ / "child.gguf", std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(size - 40);
  const char byte = static_cast<char>(file.get() ^ 1);
  file.seekp(size - 40);
  file.put(byte);
  file.close();
  const auto bad = run("coe verify parent.gguf child.gguf --json");
  EXPECT_EQ(bad.exit_code, 1);
  EXPECT_FALSE(Json::parse(bad.out).at("ok").get<bool>());
  EXPECT_EQ(Json::parse(bad.out).at("bad").size(), 1U);
}

TEST_F(Cli, PruneToFewerExpertsUsed) {
  const auto with_mask =
      run_json("coe prune -m parent.gguf --mask mask.json --experts-used 1 -o fewer.gguf");
  EXPECT_EQ(with_mask.at("n_used"), 1);
  EXPECT_TRUE(with_mask.at("proof").at("ok").get<bool>());
  const auto all = run("coe prune -m parent.gguf --experts-used 1 -o all.gguf");
  EXPECT_EQ(all.exit_code, 0) << all.err;
  EXPECT_THAT(all.out, HasSubstr("16 of 16 experts a layer, 1 of 2 used a token"));
  EXPECT_EQ(run_json("coe verify parent.gguf fewer.gguf").at("n_used"), 1);
  EXPECT_THAT(run("coe verify parent.gguf all.gguf").out,
              HasSubstr("experts used a token: 1, fewer than the parent's"));
  const auto cut = run_json("coe inspect fewer.gguf").at("specialist");
  EXPECT_EQ(cut.at("n_used"), 1);
  EXPECT_EQ(run_json("coe prune -m parent.gguf --mask mask.json -o c.gguf").at("n_used"), nullptr);

  expect_error("coe prune -m parent.gguf -o o.gguf", 2, "--mask: no mask given", "--experts-used");
  expect_error("coe prune -m parent.gguf --mask mask.json --experts-used 0 -o o.gguf", 2,
               "--experts-used", "");
  expect_error("coe prune -m parent.gguf --mask mask.json --experts-used 3 -o o.gguf", 2,
               "3 experts used a token are not from 1 to below its own 2", "choose 1 to 1");
  expect_error(
      "coe prune -m parent.gguf --mask mask.json --experts-used 1 --no-provenance -o o.gguf", 2,
      "no record of it is to be written", "leave out one of");
}

// A specialist with a value that is no number would answer with noise.
TEST_F(Cli, PruneDoesNotNameAChildThatFailsItsProof) {
  ASSERT_EQ(run("coe prune -m parent.gguf --mask mask.json -o child.gguf").exit_code, 0);
  const auto old = read("child.gguf");
  for (const bool kept : {true, false}) {
    auto model = coe::testing::tiny_moe({.n_expert = 16});
    const auto mask = value_of(parse_mask(value_of(read_text(dir_ / "mask.json")), "mask.json"));
    const auto& ids = mask.layers().begin()->second;
    std::size_t expert = 0;
    while (ids.contains(ExpertId{static_cast<std::uint32_t>(expert)}) != kept) ++expert;
    auto& bytes = model.tensor("blk.0.ffn_down_exps.weight").bytes;
    const float nan = std::numeric_limits<float>::quiet_NaN();
    std::memcpy(&bytes[expert * (bytes.size() / 16) + 8], &nan, sizeof(nan));
    write_tiny(dir_ / "parent.gguf", model);
    write_test_profile();
    ASSERT_EQ(run("coe mask -p parent.profile.gguf -k 8 -o mask.json --force").exit_code, 0);
    const std::string prune = "coe prune -m parent.gguf --mask mask.json -o child.gguf --force";
    if (kept) {
      expect_error(prune, 1, "failed its proof and is not kept: blk.0.ffn_down_exps.weight: kept",
                   "coe verify PARENT PARENT");
      EXPECT_EQ(read("child.gguf"), old);
      EXPECT_FALSE(leftovers());
      const auto bytes_only = run(prune + " --no-verify --json");
      EXPECT_EQ(bytes_only.exit_code, 0);
      EXPECT_TRUE(Json::parse(bytes_only.out).at("proof").is_null());
      EXPECT_EQ(run("coe verify parent.gguf child.gguf").exit_code, 1);
    } else {
      EXPECT_EQ(run(prune).exit_code, 0);
    }
  }
}

// What is no number, or none of that kind, is not taken for another one.
TEST_F(Cli, NumbersAreHeldToBeSome) {
  const std::string sweep = "coe mask -p parent.profile.gguf --sweep 4,8 --max-loss ";
  const std::string random =
      "coe mask -p parent.profile.gguf -k 8 --score random -o r.json --seed ";
  expect_error(sweep + "nan", 2, "--max-loss: `nan` is no finite number", "");
  expect_error(sweep + "abc", 2, "--max-loss", "");
  for (const std::string seed : {"-1", "99999999999999999999", "1e3", "' 7'", "0x10"})
    expect_error(random + seed, 2, "is no whole number from 0 on, or too large", "");
  EXPECT_EQ(run(random + "18446744073709551615").exit_code, 0);
  expect_error("coe mask -p parent.profile.gguf -k 8 -o b.json --blend a=inf", 2,
               "`a=inf` is not of the form name=weight", "");
  for (const std::string weight : {"inf", "nan", "1e308"})
    expect_error("coe mask -p parent.profile.gguf:" + weight + " -k 8 -o b.json", 3, "cannot open",
                 "");
  expect_error("coe corpus build x.toml -o y.jsonl --max-bad -1", 2, "neither a share nor", "");
  EXPECT_FALSE(exists("b.json"));
}

// A name with control characters, as it comes from a list of files.
TEST_F(Cli, UsageErrorsKeepTheTerminalAsItIs) {
  for (const std::string words :
       {"'pro\x1b[31mfile'", "inspect --no'\x1b]0;x\x07'", "mask -k '\r'"}) {
    const auto result = run("coe " + words);
    EXPECT_EQ(result.exit_code, 2) << words;
    EXPECT_THAT(result.err, Not(HasSubstr("\x1b"))) << words;
    EXPECT_THAT(result.err, Not(HasSubstr("\r"))) << words;
  }
}

// Whatever a verb says: a terminal would break it within words.
TEST_F(Cli, LinesEndWithinTheTerminal) {
  if (run("command -v script").exit_code != 0) GTEST_SKIP() << "there is no script(1)";
  for (const std::string verb :
       {"inspect parent.gguf", "doctor", "models", "help exit-codes", "specialize --help",
        "bench web --list --suite '" COE_SOURCE_DIR "/web'", "verify parent.gguf other.gguf",
        "prune -m parent.gguf --mask mask.json -o narrow.gguf",
        "mask -p parent.profile.gguf --sweep 4,8,12", "inspect notes.txt",
        "profile -m parent.gguf -f no-such-folder-of-text -o p.gguf"}) {
    const auto shown =
        run("NO_COLOR=1 COE_NO_PROGRESS=1 LC_ALL=C.UTF-8 script -qec \"stty cols 60 </dev/tty; "
            "'" COE_BINARY "' " +
            verb + "\" /dev/null");
    std::istringstream lines(shown.out);
    std::size_t n = 0;
    for (std::string line; std::getline(lines, line); ++n) {
      if (line.ends_with('\r')) line.pop_back();
      const auto first = std::min(line.find_first_not_of(' '), line.size());
      const auto words = line.substr(first);
      const bool is_command = words.starts_with("coe ") || words.starts_with("next: ");
      if (is_command || words.find(' ') == std::string::npos) continue;
      EXPECT_LE(count_chars(line), 60U) << verb << ": " << line;
    }
    EXPECT_GT(n, 0U) << verb;
  }
}

TEST_F(Cli, HelpThatCannotBeWrittenIsAnError) {
  for (const std::string words : {"--help", "--version", "inspect --help"}) {
    const auto result = run("coe " + words + " > /dev/full");
    EXPECT_EQ(result.exit_code, 1) << words;
    EXPECT_THAT(result.err, HasSubstr("standard output: cannot write")) << words;
  }
}

TEST_F(Cli, PruneNamesTheChildAndInspectSaysWhoseItIs) {
  const auto inspect = [&](const std::string& file) {
    return Json::parse(run("coe inspect " + file + " --json").out);
  };
  ASSERT_EQ(run("coe prune -m parent.gguf --mask mask.json -o child.gguf").exit_code, 0);
  const auto doc = inspect("child.gguf");
  EXPECT_EQ(doc.at("name"), "Tiny web 8 of 16 experts");
  const auto& specialist = doc.at("specialist");
  EXPECT_EQ(specialist.at("parent").at("name"), "Tiny");
  EXPECT_EQ(specialist.at("parent").at("digest"), inspect("parent.gguf").at("digest"));
  EXPECT_EQ(specialist.at("n_keep"), 8);
  EXPECT_EQ(specialist.at("n_expert"), 16);
  EXPECT_EQ(specialist.at("n_layer"), 2);
  EXPECT_EQ(specialist.at("domain"), "web");
  EXPECT_THAT(
      run("coe inspect child.gguf").out,
      HasSubstr("  specialist    8 of 16 experts in each of 2 layers of Tiny, made by coe "));
  EXPECT_TRUE(inspect("parent.gguf").at("specialist").is_null());
  EXPECT_THAT(run("coe inspect parent.gguf").out, Not(HasSubstr("specialist  ")));

  const std::string again =
      "coe prune -m parent.gguf --mask mask.json -o named.gguf --json --name ";
  const auto named = run(again + "'My web model'");
  ASSERT_EQ(named.exit_code, 0) << named.err;
  EXPECT_EQ(Json::parse(named.out).at("name"), "My web model");
  EXPECT_EQ(inspect("named.gguf").at("name"), "My web model");
  EXPECT_EQ(run("coe verify parent.gguf named.gguf").exit_code, 0);
  EXPECT_EQ(run(again + "' ' --force").exit_code, 2);
  EXPECT_EQ(run(again + "A --no-provenance --force").exit_code, 2);
}

TEST_F(Cli, VerbsSayWhatToTypeNext) {
  const auto says = [&](const std::string& command, const std::string& next) {
    const auto result = run(command);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.out, EndsWith("\nnext: " + next + "\n")) << command;
  };
  says("coe inspect parent.gguf",
       "coe specialize -m parent.gguf -f DOMAIN.jsonl -k half -o specialist.gguf");
  says("coe merge parent.profile.gguf parent.profile.gguf -o two.profile.gguf",
       "coe mask -p two.profile.gguf -k half -o two.mask.json");
  says("coe mask -p parent.profile.gguf -k 4 -o m4.mask.json",
       "coe prune -m PARENT.gguf --mask m4.mask.json -o m4.gguf");
  says("coe mask -p parent.profile.gguf --sweep 4,15",
       "coe mask -p parent.profile.gguf -k 15 -o parent.mask.json");
  says("coe compare mask.json m4.mask.json",
       "coe eval -m PARENT.gguf --mask mask.json --mask m4.mask.json -f HELD-OUT.jsonl");
  says("coe prune -m parent.gguf --mask mask.json --dry-run",
       "coe prune -m parent.gguf --mask mask.json -o mask.gguf");
  says("coe prune -m parent.gguf --mask mask.json --no-verify -o 'my child.gguf'",
       "coe verify parent.gguf 'my child.gguf'");
  says("coe prune -m parent.gguf --mask mask.json -o proven.gguf",
       "coe eval -m proven.gguf --parent parent.gguf -f HELD-OUT.jsonl");
  says("coe verify parent.gguf 'my child.gguf'",
       "coe eval -m 'my child.gguf' --parent parent.gguf -f HELD-OUT.jsonl");
}

// With --force, too: the parent would be gone.
TEST_F(Cli, NoVerbWritesOverItsInput) {
  std::filesystem::create_hard_link(dir_ / "parent.gguf", dir_ / "hard.gguf");
  std::filesystem::create_symlink("parent.gguf", dir_ / "soft.gguf");
  const auto before = read("parent.gguf");
  const auto profile = read("parent.profile.gguf");
  for (const std::string name : {"parent.gguf", "hard.gguf", "soft.gguf", "./parent.gguf"})
    expect_error("coe prune -m parent.gguf --mask mask.json --force -o " + name, 2,
                 "the output is an input of the same command (--model)", "another name");
  for (const std::string command :
       {"coe prune -m parent.gguf --mask mask.json -o mask.json",
        "coe merge parent.profile.gguf parent.profile.gguf -o parent.profile.gguf",
        "coe mask -p parent.profile.gguf=0.5 -k 4 -o parent.profile.gguf",
        "coe mask -p parent.profile.gguf:0.5 -k 4 -o parent.profile.gguf",
        "coe compare mask.json mask.json --svg mask.json",
        "coe mask --recipe mask.json -p parent.profile.gguf -o mask.json"})
    expect_error(command + " --force", 2, "the output is an input", "");
  EXPECT_EQ(read("parent.gguf"), before);
  EXPECT_EQ(read("parent.profile.gguf"), profile);
}

// Whoever starts coe without them would find what is printed inside a tensor.
TEST_F(Cli, ClosedDescriptorsDoNotReachAnOutput) {
  ASSERT_EQ(run("coe prune -m parent.gguf --mask mask.json -o right.gguf").exit_code, 0);
  for (const std::string closed : {"2>&-", ">&- 2>&-", "<&- >&- 2>&-", "<&- 2>&-"}) {
    EXPECT_EQ(run("coe prune -v -m parent.gguf --mask mask.json --force -o child.gguf " + closed)
                  .exit_code,
              0)
        << closed;
    EXPECT_EQ(read("child.gguf"), read("right.gguf")) << closed;
  }
}

TEST_F(Cli, NamedPipesAreNoInputs) {
  ASSERT_EQ(::mkfifo((dir_ / "pipe").c_str(), 0600), 0);
  for (const std::string command :
       {"coe inspect pipe", "coe prune -m parent.gguf --mask pipe -o o.gguf",
        "coe verify parent.gguf pipe", "coe corpus check pipe", "coe merge pipe pipe -o o.gguf",
        "coe mask -p pipe -k 4 -o o.json"})
    expect_error(command, 3, "pipe: not a regular file", "");
}

TEST_F(Cli, PruneRefusesMasksThatDoNotFit) {
  expect_error("coe prune -m other.gguf --mask mask.json -o out.gguf", 3, "mask.json", "");
  write("dup.json", R"({"0":[1,1,2],"1":[1,2,3]})");
  expect_error("coe prune -m parent.gguf --mask dup.json -o out.gguf", 3, "layer 0", "");
  write("unequal.json", R"({"0":[1,2],"1":[1,2,3]})");
  expect_error("coe prune -m parent.gguf --mask unequal.json -o out.gguf", 3, "layer 1", "");
  write("missing.json", R"({"0":[1,2]})");
  expect_error("coe prune -m parent.gguf --mask missing.json -o out.gguf", 3, "1", "");
  write("high.json", R"({"0":[1,16],"1":[1,2]})");
  expect_error("coe prune -m parent.gguf --mask high.json -o out.gguf", 3, "16", "");
  write("few.json", R"({"0":[1],"1":[1]})");
  expect_error("coe prune -m parent.gguf --mask few.json -o out.gguf", 2, "K = 1 is below the 2",
               "");
  expect_error("coe prune -m parent.gguf --mask notes.txt -o out.gguf", 3, "notes.txt", "");
  EXPECT_FALSE(exists("out.gguf"));
}

TEST_F(Cli, OutputsAreNotOverwrittenWithoutForce) {
  write("child.gguf", "precious");
  expect_error("coe prune -m parent.gguf --mask mask.json -o child.gguf", 2, "child.gguf",
               "--force");
  expect_error("coe mask -p parent.profile.gguf -k 4 -o mask.json", 2, "mask.json", "--force");
  expect_error("coe merge parent.profile.gguf parent.profile.gguf -o mask.json", 2, "mask.json",
               "--force");
  EXPECT_EQ(std::filesystem::file_size(dir_ / "child.gguf"), 8U);
  EXPECT_EQ(run("coe prune -m parent.gguf --mask mask.json -o child.gguf --force -q").exit_code, 0);
  EXPECT_GT(std::filesystem::file_size(dir_ / "child.gguf"), 8U);
  expect_error("coe prune -m parent.gguf --mask mask.json -o none/child.gguf", 3, "none", "mkdir");
}

// A file size limit stands in for a full disk: write() fails half-way.
TEST_F(Cli, AFullDiskLeavesNothing) {
  expect_error("ulimit -f 8; coe prune -m parent.gguf --mask mask.json -o out.gguf", 1, "out.gguf",
               "");
  EXPECT_FALSE(exists("out.gguf"));
  const auto result = run("coe inspect parent.gguf > /dev/full");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("standard output"));
}

TEST_F(Cli, FullDiskBehindStderrChangesNothing) {
  EXPECT_EQ(run("coe inspect absent.gguf 2> /dev/full").exit_code, 3);
  EXPECT_EQ(run("coe inspekt 2> /dev/full").exit_code, 2);
  EXPECT_EQ(run("coe prune -m parent.gguf --mask mask.json -o child.gguf 2> /dev/full").exit_code,
            0);
}

TEST_F(Cli, MergeAddsProfiles) {
  const auto result =
      run("coe merge parent.profile.gguf parent.profile.gguf -o twice.profile.gguf --json");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(Json::parse(result.out).at("n_token"), 2 * 136);
}

TEST_F(Cli, StdoutStaysCleanInAPipe) {
  const auto closed = run("coe inspect parent.gguf | true");
  EXPECT_EQ(closed.exit_code, 0);
  EXPECT_THAT(closed.err, IsEmpty());
  const auto quiet = run("coe prune -m parent.gguf --mask mask.json -o q.gguf -q");
  EXPECT_THAT(quiet.out + quiet.err, IsEmpty());
}

TEST_F(Cli, CorpusBuildMakesText) {
  write("spec.toml",
        "[[domain]]\nname = \"reasoning\"\n[[domain.source]]\nkind = \"reasoning\"\nseed = 3\nn = "
        "20\n");
  const auto result = run("coe corpus build spec.toml -o corpus.jsonl --json");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(Json::parse(result.out).at("n_record"), 20);
  expect_error("coe corpus build spec.toml -o corpus.jsonl", 2, "corpus.jsonl", "--force");
  expect_error("coe corpus build missing.toml -o c.jsonl", 3, "missing.toml", "");
  write("broken.toml", "[[domain]\n");
  expect_error("coe corpus build broken.toml -o c.jsonl", 3, "broken.toml", "");
}

TEST_F(Cli, CorpusCheckFindsLeaks) {
  write("train.jsonl", "{\"text\":\"What is one plus two?\"}\n{\"text\":\"Name a colour.\"}\n");
  write("leaky.jsonl", "{\"text\":\"Name a fruit.\"}\n{\"text\":\"what is ONE plus two?\"}\n");
  write("clean.jsonl", "{\"text\":\"Name a fruit.\"}\n");
  const auto leaky = run("coe corpus check train.jsonl --against leaky.jsonl --json");
  EXPECT_EQ(leaky.exit_code, 1) << leaky.err;
  const auto doc = Json::parse(leaky.out);
  EXPECT_EQ(doc.at("schema"), "coe.corpus-check/1");
  EXPECT_EQ(doc.at("n_record"), 2);
  EXPECT_TRUE(doc.at("n_token").is_null());
  ASSERT_EQ(doc.at("leaks").size(), 1U);
  EXPECT_EQ(doc.at("leaks")[0].at("evaluation"), "leaky.jsonl:2");
  EXPECT_EQ(doc.at("leaks")[0].at("profiling"), "train.jsonl:1");
  EXPECT_EQ(run("coe corpus check train.jsonl --against clean.jsonl").exit_code, 0);
  EXPECT_EQ(run("coe corpus check train.jsonl").exit_code, 0);
  expect_error("coe corpus check missing.jsonl", 3, "missing.jsonl", "");
  expect_error("coe corpus check train.jsonl --share 0.3", 2, "--against", "");
}

TEST_F(Cli, ProfileRefusesBadText) {
  const std::string rest = " -m parent.gguf -o p.gguf";
  write("empty.jsonl", "");
  expect_error("coe profile -f empty.jsonl" + rest, 3, "empty.jsonl", "");
  write("bad.jsonl", "{\"text\":\"fine\"}\nnot json\n");
  expect_error("coe profile -f bad.jsonl" + rest, 3, "bad.jsonl:2", "");
  write("field.jsonl", "{\"body\":\"fine\"}\n");
  expect_error("coe profile -f field.jsonl" + rest, 3, "field.jsonl:1", "body");
  write("good.jsonl", "{\"text\":\"fine\"}\n");
  expect_error("coe profile -f good.jsonl --shard 3/2" + rest, 2, "--shard", "");
  expect_error("coe profile -f good.jsonl --domain css" + rest, 2, "`css`", "good");
  EXPECT_FALSE(exists("p.gguf"));
}

}  // namespace
}  // namespace coe
