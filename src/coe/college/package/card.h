// README.md of a package: a model card as the Hugging Face Hub shows it. What is not known is said
// to be missing.
#pragma once

#include "coe/college/package/chat_switch.h"
#include "coe/college/package/facts.h"
#include "coe/college/package/manifest.h"
#include "coe/college/package/presets.h"
#include "coe/engine/memory.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

struct PredictedMemory {
  std::string engine;
  std::vector<std::uint32_t> contexts;
  std::vector<std::vector<DeviceMemory>> devices;  // [contexts][devices]
};

struct CardFacts {
  const PackageManifest& manifest;
  const ChildFacts& child;
  const std::optional<EvaluationFacts>& evaluation;
  const std::optional<ChatFacts>& chats;
  const std::optional<PredictedMemory>& memory;
  const std::optional<ChatSwitch>& chat;
  std::string license_link;
  bool has_system = false;
  bool has_renderer = false;
  std::vector<ProgramUse> uses;
};

std::string card_text(const CardFacts& facts);

// Says whether the Hub has this licence in its list; others are `other` there, with a name.
bool is_hub_license(std::string_view license);

}  // namespace coe
