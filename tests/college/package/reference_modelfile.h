// A reader of Ollama's Modelfile for tests, written from docs/formats/package.md
// ("Modelfile") and not from the reader of coe: it goes character by character, and drops what Go
// does not print, as Ollama does.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe::testing {

struct OllamaCommand {
  std::string name;   // "model" for FROM; of PARAMETER its parameter
  std::string value;  // of MESSAGE "role: text"
  bool operator==(const OllamaCommand&) const = default;
};

// nullopt: Ollama refuses it.
std::optional<std::vector<OllamaCommand>> read_as_ollama(std::string_view text);

}  // namespace coe::testing
