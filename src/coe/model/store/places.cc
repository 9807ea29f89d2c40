#include "coe/model/store/places.h"

#include "coe/base/json.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <system_error>

namespace coe {

namespace {

constexpr std::array<ProgramFacts, 4> kPrograms = {{{Program::kOllama, "ollama", "Ollama"},
                                                    {Program::kHub, "hf", "Hugging Face"},
                                                    {Program::kStudio, "lmstudio", "LM Studio"},
                                                    {Program::kLlama, "llama", "llama.cpp"}}};

constexpr std::array<std::string_view, 7> kVariables = {
    "HOME",         "XDG_CACHE_HOME",        "OLLAMA_MODELS", "HF_HOME",
    "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "LLAMA_CACHE"};

std::string trimmed(std::string_view text, std::string_view drop) {
  const auto begin = text.find_first_not_of(drop);
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(drop) - begin + 1));
}

Path home_of(const Surroundings& around) { return around.variable("HOME").value_or("/"); }

// Python's programs take ~ for the home, also inside a variable.
Path expanded(const std::string& path, const Surroundings& around) {
  if (path == "~") return home_of(around);
  if (path.starts_with("~/")) return home_of(around) / path.substr(2);
  return path;
}

Path cache_home(const Surroundings& around) {
  if (const auto xdg = around.variable("XDG_CACHE_HOME")) return expanded(*xdg, around);
  return home_of(around) / ".cache";
}

std::vector<Path> ollama_folders(const Surroundings& around) {
  std::vector<Path> folders;
  // Ollama itself drops quotes and blanks around it.
  const auto named = trimmed(around.variable("OLLAMA_MODELS").value_or(""), "\"' ");
  if (named.empty())
    folders.push_back(home_of(around) / ".ollama" / "models");
  else
    folders.emplace_back(named);
  if (!around.mac) folders.push_back(around.ollama_service / ".ollama" / "models");
  return folders;
}

Path hub_folder(const Surroundings& around) {
  for (const std::string_view name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"})
    if (const auto folder = around.variable(name)) return expanded(*folder, around);
  if (const auto home = around.variable("HF_HOME")) return expanded(*home, around) / "hub";
  return cache_home(around) / "huggingface" / "hub";
}

Path lm_studio_home(const Surroundings& around) {
  const Path home = home_of(around);
  if (const auto pointer = read_text(home / ".lmstudio-home-pointer")) {
    auto named = trimmed(*pointer, " \t\r\n");
    if (!named.empty()) return named;
  }
  std::error_code ec;
  const Path older = home / ".cache" / "lm-studio";
  return std::filesystem::exists(older, ec) ? older : home / ".lmstudio";
}

Path lm_studio_folder(const Surroundings& around) {
  const Path home = lm_studio_home(around);
  if (const auto text = read_text(home / "settings.json")) {
    const auto settings = parse_json<nlohmann::json>(*text);
    if (settings.is_object()) {
      const auto folder = settings.find("downloadsFolder");
      if (folder != settings.end() && folder->is_string() && !folder->get<std::string>().empty())
        return folder->get<std::string>();
    }
  }
  return home / "models";
}

std::vector<Path> llama_folders(const Surroundings& around) {
  // One variable stands for both of its caches: the flat one of older builds, and the Hub's form,
  // which newer builds share with Hugging Face's programs where the variable is not set.
  if (const auto folder = around.variable("LLAMA_CACHE")) return {*folder};
  const Path flat = around.mac ? home_of(around) / "Library" / "Caches" / "llama.cpp"
                               : cache_home(around) / "llama.cpp";
  return {flat, hub_folder(around)};
}

}  // namespace

std::span<const ProgramFacts> all_programs() { return kPrograms; }

const ProgramFacts& facts_of(Program program) {
  return *std::ranges::find(kPrograms, program, &ProgramFacts::program);
}

Surroundings Surroundings::of_process() {
  Surroundings out;
  for (const auto name : kVariables)
    if (const char* value = std::getenv(std::string(name).c_str()); value != nullptr)
      out.variables.emplace(name, value);
#if defined(__APPLE__)
  out.mac = true;
#endif
  return out;
}

std::optional<std::string> Surroundings::variable(std::string_view name) const {
  const auto found = variables.find(name);
  if (found == variables.end() || found->second.empty()) return std::nullopt;
  return found->second;
}

std::vector<Path> model_folders(Program program, const Surroundings& around) {
  switch (program) {
    case Program::kOllama:
      return ollama_folders(around);
    case Program::kHub:
      return {hub_folder(around)};
    case Program::kStudio:
      return {lm_studio_folder(around)};
    case Program::kLlama:
      return llama_folders(around);
  }
  return {};
}

}  // namespace coe
