// Chat templates are programs of strangers. Hostile ones, and hundreds that chance made of good
// ones, are run in processes of their own: each becomes a text or an error, or ends its process
// with words and the engine's exit code, in bounded time and memory. This stands in for a fuzz
// target: llama.cpp's template code hangs on all of its library, which is not built for libFuzzer.
#include "coe/base/process/crash_guard.h"
#include "coe/base/rng.h"
#include "coe/engine/llama/chat_template.h"
#include "coe/model/gguf/reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <new>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace coe {
namespace {

constexpr int kOwn = 70;
constexpr int kScoped = 4;
constexpr int kBroken = 99;  // what must not be: an error that is not as errors are

#ifdef COE_SANITIZED
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

// Says whether all of it ended as it may: a text within its bound, or an error of one line.
bool is_well_behaved(std::string_view source) {
  const auto fine = [](const Error& error) {
    return error.code == Code::kUnsupported && !error.message.empty() &&
           error.message.find('\n') == std::string::npos && error.message.size() < 1000;
  };
  const auto chat = ChatTemplate::parse(source);
  if (!chat) return fine(chat.error());
  if (const auto markup = chat->markup(); !markup && !fine(markup.error())) return false;
  std::vector<ChatMessage> messages = {
      {"system", "Be brief."}, {"user", "1+2?"}, {"assistant", "3"}, {"user", "And 2+2?"}};
  for (const bool thinking : {false, true}) {
    const auto text = chat->render(messages, thinking);
    if (text ? text->size() > kMostRenderedBytes : !fine(text.error())) return false;
  }
  messages[2].tool_calls = {{"add", R"({"a":1})", "c1"}};
  messages[3] = {"tool", "3"};
  const auto text = chat->render(messages, false);
  return text || fine(text.error());
}

struct Ended {
  int code = -1;  // of its exit; below 0: a signal
  double cpu_seconds = 0.0;
  std::uint64_t rss_bytes = 0;
};

template <class Work>
pid_t begin(const Work& work) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  guard_crashes(kOwn, kScoped);
  const CrashScope scope("the model's chat template", "none");
  // Words of crashes are looked at elsewhere (crash_guard_test.cc).
  if (std::freopen("/dev/null", "w", stderr) == nullptr) ::_exit(kBroken);
  ::_exit(work() ? 0 : kBroken);
}

Ended end(pid_t child) {
  int status = 0;
  rusage usage{};
  EXPECT_EQ(::wait4(child, &status, 0, &usage), child);
  Ended out;
  out.code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  out.cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  out.rss_bytes = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
  return out;
}

void expect_bounded(const Ended& ended, std::string_view what) {
  EXPECT_TRUE(ended.code == 0 || ended.code == kScoped) << what << ": " << ended.code;
  EXPECT_LT(ended.cpu_seconds, 50.0) << what;  // each of the calls may take ten
  EXPECT_LT(ended.rss_bytes, std::uint64_t{3} << 29) << what;
}

std::string times(std::string_view piece, int n) {
  std::string text;
  for (int i = 0; i < n; ++i) text += piece;
  return text;
}

// Each as a user's turn sees it, so that nothing but the hostile part can fail.
std::string with(const std::string& hostile) {
  return "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}"
         "<|im_end|>\n{% endfor %}" +
         hostile + "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
}

