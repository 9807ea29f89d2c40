// Names of the profile file, shared by its writer and reader. Normative:
// docs/formats/routing-profile.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace coe::profile_file {

// The version of a profile that has nothing of a later one, and the newest version.
inline constexpr std::uint32_t kFirstVersion = 1;
inline constexpr std::uint32_t kVersion = 2;

inline constexpr std::string_view kGeneralType = "general.type";
inline constexpr std::string_view kType = "coe-routing-profile";
inline constexpr std::string_view kVersionKey = "coe.profile.version";
inline constexpr std::string_view kParentName = "coe.profile.parent.name";
inline constexpr std::string_view kParentArchitecture = "coe.profile.parent.architecture";
inline constexpr std::string_view kParentDigest = "coe.profile.parent.digest";
inline constexpr std::string_view kExpert = "coe.profile.n_expert";
inline constexpr std::string_view kExpertUsed = "coe.profile.n_expert_used";
inline constexpr std::string_view kExpertGroup = "coe.profile.n_expert_group";
inline constexpr std::string_view kChunkExpert = "coe.profile.n_chunk_expert";
inline constexpr std::string_view kLayers = "coe.profile.layers";
inline constexpr std::string_view kDomains = "coe.profile.domains";
inline constexpr std::string_view kWeights = "coe.profile.weights";
inline constexpr std::string_view kCorpusDigest = "coe.profile.corpus_digest";
inline constexpr std::string_view kSettings = "coe.profile.settings";
inline constexpr std::string_view kRouterTemperature = "coe.profile.router_temperature";
inline constexpr std::string_view kMaskDigest = "coe.profile.mask_digest";
inline constexpr std::string_view kToolVersion = "coe.tool_version";
inline constexpr std::string_view kEngine = "coe.engine";
inline constexpr std::string_view kCommandLine = "coe.command_line";

// "domain.2.histograms"
inline std::string tensor_name(std::size_t domain, std::string_view accumulator) {
  return "domain." + std::to_string(domain) + "." + std::string(accumulator);
}

}  // namespace coe::profile_file
