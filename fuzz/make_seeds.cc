// make_fuzz_seeds FOLDER: small valid inputs for every fuzz target, one folder each, so that
// fuzzing begins behind the first checks. The models of the tests serve as GGUF.
#include "coe/ask/journal.h"
#include "coe/base/file.h"
#include "coe/base/sealed_json.h"
#include "coe/college/choose/dispatcher.h"
#include "coe/college/package/manifest.h"
#include "coe/mask/keep_mask.h"
#include "coe/mask/score/table.h"
#include "coe/measure/eval/parent_cache.h"
#include "coe/measure/webgen/outcome.h"
#include "coe/model/gguf/value.h"
#include "coe/profile/routing/file.h"

#include "support/tiny_gguf.h"
#include "support/tiny_stats.h"
#include "support/worked_table.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <initializer_list>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using coe::gguf::Value;
using coe::testing::tiny_moe;
using coe::testing::TinyGguf;
using coe::testing::TinySpec;

void require_ok(const coe::Status& status) {
  if (!status) throw std::runtime_error(status.error().message);
}

void put(const coe::Path& path, std::string_view text) {
  std::filesystem::create_directories(path.parent_path());
  require_ok(coe::write_file(path, text, coe::Overwrite::kAllow));
}

// One of each way in which MoE models differ, as few bytes as that takes.
std::map<std::string, TinyGguf> models() {
  const TinySpec small{.n_block = 1, .n_embd = 8, .n_ff = 8, .n_expert = 4, .n_expert_used = 1};
  const auto with = [&](auto change) {
    TinySpec spec = small;
    change(spec);
    return tiny_moe(spec);
  };
  std::map<std::string, TinyGguf> out;
  out["plain"] = tiny_moe(small);
  out["two-layers-one-dense"] = with([](auto& s) { s.n_block = 2, s.dense_blocks = {0}; });
  out["gemma4"] = with(
      [](auto& s) { s.architecture = "gemma4", s.merged_gate_up = true, s.down_scale = true; });
  out["gpt-oss"] = with([](auto& s) { s.architecture = "gpt-oss", s.biases = true; });
  out["mxfp4"] = with([](auto& s) { s.expert_type = "MXFP4", s.n_embd = 32, s.n_ff = 32; });
  out["glm4moe"] = with([](auto& s) {
    s.architecture = "glm4moe", s.selection_bias = true, s.shared_expert = true, s.gating = 2;
  });
  out["groups"] = with([](auto& s) {
    s.architecture = "deepseek2", s.n_expert = 8, s.n_group = 4, s.n_group_used = 2;
    s.selection_bias = true, s.gating = 2;
  });
  out["mtp"] = with([](auto& s) {
    s.architecture = "glm4moe", s.n_block = 2, s.n_mtp = 1, s.selection_bias = true, s.gating = 2;
  });
  out["chunks"] = with([](auto& s) { s.architecture = "grovemoe", s.n_chunk_expert = 2; });
  out["token-table"] = with([](auto& s) {
    s.architecture = "deepseek4", s.n_block = 2, s.hash_blocks = {0}, s.selection_bias = true;
  });
  out["aligned"] = with([](auto& s) { s.alignment = 64; });
  out["unknown-architecture"] = with([](auto& s) { s.architecture = "brandnew"; });
  out["q8_0"] = with([](auto& s) { s.expert_type = "Q8_0", s.n_embd = 32, s.n_ff = 32; });
  out["dense"] = coe::testing::tiny_dense();
  auto& split = out["part"] = tiny_moe(small);
  split.set("split.count", Value::u32(2));
  auto& listed = out["used-by-layer"] = tiny_moe(small);
  const std::vector<std::uint32_t> used = {1};
  listed.set("qwen3moe.expert_used_count", Value::array_u32(used));
  auto& values = out["values"] = coe::testing::tiny_dense();
  const std::vector<std::string> texts = {"a", "", "long enough"};
  values.set("test.strings", Value::strings(texts));
  values.set("test.bool", Value::boolean(true));
  values.set("test.f64", Value::f64(0.5));
  values.set("test.u64", Value::u64(1U << 31));
  return out;
}

