// Ollama's own names: what its Modelfiles may say, and how it must be told to prompt a family.
// Source: docs/formats/package.md, "Modelfile", says where each name was found.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace coe {

// Chats of these families are rendered and read by Ollama's own code rather than by a template.
struct OllamaFamily {
  std::string_view architecture;  // general.architecture
  // The marks that its template sets thinking off with, at the end of a prompt; what the renderer
  // writes too.
  std::string_view closed_block;
  std::string_view renderer;
  std::string_view parser;
  // A renderer for templates of the family without that block; empty: there is none.
  std::string_view renderer_without;
};

// Null for families that Ollama has no code of its own for, or none whose name is known here.
const OllamaFamily* find_ollama_family(std::string_view architecture);

// The renderer for a model whose chat template is `chat_template`.
std::string_view renderer_for(const OllamaFamily& family, std::string_view chat_template);

bool is_ollama_renderer(std::string_view name);
bool is_ollama_parser(std::string_view name);
// That Ollama's reference lists.
bool is_ollama_parameter(std::string_view name);
bool is_whole_number_parameter(std::string_view name);
bool is_text_parameter(std::string_view name);

}  // namespace coe
