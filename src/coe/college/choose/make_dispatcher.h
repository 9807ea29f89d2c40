// What `coe dispatcher` does: learns to choose by text and, where there is a parent, by its
// routing; measures both and the two together; and writes what is best.
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/college/choose/dispatcher.h"
#include "coe/college/choose/measure.h"
#include "coe/corpus/corpus.h"
#include "coe/engine/engine.h"
#include "coe/engine/engine_library.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace coe {

struct MakeDispatcherOptions {
  Path output;  // the dispatcher; the first blocks are written beside it
  Overwrite overwrite = Overwrite::kRefuse;
  EngineOptions parent;  // of which the first blocks are cut; without a model there is no routing
  std::size_t n_layer = 3;                // that route, of the parent's first
  std::uint64_t n_profile_token = 30000;  // of each domain
  std::optional<ChooseBy> by;             // nullopt: what is best
  TextTraining training;
  std::size_t n_request = 60;  // of each domain and length, that calibrate
  std::string command_line;
};

// Routing takes an engine, which costs memory and milliseconds. So it is the default only where it
// chooses right so much more often than text alone does.
inline constexpr double kWorthAnEngine = 0.005;

struct DispatcherReport {
  Path output;
  Path blocks;  // empty: none were written
  std::uint64_t blocks_bytes = 0;
  Dispatcher dispatcher;
  bool by_was_asked = false;
  std::vector<std::uint64_t> n_record;   // of each domain
  std::vector<std::uint64_t> n_byte;     // of each domain
  std::vector<std::uint64_t> n_heldout;  // records of each domain; empty: none were given
  std::uint64_t n_leak = 0;              // held-out records that were left out
  bool lengths_in_tokens = false;        // of the parent; else kBytesPerToken bytes count as one
  std::vector<MethodAccuracy> methods;   // text, then routing and both where there is a parent
  double train_s = 0.0;
};

// Held-out text that stands in the training text is left out with a warning. Records that stand in
// the text of two domains teach nothing: they are left out with a warning. Errors: kInvalidArgument
// for fewer than two domains, one without text, held-out text of another domain, two domains most
// of whose text is the same, or routing without a parent; kUnsupported where routing is asked for
// and the parent's first blocks cannot be cut, which is a warning otherwise; kExists; those of the
// engine; kCancelled.
Result<DispatcherReport> make_dispatcher(const Corpus& corpus, const Corpus& heldout,
                                         const MakeDispatcherOptions& options,
                                         const EngineLibrary& library, Observer& observer);

// "college.blocks.gguf" of "college.dispatcher.gguf", in the same folder.
Path blocks_beside(const Path& dispatcher);

}  // namespace coe
