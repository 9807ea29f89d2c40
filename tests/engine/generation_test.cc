// Chats and generation with the engine, on the bundled model and on copies of it with other
// templates.
#include "coe/corpus/reasoning.h"
#include "coe/engine/llama/llama_engine.h"
#include "coe/engine/roles.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/writer.h"
#include "coe/model/moe/model.h"
#include "coe/profile/profile.h"
#include "coe/profile/routing/stats.h"

#include "engine/open_engine.h"
#include "support/temp_dir.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace coe {
namespace {

using ::coe::testing::open_single_threaded;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kModel = COE_SOURCE_DIR "/models/gemma4-tiny-moe-q4_k_m.gguf";

// The bundled model with another chat template, or with none.
void copy_with_template(const Path& to, const std::optional<std::string>& source) {
  const auto file = gguf::GgufFile::open(kModel);
  ASSERT_TRUE(file);
  std::vector<gguf::KeyValue> keys;
  for (auto key : file->header().keys) {
    if (key.key == "tokenizer.chat_template") {
      if (!source) continue;
      key.value = gguf::Value::string(*source);
    }
    keys.push_back(std::move(key));
  }
  std::vector<gguf::TensorData> tensors;
  for (const auto& info : file->header().tensors) {
    auto bytes = file->read_all(info);
    ASSERT_TRUE(bytes);
    tensors.push_back({info, *std::move(bytes)});
  }
  ASSERT_TRUE(gguf::write_gguf(to, std::move(keys), tensors, Overwrite::kAllow));
}

std::string render(Engine& engine, const std::string& question, bool thinking) {
  const ChatMessage message = {"user", question};
  auto text = engine.render_chat({&message, 1}, thinking);
  if (!text) ADD_FAILURE() << text.error().message;
  return text.value_or("");
}

std::vector<std::int32_t> prompt_of(Engine& engine, const std::string& question, bool thinking) {
  return engine.tokenize(render(engine, question, thinking)).value();
}

// This keeps what the routers chose, by layer: ids and weights of each token [n_token][n_used].
struct Choices : RoutingObserver {
  std::map<LayerId, std::vector<std::int32_t>> ids;
  std::map<LayerId, std::vector<float>> weights;
  void on_routing(const LayerRouting& routing) override {
    auto& row = ids[routing.layer];
    EXPECT_EQ(row.size(), std::size_t{routing.first_token} * routing.n_used)
        << "layer " << routing.layer.value;
    row.insert(row.end(), routing.ids.begin(), routing.ids.end());
    auto& of_layer = weights[routing.layer];
    of_layer.insert(of_layer.end(), routing.weights.begin(), routing.weights.end());
  }
};

struct LastLogits : LogitsObserver {
  std::vector<float> logits;
  void on_logits(const LogitsView& view) override {
    const auto last = view.of(view.n_token - 1);
    logits.assign(last.begin(), last.end());
  }
};

TEST(Chat, RendersTheBundledModelsTemplate) {
  const auto engine = open_single_threaded(kModel);
  ASSERT_NE(engine, nullptr);
  EXPECT_EQ(render(*engine, "What is 2+2?", true),
            "<|turn>system\n<|think|>\n<turn|>\n<|turn>user\nWhat is 2+2?<turn|>\n<|turn>model\n");
  EXPECT_EQ(render(*engine, "What is 2+2?", false),
            "<|turn>user\nWhat is 2+2?<turn|>\n<|turn>model\n<|channel>thought\n<channel|>");
  const std::vector<ChatMessage> chat = {
      {"system", "Be brief."}, {"user", "a"}, {"assistant", "b"}, {"user", "c"}};
  EXPECT_THAT(engine->render_chat(chat, false).value(),
              HasSubstr("<|turn>system\nBe brief.<turn|>\n<|turn>user\na<turn|>\n<|turn>model\n"
                        "b<turn|>\n<|turn>user\nc<turn|>\n"));
}

TEST(Chat, KnowsTheBundledModelsMarkup) {
  const auto engine = open_single_threaded(kModel);
  ASSERT_NE(engine, nullptr);
  const auto markup = engine->chat_markup();
  ASSERT_TRUE(markup) << markup.error().message;
  EXPECT_THAT(markup->model_turns, ElementsAre("<|turn>model", "<|turn>model\n"));
  EXPECT_THAT(markup->other_turns, ElementsAre("<|turn>user"));
  EXPECT_EQ(markup->thinking_start, "<|channel>thought");
  EXPECT_THAT(markup->thinking_ends, ElementsAre("<channel|>"));
}

TEST(Chat, SpellsEveryToken) {
  const auto engine = open_single_threaded(kModel);
  ASSERT_NE(engine, nullptr);
  const std::string text =
      "<|turn>user\nZwölf  Körbe, €5 🙂<turn|>\n<|turn>model\n<|channel>thought\nx\n<channel|>y";
  const auto tokens = engine->tokenize(text).value();
  const auto texts = engine->spell(tokens);
  ASSERT_TRUE(texts);
  ASSERT_EQ(texts->size(), tokens.size());
  std::string joined;
  std::vector<std::string> enders;
  for (const auto& token : *texts) {
    joined += token.text;
    if (token.ends_turn) enders.push_back(token.text);
  }
  EXPECT_EQ(joined, "<bos>" + text);
  EXPECT_THAT(enders, ElementsAre("<turn|>"));
}

// A template of another family: its markers are no tokens of this vocabulary, and its prompt opens
// the thinking block itself.
TEST(Chat, FollowsAnotherTemplate) {
  const coe::testing::TempDir dir;
  copy_with_template(
      dir / "other.gguf",
      "{%- for message in messages -%}\n"
      "<|im_start|>{{ message.role }}\n"
      "{%- if message.reasoning_content %}\n<think>\n{{ message.reasoning_content }}\n</think>\n"
      "{%- endif %}\n{{ message.content }}<|im_end|>\n"
      "{%- endfor -%}\n"
      "{%- if add_generation_prompt %}\n<|im_start|>assistant\n<think>\n"
      "{%- if enable_thinking is defined and not enable_thinking %}\n\n</think>\n\n{% endif -%}\n"
      "{%- endif -%}");
  const auto engine = open_single_threaded(dir / "other.gguf");
  ASSERT_NE(engine, nullptr);
  const auto prompt = render(*engine, "q", true);
  EXPECT_THAT(prompt, HasSubstr("<|im_start|>assistant\n<think>"));
  const auto markup = engine->chat_markup();
  ASSERT_TRUE(markup) << markup.error().message;
  EXPECT_EQ(markup->thinking_start, "<think>");
  EXPECT_THAT(markup->thinking_ends, ElementsAre("</think>"));
  EXPECT_THAT(markup->model_turns, ::testing::Contains(HasSubstr("<|im_start|>assistant")));

  // A reply as this template's models write it, after the block that the prompt opened.
  const auto given = engine->tokenize(prompt).value();
  const auto tokens = engine->tokenize(prompt + "so it is\n</think>four").value();
  ASSERT_TRUE(std::equal(given.begin(), given.end(), tokens.begin()));
  const auto segments = segment_roles(engine->spell(tokens).value(), *markup,
                                      {.closing_window = 2, .first_generated = given.size()});
  EXPECT_EQ(segments.thinking, "so it is");
  EXPECT_EQ(segments.answer, "four");
  EXPECT_EQ(segments.count(Role::kClosing), 2U);
  EXPECT_EQ(segments.count(Role::kPrompt), given.size());
  // The same as a text that was given.
  const auto whole = segment_roles(engine->spell(tokens).value(), *markup, {.closing_window = 2});
  EXPECT_EQ(whole.n_turn, 1U);
  EXPECT_EQ(whole.n_thinking, 1U);
  EXPECT_EQ(whole.count(Role::kClosing), 2U);
  EXPECT_EQ(whole.count(Role::kAnswer), segments.count(Role::kAnswer));
}

TEST(Chat, SaysThatAModelHasNoTemplateOrABrokenOne) {
  const coe::testing::TempDir dir;
  copy_with_template(dir / "none.gguf", std::nullopt);
  const auto mute = open_single_threaded(dir / "none.gguf");
  ASSERT_NE(mute, nullptr);
  const auto none = mute->chat_markup();
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::kUnsupported);
  EXPECT_THAT(none.error().message, HasSubstr("has no chat template"));
  // The library would take another family's template for these.
  for (const auto& [source, words] :
       {std::pair{"", "chat template is empty"},
        {" \n", "chat template is empty"},
        {"chatml", "is no template, but the text `chatml`"},
        {"{%- for message in messages", "chat template is broken: "}}) {
    copy_with_template(dir / "odd.gguf", source);
    const auto odd = open_single_threaded(dir / "odd.gguf");
    ASSERT_NE(odd, nullptr);
    const auto markup_of_odd = odd->chat_markup();
    ASSERT_FALSE(markup_of_odd) << source;
    EXPECT_EQ(markup_of_odd.error().code, Code::kUnsupported);
    EXPECT_THAT(markup_of_odd.error().message, HasSubstr(words));
    EXPECT_THAT(markup_of_odd.error().hint, HasSubstr("tokenizer.chat_template"));
  }
  copy_with_template(dir / "broken.gguf", "{%- for message in messages %}{{ message.content }}");
  const auto broken = open_single_threaded(dir / "broken.gguf");
  ASSERT_NE(broken, nullptr);
  const ChatMessage message = {"user", "q"};
  const auto refused = broken->render_chat({&message, 1}, true);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnsupported);
  EXPECT_THAT(refused.error().message, HasSubstr("chat template is broken: "));
}

