// What the functions of cli/render/ say, letter by letter, of results made by hand.
#include "coe/cli/render/corpus.h"
#include "coe/cli/render/mask_report.h"
#include "coe/cli/render/profile.h"
#include "coe/cli/render/slice_check.h"
#include "coe/cli/render/specialize.h"
#include "coe/cli/render/sweep.h"
#include "coe/cli/render/table.h"
#include "coe/cli/render/verify.h"
#include "coe/cli/render/web.h"
#include "coe/cli/terminal_text.h"

#include "support/expect.h"
#include "support/tiny_stats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace coe::cli {
namespace {

using ::coe::testing::value_of;
using ::testing::HasSubstr;

// The document, which must have the tool's version, without it.
std::string without_version(Json doc) {
  EXPECT_EQ(doc.erase("version"), 1U);
  return doc.dump();
}

// Four tokens, of which the model predicts as the parent does unless a test says otherwise.
DomainEval eval_of(std::string name) {
  DomainEval eval;
  eval.name = std::move(name);
  eval.n_record = 2;
  eval.n_token = 4;
  eval.n_top1_same = 3;
  eval.kl = 2.0;
  return eval;
}

TEST(RenderTable, PadsToTheWidestCell) {
  EXPECT_EQ(format_table({{"a", "bb"}, {"→→→", "1"}, {"x", "", ""}}),
            "  a     bb\n"
            "  →→→    1\n"
            "  x\n");
}

// Records of 300 tokens, all alike, so that intervals are points.
DomainEval even_eval(std::string name, std::uint64_t n_record, double perplexity_ratio, double kl) {
  DomainEval eval;
  eval.name = std::move(name);
  for (std::uint64_t i = 0; i < n_record; ++i) {
    RecordEval record;
    record.n_token = 300;
    record.reference_nll = 300 * std::log(2.0);
    record.nll = 300 * std::log(2.0 * perplexity_ratio);
    record.kl = 300 * kl;
    record.n_top1_same = 270;
    eval.add(record);
  }
  return eval;
}

SpecializeReport small_report() {
  SpecializeReport report;
  report.name = "Tiny css 8 of 16 experts";
  report.counts.n_keep = 8;
  report.counts.n_expert = 16;
  report.bytes_parent = 2000;
  report.bytes_child = 1000;
  report.aggregate = "subdomain";
  report.built.domain = "css";
  report.built.coverage.mean = 0.75;
  report.built.domain_coverage.mean = 0.75;
  report.n_expert_checked = 48;
  return report;
}

TEST(RenderSpecialize, SaysWhatWasMade) {
  auto report = small_report();
  report.scores = {{"util", 0.25, false}, {"share", 0.125, true}};
  report.domains = {{.name = "css",
                     .own = true,
                     .specialist = even_eval("css", 5, 1.25, 0.125),
                     .random = {even_eval("css", 5, 3, 1.5), even_eval("css", 5, 3, 1.75)},
                     .verdict = Verdict::kKeeps},
                    {.name = "js",
                     .own = false,
                     .specialist = even_eval("js", 1, 4, 0.75),
                     .random = {even_eval("js", 1, 3, 1), even_eval("js", 1, 3, 1)},
                     .verdict = Verdict::kTooLittle}};
  EXPECT_EQ(
      specialize_text({report, "p.gguf", "s.gguf"}),
      "\ns.gguf: 8 of 16 experts kept in each layer\n"
      "\n"
      "  name   Tiny css 8 of 16 experts\n"
      "  size   2.00 kB → 1.00 kB (50 % of the parent)\n"
      "  proof  48 experts equal their source byte for byte\n"
      "  score  KL on validation text: util 0.250, share 0.125 (taken)\n"
      "\n"
      "Mask, by subdomain (75.0 % of the score covered):\n"
      "  pass          swaps   dropped   left out   coverage before     after\n"
      "  domain: css                                                  75.00 %\n"
      "\n"
      "On held-out text (95 % intervals over records; KL in nats a token, 0 is the parent):\n"
      "  text               records   tokens   perplexity × parent's   KL to parent   same first "
      "choice   KL of random 8\n"
      "  css (its domain)         5     1500                    1.25          0.125                "
      "90 %   1.500 to 1.750\n"
      "  js                       1      300                    4.00          0.750                "
      "90 %            1.000\n"
      "\n"
      "  css: kept\n"
      "  js: too little text (1 record of 300 tokens) to say anything\n"
      "  (a verdict needs 5 records and 1000 tokens at least: give more text, or --eval)\n");
}

TEST(RenderSpecialize, SaysWhatWasChecked) {
  auto report = small_report();
  report.slice_check.emplace();
  report.noise = NoiseFloor{.n_token = 7, .kl_mean = 0.5, .top1_agreement = 1.0};
  EXPECT_THAT(
      specialize_text({report, "p.gguf", "s.gguf"}),
      HasSubstr("byte for byte\n"
                "         layer by layer on the masked parent's inputs the file computes what that "
                "does: "
                "router scores within 0 %, outputs within 0 %, 0 of 0 choices otherwise "
                "(0 of 0 kept experts ran)\n"
                "  noise  on this GPU the parent differs from itself by KL 0.5 (first choice the "
                "same for 100.0 %) when it is run as a masked one\n"
                "\n"
                "Mask"));
}

TEST(RenderSpecialize, SaysThatAChatModelSawNoChats) {
  auto report = small_report();
  report.chats = ChatText{.n_record = 20, .n_chat = 0};
  EXPECT_THAT(specialize_text({report, "p.gguf", "s.gguf"}),
              HasSubstr("The parent has a chat template, and none of the 20 records is a chat"));
  EXPECT_EQ(specialize_json({report, "p.gguf", "s.gguf"})["chats"].dump(),
            R"({"n_record":20,"n_chat":0})");
  report.chats->n_chat = 1;
  EXPECT_THAT(specialize_text({report, "p.gguf", "s.gguf"}), Not(HasSubstr("chat")));
  report.chats.reset();
  EXPECT_THAT(specialize_text({report, "p.gguf", "s.gguf"}), Not(HasSubstr("chat")));
  EXPECT_TRUE(specialize_json({report, "p.gguf", "s.gguf"})["chats"].is_null());
}

TEST(RenderSpecialize, SaysWhetherItAnswers) {
  auto report = small_report();
  const auto text = [&] { return specialize_text({report, "p.gguf", "s.gguf"}); };
  const auto json = [&] { return specialize_json({report, "p.gguf", "s.gguf"})["chat_check"]; };
  EXPECT_THAT(text(), Not(HasSubstr("  chat ")));
  EXPECT_TRUE(json().is_null());
  auto& check = report.chat_check.emplace().child;
  check.not_run = "the model has no chat template";
  EXPECT_THAT(text(), HasSubstr("  chat   not checked: the model has no chat template\n"));
  EXPECT_TRUE(json()["passed"].is_null());
  check.not_run.clear();
  check.n_question = 8;
  check.answers.resize(7);
  EXPECT_THAT(text(), HasSubstr("  chat   it answers with thinking off: 7 of 8 questions of its "
                                "domain\n"));
  EXPECT_EQ(json()["passed"], true);
  check.answers[0].faults.empty = true;
  EXPECT_THAT(text(), HasSubstr("  chat   it answers with thinking off: bad are 1 of 7 answers: 1 "
                                "is empty\n"));
  for (auto& answer : check.answers) answer.faults.loops = true;
  report.chat_check->parent = ChatCheck{};
  EXPECT_THAT(text(), HasSubstr("it does not answer well with thinking off: bad are 7 of 7"));
  EXPECT_EQ(json()["n_loops"], 7);
  EXPECT_EQ(json()["parent"]["n_answer"], 0);
}

TEST(RenderSpecialize, SaysWhatIsReusedAndWhatComes) {
  using State = PlannedStage::State;
  const std::vector<PlannedStage> stages = {{"profile", "a/s.profile.gguf", State::kReused},
                                            {"cot", "a/s.cot.profile.gguf", State::kGoesOn},
                                            {"mask", "a/s.mask.json", State::kDone},
                                            {"prune", "a/s.gguf", State::kThere},
                                            {"verify", {}, State::kToDo}};
  EXPECT_EQ(stages_text(stages, "a/s.report.html"),
            "6 stages:\n"
            "  profile: reused (s.profile.gguf)\n"
            "  cot: goes on where it was stopped (s.cot.profile.gguf)\n"
            "  mask: done (s.mask.json)\n"
            "  prune: there, reused if it is of this run (s.gguf)\n"
            "  verify: to do\n"
            "  report: to do (s.report.html)\n");
  EXPECT_THAT(stages_text(stages, {}), HasSubstr("5 stages:"));
}

TEST(RenderSpecialize, SaysWhatHealingGave) {
  auto report = small_report();
  report.domains = {{.name = "css",
                     .own = true,
                     .specialist = even_eval("css", 5, 1.25, 0.125),
                     .random = {},
                     .cut = even_eval("css", 5, 1.5, 0.25),
                     .verdict = Verdict::kKeeps}};
  report.healing.emplace();
  report.healing->method = "ridge";
  report.healing->n_fit = 2000;
  report.healing->after = .8125;
  report.healing->helps = true;
  const auto text = specialize_text({report, "p.gguf", "s.gguf"});
  EXPECT_NE(text.find("  heal   by ridge, on 2000 tokens: 81.2 % of what the layers lost is left "
                      "(validation tokens)\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("KL unhealed\n"), std::string::npos) << text;
  EXPECT_NE(text.find("0.250\n"), std::string::npos) << text;
  const auto doc = specialize_json({report, "p.gguf", "s.gguf"});
  EXPECT_EQ(doc["healing"]["after"], .8125);
  EXPECT_EQ(doc["eval"]["domains"][0]["cut_kl_mean"], .25);
  report.healing->helps = false;
  EXPECT_NE(specialize_text({report, "p.gguf", "s.gguf"}).find("  heal   not healed: "),
            std::string::npos);
}

TEST(RenderSpecialize, DocumentHasStagesAndDomains) {
  auto report = small_report();
  report.stages = {{"profile", "s.profile.gguf", true, 1.5}, {"verify", {}, false, 0.25}};
  report.noise = NoiseFloor{.n_token = 7, .kl_mean = 0.5, .top1_agreement = 1.0};
  report.domains.push_back({.name = "css",
                            .own = true,
                            .specialist = eval_of("css"),
                            .random = {},
                            .verdict = Verdict::kTooLittle});
  const auto doc = specialize_json({report, "p.gguf", "s.gguf"});
  EXPECT_EQ(doc["stages"].dump(),
            R"([{"name":"profile","file":"s.profile.gguf","reused":true,"wall_s":1.5},)"
            R"({"name":"verify","file":null,"reused":false,"wall_s":0.25}])");
  EXPECT_EQ(doc["coverage"], 0.75);
  EXPECT_EQ(doc["aggregate"], "subdomain");
  EXPECT_EQ(doc["noise"].dump(), R"({"n_token":7,"kl_mean":0.5,"top1_agreement":1.0})");
  EXPECT_FALSE(doc.contains("scores"));
  const auto& row = doc["eval"]["domains"][0];
  EXPECT_EQ(row["verdict"], "too_little_text");
  EXPECT_EQ(row["perplexity"], 1.0);
  EXPECT_EQ(row["kl_mean"], 0.5);
  EXPECT_EQ(row["top1_agreement"], 0.75);
  EXPECT_TRUE(row["perplexity_ratio"].contains("ci_low"));
}

SliceCheck two_layers() {
  SliceCheck check;
  check.layers = {{.layer = LayerId{0},
                   .n_token = 10,
                   .score = 0.01,
                   .n_near_tie = 1,
                   .weight = 0.02,
                   .output = 0.001},
                  {.layer = LayerId{3}, .n_token = 10, .score = 0.002, .output = 0.03}};
  check.n_expert_kept = 8;
  check.n_expert_ran = 6;
  return check;
}

TEST(RenderSliceCheck, SaysTheWorstOfLayers) {
  EXPECT_EQ(slice_check_text(two_layers()),
            "router scores within 1 %, outputs within 3 %, 1 of 20 choices otherwise (6 of 8 kept "
            "experts ran)");
}

TEST(RenderSliceCheck, DocumentHasEachLayerAndTheFinding) {
  auto check = two_layers();
  auto json = slice_check_json(check);
  EXPECT_EQ(json["ok"], true);
  EXPECT_EQ(json["finding"], nullptr);
  EXPECT_EQ(json["n_choice"], 20);
  EXPECT_EQ(json["weight_diff_max"], 0.02);
  EXPECT_EQ(json["output_diff_max"], 0.03);
  EXPECT_EQ(json["layers"][1].dump(),
            R"({"layer":3,"n_near_tie":0,"n_other_choice":0,"score_diff":0.002,)"
            R"("weight_diff":0.0,"output_diff":0.03})");
  check.finding = "layer 3: too far";
  json = slice_check_json(check);
  EXPECT_EQ(json["ok"], false);
  EXPECT_EQ(json["finding"], "layer 3: too far");
}

VerifyOutput good_child() {
  VerifyOutput output{.parent = "p.gguf", .child = "c.gguf", .report = {}, .run = {}};
  output.report.n_tensor = 10;
  output.report.n_tensor_cut = 4;
  output.report.n_expert_checked = 16;
  output.report.n_bytes_compared = 1234;
  return output;
}

TEST(RenderVerify, SaysThatAChildIsGood) {
  auto output = good_child();
  EXPECT_TRUE(output.ok());
  const std::string files =
      "c.gguf: ok, 16 experts and 6 tensors equal their source byte for byte (1.23 kB)\n";
  EXPECT_EQ(verify_text(output), files);
  output.run = two_layers();
  EXPECT_TRUE(output.ok());
  EXPECT_EQ(verify_text(output), files + "run on the masked parent's inputs: ok, " +
                                     slice_check_text(*output.run) + "\n");
}

TEST(RenderVerify, SaysWhatIsWrong) {
  auto output = good_child();
  output.report.bad = {{"blk.0.w", "byte 7 differs"}};
  output.run.emplace();
  output.run->finding = "layer 3: too far";
  EXPECT_FALSE(output.ok());
  EXPECT_EQ(verify_text(output),
            "c.gguf: NOT a cut of p.gguf, 1 findings:\n"
            "  blk.0.w: byte 7 differs\n"
            "run on the masked parent's inputs: NOT what the parent computes: layer 3: too far\n");
  const auto json = verify_json(output);
  EXPECT_EQ(json["ok"], false);
  EXPECT_EQ(json["bad"].dump(), R"([{"where":"blk.0.w","message":"byte 7 differs"}])");
  EXPECT_EQ(json["slice_check"]["finding"], "layer 3: too far");
}

// Two layers of eight experts; a whitelist of `js` brought one in and left one out.
BuiltMask whitelisted_mask() {
  BuiltMask built;
  built.mask = value_of(KeepMask::create(
      8, {{LayerId{0}, {ExpertId{0}, ExpertId{1}}}, {LayerId{1}, {ExpertId{2}, ExpertId{3}}}}));
  built.mask.passes = {
      {R"({"pass":"domain","score":"util"})"},
      {R"({"pass":"whitelist","n_whitelisted":1,"swaps":[{"layer":0,"in":1,"out":3}]})"}};
  built.domain = "css";
  built.domain_coverage = {.layers = {0.5, 0.5}, .mean = 0.5};
  built.coverage = {.layers = {0.5, 0.25}, .mean = 0.375};
  built.never_chosen = {.layers = {0, 0}, .n_token = 19};
  PassReport report{.pass = WhitelistPass(), .profiles = {"js"}, .lists = {}, .log = {}};
  report.log.swaps.push_back({.layer = LayerId{0},
                              .in = ExpertId{1},
                              .out = ExpertId{3},
                              .in_ordinal = 2,
                              .out_ordinal = 11,
                              .in_avg_rank = 1.5,
                              .out_tier = 2});
  report.log.left_out = {{LayerId{1}, ExpertId{5}}};
  report.log.before = built.domain_coverage;
  report.log.after = built.coverage;
  built.passes.push_back(std::move(report));
  return built;
}

MaskOutput output_of(const BuiltMask& built) {
  return {.built = built,
          .file = "m.json",
          .pass_1_score = "recon",
          .coverage_score = "util",
          .rebuilt = {}};
}

TEST(RenderMask, SaysCoveragePassesAndSwaps) {
  const auto built = whitelisted_mask();
  const auto output = output_of(built);
  const std::string summary =
      "m.json: keeps 2 of 8 experts in 2 layers\n"
      "  score util covered 37.5 % on the mean, 25.0 % in the worst layer (1)\n"
      "\n"
      "  pass            swaps   dropped   left out   coverage before     after\n"
      "  domain: css                                                    50.00 %\n"
      "  whitelist: js       1                    1           50.00 %   37.50 %\n";
  EXPECT_EQ(mask_text(output, false), summary);
  EXPECT_EQ(mask_text(output, true),
            summary +
                "\n"
                "whitelist: js\n"
                "  layer 0: 1 in (js 2nd, avg rank 1.5), 3 out (css 11th, tier 2): whitelisted\n"
                "  layer 1: 5 left out: beyond the cap, or nothing may give way\n");
}

TEST(RenderMask, WarnsOfExpertsThatTheProfileNeverSaw) {
  auto built = whitelisted_mask();
  EXPECT_EQ(never_chosen_text(built), "");
  built.never_chosen.layers = {0, 2};
  EXPECT_EQ(
      never_chosen_text(built),
      "  warning: 0 to 2 of the 2 kept experts a layer were never chosen in 19 tokens: nothing "
      "speaks for them, profile more text\n");
  built.never_chosen.layers = {1, 1};
  EXPECT_THAT(mask_text(output_of(built), false),
              HasSubstr("(1)\n  warning: 1 of the 2 kept experts a layer were never chosen in 19"));
  EXPECT_EQ(mask_json(output_of(built))["never_chosen"]["layers"][1].dump(),
            R"({"layer":1,"n_never_chosen":1})");
  auto report = small_report();
  report.built.mask = built.mask;
  report.built.never_chosen = built.never_chosen;
  EXPECT_THAT(specialize_text({report, "p.gguf", "c.gguf"}), HasSubstr("were never chosen in 19"));
  EXPECT_EQ(specialize_json({report, "p.gguf", "c.gguf"})["never_chosen"]["n_token"], 19);
}

TEST(RenderMask, CountsAsPeopleDo) {
  auto built = whitelisted_mask();
  for (const auto& [n, words] :
       std::vector<std::pair<std::uint32_t, std::string>>{{1, "css 1st"},
                                                          {3, "css 3rd"},
                                                          {12, "css 12th"},
                                                          {13, "css 13th"},
                                                          {21, "css 21st"},
                                                          {111, "css 111th"},
                                                          {122, "css 122nd"}}) {
    built.passes[0].log.swaps[0].out_ordinal = n;
    EXPECT_THAT(mask_text(output_of(built), true), HasSubstr("(" + words + ","));
  }
}

TEST(RenderMask, DocumentListsSwapsApartFromPasses) {
  const auto built = whitelisted_mask();
  auto output = output_of(built);
  const std::string document =
      R"({"schema":"coe.mask/1","output":"m.json","score":"recon","n_expert":8,"n_keep":2,)"
      R"("coverage":0.375,"coverage_layers":[{"layer":0,"coverage":0.5},)"
      R"({"layer":1,"coverage":0.25}],"never_chosen":{"n_token":19,"layers":[)"
      R"({"layer":0,"n_never_chosen":0},{"layer":1,"n_never_chosen":0}]},)"
      R"("passes":[{"pass":"domain","score":"util"},)"
      R"({"pass":"whitelist","n_whitelisted":1,"n_swap":1}],)"
      R"("swaps":[{"pass":"whitelist","layer":0,"in":1,"out":3}])";
  EXPECT_EQ(without_version(mask_json(output)), document + "}");
  output.rebuilt = RebuiltMask{.recipe = "old.json", .identical = true, .differing = {}};
  EXPECT_EQ(without_version(mask_json(output)), document + R"(,"identical":true})");
}

TEST(RenderMask, SaysWhetherItIsTheOldOneAgain) {
  const auto built = whitelisted_mask();
  auto output = output_of(built);
  output.rebuilt = RebuiltMask{.recipe = "old.json", .identical = false, .differing = {}};
  EXPECT_THAT(mask_text(output, false), HasSubstr("\n  the experts of old.json in every layer\n"));
  output.rebuilt->differing = {LayerId{0}, LayerId{1}};
  EXPECT_THAT(mask_text(output, false),
              HasSubstr("\n  NOT the experts of old.json: layers 0, 1 differ\n"));
}

SweepPoint point_of(std::uint32_t n_keep, double lowest, double highest) {
  SweepPoint point;
  point.n_keep = n_keep;
  point.built.coverage = {.layers = {highest, lowest}, .mean = (lowest + highest) / 2};
  return point;
}

TEST(RenderSweep, SaysWhichCountToStartFrom) {
  const std::vector<SweepPoint> points = {point_of(8, 0.25, 0.5), point_of(12, 0.75, 1.0)};
  const std::string table =
      "  K    covered   worst layer   fused top-k\n"
      "  8     37.5 %        25.0 %           yes\n"
      "  12    87.5 %        75.0 %             -\n"
      "  fused top-k: llama.cpp's CUDA routing kernel takes this count (powers of two up to 512, "
      "288, 576)\n";
  EXPECT_EQ(sweep_text(points, nullptr, {.min_coverage = 0.25}),
            table +
                "  to start from: K = 8, by coverage alone (at least 25 %); -m and -f measure what "
                "it costs\n");
  EXPECT_EQ(sweep_text(points, nullptr, {.min_coverage = 0.9}),
            table + "  none of these K covers 90 % of the score: try larger ones\n");
}

TEST(RenderSweep, DocumentsPointsAndAdvice) {
  const auto point = point_of(8, 0.25, 0.5);
  EXPECT_EQ(point_json(point, nullptr).dump(),
            R"({"n_keep":8,"coverage":0.375,"coverage_lowest":0.25,"fused_top_k":true,)"
            R"("bytes_file":null})");
  EXPECT_EQ(advice_json({point}, {.max_loss = 0.125, .min_coverage = 0.25}).dump(),
            R"({"n_keep":8,"by":"coverage","max_loss":0.125,"min_coverage":0.25})");
}

TEST(RenderChoice, MarksTheChosenScore) {
  ScoreChoice choice;
  choice.trials.resize(2);
  choice.trials[0].score = "util";
  choice.trials[0].eval = eval_of("all");
  choice.trials[0].kl_to_chosen = {.value = 1, .lower = 1, .upper = 1};
  choice.trials[1].score = "share";
  choice.trials[1].eval = eval_of("all");
  choice.trials[1].eval.kl = 3.0;
  choice.trials[1].eval.n_top1_same = 2;
  choice.trials[1].kl_to_chosen = {.value = 1.5, .lower = 1.25, .upper = 2};
  EXPECT_EQ(choice_text(choice),
            "  score             KL   KL / chosen's [95 %]   perplexity   top-1 same\n"
            "  util (chosen)    0.5   1.000 [1.000, 1.000]        1.000       75.0 %\n"
            "  share           0.75   1.500 [1.250, 2.000]        1.000       50.0 %\n");
  EXPECT_EQ(choice_json(choice)[1].dump(),
            R"({"score":"share","chosen":false,"kl_mean":0.75,"kl_to_chosen":1.5,)"
            R"("kl_to_chosen_lower":1.25,"kl_to_chosen_upper":2.0,"perplexity":1.0,)"
            R"("top1_agreement":0.5})");
}

const char* const kDomains =
    "  sub-domain   weight   samples   tokens\n"
    "  css            0.75         2        4\n"
    "  js             0.25         1        2\n";

TEST(RenderProfile, SaysSpeedAndChats) {
  ProfileRun run{.stats = coe::testing::worked_stats(), .stability = {}, .n_resumed = 2};
  ProfileOutput output{.run = run,
                       .file = "p.gguf",
                       .stability = {},
                       .n_sample = 3,
                       .wall_s = 2.0,
                       .chats = ChatCounts{.n_record = 3,
                                           .n_turn = 4,
                                           .n_thinking = 2,
                                           .n_thinking_open = 1,
                                           .generated = true,
                                           .n_cut = 1,
                                           .n_new = 9}};
  EXPECT_EQ(profile_text(output),
            std::string("p.gguf: 6 tokens in 3 samples, 2 tokens/s\n") + kDomains +
                "turns of the model: 4, thinking blocks: 2 (1 never end), empty answers: 0\n"
                "tokens generated: 9, answers cut off before their end: 1\n");
  const auto json = profile_json(output);
  EXPECT_EQ(json["tokens_per_s"], 2.0);
  EXPECT_EQ(json["chats"].dump(),
            R"({"n_record":3,"n_turn":4,"n_thinking":2,"n_thinking_open":1,"n_answer_empty":0,)"
            R"("n_cut":1,"n_token_generated":9})");
}

TEST(RenderProfile, SaysThatItWasFinishedBefore) {
  ProfileRun run{.stats = coe::testing::worked_stats(), .stability = {}, .n_resumed = 0};
  const ProfileOutput output{
      .run = run, .file = "p.gguf", .stability = {}, .n_sample = 3, .wall_s = {}, .chats = {}};
  EXPECT_EQ(profile_text(output),
            std::string("p.gguf: 6 tokens in 3 samples, finished before\n") + kDomains);
  const auto json = profile_json(output);
  EXPECT_EQ(json["tokens_per_s"], nullptr);
  EXPECT_FALSE(json.contains("chats"));
  EXPECT_FALSE(json.contains("stability"));
}

TEST(RenderProfile, NamesTheFilesOfStability) {
  ProfileRun run{.stats = coe::testing::worked_stats(), .stability = {}, .n_resumed = 0};
  run.stability.emplace();
  run.stability->n_keep = 2;
  const ProfileOutput output{.run = run,
                             .file = "p.gguf",
                             .stability = {"p.stability.json", "p.stability.svg"},
                             .n_sample = 3,
                             .wall_s = {},
                             .chats = {}};
  EXPECT_THAT(profile_text(output),
              HasSubstr("\nmask of 2: too little text to say whether it holds still\n"));
  EXPECT_EQ(profile_json(output)["stability"].dump(),
            R"({"n_keep":2,"stopped":false,"jaccard":null,"jaccard_lower":null,"entropy":null,)"
            R"("n_token_at_0.95":null,"n_token_at_0.99":null,"report":"p.stability.json",)"
            R"("picture":"p.stability.svg"})");
}

TEST(RenderMerge, SaysTheSum) {
  const auto sum = coe::testing::worked_stats();
  const MergeOutput output{sum, "ab.gguf", 2};
  EXPECT_EQ(merge_text(output),
            std::string("ab.gguf: 6 tokens in 3 samples from 2 profiles\n") + kDomains);
  EXPECT_EQ(without_version(merge_json(output)),
            R"({"schema":"coe.merge/1","output":"ab.gguf","n_token":6,"n_sample":3,"domains":[)"
            R"({"name":"css","weight":0.75,"n_token":4,"n_sample":2},)"
            R"({"name":"js","weight":0.25,"n_token":2,"n_sample":1}]})");
}

// The words of a page's error are the page's: they may be long, and commands of a terminal.
TEST(RenderWeb, ReasonsAreFitForATerminal) {
  WebSuite suite;
  suite.tasks.emplace_back();
  suite.tasks.back().id = "css-nav";
  suite.tasks.back().category = "css";
  WebOutcome outcome;
  outcome.name = "1";
  outcome.fault =
      TrialFault{WebFault::kScriptError, "\x1b[2J\x1b]0;mine\x07\r" + std::string(5000, 'x'), 0};
  const auto text = web_text(suite, {&outcome, 1});
  EXPECT_THAT(text, HasSubstr("css-nav 1: script-error: \\x1b[2J\\x1b]0;mine\\x07\\x0dxxx"));
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_LT(text.size(), 1000U);
}

TEST(RenderCorpus, SaysWhatWasBadByReason) {
  CorpusBuildReport report;
  report.domains.push_back(
      {.name = "web",
       .n_record = 12,
       .n_bad = 3,
       .bad = {{"message 1: it is empty", 2, "a.jsonl:7"}, {"no turns", 1, "b:1"}}});
  const auto text = built_domains_table(report, false);
  EXPECT_THAT(text, HasSubstr("bad left out"));
  EXPECT_THAT(text, HasSubstr("  bad in web: 2 of: message 1: it is empty (first: a.jsonl:7)\n"
                              "  bad in web: 1 of: no turns (first: b:1)\n"));
}

// A model may write anything, and its tokens may be parts of characters.
TEST(TerminalText, KeepsCharactersWholeAndCommandsOut) {
  TerminalText text;
  EXPECT_EQ(text.take("a\xe2\x82"), "a");
  EXPECT_EQ(text.take("\xac\n\x1b"), "\xe2\x82\xac\n\\x1b");
  EXPECT_EQ(text.take("\xc2"), "");
  EXPECT_EQ(text.take("\x9b\r"), "\\xc2\\x9b\\x0d");
  EXPECT_EQ(text.take("\xf0\x9f"), "");
  EXPECT_EQ(text.take("b"),
            "\\xf0\\x9f"
            "b");
  EXPECT_EQ(text.take("\xff"), "");
  EXPECT_EQ(text.end(), "\\xff");
}

}  // namespace
}  // namespace coe::cli
