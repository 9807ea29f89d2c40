// Options that `coe bench scores` and `coe bench transfer` share, and what they make of them.
#pragma once

#include "coe/cli/options.h"
#include "coe/measure/cells/comparison.h"

#include <string_view>
#include <vector>

namespace coe::cli {

struct ComparisonFlags {
  CorpusOptions corpus;
  std::vector<Path> evaluation;
  bool no_random = false;

  bool has_corpus() const { return !corpus.files.empty(); }
};

// Adds --random-seeds, --no-random, --max-records and those of evaluations.
void add_comparison_options(CLI::App& verb, ComparisonOptions& job, ComparisonFlags& flags);

// Reads the texts into `job`, and sets what the session says. Errors: those of load_corpus.
Status read_comparison(const ComparisonFlags& flags, ComparisonOptions& job, Session& session);

// The rows of a comparison, empty. `engine`: what measured, empty where nothing had to be.
ResultRows comparison_rows(std::string_view kind, const ComparisonOptions& job,
                           const ModelId& model, const std::string& engine, const Session& session);

}  // namespace coe::cli