TEST(Chat, HandsCallsOfToolsToTheTemplate) {
  const auto engine = open_single_threaded(kModel);
  ASSERT_NE(engine, nullptr);
  std::vector<ChatMessage> chat = {{"user", "1+2?"}, {"assistant", ""}, {"tool", "3"}};
  chat[1].tool_calls = {{"add", R"({"a":1})", "c1"}};
  chat[1].call_thinking = "hm";
  chat[2].tool_call_id = "c1";
  const auto text = engine->render_chat(chat, false);
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_EQ(*text,
            "<|turn>user\n1+2?<turn|>\n<|turn>model\n<|channel>thought\nhm\n<channel|>"
            "<|tool_call>call:add{a:1}<tool_call|><|tool_response>response:add{value:<|\"|>3<|\"|>}"
            "<tool_response|>");
  const coe::testing::TempDir dir;
  copy_with_template(dir / "plain.gguf",
                     "{%- for message in messages %}[{{ message.role }}]{{ message.content }}"
                     "{% endfor %}[assistant]");
  const auto plain = open_single_threaded(dir / "plain.gguf");
  ASSERT_NE(plain, nullptr);
  const auto refused = plain->render_chat(chat, false);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("no place for calls of tools"));
}

// Temperature 0 against decoding the growing text anew for each token and taking the best. One
// token a batch on both sides, so that the same kernels run: not a bit may differ.
TEST(Generation, IsGreedyAtTemperatureZero) {
  const auto engine = open_single_threaded(kModel, 1);
  ASSERT_NE(engine, nullptr);
  for (const auto& problem : generate_reasoning(11, 3)) {
    auto tokens = prompt_of(*engine, problem.problem, true);
    GenerateRequest request;
    request.prompt = tokens;
    request.max_new_tokens = 25;
    request.sampling.temperature = 0.0F;
    const auto generation = engine->generate(request);
    ASSERT_TRUE(generation) << generation.error().message;
    ASSERT_FALSE(generation->tokens.empty());
    auto expected = generation->tokens;
    if (generation->end_token >= 0) expected.push_back(generation->end_token);
    for (const auto token : expected) {
      LastLogits last;
      DecodeRequest decode;
      decode.tokens = tokens;
      decode.logits = &last;
      ASSERT_TRUE(engine->decode(decode));
      const auto best = std::ranges::max_element(last.logits) - last.logits.begin();
      ASSERT_EQ(best, token) << "after " << tokens.size() << " tokens";
      tokens.push_back(token);
    }
  }
}