TEST(ChatTemplateLimits, TakesATemplateWithoutAModel) {
  const auto chat = ChatTemplate::parse(with(""));
  ASSERT_TRUE(chat) << chat.error().message;
  const ChatMessage message = {"user", "hello"};
  EXPECT_EQ(chat->render({&message, 1}, false).value_or(""),
            "<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_TRUE(is_well_behaved(with("")));
}

TEST(ChatTemplateLimits, HoldsTextAndTemplateToTheirBounds) {
  const auto vast = ChatTemplate::parse(std::string(kMostTemplateBytes + 1, 'x') + "{{ 1 }}");
  ASSERT_FALSE(vast);
  EXPECT_EQ(vast.error().code, Code::kUnsupported);
  EXPECT_NE(vast.error().message.find("1048576 are the most"), std::string::npos);
}

// A text of twice the chat's length. In a process of its own, for a starved machine may not be done
// in ten seconds.
TEST(ChatTemplateLimits, HoldsTheTextToItsBound) {
  if (kSanitized) GTEST_SKIP() << "crashes are left to the sanitizers";
  const auto work = [] {
    const auto twice = ChatTemplate::parse("{{ messages[0].content }}{{ messages[0].content }}");
    const ChatMessage message = {"user", std::string(kMostRenderedBytes / 2 + 1, 'x')};
    if (!twice) return false;
    const auto text = twice->render({&message, 1}, false);
    return !text && text.error().code == Code::kUnsupported &&
           text.error().message.find("it makes a text of 16777218 bytes") != std::string::npos;
  };
  expect_bounded(end(begin(work)), "twice");
}

// What fills memory becomes an error, and the process lives on.
TEST(ChatTemplateLimits, HoldsMemoryToItsBound) {
  if (kSanitized) GTEST_SKIP() << "their allocators end the process";
  const std::vector<std::string> hostile = {
      "{% for i in range(1000000000) %}{{ i }}{% endfor %}",
      "{% set x = range(1000000000) | list %}{{ x | length }}",
      "{% set ns = namespace(x='0123456789') %}{% for i in range(40) %}"
      "{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}",
      "{% set ns = namespace(x=[1]) %}{% for i in range(40) %}"
      "{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x | length }}",
      "{% set ns = namespace(x=[1]) %}{% for i in range(64) %}"
      "{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
      "{{ 'x' * 100000000000 }}",
      "{{ 'x' | center(100000000000) }}",
      "{{ '%100000000000d' | format(1) }}",
      "{{ messages | tojson(indent=1000000000) }}",
  };
  // Some side by side, for each may take all of its time, but not all: each may take a GiB.
  constexpr std::size_t kAtOnce = 3;
  for (std::size_t first = 0; first < hostile.size(); first += kAtOnce) {
    std::vector<std::pair<pid_t, std::string_view>> children;
    for (std::size_t i = first; i < std::min(hostile.size(), first + kAtOnce); ++i)
      children.emplace_back(begin([&] { return is_well_behaved(with(hostile[i])); }), hostile[i]);
    for (const auto& [child, source] : children) expect_bounded(end(child), source);
  }
}

TEST(ChatTemplateLimits, EndsWhatNests) {
  if (kSanitized) GTEST_SKIP() << "crashes are left to the sanitizers";
  const std::vector<std::string> hostile = {
      "{{ " + times("(", 100'000) + "1" + times(")", 100'000) + " }}",
      "{{ " + times("[", 100'000) + times("]", 100'000) + " }}",
      "{{ " + times("{'a':", 50'000) + "1" + times("}", 50'000) + " }}",
      "{{ " + times("not ", 100'000) + "1 }}",
      "{{ " + times("-", 200'000) + "1 }}",
      "{{ x" + times(".x", 200'000) + " }}",
      "{{ 1" + times(" + 1", 100'000) + " }}",
      "{{ 'x'" + times("|upper", 100'000) + " }}",
      "{{ x" + times("()", 200'000) + " }}",
      times("{% if 1 %}", 40'000) + times("{% endif %}", 40'000),
      "{% if 0 %}" + times("{% elif 0 %}", 60'000) + "{% endif %}",
      times("{% for i in [1] %}", 20'000) + times("{% endfor %}", 20'000),
      "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
      times("{% macro m() %}", 20'000),
  };
  for (const auto& source : hostile) {
    expect_bounded(end(begin([&] { return is_well_behaved(with(source)); })), source.substr(0, 40));
  }
}

// Side by side, for each takes all of its time.
TEST(ChatTemplateLimits, EndsWhatLoops) {
  if (kSanitized) GTEST_SKIP() << "crashes are left to the sanitizers";
  const std::string thousand = "{% for i in range(1000) %}";
  const std::vector<std::string> hostile = {
      times(thousand, 5) + times("{% endfor %}", 5),
      "{% macro m(n) %}{% if n > 0 %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}"
      "{{ m(60) }}",
  };
  std::vector<pid_t> children;
  for (const auto& source : hostile)
    children.push_back(begin([&] { return is_well_behaved(with(source)); }));
  for (std::size_t i = 0; i < children.size(); ++i) {
    const auto ended = end(children[i]);
    expect_bounded(ended, hostile[i]);
    EXPECT_EQ(ended.code, kScoped) << hostile[i];
  }
}

constexpr std::array<std::string_view, 40> kPieces = {
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "#}",
    "{%-",
    "-%}",
    "(",
    ")",
    "[",
    "]",
    "'",
    "\"",
    "\\",
    "|",
    ".",
    ",",
    "~",
    " not ",
    " in ",
    " is ",
    " if ",
    " else ",
    "{% endif %}",
    "{% endfor %}",
    "{% else %}",
    "{% for m in messages %}",
    "{% if loop.first %}",
    "loop.index0",
    "messages[-1]",
    "messages[9223372036854775807]",
    "99999999999999999999",
    "{{ raise_exception('x') }}",
    "{% set x = x ~ x %}",
    "namespace(a=1)",
    "| tojson",
    "| selectattr('role')",
    "\xff\xfe",
    "{% macro m(a) %}{{ m(a) }}{% endmacro %}{{ m(1) }}"};

std::string mutated(std::string text, Rng& rng) {
  for (auto n = 1 + rng.below(4); n > 0; --n) {
    const auto at = rng.below(text.size() + 1);
    const auto length = std::min<std::uint64_t>(rng.below(60), text.size() - at);
    switch (rng.below(5)) {
      case 0:
        text.erase(at, length);
        break;
      case 1:
        text.insert(at, text.substr(at, length));
        break;
      case 2:
        text.insert(rng.below(text.size() + 1), text.substr(at, length));
        break;
      case 3:
        text.insert(at, kPieces[rng.below(kPieces.size())]);
        break;
      default:
        if (at < text.size()) text[at] = static_cast<char>(rng.below(256));
    }
  }
  return text;
}

// Templates as families have them: the bundled model's, and three of our own.
std::vector<std::string> good_templates() {
  std::vector<std::string> out = {
      with(""),
      "{{- bos_token }}{%- set sys = '' %}{%- if messages[0]['role'] == 'system' %}"
      "{%- set sys = messages[0]['content'] | trim %}{%- set messages = messages[1:] %}{%- endif %}"
      "{{- '<|start_header_id|>system<|end_header_id|>\\n\\n' + sys + '<|eot_id|>' }}"
      "{%- for message in messages %}{{- '<|start_header_id|>' + message['role'] + "
      "'<|end_header_id|>\\n\\n' + message['content'] | trim + '<|eot_id|>' }}{%- endfor %}"
      "{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}"
      "{%- endif %}",
      "{%- macro turn(m, i) -%}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]"
      "{% elif m.tool_calls is defined and m.tool_calls %}{% for c in m.tool_calls %}"
      "[TOOL_CALLS] {{ c.function.name }}{{ c.function.arguments | tojson }}{% endfor %}"
      "{% else %}{{ m.content }}{{ eos_token }}{% endif %}{%- endmacro -%}"
      "{% set ns = namespace(i=0) %}{% for m in messages %}{% set ns.i = ns.i + 1 %}"
      "{{ turn(m, ns.i) }}{% endfor %}{% if enable_thinking is defined and not enable_thinking %}"
      "<think></think>{% endif %}"};
  const auto bundled =
      gguf::GgufFile::open(Path(COE_SOURCE_DIR) / "models" / "gemma4-tiny-moe-q4_k_m.gguf");
  const auto* const key = bundled ? bundled->header().find_key("tokenizer.chat_template") : nullptr;
  EXPECT_NE(key, nullptr);
  if (key != nullptr) out.emplace_back(key->as_string().value_or(""));
  return out;
}

TEST(ChatTemplateLimits, SurvivesWhatChanceMakes) {
  if (kSanitized) GTEST_SKIP() << "crashes are left to the sanitizers";
  constexpr std::uint32_t kTries = 600;
  constexpr std::uint32_t kMostStops = 30;
  const auto good = good_templates();
  for (const auto& source : good) EXPECT_TRUE(is_well_behaved(source)) << source.substr(0, 60);
  // The child says how far it is, so that another can go on behind a template that stops it.
  void* const shared = ::mmap(nullptr, sizeof(std::atomic<std::uint32_t>), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(shared, MAP_FAILED);
  auto& next = *new (shared) std::atomic<std::uint32_t>(0);
  std::uint32_t n_stop = 0;
  while (next < kTries && n_stop <= kMostStops) {
    const auto child = begin([&] {
      while (next < kTries) {
        const std::uint32_t seed = next++;
        Rng rng(derived_seed(17, seed));
        if (!is_well_behaved(mutated(good[seed % good.size()], rng))) return false;
      }
      return true;
    });
    const auto ended = end(child);
    ASSERT_TRUE(ended.code == 0 || ended.code == kScoped)
        << "seed " << next - 1 << ": " << ended.code;
    EXPECT_LT(ended.rss_bytes, std::uint64_t{3} << 29);
    if (ended.code != 0) ++n_stop;
  }
  EXPECT_LE(n_stop, kMostStops);
  EXPECT_EQ(next, kTries);
  RecordProperty("templates that ended their process", static_cast<int>(n_stop));
  ::munmap(shared, sizeof(std::atomic<std::uint32_t>));
}

}  // namespace
}  // namespace coe
