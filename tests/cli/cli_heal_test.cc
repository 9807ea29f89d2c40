// coe heal from outside, on the bundled model: it betters held-out text, proves itself, and goes on
// after a kill to the same bytes.
#include "coe/base/file.h"

#include "support/cli_test.h"
#include "support/expect.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>

namespace coe {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

constexpr const char* kModel = COE_SOURCE_DIR "/models/gemma4-tiny-moe-q4_k_m.gguf";

// Every source file of a folder of ours is a record.
class CliHeal : public coe::testing::CliTest {
 protected:
  CliHeal() {
    std::ofstream fit(dir_ / "fit.jsonl");
    std::ofstream held_out(dir_ / "held-out.jsonl");
    std::size_t n = 0;
    for (const auto* folder : {"/src/coe/base", "/src/coe/model/gguf"})
      for (const auto& entry :
           std::filesystem::directory_iterator(std::string(COE_SOURCE_DIR) + folder)) {
        if (entry.path().extension() != ".cc") continue;
        const auto text = coe::testing::value_of(read_text(entry.path()));
        (n++ % 6 == 0 ? held_out : fit)
            << Json{{"text", text.substr(0, 4000)}, {"domain", "cpp"}}.dump() << "\n";
      }
    fit.close();
    const auto profiled =
        run(fmt::format("coe profile -m {} -f fit.jsonl --max-tokens 1500 -o p.gguf -q", kModel));
    EXPECT_EQ(profiled.exit_code, 0) << profiled.err;
    const auto masked = run("coe mask -p p.gguf -k 32 -o m.json -q");
    EXPECT_EQ(masked.exit_code, 0) << masked.err;
  }
  std::string heal(const std::string& options, const std::string& output = "healed.gguf") const {
    return fmt::format(
        "coe heal -m {} --mask m.json -f fit.jsonl --tokens 2000 --validation-tokens 600 {} -o {}",
        kModel, options, output);
  }
  double kl(const std::string& child) const {
    const auto result =
        run_json(fmt::format("coe eval -m {} --parent {} -f held-out.jsonl", child, kModel));
    return result.at("results").at(0).at("domains").at(0).at("kl_mean").get<double>();
  }
};

TEST_F(CliHeal, LosesLessThanTheCut) {
  const auto cut = run(fmt::format("coe prune -m {} --mask m.json -o cut.gguf -q", kModel));
  ASSERT_EQ(cut.exit_code, 0) << cut.err;
  const auto doc = run_json(heal("--method ridge --eval held-out.jsonl"));
  EXPECT_EQ(doc.at("schema"), "coe.heal/1");
  EXPECT_TRUE(doc.at("healed").get<bool>());
  EXPECT_TRUE(doc.at("proven").get<bool>());
  EXPECT_LT(doc.at("after").get<double>(), .95);
  EXPECT_EQ(doc.at("layers").size(), 8U);
  EXPECT_FALSE(std::filesystem::exists(dir_ / "healed.gguf.heal"));
  const auto record = Json::parse(read("healed.heal.json"));
  EXPECT_EQ(record.at("method"), "ridge");
  EXPECT_EQ(record.at("layers").at(3).at("after"), doc.at("layers").at(3).at("after"));
  EXPECT_LT(kl("healed.gguf"), .97 * kl("cut.gguf"));

  const auto refused = run(fmt::format("coe verify {} healed.gguf", kModel));
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.out, HasSubstr("is healed: `coe verify --healed` proves the rest"));
  const auto proven = run_json(fmt::format("coe verify --healed {} healed.gguf", kModel));
  EXPECT_TRUE(proven.at("ok").get<bool>());
  EXPECT_GE(proven.at("healed").size(), 8U);
  EXPECT_GT(proven.at("healed").at(0).at("change").get<double>(), 0.0);
  EXPECT_EQ(proven.at("n_expert_checked"), 8 * 32 * 4);
  // Nothing but what is listed differs, which a byte of a healed tensor does too.
  auto bytes = read("healed.gguf");
  bytes[bytes.size() - 4096 * 3] ^= 1;
  write("tampered.gguf", bytes);
  EXPECT_EQ(run(fmt::format("coe verify --healed {} tampered.gguf", kModel)).exit_code, 1);
}