TEST(Generation, FollowsItsSeed) {
  const auto engine = open_single_threaded(kModel);
  ASSERT_NE(engine, nullptr);
  const auto prompt = prompt_of(*engine, "How many days are in three weeks?", true);
  const auto run = [&](std::uint64_t seed, const Sampling& base) {
    GenerateRequest request;
    request.prompt = prompt;
    request.max_new_tokens = 30;
    request.sampling = base;
    request.sampling.seed = seed;
    auto generation = engine->generate(request);
    EXPECT_TRUE(generation);
    return generation->tokens;
  };
  EXPECT_EQ(run(7, {}), run(7, {}));
  std::set<std::vector<std::int32_t>> texts;
  for (std::uint64_t seed = 0; seed < 5; ++seed) texts.insert(run(seed, {}));
  EXPECT_GT(texts.size(), 1U);
  // One token to choose from leaves nothing to the seed.
  EXPECT_EQ(run(1, {.top_k = 1}), run(2, {.top_k = 1}));
  EXPECT_EQ(run(1, {.top_k = 1}), run(3, {.temperature = 0.0F}));
  EXPECT_EQ(run(1, {.top_k = 0, .top_p = 1e-6F}), run(3, {.temperature = 0.0F}));
}

// The likeliest token after `tokens` by the formula of Sampling, from the engine's own logits.
std::int32_t penalised_choice(Engine& engine, const std::vector<std::int32_t>& tokens,
                              const Sampling& sampling) {
  LastLogits last;
  DecodeRequest decode;
  decode.tokens = tokens;
  decode.logits = &last;
  EXPECT_TRUE(engine.decode(decode));
  const auto n_last = std::min(tokens.size(), static_cast<std::size_t>(sampling.repeat_last_n));
  const std::set<std::int32_t> seen(tokens.end() - static_cast<std::ptrdiff_t>(n_last),
                                    tokens.end());
  for (const auto token : seen) {
    float& logit = last.logits[static_cast<std::size_t>(token)];
    logit = logit > 0.0F ? logit / sampling.repeat_penalty : logit * sampling.repeat_penalty;
  }
  return static_cast<std::int32_t>(std::ranges::max_element(last.logits) - last.logits.begin());
}