void put_models(const coe::Path& folder) {
  for (const auto& [name, model] : models()) {
    const auto bytes = coe::testing::tiny_bytes(model);
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    for (const auto* target :
         {"gguf_reader_fuzz", "gguf_roundtrip_fuzz", "gguf_differential_fuzz", "surgery_fuzz"})
      put(folder / target / (name + ".gguf"), text);
  }
}

void put_masks(const coe::Path& folder) {
  std::map<coe::LayerId, std::vector<coe::ExpertId>> layers;
  for (std::uint32_t layer = 1; layer < 4; ++layer)
    layers[{layer}] = {{layer - 1}, {layer + 2}, {layer + 4}};
  auto mask = coe::KeepMask::create(8, layers);
  if (!mask) throw std::runtime_error(mask.error().message);
  put(folder / "mask_text_fuzz" / "plain.json", coe::mask_to_json(*mask, true));
  put(folder / "mask_text_fuzz" / "native.json", coe::mask_to_json(*mask, false));
  mask->parent = {"Tiny", "qwen3moe", "xxh3:00000000000000000000000000000001"};
  mask->passes = {
      {R"({"pass":"domain","score":"util","aggregate":"token","profiles":[{"digest":"xxh3:1"}]})"},
      {R"({"pass":"exempt","experts":[[0,1]]})"},
      {R"({"pass":"whitelist","max_avg_rank":2.0,"min_first":10,"profiles":[{"digest":"xxh3:1"}]})"},
      {R"({"pass":"cot","cap":3,"skip":0,"score":"util","profile":{"digest":"xxh3:2"}})"},
      {R"({"pass":"closure","cap":3,"lift":1.0,"profiles":[{"digest":"a"},{"digest":"b"}]})"},
      {R"({"pass":"structural","cap":3,"experts":[[0,2],[1,3]]})"},
      {R"({"pass":"protect","cap":1,"skip":0,"score":"freq","profile":{"digest":"xxh3:3"}})"}};
  put(folder / "mask_text_fuzz" / "provenance.json", coe::mask_to_json(*mask, false));
}

