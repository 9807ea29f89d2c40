// Profiles and score tables read from files, each once.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/mask/recipe/profiles.h"
#include "coe/mask/score/table.h"
#include "coe/profile/routing/stats.h"

#include <deque>
#include <map>
#include <string>
#include <utility>

namespace coe {

class ProfileFiles {
 public:
  // Returns the profile's digest. Errors: those of read_profile.
  Result<std::string> load(const Path& path);
  // Does the same for a score table.
  Result<std::string> load_table(const Path& path);
  // Adds one that was made just now; it must outlive the object. Returns its digest.
  std::string add(std::string name, const RoutingStats& stats) {
    return set_.add(std::move(name), stats);
  }
  const ProfileSet& set() const { return set_; }

 private:
  std::deque<RoutingStats> stats_;  // deques, for the set points into them
  std::deque<ScoreTable> tables_;
  std::map<Path, std::string> digests_;
  ProfileSet set_;
};

}  // namespace coe
