// A specialist in the form in which programs and people take it: the file, a model card, what
// Ollama, llama-server, llama-swap and LM Studio need, and the manifest by which others prove it.
// Source: docs/formats/package.md.
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/college/package/manifest.h"
#include "coe/college/package/place.h"
#include "coe/college/package/presets.h"
#include "coe/engine/engine_library.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace coe {

struct PackageOptions {
  Path child;
  Path output;             // the folder
  Path mask;               // to hold the child to; empty: NAME.mask.json beside it, if it is there
  Path parent;             // empty: not given
  std::string name;        // empty: general.name
  std::string license;     // empty: what the child or the parent says
  std::string base_model;  // "ORG/NAME"; empty: what the child or the parent says
  std::string publisher = "coe";
  std::string system;
  // Context that programs are told to use; nullopt: kPackagedContext. No more than the child was
  // trained for is taken, with a warning where more was asked for.
  std::optional<std::uint32_t> n_ctx = std::nullopt;
  bool chat_check =
      true;              // NAME.chat.json beside the child goes in, with its questions and answers
  EngineOptions engine;  // how the card's memory is predicted; its .model and .n_ctx are set here
  Overwrite overwrite = Overwrite::kRefuse;
};

struct PackageReport {
  Path folder;
  PackageManifest manifest;
  Placement placement = Placement::kHardLink;
  bool lm_studio = false;  // its folder is there, too
  std::vector<ProgramUse> uses;
};

// The folder is complete or not there at all. The same inputs give the same bytes on one machine
// (the card predicts memory on its devices). Errors: those of child_facts, parent_facts and
// check_given_mask; kInvalidArgument for a name, licence, publisher, base model or system message
// that cannot be written, and for an output around the child; those of NewFolder and place_file;
// kCancelled.
Result<PackageReport> make_package(const PackageOptions& options, const EngineLibrary& library,
                                   Observer& observer);

// The engine that renders the chat template of a model, with as little of the model in memory as it
// can.
EngineOptions template_engine(const Path& model);

}  // namespace coe