// The first line is the text spec.
void put_corpora(const coe::Path& folder) {
  const auto put_corpus = [&](std::string_view name, std::string_view text) {
    put(folder / "corpus_jsonl_fuzz" / name, text);
  };
  put_corpus("field", "text\n{\"text\":\"one\"}\n{\"text\":\"two \\u00e9\\ud83d\\ude00\"}\n");
  put_corpus("fields", "problem+solution\n{\"problem\":\"1+1\",\"solution\":\"2\"}\n");
  put_corpus("template",
             "Q: {problem}\\nA: {solution}\n{\"problem\":\"1+1\",\"solution\":\"2\"}\n");
  put_corpus("domains",
             "text\n{\"text\":\"a\",\"domain\":\"web\",\"weight\":2.5}\n"
             "{\"text\":\"b\",\"domain\":\"prose\",\"source\":\"s\"}\n\n");
  const auto put_records = [&](std::string_view name, std::string_view text) {
    put(folder / "corpus_records_fuzz" / name, text);
  };
  const std::string question =
      R"({"question_id":1,"question":"?","options":["a","b","N/A"],"answer":"B","answer_index":1,)"
      R"("cot_content":"A: b. The answer is (B).","category":"math","src":"s"})";
  put_records("question", question + "\n");
  put_records("array", "[" + question + ",\n" + question + "]\n");
  put_records("messages",
              R"({"messages":[{"role":"system","content":"s"},{"role":"user","content":"É ?"},)"
              R"({"role":"assistant","content":"b","thinking":"t"}]})");
  put_records("conversations",
              R"([{"conversations":[{"from":"human","value":"a"},{"from":"gpt","value":"b"}]}])");
  const std::string chatgpt =
      R"([{"current_node":"2","mapping":{"1":{"message":{"author":{"role":"user"},"content":)"
      R"({"content_type":"text","parts":["a"]}},"parent":"0"},"2":{"message":{"author":)"
      R"({"role":"assistant"},"content":{"content_type":"multimodal_text","parts":["b",{}]},)"
      R"("recipient":"all","metadata":{}},"parent":"1"}}}])";
  const std::string claude =
      R"([{"chat_messages":[{"uuid":"1","sender":"human","text":"a","parent_message_uuid":"0"},)"
      R"({"uuid":"2","parent_message_uuid":"1","sender":"assistant","content":)"
      R"([{"type":"text","text":"b"},{"type":"tool_use"}]}]}])";
  put_records("chatgpt", chatgpt);
  put_records("claude", claude);
  // The first line is the file's name.
  const auto put_intake = [&](std::string_view name, const std::string& text) {
    put(folder / "text_intake_fuzz" / name, text);
  };
  put_intake("plain", "notes.md\n# Title\n\nSome words.\n");
  put_intake("chatgpt", "conversations.json\n" + chatgpt);
  put_intake("claude", "c.json\n" + claude);
  put_intake("records", "x\n{\"text\":\"a\"}\n{\"text\":\"b\"}\n");
  put_intake("ignored", "a/b.o\n*.o\n!a.o\n/doc/**/x\nlogs/\n");
}

void put_parent_logits(const coe::Path& folder) {
  const coe::ParentRow row{1.5, 1.0F, 3, {{1, 3, 200}, {0.5F, 1.0F, -1.0F}, 0.1, -0.3}};
  const std::vector<coe::ParentRow> rows = {row, row};
  for (const std::uint64_t n_sequence : {1U, 2U}) {
    auto text = coe::encode_header(
        {300, 0.1, n_sequence, 2 * n_sequence, "xxh3:1", "xxh3:2", "n_batch=512"});
    for (std::uint64_t i = 0; i < n_sequence; ++i) text += coe::encode_sequence(rows);
    put(folder / "parent_logits_fuzz" / std::to_string(n_sequence), text);
  }
}

// The first byte chooses the protocol and the length of pieces.
void put_replies(const coe::Path& folder) {
  const auto put_reply = [&](std::string_view name, std::string_view text) {
    put(folder / "chat_reply_fuzz" / name, text);
  };
  put_reply("openai",
            "\x0a: hi\r\ndata: {\"choices\":[{\"delta\":{\"reasoning_content\":\"a\"}}]}\r\n\r\n"
            "data: {\"choices\":[{\"delta\":{\"content\":\"b\"},\"finish_reason\":\"stop\"}]}\n\n"
            "data: {\"choices\":[],\"usage\":{\"completion_tokens\":2}}\n\ndata: [DONE]\n\n");
  put_reply("whole", "\x02{\"choices\":[{\"message\":{\"content\":\"b\"}}],\"timings\":{}}");
  put_reply("ollama",
            "\x07{\"message\":{\"content\":\"\\u00e9\"},\"done\":false}\n"
            "{\"done\":true,\"done_reason\":\"length\",\"eval_count\":4}\n");
  put_reply("error", "\x04{\"error\":{\"message\":\"no\"},\"models\":[{\"name\":\"x\"}]}");
}