// Greedy as well as at a temperature; the prompt's tokens count, too.
TEST(Generation, PenalisesRepetition) {
  const auto engine = open_single_threaded(kModel, 1);
  ASSERT_NE(engine, nullptr);
  const auto prompt = prompt_of(*engine, "Solve for x: 7x + 12 = 61", true);
  const auto run = [&](const Sampling& sampling) {
    GenerateRequest request;
    request.prompt = prompt;
    request.max_new_tokens = 16;
    request.sampling = sampling;
    const auto generation = engine->generate(request);
    EXPECT_TRUE(generation);
    return generation->tokens;
  };
  const auto plain = run({.temperature = 0.0F});
  EXPECT_EQ(run({.temperature = 0.0F, .repeat_penalty = 4.0F, .repeat_last_n = 0}), plain);
  for (const std::int32_t n_last : {4, 1024}) {
    const Sampling sampling{.temperature = 0.0F, .repeat_penalty = 4.0F, .repeat_last_n = n_last};
    const auto penalised = run(sampling);
    EXPECT_NE(penalised, plain) << n_last;
    EXPECT_EQ(run({.top_k = 1, .repeat_penalty = 4.0F, .repeat_last_n = n_last}), penalised);
    auto tokens = prompt;
    for (const auto token : penalised) {
      ASSERT_EQ(penalised_choice(*engine, tokens, sampling), token) << n_last;
      tokens.push_back(token);
    }
  }
}

