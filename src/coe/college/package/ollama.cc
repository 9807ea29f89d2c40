#include "coe/college/package/ollama.h"

#include <algorithm>
#include <array>

namespace coe {
namespace {

constexpr std::array<OllamaFamily, 1> kFamilies = {{
    {.architecture = "gemma4",
     .closed_block = "<|channel>thought\n<channel|>",
     .renderer = "gemma4-large",
     .parser = "gemma4",
     .renderer_without = "gemma4-small"},
}};

constexpr std::array<std::string_view, 26> kRenderers = {"cogito",
                                                         "cohere",
                                                         "deepseek3.1",
                                                         "functiongemma",
                                                         "gemma4",
                                                         "gemma4-large",
                                                         "gemma4-small",
                                                         "glimmer",
                                                         "glm-4.7",
                                                         "glm-ocr",
                                                         "laguna",
                                                         "lfm2",
                                                         "lfm2-thinking",
                                                         "nemotron-3-nano",
                                                         "nemotron-3.5-nano",
                                                         "olmo3",
                                                         "olmo3-32b-think",
                                                         "olmo3-think",
                                                         "olmo3.1",
                                                         "ornith",
                                                         "poolside-v1",
                                                         "qwen3-coder",
                                                         "qwen3-vl-instruct",
                                                         "qwen3-vl-thinking",
                                                         "qwen3.5",
                                                         "qwen3.8"};

constexpr std::array<std::string_view, 26> kParsers = {"cogito",
                                                       "cohere",
                                                       "deepseek3",
                                                       "functiongemma",
                                                       "gemma4",
                                                       "gemma4-no-thinking",
                                                       "glimmer",
                                                       "glm-4.7",
                                                       "glm-ocr",
                                                       "harmony",
                                                       "laguna",
                                                       "lfm2",
                                                       "lfm2-thinking",
                                                       "ministral",
                                                       "nemotron-3-nano",
                                                       "olmo3",
                                                       "olmo3-think",
                                                       "ornith",
                                                       "passthrough",
                                                       "poolside-v1",
                                                       "qwen3",
                                                       "qwen3-coder",
                                                       "qwen3-thinking",
                                                       "qwen3-vl-instruct",
                                                       "qwen3-vl-thinking",
                                                       "qwen3.5"};

constexpr std::array<std::string_view, 6> kWholeNumbers = {
    "num_ctx", "repeat_last_n", "seed", "num_predict", "draft_num_predict", "top_k"};
constexpr std::array<std::string_view, 4> kNumbers = {"repeat_penalty", "temperature", "top_p",
                                                      "min_p"};

template <class Names>
bool has(const Names& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

}  // namespace

const OllamaFamily* find_ollama_family(std::string_view architecture) {
  const auto* const found = std::ranges::find(kFamilies, architecture, &OllamaFamily::architecture);
  return found == kFamilies.end() ? nullptr : found;
}

std::string_view renderer_for(const OllamaFamily& family, std::string_view chat_template) {
  // A template spells a newline as two characters.
  std::string spelled;
  for (const char c : family.closed_block) {
    if (c == '\n')
      spelled += "\\n";
    else
      spelled += c;
  }
  const bool closes = chat_template.find(spelled) != std::string_view::npos ||
                      chat_template.find(family.closed_block) != std::string_view::npos;
  return closes || chat_template.empty() ? family.renderer : family.renderer_without;
}

bool is_ollama_renderer(std::string_view name) { return has(kRenderers, name); }
bool is_ollama_parser(std::string_view name) { return has(kParsers, name); }
bool is_whole_number_parameter(std::string_view name) { return has(kWholeNumbers, name); }
bool is_text_parameter(std::string_view name) { return name == "stop"; }
bool is_ollama_parameter(std::string_view name) {
  return has(kWholeNumbers, name) || has(kNumbers, name) || is_text_parameter(name);
}

}  // namespace coe
