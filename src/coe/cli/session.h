// What every verb gets: the common flags, the console, and the shape of a verb.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/cli/console.h"
#include "coe/cluster/ranks.h"
#include "coe/corpus/corpus.h"
#include "coe/engine/engine.h"
#include "coe/engine/engine_library.h"
#include "coe/gguf/reader.h"
#include "coe/mask/keep_mask.h"
#include "coe/moe/model.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace coe::cli {

using Json = nlohmann::ordered_json;

struct Session {
  Session(Ranks& of_process, const EngineLibrary& linked) : ranks(of_process), library(linked) {}

  Ranks& ranks;
  const EngineLibrary& library;
  bool json = false;
  bool quiet = false;
  bool verbose = false;
  bool force = false;
  std::string command_line;
  ConsoleObserver console;

  Overwrite overwrite() const { return force ? Overwrite::kAllow : Overwrite::kRefuse; }
  // The verb's result: `document` with --json, else `text` (dropped by -q).
  Status emit(const Json& document, std::string_view text);
};

// Runs after parsing; returns the exit code of work that was done, or an error.
using Run = std::function<Result<int>(Session&)>;

// A verb adds its subcommand; when the user names it, `run` is set. Options live in a shared_ptr
// because CLI11 keeps pointers to them while `run` outlives the parser's callbacks.
void add_inspect(CLI::App& app, Run& run);
void add_corpus(CLI::App& app, Run& run);
void add_profile(CLI::App& app, Run& run);
void add_merge(CLI::App& app, Run& run);
void add_recon(CLI::App& app, Run& run);
void add_mask(CLI::App& app, Run& run);
void add_compare(CLI::App& app, Run& run);
void add_prune(CLI::App& app, Run& run);
void add_verify(CLI::App& app, Run& run);
void add_eval(CLI::App& app, Run& run);
void add_bench(CLI::App& app, Run& run);
void add_chat(CLI::App& app, Run& run);
void add_specialize(CLI::App& app, Run& run);

// A document that begins with "schema": "coe.<verb>/1" and the tool's version.
Json document(std::string_view verb);

// Parent and its MoE description, for verbs that take -m.
struct OpenModel {
  gguf::GgufFile file;
  MoeModel moe;
};
Result<OpenModel> open_model(const Path& path, Session& session);

// A mask of that model, and what engines take of it.
struct OpenMask {
  KeepMask mask;
  ExpertFilter filter;
};
Result<OpenMask> open_mask(const Path& path, const OpenModel& model);

// As a server runs a model, rather than as we observe one: one sequence, flash attention, layers
// with sliding windows caching no more than their window, room for one token's logits.
void serve_defaults(EngineOptions& options);
// -b, -t, -ngl, --flash-attn, with llama.cpp's names.
void add_device_options(CLI::App& verb, EngineOptions& options);
// Those and -c.
void add_engine_options(CLI::App& verb, EngineOptions& options);
// --temp, --top-k, --top-p, --seed, --repeat-penalty and --repeat-last-n, with llama.cpp's names.
std::vector<CLI::Option*> add_sampling_options(CLI::App& verb, Sampling& sampling);
// -f, --text and --domain.
struct CorpusOptions {
  std::vector<Path> files;
  std::string text_spec = "text";
  std::vector<std::string> domains;  // empty: all
};
void add_corpus_options(CLI::App& verb, CorpusOptions& options, bool required = true);
Result<Corpus> load_corpus(const CorpusOptions& options);

}  // namespace coe::cli