// The first byte chooses the format.
void put_answers(const coe::Path& folder) {
  const auto put_answer = [&](std::string_view name, std::string_view text) {
    put(folder / "web_answer_fuzz" / name, text);
  };
  put_answer("page",
             std::string(1, '\0') +
                 "<think>x</think>Sure:\n```html\n<!doctype html>\n<html><head></head><body>\n"
                 "</body></html>\n```\n~~~css\np{}\n~~~\n");
  put_answer("jsx",
             "\1````jsx\nimport a from 'react'\nexport default () => 1\n````\n```sh\nx\n```");
  put_answer("vue", "\2```vue\n<template>x</template>\n<script setup>let a</script>\n```");
  put_answer("svelte", "\3Here: <script>let n = $state(0)</script>{n}");
}

void put_profiles(const coe::Path& folder) {
  const auto target = folder / "profile_file_fuzz";
  std::filesystem::create_directories(target);
  const auto put_stats = [&](const char* name, const coe::RoutingStats& stats) {
    require_ok(coe::write_profile(target / name, stats, coe::Overwrite::kAllow));
  };
  put_stats("worked.gguf", coe::testing::worked_stats());
  const coe::ExpertGrid shape = coe::testing::shape_of(1, 4, 2);
  put_stats("coactivation.gguf", coe::testing::random_stats(shape, {{"a", 1.0}}, 1, true, true));
  put_stats("squares.gguf", coe::testing::random_stats(shape, {{"a", 1.0}}, 1, true, false, true));
  put_stats("routing-only.gguf", coe::testing::random_stats(shape, {{"a", 1.0}}, 1, false, false));
  require_ok(coe::write_score_table(target / "table.gguf", coe::testing::worked_table(),
                                    coe::Overwrite::kAllow));
  require_ok(coe::write_score_state(target / "state.gguf", {coe::testing::worked_table(), 1}));
}

// One by text and one by both.
void put_dispatchers(const coe::Path& folder) {
  const auto target = folder / "dispatcher_file_fuzz";
  std::filesystem::create_directories(target);
  coe::Dispatcher dispatcher;
  dispatcher.names = {"prose", "web"};
  dispatcher.text = {{1, 2}, {1.0F, -1.0F, 0.5F, 0.25F}, {0.125F, -0.125F}};
  require_ok(coe::write_dispatcher(target / "text.gguf", dispatcher, coe::Overwrite::kAllow));
  dispatcher.by = coe::ChooseBy::kBoth;
  auto& routing = dispatcher.routing.emplace();
  routing.grid.layers.push_back(coe::LayerId{0});
  routing.grid.n_expert = 2;
  routing.grid.n_expert_used = 1;
  routing.domains = {{{1, 1}, 2}, {{3, 0}, 3}};
  dispatcher.blocks = {"b.gguf", 9, "xxh3:0", {"p", "qwen3moe", "xxh3:1"}};
  require_ok(coe::write_dispatcher(target / "both.gguf", dispatcher, coe::Overwrite::kAllow));
}

void put_questions(const coe::Path& folder) {
  const auto put_text = [&](std::string_view name, std::string_view text) {
    put(folder / "choice_fuzz" / name, text);
  };
  put_text("index", R"({"question":"1+1?","options":["1","2"],"answer":1,"category":"math"})");
  put_text("arc",
           R"([{"question":"?","choices":{"text":["a","b"],"label":["1","2"]},"answerKey":"2"}])");
  put_text("gpqa",
           "Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3\r\n"
           "\"a,\nb?\",1,\"2 \"\"x\"\"\",3,4\r\n");
  put_text("made", "How many are 3 and 4?\n3 + 4 = 7\nThe answer is 7");
  put_text("lettered", "Which?\\nA. 1\\nB. 2\nB");
  put_text("answer", "I think **C**. So the answer is (B).\nAnswer: B\n\\\\boxed{\\\\text{B}}");
}

