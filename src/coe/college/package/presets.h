// Each program is given something to run a specialist: Ollama's Modelfile, llama-server's preset,
// llama-swap's configuration, and the commands. Sources: docs/formats/package.md.
#pragma once

#include "coe/base/result.h"
#include "coe/college/package/manifest.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

inline constexpr std::string_view kModelfile = "Modelfile";
inline constexpr std::string_view kServerPreset = "llama-server.ini";
inline constexpr std::string_view kSwapConfig = "llama-swap.yaml";
inline constexpr std::string_view kCard = "README.md";
inline constexpr std::string_view kMaskFile = "mask.json";
inline constexpr std::string_view kManifest = "manifest.json";
inline constexpr std::string_view kLmStudio = "lmstudio";

struct ModelfileParts {
  std::string_view renderer;  // may be empty, as may all others
  std::string_view parser;
  std::span<const std::string> stops;
  std::string_view system;
  std::string_view license;
};

// Errors: those of modelfile_text, for the system message, the licence and the stops.
Result<std::string> modelfile_for(const PackageManifest& manifest, const ModelfileParts& parts);

std::string server_preset_text(const PackageManifest& manifest);
std::string swap_config_text(const PackageManifest& manifest);

// The name that Ollama knows the model by.
std::string ollama_name(const PackageManifest& manifest);
// "lmstudio/PUBLISHER/MODEL/FILE.gguf".
std::string lm_studio_path(const PackageManifest& manifest);

struct ProgramUse {
  std::string program;
  std::vector<std::vector<std::string>> commands;  // words, to be run in the package's folder
  std::string note;                                // sentences, what to know before; may be empty
  std::string think_off;                           // how thinking is switched off, no sentence
};

// `links`: LM Studio's folder is in the package.
std::vector<ProgramUse> program_uses(const PackageManifest& manifest, bool links);

}  // namespace coe
