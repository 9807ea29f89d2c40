// Renders the results of `coe profile` and `coe merge`.
#pragma once

#include "coe/base/file.h"
#include "coe/cli/render/document.h"
#include "coe/profile/profile.h"
#include "coe/profile/routing/stats.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace coe::cli {

// What chats there were, and what the model made of them.
struct ChatCounts {
  std::uint64_t n_record = 0;
  std::uint64_t n_turn = 0;
  std::uint64_t n_thinking = 0;
  std::uint64_t n_thinking_open = 0;
  std::uint64_t n_answer_empty = 0;

  bool generated = false;   // the model answered; else the two below say nothing
  std::uint64_t n_cut = 0;  // answers that did not end
  std::uint64_t n_new = 0;  // tokens generated
};

// These two lie beside a profile.
struct StabilityFiles {
  Path report;
  Path picture;
};

struct ProfileOutput {
  const ProfileRun& run;
  Path file;
  StabilityFiles stability;         // where the run was watched
  std::int64_t n_sample = 0;        // records of text
  std::optional<double> wall_s;     // none: the profile was finished before
  std::optional<ChatCounts> chats;  // of this run, where it went by roles
};
Json profile_json(const ProfileOutput& output);
std::string profile_text(const ProfileOutput& output);

struct MergeOutput {
  const RoutingStats& sum;
  Path file;
  std::size_t n_profile = 0;
};
Json merge_json(const MergeOutput& output);
std::string merge_text(const MergeOutput& output);

}  // namespace coe::cli
