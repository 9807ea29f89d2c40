// A cell is what masks came to on one sub-domain of text. It is kept in a file record by record, so
// that a run that was stopped, or is to have further masks, measures nothing twice.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/corpus/corpus.h"
#include "coe/measure/eval/eval.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace coe {

// All that decides the numbers besides the mask, as settings_difference() compares it: model, text,
// options of the evaluation, and `run_settings` of the engine.
std::string cell_settings(std::string_view model_digest, const SubDomain& text,
                          const EvalOptions& options, std::string_view run_settings);

class DomainCells {
 public:
  // Reads `file` where there is one. Cells of other settings, or a file that cannot be read, are
  // kExists, naming what differs, or with kAllow as good as none.
  static Result<DomainCells> open(const Path& file, std::string domain, std::string settings,
                                  Overwrite overwrite);
  // By KeepMask::digest; null when it was not measured.
  const DomainEval* find(std::string_view mask_digest) const;
  // EngineInfo::engine of what measured them; empty while there are none.
  const std::string& engine() const { return engine_; }
  // Replaces the file, at once and whole.
  Status add(std::map<std::string, DomainEval, std::less<>> measured, std::string engine);

 private:
  DomainCells(Path file, std::string domain, std::string settings)
      : file_(std::move(file)), domain_(std::move(domain)), settings_(std::move(settings)) {}
  // Says what is wrong with the file; nullopt where its cells are taken.
  std::optional<std::string> read();

  Path file_;
  std::string domain_;
  std::string settings_;
  std::string engine_;
  std::map<std::string, DomainEval, std::less<>> cells_;
};

}  // namespace coe
