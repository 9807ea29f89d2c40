// Where other programs keep the models that they fetched: Ollama, Hugging Face's Hub cache, LM
// Studio, llama.cpp. Nothing here reaches a network, and nothing is written. docs/models.md has the
// rules and their sources.
#pragma once

#include "coe/base/file.h"

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

enum class Program { kOllama, kHub, kStudio, kLlama };

struct ProgramFacts {
  Program program{};
  std::string_view prefix;  // what its names begin with, before a colon: "ollama"
  std::string_view title;   // "Ollama"
};
// All of them, in the order in which they are listed.
std::span<const ProgramFacts> all_programs();
const ProgramFacts& facts_of(Program program);

// What decides where a program keeps its models.
struct Surroundings {
  std::map<std::string, std::string, std::less<>> variables;  // of the environment, HOME among them
  bool mac = false;
  Path ollama_service = "/usr/share/ollama";  // home of the user that Ollama's service runs as

  static Surroundings of_process();
  // nullopt where it is not set, or empty.
  std::optional<std::string> variable(std::string_view name) const;
};

// The folders of a program, whether they exist or not. A name is looked for in this order.
std::vector<Path> model_folders(Program program, const Surroundings& around);

}  // namespace coe
