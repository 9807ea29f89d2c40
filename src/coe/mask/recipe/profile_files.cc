#include "coe/mask/recipe/profile_files.h"

#include "coe/profile/routing/file.h"

#include <utility>

namespace coe {

Result<std::string> ProfileFiles::load(const Path& path) {
  if (const auto known = digests_.find(path); known != digests_.end()) return known->second;
  COE_TRY(auto stats, read_profile(path));
  const auto& kept = stats_.emplace_back(std::move(stats));
  return digests_[path] = set_.add(path.string(), kept);
}

Result<std::string> ProfileFiles::load_table(const Path& path) {
  COE_TRY(auto table, read_score_table(path));
  const auto& kept = tables_.emplace_back(std::move(table));
  return set_.add(path.string(), kept);
}

}  // namespace coe
