// The binary with the engine, on the bundled model: the main job from outside.
#include "coe/base/file.h"
#include "coe/mask/keep_mask.h"
#include "coe/profile/routing/file.h"

#include "support/cli_test.h"
#include "support/expect.h"
#include "support/model_stores.h"
#include "support/ollama_form.h"
#include "support/reasoning_chats.h"
#include "support/tiny_gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <span>
#include <string>

namespace coe {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Json = nlohmann::json;

#ifdef COE_SANITIZED
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
constexpr const char* kModel = COE_SOURCE_DIR "/models/gemma4-tiny-moe-q4_k_m.gguf";

class CliEngine : public coe::testing::CliTest {
 protected:
  CliEngine() {
    coe::testing::write_reasoning_chats(dir_ / "train.jsonl", 1, 30);
    coe::testing::write_reasoning_chats(dir_ / "test.jsonl", 2, 30);
  }
  std::string model() const { return kModel; }
  static testing::TinyGguf copy_of_model() {
    const auto file = testing::value_of(gguf::GgufFile::open(kModel));
    testing::TinyGguf copy{file.header().keys, {}};
    for (const auto& tensor : file.header().tensors)
      copy.tensors.push_back({tensor, testing::value_of(file.read_all(tensor))});
    return copy;
  }
};

// The parent runs once; the file, too, brackets what the running parent gives.
TEST_F(CliEngine, TheParentsLogitsAreKept) {
  run_json("coe profile -t 1 -m " + model() + " -f train.jsonl -o p.gguf");
  run_json("coe mask -p p.gguf -k 64 -o m.json");
  const std::string eval =
      "coe eval -t 1 -m " + model() + " --mask m.json -f test.jsonl --max-tokens 32";
  const auto total = [](const Json& doc) { return doc.at("results").at(0).at("total"); };
  const auto exact = total(run_json(eval));
  const std::string cached = eval + " --cache-tail 0.01 --parent-cache parent.logits";
  const auto first = run_json(cached);
  const auto second = run_json(cached);
  EXPECT_TRUE(first.at("parent_cache").at("written").get<bool>());
  EXPECT_FALSE(second.at("parent_cache").at("written").get<bool>());
  EXPECT_EQ(first.at("results"), second.at("results"));
  const double kl = exact.at("kl_mean");
  EXPECT_LT(total(second).at("kl_mean").get<double>(), kl);
  EXPECT_GT(total(second).at("kl_mean_most").get<double>(), kl);
  EXPECT_EQ(total(second).at("parent_perplexity"), exact.at("parent_perplexity"));
  EXPECT_EQ(total(second).at("top1_agreement"), exact.at("top1_agreement"));

  const auto other =
      run("coe eval -t 1 -m " + model() +
          " --mask m.json -f train.jsonl --max-tokens 32 --parent-cache parent.logits");
  EXPECT_EQ(other.exit_code, 3);
  EXPECT_THAT(other.err, HasSubstr("parent.logits: is of other text"));
}

// The parent's logits serve every child, whatever its metadata are, and need no parent any more.
TEST_F(CliEngine, TheParentsLogitsServeItsChildren) {
  run_json("coe profile -t 1 -m " + model() + " -f train.jsonl -o p.gguf");
  run_json("coe mask -p p.gguf -k 64 -o m.json");
  run_json("coe prune -m " + model() + " --mask m.json -o c.gguf");
  const std::string text = " -f test.jsonl --max-tokens 32 --parent-cache parent.logits";
  run_json("coe eval -t 1 -m c.gguf --parent " + model() + text);
  const auto with = run_json("coe eval -t 1 -m c.gguf --parent " + model() + text);
  EXPECT_FALSE(with.at("parent_cache").at("written").get<bool>());
  const auto alone = run_json("coe eval -t 1 -m c.gguf" + text);
  EXPECT_EQ(alone.at("results"), with.at("results"));
  const auto other = run("coe eval -t 1 -b 16 -m c.gguf" + text);
  EXPECT_EQ(other.exit_code, 3);
  EXPECT_THAT(other.err, HasSubstr("n_batch (512 vs 16)"));
}

// Instant specialists: a mask and the parent's file are as good as the file of the child.
TEST_F(CliEngine, AMaskIsRunWithoutAFile) {
  run_json("coe profile -t 1 -m " + model() + " -f train.jsonl -o p.gguf");
  run_json("coe mask -p p.gguf -k 64 -o m.json");
  run_json("coe prune -m " + model() + " --mask m.json -o c.gguf");
  const std::string masked = " -t 1 -m " + model() + " --mask m.json";
  const std::string cached = " -f test.jsonl --max-tokens 32 --parent-cache parent.logits";
  // Where the parent runs in any case it is in memory for the mask, too.
  const auto virtual_one = run_json("coe eval" + masked + cached);
  EXPECT_EQ(virtual_one.at("masked_as"), "virtual");
  const auto instant = run_json("coe eval" + masked + cached);
  EXPECT_EQ(instant.at("masked_as"), "instant");
  const auto total = [](const Json& doc) { return doc.at("results").at(0).at("total"); };
  EXPECT_EQ(total(instant), total(run_json("coe eval -t 1 -m c.gguf" + cached)));
  EXPECT_EQ(run_json("coe eval" + masked + cached + " --virtual").at("masked_as"), "virtual");
  // Two at once, the parent beside them.
  const auto both = run_json("coe eval" + masked +
                             " --mask m.json --instant -f test.jsonl "
                             "--max-tokens 32");
  for (std::size_t i = 0; i < 2; ++i)
    EXPECT_EQ(both.at("results").at(i).at("total").at("perplexity"),
              total(instant).at("perplexity"));

  const std::string ask = " -p \"Is 7 a prime?\" --max-new-tokens 12";
  const auto answer = [&](const std::string& of) {
    return run_json("coe chat" + of + ask).at("answer");
  };
  EXPECT_EQ(answer(masked), answer(" -t 1 -m c.gguf"));
  EXPECT_EQ(answer(masked + " --instant"), answer(masked));

  run_json("coe profile" + masked + " --instant -f test.jsonl -o i.profile.gguf");
  run_json("coe profile -t 1 -m c.gguf -f test.jsonl -o c.profile.gguf");
  const auto found = coe::testing::value_of(read_profile(dir_ / "i.profile.gguf"));
  const auto wanted = coe::testing::value_of(read_profile(dir_ / "c.profile.gguf"));
  EXPECT_EQ(found.parent.digest, wanted.parent.digest);
  EXPECT_EQ(found.settings, wanted.settings);
  ASSERT_EQ(found.domains.size(), wanted.domains.size());
  EXPECT_EQ(found.domains[0].histograms, wanted.domains[0].histograms);
  EXPECT_EQ(found.domains[0].weight_sum, wanted.domains[0].weight_sum);

  EXPECT_EQ(run("coe chat -m " + model() + " --instant" + ask).exit_code, 2);
  EXPECT_EQ(run("coe chat" + masked + " --instant --virtual" + ask).exit_code, 2);
  ASSERT_EQ(run("sed s/gemma4/qwen3moe/ m.json > other.json").exit_code, 0);
  const auto wrong = run("coe chat -m " + model() + " --mask other.json" + ask);
  EXPECT_EQ(wrong.exit_code, 3);
}

TEST_F(CliEngine, TheStagesOneByOne) {
  const auto profile = run_json("coe profile -t 1 -m " + model() + " -f train.jsonl -o p.gguf");
  EXPECT_GT(profile.at("n_token").get<int>(), 1000);
  EXPECT_EQ(profile.at("n_sample"), 30);
  EXPECT_GT(profile.at("tokens_per_s").get<double>(), 0.0);
  const auto mask = run_json("coe mask -p p.gguf -k 64 -o m.json");
  EXPECT_GT(mask.at("coverage").get<double>(), 0.5);
  run_json("coe prune -m " + model() + " --mask m.json -o c.gguf");
  EXPECT_TRUE(run_json("coe verify " + model() + " c.gguf").at("ok").get<bool>());

  // Perplexity is the same three ways: virtual surgery, the sliced file alone, the sliced file
  // beside its parent.
  const auto masked = run_json("coe eval -t 1 -m " + model() + " --mask m.json -f test.jsonl")
                          .at("results")
                          .at(0)
                          .at("domains")
                          .at(0);
  const auto alone =
      run_json("coe eval -t 1 -m c.gguf -f test.jsonl").at("results").at(0).at("domains").at(0);
  const auto beside = run_json("coe eval -t 1 -m c.gguf --parent " + model() + " -f test.jsonl")
                          .at("results")
                          .at(0)
                          .at("domains")
                          .at(0);
  const double perplexity = masked.at("perplexity");
  EXPECT_GT(perplexity, 1.0);
  EXPECT_NEAR(alone.at("perplexity").get<double>(), perplexity, 1e-3 * perplexity);
  EXPECT_NEAR(beside.at("kl_mean").get<double>(), masked.at("kl_mean").get<double>(), 1e-3);
  EXPECT_TRUE(alone.at("kl_mean").is_null());

  // Routing, too: what the sliced file chooses, virtual surgery chooses under the old numbers. On
  // most CPUs to the last choice. Experts of equal scores are ranked as the engine's sort leaves
  // them, which depends on how many it sorts: on an AMD EPYC such a pair was summed in another
  // order, and of that record's later choices near-ties fell the other way, 264 of 200,000.
  const auto routed = run_json("coe profile -t 1 -m c.gguf -f test.jsonl -o child.profile.gguf");
  EXPECT_EQ(routed.at("n_sample"), 30);
  run_json("coe profile -t 1 -m " + model() + " --mask m.json -f test.jsonl -o v.profile.gguf");
  const auto child = coe::testing::value_of(read_profile(dir_ / "child.profile.gguf"));
  const auto under = coe::testing::value_of(read_profile(dir_ / "v.profile.gguf"));
  const auto kept = coe::testing::value_of(
      parse_mask(coe::testing::value_of(read_text(dir_ / "m.json")), "m.json"));
  EXPECT_EQ(under.mask_digest, kept.digest());
  const auto& shape = under.shape;
  std::int64_t n_removed = 0;
  std::int64_t n_choice = 0;
  std::int64_t n_other = 0;
  for (std::size_t l = 0; l < shape.n_layer(); ++l) {
    const auto& ids = kept.layers().at(shape.layers[l]);
    for (std::size_t i = 0; i < ids.size(); ++i)
      for (std::size_t k = 0; k < shape.n_expert_used; ++k) {
        const auto of_parent = shape.at(l, ids[i].value, k);
        const auto of_child = child.shape.at(l, i, k);
        const auto n_moved =
            under.domains[0].histograms[of_parent] - child.domains[0].histograms[of_child];
        n_choice += child.domains[0].histograms[of_child];
        n_other += std::abs(n_moved);
        ASSERT_NEAR(under.domains[0].weight_sum[of_parent], child.domains[0].weight_sum[of_child],
                    0.01 + static_cast<double>(std::abs(n_moved)));
      }
    for (std::uint32_t e = 0; e < shape.n_expert; ++e)
      for (std::size_t k = 0; k < shape.n_expert_used; ++k)
        if (!kept.keeps(shape.layers[l], ExpertId{e}))
          n_removed += under.domains[0].histograms[shape.at(l, e, k)];
  }
  EXPECT_EQ(n_removed, 0);
  EXPECT_GT(n_choice, 50'000);
  EXPECT_LE(n_other, n_choice / 100);
  EXPECT_EQ(run("coe merge child.profile.gguf v.profile.gguf -o no.gguf").exit_code, 3);
  run_json("coe profile -t 1 -m " + model() + " -f test.jsonl -o whole.profile.gguf");
  EXPECT_THAT(run("coe merge whole.profile.gguf v.profile.gguf -o no.gguf").err,
              HasSubstr("taken under another mask"));
}

// With text, verify runs both files; a child of another mask fails both proofs.
TEST_F(CliEngine, VerifyWithTextHoldsTheChildsLayersToTheMaskedParents) {
  run_json("coe profile -t 1 -m " + model() + " -f train.jsonl -o p.gguf");
  run_json("coe mask -p p.gguf -k 64 -o m.json");
  run_json("coe mask -p p.gguf -k 64 --score rank -o other.json");
  run_json("coe prune -m " + model() + " --mask m.json -o c.gguf");
  const std::string verify = "coe verify " + model() + " c.gguf -t 1 -f test.jsonl";
  const auto proof = run_json(verify);
  EXPECT_TRUE(proof.at("ok").get<bool>());
  const auto& check = proof.at("slice_check");
  EXPECT_TRUE(check.at("ok").get<bool>());
  EXPECT_EQ(check.at("output_diff_max"), 0.0);
  EXPECT_EQ(check.at("layers").size(), 8U);
  EXPECT_EQ(check.at("n_choice"), 8 * check.at("n_token").get<int>());

  const auto wrong = run(verify + " --mask other.json");
  EXPECT_EQ(wrong.exit_code, 1);
  EXPECT_THAT(wrong.out, HasSubstr("NOT what the parent computes: layer 0: a router score"));
}

TEST_F(CliEngine, EvalComparesMasksWithTheFirst) {
  run_json("coe profile -t 1 -m " + model() + " -f train.jsonl -o p.gguf");
  run_json("coe mask -p p.gguf -k 64 -o a.json");
  run_json("coe mask -p p.gguf -k 64 --score random -o b.json");
  const auto results = run_json("coe eval -t 1 -m " + model() +
                                " --mask a.json --mask b.json --mask a.json -f test.jsonl")
                           .at("results");
  ASSERT_EQ(results.size(), 3U);
  const auto row = [&](std::size_t i) -> const Json& { return results.at(i).at("domains").at(0); };
  EXPECT_TRUE(row(0).at("kl_to_first").is_null());
  const auto& ratio = row(1).at("kl_to_first");
  EXPECT_NEAR(ratio.at("value").get<double>(),
              row(1).at("kl_mean").get<double>() / row(0).at("kl_mean").get<double>(), 1e-12);
  EXPECT_GT(ratio.at("lower").get<double>(), 1.0);  // random is worse, beyond chance
  EXPECT_GT(ratio.at("upper").get<double>(), ratio.at("value").get<double>());
  EXPECT_EQ(row(2).at("kl_to_first").at("upper"), 1.0);
  EXPECT_EQ(row(2).at("kl_mean"), row(0).at("kl_mean"));
}

TEST_F(CliEngine, SpecializeEndsWithATableAndResumes) {
  const std::string command = "coe specialize -t 1 -m " + model() +
                              " -f train.jsonl --eval test.jsonl -k 64 -o s.gguf --random 1";
  const auto first = run(command);
  ASSERT_EQ(first.exit_code, 0) << first.err;
  for (const auto* part : {"64 of 128 experts", "→", "reasoning (its domain)", "random 64"})
    EXPECT_THAT(first.out, HasSubstr(part));
  const auto second = run_json(command);
  for (const auto& stage : second.at("stages"))
    EXPECT_TRUE(stage.at("reused").get<bool>() || stage.at("name") == "verify") << stage;
  const auto& row = second.at("eval").at("domains").at(0);
  EXPECT_LT(row.at("perplexity").get<double>(), row.at("random_perplexity").at(0).get<double>());
  EXPECT_EQ(second.at("bytes_child"), std::filesystem::file_size(dir_ / "s.gguf"));
}

// What comes and what is reused is said before the first work; on a terminal, which stage runs.
TEST_F(CliEngine, SpecializeSaysItsStages) {
  const std::string command = "specialize -t 1 -m " + model() +
                              " -f train.jsonl --eval test.jsonl -k 64 -o s.gguf --random 0";
  const auto first = run("coe " + command);
  ASSERT_EQ(first.exit_code, 0) << first.err;
  EXPECT_THAT(first.err, HasSubstr("7 stages:\n"
                                   "  profile: to do (s.profile.gguf)\n"
                                   "  mask: to do (s.mask.json)\n"
                                   "  prune: to do (s.gguf)\n"
                                   "  verify: to do\n"
                                   "  eval: to do (s.eval.json)\n"
                                   "  chat: to do (s.chat.json)\n"
                                   "  report: to do (s.report.html)\n"));
  std::filesystem::remove(dir_ / "s.gguf");
  std::filesystem::remove(dir_ / "s.eval.json");
  const auto second = run("coe " + command + " --no-report --no-chat-check");
  ASSERT_EQ(second.exit_code, 0) << second.err;
  EXPECT_THAT(second.err, HasSubstr("5 stages:\n"
                                    "  profile: reused (s.profile.gguf)\n"
                                    "  mask: reused (s.mask.json)\n"
                                    "  prune: to do (s.gguf)\n"
                                    "  verify: to do\n"
                                    "  eval: to do (s.eval.json)\n"));
  EXPECT_THAT(run("coe " + command + " -q").err, Not(HasSubstr("stages")));
  EXPECT_THAT(run("coe " + command + " --json").err, Not(HasSubstr("stages")));
  if (run("command -v script").exit_code != 0) GTEST_SKIP() << "there is no script(1)";
  const auto shown = run("script -qec \"'" COE_BINARY "' " + command + " --force\" /dev/null");
  ASSERT_EQ(shown.exit_code, 0) << shown.out;
  for (const auto* part : {"4 of 7  verify", "7 stages:", "s.report.html"})
    EXPECT_THAT(shown.out, HasSubstr(part));
  EXPECT_THAT(shown.out, Not(HasSubstr("1 of 7")));
}

// As Ollama has it: one file with a vision tower, in its store, by its name.
TEST_F(CliEngine, AModelOfOllamasWithATowerIsSpecialised) {
  auto towered = copy_of_model();
  testing::add_tower(towered);
  testing::use_ollama_names(towered);
  testing::put_ollama(dir_ / ".ollama/models", "registry.ollama.ai/library/tiny/latest", "aa",
                      towered);
  const auto at_home = [](const std::string& command) {
    return "unset OLLAMA_MODELS; export HOME=\"$PWD\"; coe " + command;
  };
  const std::string rest = " -t 1 -f train.jsonl --eval test.jsonl -k 64 --random 0 ";
  const auto doc = run_json(at_home("specialize -m ollama:tiny" + rest + "-o tower.gguf"));
  const auto plain = run_json("coe specialize -m " + model() + rest + "-o plain.gguf");
  EXPECT_EQ(doc.at("eval").at("domains"), plain.at("eval").at("domains"));
  EXPECT_EQ(Json::parse(read("tower.mask.json")).at("layers"),
            Json::parse(read("plain.mask.json")).at("layers"));
  const auto child = testing::value_of(gguf::GgufFile::open(dir_ / "tower.gguf"));
  for (const auto* name : {"v.patch_embd.weight", "v.clamp_data", "mm.input_projection.weight"})
    EXPECT_TRUE(testing::value_of(child.read_all(*child.header().find_tensor(name))) ==
                towered.tensor(name).bytes)
        << name;
  const auto proof = run_json(at_home("verify ollama:tiny tower.gguf"));
  EXPECT_EQ(proof.at("ok"), true);
  EXPECT_GT(run_json(at_home("inspect ollama:tiny")).at("bytes_part").at("tower"), 0);
  // llama.cpp's server cannot load it, and is given its text part.
  EXPECT_THAT(run("coe inspect tower.gguf").out, HasSubstr("\nnext: coe serve tower.gguf\n"));
  std::ofstream(dir_ / "q.jsonl") << R"({"question": "What is 2 + 3?"})" << "\n";
  const auto answered =
      run("'" COE_BINARY
          "' serve tower.gguf -t 1 -c 512 --port 0 --cache cuts > serve.out 2>&1 & "
          "for i in $(seq 300); do url=$(grep -o 'http://127[0-9.:]*' serve.out | head -1); "
          "[ -n \"$url\" ] && break; sleep .1; done; "
          "coe corpus generate q.jsonl --endpoint $url --max-new-tokens 4 --json -o g; "
          "code=$?; kill $!; wait; cat serve.out >&2; exit $code");
  EXPECT_EQ(answered.exit_code, 0) << answered.err;
  EXPECT_EQ(Json::parse(answered.out).at("n_failed"), 0) << answered.out;
}

TEST_F(CliEngine, SaysWhatToTypeNext) {
  const auto says = [&](const std::string& command, const std::string& next) {
    const auto result = run("coe " + command);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr("\nnext: " + next)) << command;
  };
  const std::string runs = " -t 1 -m " + model();
  says("profile" + runs + " -f train.jsonl -o a.profile.gguf",
       "coe mask -p a.profile.gguf -k half -o a.mask.json\n");
  says("recon" + runs + " -f train.jsonl --tokens 300 -o a.recon.gguf",
       "coe mask -p DOMAIN.profile.gguf --score-table a.recon.gguf -k half -o a.mask.json\n");
  says("mask -p a.profile.gguf -k 64 -o a.mask.json",
       "coe prune -m PARENT.gguf --mask a.mask.json -o a.gguf\n");
  says("eval" + runs + " --mask a.mask.json -f test.jsonl --max-tokens 32",
       "coe prune -m " + model() + " --mask a.mask.json -o a.gguf\n");
  says("specialize" + runs +
           " -p a.profile.gguf --eval test.jsonl --max-tokens 32 -k 64 "
           "--random 0 -o s.gguf",
       "llama-server -m s.gguf -c 20480 --reasoning off --temp 0.6 --top-k 64 --top-p 0.95 "
       "--min-p 0 --repeat-penalty 1.05 --repeat-last-n 1024\n");
}

// What llama.cpp asserts ends the process; once a debugger began to print onto stdout.
TEST_F(CliEngine, SaysWhatTheEngineStoppedFor) {
  if (kSanitized) GTEST_SKIP() << "crashes are left to the sanitizers";
  const auto with = [&](const std::string& key, const gguf::Value& value) {
    auto copy = copy_of_model();
    copy.set(key, value);
    testing::write_tiny(dir_ / "x.gguf", copy);
  };
  const auto expect_stopped = [&](const std::string& words) {
    const auto result = run("coe eval -t 1 -m x.gguf -f test.jsonl");
    EXPECT_EQ(result.exit_code, 4) << words;
    EXPECT_EQ(result.out, "") << words;
    EXPECT_THAT(result.err, HasSubstr("\nerror: x.gguf: ")) << words;  // after what was taken
    EXPECT_THAT(result.err, HasSubstr(words));
    EXPECT_THAT(result.err, HasSubstr("\nhint: ")) << words;
  };
  with("tokenizer.ggml.bos_token_id", gguf::Value::u32(4'000'000'000));
  expect_stopped("llama.cpp stopped: ");
  with("gemma4.block_count", gguf::Value::u32(4'000'000));
  expect_stopped("llama.cpp stopped: ");
  with("tokenizer.ggml.tokens", gguf::Value::strings(std::vector<std::string>(8192, "a")));
  expect_stopped("llama.cpp stopped: ");
  const auto remote = run("coe eval -t 1 -m " + model() + " -f test.jsonl --rpc 127.0.0.1:9");
  EXPECT_EQ(remote.exit_code, 4) << remote.err;
  EXPECT_THAT(remote.err, HasSubstr("\nerror: --rpc 127.0.0.1:9: "));
}

TEST_F(CliEngine, SaysThatATemplateDoesNotEnd) {
  if (kSanitized) GTEST_SKIP() << "crashes are left to the sanitizers";
  auto copy = copy_of_model();
  const auto expect_error = [&](const std::string& source) {
    copy.set("tokenizer.chat_template", gguf::Value::string(source));
    testing::write_tiny(dir_ / "x.gguf", copy);
    const auto result = run("echo hello | coe chat -t 1 -m x.gguf");
    EXPECT_THAT(result.exit_code, AnyOf(3, 4)) << result.err;
    EXPECT_THAT(result.err, StartsWith("error: x.gguf: ")) << result.err;
  };
  expect_error("{% for i in range(1000000000) %}{{ i }}{% endfor %}");
  expect_error("{{ " + std::string(200'000, '(') + "1" + std::string(200'000, ')') + " }}");
}

// A soft cap that is no number leaves every weight as it was; what answers is noise all the same.
TEST_F(CliEngine, SaysThatAModelGivesNoNumbers) {
  auto copy = copy_of_model();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  copy.set("gemma4.final_logit_softcapping",
           gguf::Value::from_bytes(gguf::ValueType::kF32, std::as_bytes(std::span(&nan, 1))));
  testing::write_tiny(dir_ / "nan.gguf", copy);
  std::ofstream(dir_ / "hello.txt") << "hello\n";
  for (const std::string command :
       {"coe eval -t 1 -m nan.gguf -f test.jsonl --max-tokens 16 --json",
        "coe specialize -t 1 -m nan.gguf -f train.jsonl -k 64 -o s.gguf --max-tokens 16 --json",
        "coe chat -t 1 -m nan.gguf < hello.txt"}) {
    const auto result = run(command);
    EXPECT_EQ(result.exit_code, 1) << command;
    EXPECT_THAT(result.err, HasSubstr("gives logits that are no numbers")) << command;
    EXPECT_THAT(result.out, Not(HasSubstr("perplexity"))) << command;
  }
}

TEST_F(CliEngine, RefusesADenseModelAndAnOutputThatExists) {
  coe::testing::write_tiny(dir_ / "dense.gguf", coe::testing::tiny_dense());
  const auto dense = run("coe specialize -m dense.gguf -f train.jsonl -k 4 -o s.gguf");
  EXPECT_EQ(dense.exit_code, 3) << dense.err;
  std::ofstream(dir_ / "p.gguf") << "precious";
  const auto exists = run("coe profile -t 1 -m " + model() + " -f train.jsonl -o p.gguf");
  EXPECT_EQ(exists.exit_code, 2);
  EXPECT_THAT(exists.err, HasSubstr("--force"));
}

TEST_F(CliEngine, UntilStableStopsAndReports) {
  const std::string profile = "coe profile -t 1 -m " + model() + " -f train.jsonl ";
  const auto stopped =
      run_json(profile + "-o s.profile.gguf --until-stable 0.3 --stability-keep 32");
  EXPECT_LT(stopped.at("n_sample"), 30);
  EXPECT_GE(stopped.at("n_sample"), 20);
  const auto& stability = stopped.at("stability");
  EXPECT_TRUE(stability.at("stopped").get<bool>());
  EXPECT_EQ(stability.at("n_keep"), 32);
  EXPECT_GE(stability.at("jaccard_lower").get<double>(), 0.3);
  std::ifstream file(dir_ / "s.profile.stability.json");
  const auto report = Json::parse(file);
  EXPECT_EQ(report.at("schema"), "coe.stability/1");
  EXPECT_EQ(report.at("n_token"), stopped.at("n_token"));
  EXPECT_TRUE(std::filesystem::exists(dir_ / "s.profile.stability.svg"));
  // Without a number the threshold is 0.95, which so little text does not reach.
  const auto whole = run_json(profile + "-o w.gguf --until-stable");
  EXPECT_EQ(whole.at("n_sample"), 30);
  EXPECT_FALSE(whole.at("stability").at("stopped").get<bool>());
  EXPECT_EQ(whole.at("stability").at("n_keep"), 64);
  for (const auto* aggregate : {"max", "maxmin"})
    EXPECT_GT(run_json("coe mask -p w.gguf -k 64 --aggregate " + std::string(aggregate) + " -o " +
                       aggregate + ".json")
                  .at("coverage")
                  .get<double>(),
              0.5);
}

TEST_F(CliEngine, TemperedProfilesStandApart) {
  const std::string profile = "coe profile -t 1 -m " + model() + " -f test.jsonl ";
  run_json(profile + "--router-temperature 0.6 --coactivation -o cold.gguf");
  run_json(profile + "--coactivation -o warm.gguf");
  const auto merged = run("coe merge warm.gguf cold.gguf -o both.gguf");
  EXPECT_EQ(merged.exit_code, 3);
  EXPECT_THAT(merged.err, HasSubstr("another router temperature (0.6 vs 1)"));
  const auto refused = run(profile + "--router-temperature 0 -o zero.gguf");
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("router temperature of 0 is not above 0"));
}

TEST_F(CliEngine, ReconGivesATableThatMasksAreMadeOf) {
  const std::string recon = "coe recon -t 1 -m " + model() + " -f train.jsonl --tokens 600 ";
  const auto made = run_json(recon + "-o r.gguf");
  EXPECT_EQ(made.at("n_token"), 600);
  EXPECT_EQ(made.at("n_candidate"), 64);
  const auto& loss = made.at("loss");
  ASSERT_EQ(loss.size(), 3U);
  EXPECT_EQ(loss[0].at("n_keep"), 64);
  EXPECT_GT(loss[0].at("mean").get<double>(), 0.0);
  EXPECT_LT(loss[0].at("mean").get<double>(), loss[2].at("mean").get<double>());
  run_json(recon + "-o s.gguf --memory 10");  // a layer at a time
  EXPECT_EQ(run("tail -c 10000 r.gguf > r.end; tail -c 10000 s.gguf | cmp - r.end").exit_code, 0);
  run_json("coe profile -t 1 -m " + model() + " -f train.jsonl -o p.gguf");
  const auto mask = run_json("coe mask -p p.gguf --score-table r.gguf -k 64 -o m.json");
  EXPECT_EQ(mask.at("score"), "recon");
  const auto eval =
      run_json("coe eval -t 1 -m " + model() + " -f test.jsonl --mask m.json --max-tokens 64");
  EXPECT_LT(eval.at("results").at(0).at("total").at("kl_mean").get<double>(), 2.0);
  EXPECT_EQ(run("coe mask --score-table r.gguf -k 64 -o n.json").exit_code, 2);
  EXPECT_EQ(run("coe mask -p p.gguf --score-table m.json -k 64 -o n.json").exit_code, 3);

  // Validation chooses, and the mask is rebuilt from its own recipe without it.
  const auto chosen = run_json("coe mask -p p.gguf --score-table r.gguf -k 64 --score auto -m " +
                               model() + " -f test.jsonl --max-tokens 64 -t 1 -o a.json");
  ASSERT_EQ(chosen.at("trials").size(), 4U);
  double least = 1e9;
  std::string best;
  for (const auto& trial : chosen.at("trials")) {
    const double kl = trial.at("kl_mean");
    if (kl < least) best = trial.at("score");
    least = std::min(least, kl);
  }
  EXPECT_EQ(chosen.at("score"), best);
  EXPECT_TRUE(run_json("coe mask --recipe a.json -p p.gguf --score-table r.gguf -o b.json")
                  .at("identical")
                  .get<bool>());
  EXPECT_EQ(run("coe mask -p p.gguf -k 64 --score auto -o n.json").exit_code, 2);

  const auto sweep = run_json("coe mask -p p.gguf --sweep 32,64-96/32 -m " + model() +
                              " -f test.jsonl --max-tokens 64 -t 1 --svg sweep.svg")
                         .at("points");
  ASSERT_EQ(sweep.size(), 3U);
  EXPECT_GT(sweep[0].at("kl_mean"), sweep[1].at("kl_mean"));
  EXPECT_GT(sweep[1].at("kl_mean"), sweep[2].at("kl_mean"));
  EXPECT_TRUE(sweep[1].at("fused_top_k").get<bool>());
  EXPECT_FALSE(sweep[2].at("fused_top_k").get<bool>());
  run_json("coe mask -p p.gguf -k 96 -o k96.json");
  run_json("coe prune -m " + model() + " --mask k96.json -o k96.gguf");
  EXPECT_NEAR(sweep[2].at("bytes_file").get<double>(),
              static_cast<double>(std::filesystem::file_size(dir_ / "k96.gguf")), 8192);
  EXPECT_TRUE(std::filesystem::exists(dir_ / "sweep.svg"));
  EXPECT_EQ(run(recon + "-o t.gguf --candidates 7").exit_code, 2);
}

// Ctrl-C: the signal arrives while the profile runs; nothing is left under its name.
TEST_F(CliEngine, AnInterruptLeavesNothing) {
  const auto result = run(
      "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do cat train.jsonl; done | "
      "sed 's/\"text\":\"/&'\"$RANDOM\"' /' > long.jsonl; '" COE_BINARY "' profile -m " +
      model() +
      " -f long.jsonl -o p.gguf & pid=$!; "
      "while [ ! -e started ] && kill -0 $pid 2>/dev/null; do "
      "  grep -q gemma4 /proc/$pid/maps 2>/dev/null && { touch started; kill -INT $pid; }; done; "
      "wait $pid");
  EXPECT_EQ(result.exit_code, 130) << result.err;
  EXPECT_FALSE(std::filesystem::exists(dir_ / "p.gguf"));
  EXPECT_FALSE(std::filesystem::exists(dir_ / ".p.gguf.part"));
}

}  // namespace
}  // namespace coe
