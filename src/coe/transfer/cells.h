// What masks came to on one sub-domain of text, kept in a file record by record, so that a run that
// was stopped, or is to have further masks, measures nothing twice.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/corpus/corpus.h"
#include "coe/eval/eval.h"

#include <map>
#include <string>
#include <string_view>

namespace coe {

// All that decides the numbers besides the mask, as a digest. `settings`: of engine and options, as
// text.
std::string cell_inputs(std::string_view model_digest, const SubDomain& text,
                        const EvalOptions& options, std::string_view settings);

class DomainCells {
 public:
  // Reads `file` where there is one. Cells of other inputs, or a file that cannot be read, are
  // kExists, or with kAllow as good as none.
  static Result<DomainCells> open(const Path& file, std::string domain, std::string inputs,
                                  Overwrite overwrite);
  // By KeepMask::digest; null when it was not measured.
  const DomainEval* find(std::string_view mask_digest) const;
  // Replaces the file, at once and whole.
  Status add(std::map<std::string, DomainEval, std::less<>> measured);

 private:
  DomainCells(Path file, std::string domain, std::string inputs)
      : file_(std::move(file)), domain_(std::move(domain)), inputs_(std::move(inputs)) {}
  bool read();

  Path file_;
  std::string domain_;
  std::string inputs_;
  std::map<std::string, DomainEval, std::less<>> cells_;
};

}  // namespace coe
