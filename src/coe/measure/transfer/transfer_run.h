// The transfer of specialists from text to matrices and pictures: profiles what needs profiling,
// makes the masks, measures them and reads the result. All that it finds is kept in one folder, so
// that the same run goes on from there.
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/engine/engine_library.h"
#include "coe/mask/score/score.h"
#include "coe/measure/cells/comparison.h"
#include "coe/measure/transfer/masks.h"
#include "coe/measure/transfer/matrix.h"
#include "coe/model/moe/model.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace coe {

// A mask that is there already, and the sub-domain it is for.
struct ReadyMask {
  std::string name;
  Path file;
};

// The specialists are one for each domain at each count, and the ready masks.
struct TransferOptions : ComparisonOptions {
  Score score = Score::kUtil;
  std::vector<ReadyMask> masks;
};

// Holds all of one K.
struct TransferResult {
  TransferMatrix matrix;
  TransferSquare square;
  TransferReading reading;
};

struct TransferReport {
  ModelId model;
  std::string corpus_digest;  // of the evaluation text, as it was cut
  std::string engine;         // EngineInfo::engine of what measured, in this run or an earlier one
  std::map<std::uint32_t, std::vector<TransferMask>> masks;  // specialists before random ones
  std::vector<TransferResult> results;                       // by K
};

// The folder also holds a profile of the corpus (profile.gguf), masks/NAME-kK.json, and cells/ with
// what has been measured so far. The caller writes the rows (base/run_files.h).
std::string matrix_file(std::uint32_t n_keep);
std::string scatter_file(std::uint32_t n_keep);  // only where there are correlations

// Takes "web=web.json". Errors: kInvalidArgument.
Result<ReadyMask> parse_ready_mask(const std::string& text);

// Errors: kInvalidArgument for a K that the model does not allow, and for two specialists of the
// same name and K; kExists for outputs that are there, unless `overwrite` allows it; those of
// check_disjoint, open_model, read_mask, run_profile, domain_masks and measure_transfer.
Result<TransferReport> run_transfer(const TransferOptions& options, const EngineLibrary& library,
                                    Observer& observer);

}  // namespace coe