void put_journals(const coe::Path& folder) {
  const auto target = folder / "journal_fuzz";
  std::filesystem::create_directories(target);
  const auto path = target / "answers.jsonl";
  auto journal = coe::Journal::open(path, {"xxh3:1", 3, "model=m", "seed=1"}, true);
  if (!journal) throw std::runtime_error(journal.error().message);
  coe::JournalEntry done;
  done.answer.content = "b";
  done.answer.thinking = "a";
  require_ok(journal->add(0, done));
  require_ok(journal->add(2, {coe::Outcome::kFailed, {}, "HTTP 500"}));
  coe::WebOutcome outcome;
  outcome.fault = coe::TrialFault{coe::WebFault::kBehaviour, "dead button", 3};
  outcome.pictures = {"start.png"};
  put(target / "web.jsonl", coe::outcome_line("xxh3:2", outcome));
}

// A task, and after a NUL its wrong answers.
void put_tasks(const coe::Path& folder) {
  std::string text =
      R"({"schema":"coe.web-task/1","title":"t","category":"css","format":"html","prompt":"p",)"
      R"("elements":["#one"],"apart":[["#one","#two"]],"steps":[{"click":"#one"},)"
      R"({"expect":"page.one","why":"w","within":50},{"stays":"x","why":"w","for":9},)"
      R"({"type":"a","into":"#one"},{"drag":"#one","to":"#two"},{"resize":[390,800]},)"
      R"({"shoot":"a"},{"shoot":"b"},{"differ":["a","b"],"why":"w"},{"wait":5},{"press":"Tab"}]})";
  text += '\0';
  text += R"([{"name":"m","kind":"blank","why":"w","about":"x","replace":[["one","two"]]},)"
          R"({"name":"n","kind":"build","answer":"<p>"}])";
  put(folder / "web_task_fuzz" / "all", text);
}

void put_words(const coe::Path& folder) {
  const auto put_all = [&](std::string_view target, std::initializer_list<std::string_view> texts) {
    for (std::size_t i = 0; const auto text : texts)
      put(folder / target / fmt::format("seed-{}", i++), text);
  };
  put_all("command_values_fuzz",
          {"64", "50%", "half", "16-96/16,half,25%", "12GB", "1.5GiB", "web=0.7,css=0.3",
           "p.gguf:0.7", "safety.gguf:2:util", "web=web.json", "http://host:1/v1", "host/api/chat",
           "1m30.5s", "Please try again in 20s.", "2%"});
  put_all("csv_fuzz", {"a,b\r\n\"1,\n\"\"2\"\"\",\n\n\"\",3"});
  put_all("glob_fuzz", {"**/*.ts\na/b.ts", "a/?*/**\na/bc/d", "**/a/**/b\nx/a/b"});
  constexpr std::string_view kRefusal =
      R"({"content":null,"refusal":"b","reasoning_details":[{"type":"reasoning.text",)"
      R"("text":"a"},{"type":"reasoning.summary","summary":"a"},)"
      R"({"type":"reasoning.encrypted","data":"A"}]})";
  put_all("thinking_fuzz",
          {"<think>a</think>b", "<|channel>thought\na<channel|>b", "[THINK]a[/THINK]b",
           "<|channel|>analysis<|message|>a<|end|><|channel|>final<|message|>b",
           R"({"content":[{"type":"text","text":"b"}],"reasoning_content":"a"})",
           R"({"content":[{"type":"thinking","thinking":[{"type":"text","text":"a"}]},"b"]})",
           kRefusal});
  put_all("devtools_fuzz",
          {R"({"id":1,"result":{"value":"\ud800"}})", R"({"method":"Page.loaded","params":{}})"});
  const auto cells = coe::sealed_json(coe::parse_json_or_throw<nlohmann::ordered_json>(
      R"({"schema":"coe.transfer-cells/3","domain":"d","settings":"model=m","engine":"e","masks":)"
      R"({"xxh3:1":{"kl_max":1,"logit_diff_max":1,"top1_gap_max":1,)"
      R"("records":[[2,1,1,0.1,1,1,1]]}}})"));
  put_all("cells_fuzz", {cells});
  constexpr std::string_view kCollege =
      "unsure = \"a\"\nconsult = \"a\"\n[server]\nmemory = \"12GB\"\nport = 1\n"
      "[[specialist]]\nname = \"a\"\nmodel = \"a.gguf\"\ntext = [\"t\"]\ndomain = \"d\"\n"
      "[[specialist]]\nname = \"b\"\naddress = \"http://h:1\"\nkey_variable = \"K\"\n";
  put_all("college_fuzz",
          {R"({"model":"college","stream":true,"messages":[{"role":"user","content":"hi"}]})",
           R"({"model":"web","messages":[{"role":"user","content":[{"type":"text","text":"a"}]}]})",
           R"({"prompt":["a","b"],"tools":[{}]})",
           R"({"choices":[{"message":{"content":"42"}}],"usage":{"total_tokens":9}})", kCollege});
  put_all("corpus_spec_fuzz",
          {"seed = 1\nnear_duplicate = 0.8\n[[domain]]\nname = \"a\"\nweight = 0.5\n"
           "max_records = 9\n[[domain.source]]\nkind = \"jsonl\"\npath = \"a/*.jsonl\"\n"
           "chat = { user = \"q\", assistant = \"a\" }\n[[domain.source.filter]]\n"
           "field = \"q\"\ninclude = \"[a-z]+\"\n",
           "max_bad = \"2%\"\n[[domain]]\nname = \"b\"\n[[domain.source]]\nkind = \"files\"\n"
           "root = \"src\"\ninclude = [\"**/*.ts\"]\nexclude = \"a\"\npieces = 1\n"
           "[[domain.source]]\nkind = \"reasoning\"\nn = 3\nfold = \"0/2\"\n"});
}