// Healing makes up for experts that are there and not used, beside others that are gone.
TEST_F(CliHeal, MakesUpForFewerExpertsUsed) {
  for (const std::string mask : {"--mask m.json ", ""}) {
    const auto cut =
        run(fmt::format("coe prune -m {} {}--experts-used 4 -o cut.gguf -q --force", kModel, mask));
    ASSERT_EQ(cut.exit_code, 0) << cut.err;
    const auto doc = run_json(
        fmt::format("coe heal -m {} {}-f fit.jsonl --tokens 2000 --validation-tokens 600 --method "
                    "ridge --experts-used 4 -o healed.gguf --force",
                    kModel, mask));
    EXPECT_EQ(doc.at("n_used"), 4);
    EXPECT_THAT(doc.at("settings").get<std::string>(), HasSubstr(" experts_used=4 "));
    EXPECT_LT(doc.at("after").get<double>(), .95);
    EXPECT_LT(kl("healed.gguf"), .97 * kl("cut.gguf"));
    const auto proven = run_json(fmt::format("coe verify --healed {} healed.gguf", kModel));
    EXPECT_TRUE(proven.at("ok").get<bool>());
    EXPECT_EQ(proven.at("n_used"), 4);
    EXPECT_EQ(run(fmt::format("coe verify {} cut.gguf -f held-out.jsonl -q", kModel)).exit_code, 0);
  }
  // A file that says another number than its record: the run ends early, and the finding is said.
  auto bytes = read("cut.gguf");
  const std::string key = "gemma4.expert_used_count";
  bytes.at(bytes.find(key) + key.size() + 4) = 3;
  write("edited.gguf", bytes);
  const auto edited = run(fmt::format("coe verify {} edited.gguf -f held-out.jsonl", kModel));
  EXPECT_EQ(edited.exit_code, 1) << edited.err;
  EXPECT_THAT(edited.out, HasSubstr("expert_used_count")) << edited.err;
  // The main job's child is that of the two verbs, and what it measures is the file.
  const auto doc = run_json(
      fmt::format("coe specialize -m {} -f fit.jsonl --eval held-out.jsonl -k 32 -o s.gguf "
                  "--max-tokens 256 --random 1 --no-chat-check --experts-used 4 --heal ridge "
                  "--heal-tokens 2000",
                  kModel));
  EXPECT_EQ(doc.at("n_used"), 4);
  ASSERT_EQ(run(fmt::format("coe heal -m {} --mask s.mask.json -f fit.jsonl --tokens 2000 --method "
                            "ridge --experts-used 4 -q -o h.gguf",
                            kModel))
                .exit_code,
            0);
  EXPECT_TRUE(read("h.gguf") == read("s.gguf"));
  const auto measured = run_json(
      fmt::format("coe eval -m s.gguf --parent {} -f held-out.jsonl --max-tokens 256", kModel));
  EXPECT_NEAR(measured.at("results").at(0).at("domains").at(0).at("kl_mean").get<double>(),
              doc.at("eval").at("domains").at(0).at("kl_mean").get<double>(), 2e-3);
  const auto refused =
      run(fmt::format("coe heal -m {} --experts-used 8 -f fit.jsonl -o refused.gguf", kModel));
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("not from 1 to below its own 8"));
}

TEST_F(CliHeal, GoesOnAfterAKillToTheSameBytes) {
  const std::string options = "--method adam --steps 60 -t 2 ";
  ASSERT_EQ(run(heal(options, "whole.gguf") + " -q").exit_code, 0);
  const auto killed = run_and_signal(heal(options), "KILL", "[ -e healed.gguf.heal/layer-3.gguf ]");
  EXPECT_EQ(killed.exit_code, 137) << killed.err;
  EXPECT_FALSE(std::filesystem::exists(dir_ / "healed.gguf"));
  const auto layer = std::filesystem::last_write_time(dir_ / "healed.gguf.heal/layer-0.gguf");
  const auto stopped = run_and_signal(heal(options), "INT", "[ -e healed.gguf.heal/layer-6.gguf ]");
  EXPECT_EQ(stopped.exit_code, 130) << stopped.err;
  EXPECT_EQ(std::filesystem::last_write_time(dir_ / "healed.gguf.heal/layer-0.gguf"), layer);
  const auto doc = run_json(heal(options));
  EXPECT_TRUE(doc.at("resumed").get<bool>());
  EXPECT_TRUE(read("healed.gguf") == read("whole.gguf"));
}

