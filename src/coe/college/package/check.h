// The proof of a package: what its manifest says is held to its files, and the files to each other.
// Source: docs/formats/package.md, "The proof".
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/engine/engine_library.h"

#include <cstdint>
#include <string>
#include <vector>

namespace coe {

enum class CheckState : std::uint8_t { kOk, kFailed, kNotRun };
std::string_view check_state_name(CheckState state);  // "ok", "failed", "not run"

struct PackageFinding {
  std::string where;  // a file of the package, and in it a line or key where there is one
  std::string message;
};

struct PackageCheck {
  // "manifest", "files", "model", "mask", "modelfile", "renderer", "template", "chat", "card",
  // "presets", "rebuild"
  std::string name;
  CheckState state = CheckState::kOk;
  std::string said;  // what was held to what, or why it was not run
  std::vector<PackageFinding> findings;
};

struct PackageProof {
  std::vector<PackageCheck> checks;
  std::uint64_t bytes_hashed = 0;

  bool ok() const;
  const PackageCheck* find(std::string_view name) const;
};

// With `ask_chats` the questions of its chat check are asked again, where there is an engine.
// With `parent` the child is made again from it and mask.json, into a hash and not onto the disk.
// Every difference is a finding of the check that it belongs to. Errors: only what prevents
// checking: kNotFound where there is no folder or no manifest in it, a manifest that cannot be
// read (parse_manifest), a parent that cannot be opened or is another model, kIo, kCancelled.
Result<PackageProof> check_package(const Path& folder, const Path& parent,
                                   const EngineLibrary& library, Observer& observer,
                                   bool ask_chats = true);

}  // namespace coe
