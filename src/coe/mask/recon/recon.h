// recon goes from text and a running model to a score table, by greedy elimination
// (mask/recon/eliminate.h). The engine runs all experts for each token while the stream stays the
// parent's (EngineOptions::n_candidate); what is kept of a token is the M best-ranked ones'
// products, about 4·M(M+1) bytes a layer at most, however wide the model is.
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/corpus.h"
#include "coe/engine/engine.h"
#include "coe/mask/score/table.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/model.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace coe {

// The batch of an engine for recon: outputs of all experts for one are in memory.
inline constexpr std::uint32_t kReconBatch = 128;

struct ReconOptions {
  std::uint64_t n_token = 4000;
  // Many short stretches of text tell more than few long ones.
  std::uint32_t record_tokens = 128;
  // This holds the candidates of as many layers as fit. Where not all do, the text is run several
  // times.
  std::size_t memory_bytes = std::size_t{2} << 30;
  // run_settings() of the engine: goes into the table's settings.
  std::string run_settings = {};
  // The table so far is kept here after each layer, and a run of the same model, text and settings
  // goes on from it, though it decodes the text again for the layers that are left. A state of
  // another run is replaced, with a warning. Empty: none is kept.
  // write_recon_table() removes it.
  Path state = {};
};

// All of the options that decides a table, as text: ScoreTable::settings. `n_candidate`: M.
std::string recon_settings(const ReconOptions& options, std::uint32_t n_candidate);

// Returns M, how many experts of each token to look at: the `asked`, or with 0 eight times those it
// uses, and at most those that its router can choose from. Errors: kInvalidArgument when fewer are
// asked for than are used; kUnsupported for models whose experts share chunks or are chosen by a
// table.
Result<std::uint32_t> candidate_depth(const MoeModel& model, std::uint32_t asked);

// `engine` runs `file`, which `model` describes, with n_candidate from candidate_depth. Text is
// taken in the profiler's order, cut into stretches of record_tokens: the first of each record,
// then the second of each, … until there are n_token. Command line: the caller's. Errors:
// kMismatch when engine and model disagree; kInvalidArgument when not even one layer fits into
// memory_bytes; kCorrupt when the corpus has no token or a norm's weights are missing; those of
// eliminate() and the engine; kCancelled.
Result<ScoreTable> run_recon(Engine& engine, const gguf::GgufFile& file, const MoeModel& model,
                             const Corpus& corpus, const ReconOptions& options, Observer& observer);

// Writes a finished table, and removes the state partial_of(path) that led to it. Errors: those of
// write_score_table.
Status write_recon_table(const Path& path, const ScoreTable& table, Overwrite overwrite);

}  // namespace coe