// A line of JSON by gzip and by zstd.
void put_packed(const coe::Path& folder) {
  using std::string_view_literals::operator""sv;
  put(folder / "unpack_fuzz" / "a.gz",
      "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\xab\x56\x2a\x49\xad\x28\x51\xb2\x52\x4a\x84\x02\xa5\x5a\x2e\x00\x0c\x08\xa7\x50\x14\x00\x00\x00"sv);
  put(folder / "unpack_fuzz" / "a.zst",
      "\x28\xb5\x2f\xfd\x04\x58\xa1\x00\x00\x7b\x22\x74\x65\x78\x74\x22\x3a\x22\x61\x61\x61\x61\x61\x61\x61\x61\x22\x7d\x0a\x0a\x01\xb9\x2e"sv);
}

void put_package(const coe::Path& folder) {
  const auto target = folder / "package_text_fuzz";
  put(target / "Modelfile",
      "# c\nFROM ./m.gguf\nRENDERER r\nPARAMETER stop \"<x>\"\nSYSTEM \"\"\"a\n\"b\"\"\"\"\n"
      "MESSAGE user hi\n");
  put(target / "card", "---\nlicense: mit\nbase_model: \"o/n\"\ntags:\n  - gguf\n---\n# t\n");
  coe::PackageManifest manifest;
  manifest.recipe.mode = "slice";
  manifest.model.file = "m.gguf";
  manifest.files = {{"m.gguf", 1, std::string(64, '0')}};
  manifest.profiles.emplace_back();
  manifest.evaluation.emplace();
  put(target / "manifest.json", coe::manifest_text(manifest));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_fuzz_seeds FOLDER\n");
    return 2;
  }
  try {
    put_models(argv[1]);
    put_masks(argv[1]);
    put_corpora(argv[1]);
    put_parent_logits(argv[1]);
    put_replies(argv[1]);
    put_answers(argv[1]);
    put_profiles(argv[1]);
    put_dispatchers(argv[1]);
    put_questions(argv[1]);
    put_journals(argv[1]);
    put_tasks(argv[1]);
    put_words(argv[1]);
    put_package(argv[1]);
    put_packed(argv[1]);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "error: %s\n", e.what());
    return 1;
  }
  return 0;
}
