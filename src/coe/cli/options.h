// Flags that several verbs share.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/child/instant/masked_model.h"
#include "coe/cli/session.h"
#include "coe/corpus/corpus.h"
#include "coe/engine/engine.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/moe/open_model.h"
#include "coe/model/store/places.h"

#include <CLI/CLI.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coe::cli {

// The option of layers on GPUs, which a user may give where there is none.
inline constexpr std::string_view kGpuLayers = "--n-gpu-layers";

// The options that are added while one lives stand under its title in help.
class OptionTitle {
 public:
  OptionTitle(CLI::App& verb, std::string title);
  ~OptionTitle();
  OptionTitle(const OptionTitle&) = delete;
  OptionTitle& operator=(const OptionTitle&) = delete;

 private:
  CLI::App& verb_;
  std::string title_;
  std::size_t n_before_;
};

// Sets what a server would, rather than what observing needs: one sequence, flash attention, layers
// with sliding windows caching no more than their window, room for one token's logits.
void serve_defaults(EngineOptions& options);
// Adds an option, or an operand, that takes a model: a path, or the name of one in another
// program's store. resolve_models() makes a path of a name.
CLI::Option* add_model_option(CLI::App& verb, const std::string& names, Path& model,
                              const std::string& help);
CLI::Option* add_model_option(CLI::App& verb, const std::string& names, std::vector<Path>& models,
                              const std::string& help);
// Makes these options look names up when they are parsed; `problem` is what was wrong with the
// first that could not be found, and both live as long as `app`. Call it once all options are
// added.
void resolve_models(CLI::App& app, const Surroundings& around, std::optional<Error>& problem);
// Adds -b, -t, -ngl, -ctk, --flash-attn and what else decides how a model runs, with llama.cpp's
// names.
void add_device_options(CLI::App& verb, EngineOptions& options);
// Holds every number of the verbs, and of theirs, to be one: CLI11 takes `nan` for a number in any
// range, and `-1` and 30 digits for large ones. Call it once all options are added.
void check_numbers(CLI::App& app);
// Reads "16k" as 16384 wherever a context is given.
CLI::Validator context_length();
// Adds those and -c.
void add_engine_options(CLI::App& verb, EngineOptions& options);
// Adds --instant and --virtual, the two ways to run a model under the verb's --mask. `as` has the
// default, nullopt where the verb decides.
void add_masked_as(CLI::App& verb, std::optional<MaskedAs>& as);
void add_experts_used(CLI::App& verb, std::uint32_t& n_used);
// Adds --mask and --experts-used, of which a cut needs one.
void add_cut_options(CLI::App& verb, Path& mask, std::uint32_t& n_used);
// Errors: kInvalidArgument where neither is given.
Status check_cut_options(const Path& mask, std::uint32_t n_used);
// Reads the mask to cut by: where none is named but fewer experts are to be used, that of all.
// Errors: those of read_mask and check_experts_used.
Result<KeepMask> mask_to_cut(const Path& mask, std::uint32_t n_used, const OpenModel& model);
// Adds --temp, --top-k, --top-p, --seed, --repeat-penalty and --repeat-last-n, with llama.cpp's
// names.
std::vector<CLI::Option*> add_sampling_options(CLI::App& verb, Sampling& sampling);
// Text, and which of it.
struct CorpusOptions {
  std::vector<Path> files;
  std::string text_spec = "text";
  std::vector<std::string> domains;  // empty: all
  bool only_records = false;         // plain text is an error
};
// Adds -f and --text.
void add_text_options(CLI::App& verb, CorpusOptions& options, bool required = true);
// Adds those and --domain.
void add_corpus_options(CLI::App& verb, CorpusOptions& options, bool required = true);
// Takes the text (corpus/intake). `model` renders chats; empty: there is none. `label` names the
// text in what is said of it.
Result<Corpus> load_corpus(const CorpusOptions& options, const Path& model, Session& session,
                           std::string label = "text");

// Adds -o for rows.
void add_rows_option(CLI::App& verb, Path& path);

// Lists the parent's file, then those of the models to set beside it.
std::vector<Path> parent_first(const Path& parent, const std::vector<Path>& children);

}  // namespace coe::cli
