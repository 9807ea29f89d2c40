// Where the passes of a mask get their profiles from: files of profiles, or text that is profiled
// in the same run, a stage of its own each.
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/corpus.h"
#include "coe/corpus/intake/take_text.h"
#include "coe/engine/engine_library.h"
#include "coe/mask/recipe/pass_options.h"
#include "coe/mask/recipe/profile_files.h"
#include "coe/mask/recipe/profiles.h"
#include "coe/model/moe/model.h"
#include "coe/profile/profile.h"
#include "coe/profile/stage.h"

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

class PassTexts {
 public:
  // What a profile is made with. All must outlive the object but the stage, whose file is another
  // for each use: `file_of("cot")` names it.
  struct Making {
    LazyEngine& engine;
    const MoeModel& parent;
    ProfileOptions options;  // with run_settings
    ProfileStage stage;
    std::function<Path(std::string_view use)> file_of;
    std::function<void(std::string_view use)> begin;  // it has to be made
    std::function<void(std::string name, const Path& file, const StagedProfile&)> done;
  };

  // Reads a file that passes name, once: a routing profile, which must be of `parent`, or text,
  // which must be apart from `evaluation`. Errors: those of read_profile, check_same_model,
  // take_text and check_disjoint.
  Status add(const Path& file, const TakeOptions& options, const ModelId& parent,
             const Corpus& evaluation, Observer& observer);
  // What was taken of the texts, in the order in which they were added.
  const std::vector<Taken>& taken() const { return taken_; }
  bool is_text(const Path& file) const { return texts_.contains(file); }
  // The texts, by file.
  const std::map<Path, Corpus>& texts() const { return texts_; }

  // The digest of the profile of a file that was added. Text that is chats of the parent's template
  // is profiled by role. Errors: kCorrupt where only a part of the records are chats, or `use` asks
  // for roles and none is; those of profile_stage.
  Result<std::string> profile_of(const Path& file, const ProfileUse& use, const Making& making,
                                 Observer& observer);
  // Adds one that the caller made; it must outlive the object.
  std::string add(const std::string& name, const RoutingStats& stats) {
    return files_.add(name, stats);
  }
  Result<std::string> add_table(const Path& file) { return files_.load_table(file); }
  const ProfileSet& set() const { return files_.set(); }

 private:
  ProfileFiles files_;
  std::map<Path, Corpus> texts_;
  std::vector<Taken> taken_;
  std::deque<RoutingStats> made_;
  std::map<std::pair<Path, bool>, std::string> digests_;  // by text, and whether at another T
};

}  // namespace coe