// What was gathered serves another method. Where it is gone, or what is said of it was damaged, it
// is gathered again, and never taken for zeros.
TEST_F(CliHeal, GathersAgainWhatIsGone) {
  const auto state = dir_ / "state";
  const auto bytes_of = [&](const std::string& output, const std::string& warning) {
    const auto result = run(heal("--method gain --state state", output));
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(result.err.find("begins anew") != std::string::npos, !warning.empty()) << result.err;
    EXPECT_THAT(result.err, HasSubstr(warning));
    for (int layer = 0; layer < 8; ++layer)  // so that the next run needs the vectors
      std::filesystem::remove(state / fmt::format("layer-{}.gguf", layer));
    return read(output);
  };
  const auto first = bytes_of("first.gguf", "");
  EXPECT_TRUE(bytes_of("again.gguf", "") == first);
  std::filesystem::remove(state / "tokens.bin");
  EXPECT_TRUE(bytes_of("gone.gguf", "tokens.bin, is gone or of another size") == first);
  auto text = read("state/state.json");
  text[text.find("n_done") + 9] ^= 1;
  write("state/state.json", text);
  EXPECT_TRUE(bytes_of("damaged.gguf", "has another form, or was damaged") == first);
  write("state/state.json", R"({"key": 5})");
  EXPECT_TRUE(bytes_of("other.gguf", "has another form, or was damaged") == first);
}

// The stage of the main job is the verb's; what is measured of it is the file.
TEST_F(CliHeal, SpecializeHeals) {
  const auto command = [](const std::string& method) {
    return fmt::format(
        "coe specialize -m {} -f fit.jsonl --eval held-out.jsonl -k 32 -o s.gguf --max-tokens 256 "
        "--random 1 --no-chat-check --heal {} --heal-tokens 2000",
        kModel, method);
  };
  const auto doc = run_json(command("ridge"));
  EXPECT_TRUE(doc.at("healing").at("healed").get<bool>());
  EXPECT_EQ(doc.at("healing").at("method"), "ridge");
  EXPECT_LT(doc.at("healing").at("after").get<double>(), .95);
  EXPECT_TRUE(doc.at("slice_check").is_null());
  const auto& row = doc.at("eval").at("domains").at(0);
  EXPECT_LT(row.at("kl_mean").get<double>(), .97 * row.at("cut_kl_mean").get<double>());
  for (const auto* gone : {"s.heal", "s.parent.logits"})
    EXPECT_FALSE(std::filesystem::exists(dir_ / gone)) << gone;

  const auto healed = run(fmt::format(
      "coe heal -m {} --mask s.mask.json -f fit.jsonl --tokens 2000 --method ridge -q -o h.gguf",
      kModel));
  ASSERT_EQ(healed.exit_code, 0) << healed.err;
  EXPECT_TRUE(read("h.gguf") == read("s.gguf"));
  // The evaluation goes by the parent's logits condensed to all but 1e-4 of their probability.
  const auto measured = run_json(
      fmt::format("coe eval -m s.gguf --parent {} -f held-out.jsonl --max-tokens 256", kModel));
  EXPECT_NEAR(measured.at("results").at(0).at("domains").at(0).at("kl_mean").get<double>(),
              row.at("kl_mean").get<double>(), 2e-3);

  const auto again = run_json(command("ridge"));
  for (const auto& stage : again.at("stages"))
    EXPECT_EQ(stage.at("reused").get<bool>(), stage.at("name") != "verify") << stage;
  EXPECT_EQ(again.at("eval"), doc.at("eval"));
  const auto other = run(command("gain"));
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.err, HasSubstr("s.heal.json: is of another run: "));
  const auto cut =
      run(fmt::format("coe specialize -m {} -f fit.jsonl --eval held-out.jsonl -k 32 "
                      "-o s.gguf --max-tokens 256 --random 1 --no-chat-check",
                      kModel));
  EXPECT_EQ(cut.exit_code, 2);
  EXPECT_THAT(cut.err, HasSubstr("s.gguf: is of another run: "));
  // The text of a pass is healed on, too.
  std::ofstream(dir_ / "pass.jsonl")
      << Json{{"text", std::string(900, 'x')}, {"domain", "pass"}} << "\n"
      << Json{{"text", "The sea was calm that day."}, {"domain", "pass"}} << "\n";
  const auto with_pass = run_json(command("ridge") + " --cot pass.jsonl --force");
  EXPECT_NE(with_pass.at("healing").at("text_digest"), doc.at("healing").at("text_digest"));
  const auto joined =
      run(fmt::format("coe heal -m {} --mask s.mask.json -f fit.jsonl -f pass.jsonl --tokens 2000 "
                      "--method ridge -q -o h.gguf --force",
                      kModel));
  ASSERT_EQ(joined.exit_code, 0) << joined.err;
  EXPECT_TRUE(read("h.gguf") == read("s.gguf"));
  std::ofstream(dir_ / "single.jsonl") << R"({"text": "alone", "domain": "single"})" << "\n";
  const auto single = run(command("ridge") + " --cot single.jsonl --force -q");
  EXPECT_EQ(single.exit_code, 3);
  EXPECT_THAT(single.err, HasSubstr("single: has a single text, so nothing can be held out"));
  EXPECT_THAT(single.err, HasSubstr("healing judges itself by texts that it did not fit on"));
  ASSERT_EQ(run(command("ridge") + " --force -q").exit_code, 0);
  // A child that nothing explains is refused before it would be healed for.
  std::filesystem::remove(dir_ / "s.heal.json");
  const auto unexplained = run(command("ridge"));
  EXPECT_EQ(unexplained.exit_code, 2);
  EXPECT_THAT(unexplained.err, HasSubstr("s.gguf: is of another run: it is not healed so"));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "s.heal"));
}