// Routing seen while generating, against the same tokens decoded as a text.
struct Differences {
  std::int64_t n_choice = 0;
  std::int64_t n_other = 0;   // choices of experts that the text's routing lacks there
  double weight_other = 0.0;  // their share of all router weight
  double weight_total = 0.0;
};
Differences compare_routing(std::uint32_t n_batch, std::size_t n_problem) {
  const auto engine = open_single_threaded(kModel, n_batch);
  const std::size_t n_used = engine->info().n_expert_used;
  Differences out;
  for (const auto& problem : generate_reasoning(5, n_problem)) {
    auto tokens = prompt_of(*engine, problem.problem, true);
    const auto prompt = tokens;
    Choices live;
    GenerateRequest request;
    request.prompt = prompt;
    request.max_new_tokens = 100;
    request.routing = &live;
    const auto generation = engine->generate(request);
    EXPECT_TRUE(generation);
    tokens.insert(tokens.end(), generation->tokens.begin(), generation->tokens.end());
    Choices forced;
    DecodeRequest decode;
    decode.tokens = tokens;
    decode.routing = &forced;
    EXPECT_TRUE(engine->decode(decode));
    EXPECT_EQ(live.ids.size(), engine->info().moe_layers.size());
    for (const auto& [layer, ids] : forced.ids) {
      EXPECT_EQ(live.ids[layer].size(), tokens.size() * n_used);
      for (std::size_t i = 0; i < live.ids[layer].size(); ++i) {
        const auto token = ids.begin() + static_cast<std::ptrdiff_t>(i / n_used * n_used);
        const double weight = live.weights[layer][i];
        ++out.n_choice;
        out.weight_total += weight;
        if (std::find(token, token + static_cast<std::ptrdiff_t>(n_used), live.ids[layer][i]) !=
            token + static_cast<std::ptrdiff_t>(n_used))
          continue;
        ++out.n_other;
        out.weight_other += weight;
      }
    }
  }
  return out;
}

