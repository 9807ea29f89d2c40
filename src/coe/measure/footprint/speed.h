// Measures prefill and decode of several models, turn by turn, so that what else the machine does
// falls on all of them.
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/base/stats/bootstrap.h"
#include "coe/corpus/corpus.h"
#include "coe/engine/engine_library.h"
#include "coe/model/moe/open_model.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace coe {

struct SpeedOptions {
  EngineOptions engine;  // .model and .n_ctx are set here
  std::uint32_t n_prompt = 512;
  std::uint32_t n_generate = 128;
  std::uint32_t n_depth = 0;   // tokens in the context before the prompt
  std::uint32_t n_round = 5;   // turns of each model that count, after one to warm up
  bool one_at_a_time = false;  // each turn loads its own model; no more than one is in memory

  std::uint32_t n_token() const { return n_depth + n_prompt + n_generate; }
};

struct ModelSpeed {
  Path file;
  ModelId id;
  std::uint32_t n_expert = 0;
  std::uint64_t token_bytes = 0;  // bytes_of_token
  std::string engine;             // PlainEngine::name
  std::vector<double> prefill_s;  // [rounds]
  std::vector<double> decode_s;   // [rounds]
};

// Counts the weights that a token's forward pass reads at least: everything but the experts that it
// does not use, the tables of which it needs a row, and MTP blocks, which do not run.
std::uint64_t bytes_of_token(const OpenModel& model);

// `files`: the parent, then its specialists, whose vocabularies are the parent's. All read the same
// tokens: those of `text`, over and over where it is short, or without any text pseudo-random ones.
// Each round goes through the models in the other direction than the last: a machine that slows
// down favours nobody. Errors: kInvalidArgument for more tokens than a model was trained for, or an
// empty text; those of open_model and EngineLibrary::open_plain; kEngine; kCancelled.
Result<std::vector<ModelSpeed>> run_speed(const EngineLibrary& library, std::span<const Path> files,
                                          const Corpus& text, const SpeedOptions& options,
                                          Observer& observer);

// Returns tokens a second: the tokens of all rounds over their seconds.
Interval tokens_per_second(std::uint32_t n_token, std::span<const double> seconds);

}  // namespace coe