TEST_F(CliHeal, APackageSaysThatItsModelIsHealed) {
  ASSERT_EQ(run(heal("--method gain -q")).exit_code, 0);
  ASSERT_EQ(run("coe package healed.gguf --mask m.json -o package -q").exit_code, 0);
  EXPECT_THAT(read("package/README.md"), HasSubstr("\nThen it was healed: "));
  const auto manifest = Json::parse(read("package/manifest.json"));
  EXPECT_THAT(manifest.at("recipe").at("healing").at("settings").get<std::string>(),
              HasSubstr("method=gain"));
  const auto check = fmt::format("coe package --check package -m {} --json", kModel);
  const auto proof = run(check);
  EXPECT_EQ(proof.exit_code, 0) << proof.out;
  EXPECT_THAT(proof.out, HasSubstr("but for the tensors that healing made"));
}

TEST_F(CliHeal, SaysWhatIsWrong) {
  const auto expect = [&](const std::string& options, int code, const std::string& part) {
    const auto result = run(heal(options));
    EXPECT_EQ(result.exit_code, code) << options << ": " << result.err;
    EXPECT_THAT(result.err, HasSubstr(part));
    EXPECT_FALSE(std::filesystem::exists(dir_ / "healed.gguf"));
  };
  expect("--eval fit.jsonl", 3, "evaluation records stand in the text to heal on");
  expect("--type q9", 2, "`Q9` is no type of tensors");
  expect("--type IQ1_S", 2, "without an importance matrix");
  expect("--method magic", 2, "--method");
  const auto made =
      run(std::string(COE_BUILD_DIR) +
          "/coe-make-model qwen3-30b-a3b --layers 2 --experts 16 --vocab 1000 -o q.gguf");
  ASSERT_EQ(made.exit_code, 0) << made.err;
  const auto none = run("coe specialize -m q.gguf -f fit.jsonl -k 8 -o s.gguf --heal ridge");
  EXPECT_EQ(none.exit_code, 3) << none.err;
  EXPECT_THAT(none.err, HasSubstr("layer 0 cannot be healed: it has no dense FFN and no shared"));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "s.profile.gguf"));
  write("one.jsonl", "{\"text\": \"one\"}\n");
  const auto single =
      run(fmt::format("coe heal -m {} --mask m.json -f one.jsonl -o healed.gguf", kModel));
  EXPECT_EQ(single.exit_code, 3) << single.err;
  const auto other =
      run(fmt::format("coe verify --healed {} {} -f held-out.jsonl", kModel, kModel));
  EXPECT_EQ(other.exit_code, 2);
}

}  // namespace
}  // namespace coe