// One token a batch on both sides: the same kernels see the same numbers.
TEST(Generation, RoutesExactlyAsTheSameTokensDo_TokenByToken) {
  const auto d = compare_routing(1, 2);
  EXPECT_GT(d.n_choice, 10'000);
  EXPECT_EQ(d.n_other, 0);
}

// The text in one batch: other kernels, other rounding, and a model small enough for one changed
// expert to move the next layers. Measured: 1.5 % of choices, with 0.006 % of the router
// weight.
TEST(Generation, RoutesAsTheSameTokensDoAtOnce_ButForNearTies) {
  const auto d = compare_routing(512, 6);
  const auto n_choice = static_cast<double>(d.n_choice);
  const double share = d.weight_other / d.weight_total;
  RecordProperty("choices", fmt::format("{}", d.n_choice));
  RecordProperty("other", fmt::format("{}", d.n_other));
  RecordProperty("weight_share", fmt::format("{:.5f}", share));
  EXPECT_GT(d.n_choice, 20'000);  // how long the answers are depends on the CPU's rounding
  EXPECT_LT(static_cast<double>(d.n_other), 0.03 * n_choice) << d.n_other << " of " << d.n_choice;
  EXPECT_LT(share, 0.001);
}

class Polls : public Observer {
 public:
  bool cancelled() override {
    ++n;
    return false;
  }
  int n = 0;
};

// A second turn decodes what is new only, and says what it would say anew.
TEST(Generation, KeepsTheCacheOfAConversation) {
  const auto say = [](Engine& engine, const std::string& text, bool keeps, int& n_poll) {
    const auto tokens = engine.tokenize(text);
    EXPECT_TRUE(tokens);
    Polls polls;
    GenerateRequest request;
    request.prompt = *tokens;
    request.max_new_tokens = 8;
    request.sampling.temperature = 0;
    request.keeps_cache = keeps;
    request.observer = &polls;
    const auto generation = engine.generate(request);
    EXPECT_TRUE(generation);
    n_poll = polls.n - static_cast<int>(generation->tokens.size());
    return generation->tokens;
  };
  EngineOptions options;
  options.model = kModel;
  options.n_batch = 16;  // so that batches of the prompt count
  options.n_threads = 1;
  const auto kept = *open_llama_engine(options);
  const auto fresh = *open_llama_engine(options);
  std::string text = "Tom has 3 boxes with 12 apples each, and eats 2 apples every day. ";
  int first = 0;
  int second = 0;
  int anew = 0;
  say(*kept, text, true, first);
  text += "How many are left after a week, and after ten days?";
  const auto went_on = say(*kept, text, true, second);
  EXPECT_EQ(went_on, say(*fresh, text, false, anew));
  EXPECT_LT(second, anew);
  // Nothing of it is left after another text, or without the wish.
  int other = 0;
  say(*kept, "Something else.", true, other);
  EXPECT_EQ(say(*kept, text, true, second), went_on);
  EXPECT_EQ(second, anew);
  EXPECT_EQ(say(*kept, text, false, second), went_on);
  EXPECT_EQ(second, anew);
  // Another decode in between has the cache to itself.
  const std::vector<std::int32_t> tokens = {2, 3, 4, 5};
  DecodeRequest decode;
  decode.tokens = tokens;
  say(*kept, text, true, second);
  EXPECT_TRUE(kept->decode(decode));
  EXPECT_EQ(say(*kept, text, true, second), went_on);
  EXPECT_EQ(second, anew);
}

TEST(Generation, StopsAtTheEndOfTheContext) {
  EngineOptions options;
  options.model = kModel;
  options.n_threads = 1;
  options.n_ctx = 64;
  const auto engine = open_llama_engine(options);
  ASSERT_TRUE(engine);
  const auto prompt = prompt_of(**engine, "Tell me a long story.", true);
  ASSERT_LT(prompt.size(), 64U);
  Choices seen;
  GenerateRequest request;
  request.prompt = prompt;
  request.max_new_tokens = 1000;
  request.routing = &seen;
  const auto generation = (*engine)->generate(request);
  ASSERT_TRUE(generation) << generation.error().message;
  EXPECT_EQ(prompt.size() + generation->tokens.size(), 64U);
  EXPECT_EQ(generation->end_token, -1);
  EXPECT_EQ(seen.ids.begin()->second.size(), 64U * (*engine)->info().n_expert_used);
}

// Roles of chats add up to the profile without roles, to the last choice.
TEST(Generation, RolesOfChatsAddUpToTheWhole) {
  const auto engine = open_single_threaded(kModel);
  ASSERT_NE(engine, nullptr);
  Corpus corpus;
  corpus.domains.push_back({"reasoning", 1.0, {}});
  for (const auto& p : generate_reasoning(7, 12))
    corpus.domains[0].records.push_back(
        {fmt::format(
             "<|turn>user\n{}<turn|>\n<|turn>model\n<|channel>thought\n{}\n<channel|>{}<turn|>\n",
             p.problem, p.thinking, p.solution),
         "generated"});
  const auto model = describe_moe(*gguf::GgufFile::open(kModel)).value();
  const auto whole = run_profile(*engine, model, corpus, {}, silent_observer());
  ASSERT_TRUE(whole);
  ProfileOptions options;
  options.roles = true;
  options.closing_window = 8;
  options.on_chat = [](const ChatSample& sample) {
    EXPECT_EQ(sample.segments.n_turn, 1U);
    EXPECT_EQ(sample.segments.n_thinking, 1U);
    EXPECT_EQ(sample.segments.n_thinking_open, 0U);
    EXPECT_EQ(sample.segments.n_answer_empty, 0U);
    EXPECT_EQ(sample.segments.count(Role::kClosing), 8U);
    return Status();
  };
  const auto roles = run_profile(*engine, model, corpus, options, silent_observer());
  ASSERT_TRUE(roles) << roles.error().message;
  ASSERT_EQ(roles->domains.size(), 4U);
  auto sum = DomainStats::zero("reasoning", 1.0, whole->shape, true);
  for (const auto& part : roles->domains) sum.add(part);
  EXPECT_EQ(sum.n_token, whole->domains[0].n_token);
  EXPECT_EQ(sum.histograms, whole->domains[0].histograms);
  for (std::size_t i = 0; i < sum.gated_norm.size(); ++i)
    ASSERT_NEAR(sum.gated_norm[i], whole->domains[0].gated_norm[i],
                1e-12 * (1.0 + whole->domains[0].gated_norm[i]));
}

}  // namespace
}  // namespace coe
