// The profiles and score tables that recipes draw on, found by what they hold, not by where they
// lie.
#pragma once

#include "coe/base/result.h"
#include "coe/mask/score/table.h"
#include "coe/profile/routing/stats.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

struct NamedProfile {
  std::string name;    // of the file, in messages
  std::string digest;  // content_digest
  const RoutingStats* stats = nullptr;
};

struct NamedTable {
  std::string name;
  std::string digest;  // content_digest
  const ScoreTable* table = nullptr;
};

class ProfileSet {
 public:
  // Returns its digest. Content that is there already is not added again. `stats` must keep
  // check_invariants and outlive the set.
  std::string add(std::string name, const RoutingStats& stats);
  // The same for a table, which must be one that read_score_table could give.
  std::string add(std::string name, const ScoreTable& table);
  // Null when there is none.
  const NamedProfile* find(std::string_view digest) const;
  const NamedTable* find_table(std::string_view digest) const;
  std::span<const NamedProfile> all() const { return profiles_; }

 private:
  std::vector<NamedProfile> profiles_;
  std::vector<NamedTable> tables_;
};

// The sub-domains that any of the patterns names, in the profile's order: by name, or `*/ROLE` for
// that role of every sub-domain (`*/closing`); none given: all. Errors: kInvalidArgument for a
// pattern that names none.
Result<std::vector<std::string>> select_domains(const NamedProfile& profile,
                                                std::span<const std::string> patterns);

// People call the text of a profile so: by its sub-domains, at most three of them.
std::string profile_label(const RoutingStats& stats);

}  // namespace coe
