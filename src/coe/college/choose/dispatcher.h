// All that a chooser knows, as `coe dispatcher` makes it and writes it
// (docs/formats/dispatcher.md).
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/college/choose/calibrate.h"
#include "coe/college/choose/chooser.h"
#include "coe/college/choose/routing_model.h"
#include "coe/college/choose/text_model.h"
#include "coe/college/choose/train_text.h"
#include "coe/corpus/corpus.h"
#include "coe/engine/engine_library.h"
#include "coe/model/moe/model.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

enum class ChooseBy { kText, kRouting, kBoth };
std::string_view choose_by_name(ChooseBy by);  // "text", "routing", "both"
// The kinds of evidence that it asks.
std::array<bool, kEvidence> evidence_of(ChooseBy by);

// A file of the parent's first blocks, which lies in the dispatcher's folder.
struct FirstBlocks {
  std::string file;  // name
  std::uint64_t bytes = 0;
  std::string digest;  // model_digest() of it
  ModelId parent;
};

struct Dispatcher {
  ChooseBy by = ChooseBy::kText;
  std::vector<std::string> names;  // of the specialists, sorted
  Calibration calibration;
  std::optional<TextModel> text;        // unless by routing alone
  std::optional<RoutingModel> routing;  // unless by text alone
  FirstBlocks blocks;                   // the same
  std::string corpus_digest;            // of the text that it learned from
  std::string tool_version;
  std::string engine;  // that the profiles were taken with; empty without routing
  std::string command_line;
};

// What the choice is, by these probabilities and this share of known features.
Choice choice_of(const Evidence& evidence, double known, std::size_t n_name,
                 const Calibration& calibration);

// The same dispatcher gives identical bytes. Errors: kCorrupt where it is none; those of
// AtomicFile.
Status write_dispatcher(const Path& path, const Dispatcher& dispatcher, Overwrite overwrite);
// Errors: those of GgufFile::open; kCorrupt where it is no dispatcher (a model says so), misses a
// key or tensor, has one that does not belong or has another type or shape, was damaged, or says
// what cannot be; kUnsupported for a newer version.
Result<Dispatcher> read_dispatcher(const Path& path);

// `engine` is that of the first blocks, null where routing is not asked. Errors: kMismatch where it
// is another model's.
Result<std::unique_ptr<Chooser>> make_chooser(Dispatcher dispatcher,
                                              std::unique_ptr<Engine> engine);

// Learns to choose by text, in memory, from the corpora of the domains, one sub-domain a
// specialist. A second or two for 5 x 100,000 tokens. Errors: kInvalidArgument for fewer than two
// domains, or one without text.
Result<std::unique_ptr<Chooser>> train_text_chooser(const Corpus& corpus,
                                                    const TextTraining& options = {});

struct OpenChooserOptions {
  // What opens the first blocks; null: a dispatcher that needs them is refused.
  const EngineLibrary* library = nullptr;
  int n_threads = 0;  // of the engine; 0: all cores
};

// Opens what `coe dispatcher` wrote. Errors: those of read_dispatcher; kMismatch where the file of
// the first blocks is another one's, kNotFound where it is missing; kUnsupported where routing is
// asked and there is no library; kEngine.
Result<std::unique_ptr<Chooser>> open_chooser(const Path& path, const OpenChooserOptions& options);

// The engine's options for first blocks: a small context, on the CPU.
EngineOptions first_blocks_options(const Path& file, int n_threads);

}  // namespace coe
