// The engine's library: opens models, and knows what can be known before one is open. The program
// is linked with one (main.cc); engine_llama/ has llama.cpp's, no_engine.h the one of builds
// without an engine.
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/engine/engine.h"
#include "coe/engine/memory.h"
#include "coe/engine/plain_engine.h"
#include "coe/model/gguf/dequantizer.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

class EngineLibrary {
 public:
  virtual ~EngineLibrary() = default;

  // Loads a model. The file must have been read by moe/ or gguf/ first: an engine may abort the
  // process on malformed headers. Errors: kEngine; kUnsupported for models whose routing it hides.
  virtual Result<std::unique_ptr<Engine>> open(const EngineOptions& options) const = 0;
  // Loads a model without anything of ours in between. EngineOptions::n_candidate does not apply.
  virtual Result<std::unique_ptr<PlainEngine>> open_plain(const EngineOptions& options) const = 0;
  // Says what the buffers of a model would take with contexts of so many tokens (each capped at
  // what the model was trained for), without loading a weight: the file may be one that holds a
  // header and nothing behind it. `other` is the work space of the CPU's operations, where all run
  // there. Shape: [contexts][devices], the host last. Errors: kEngine.
  virtual Result<std::vector<std::vector<DeviceMemory>>> predict_memory(
      const EngineOptions& options, std::span<const std::uint32_t> contexts) const = 0;
  // Lists the devices that layers can be put on; none on a machine without.
  virtual std::vector<DeviceSpace> devices() const = 0;
  // Is null without an engine; else it lives as long as the process.
  virtual const gguf::Dequantizer* dequantizer() const = 0;
  // The same for the way back.
  virtual const gguf::Quantizer* quantizer() const = 0;
  // Names the library: "llama.cpp v0.5.0", or "none".
  virtual std::string version() const = 0;
  // Names the git tree that it was built from: "custom" for a source of the user's own, or empty.
  virtual std::string revision() const = 0;

  // Is the library's own HTTP server, until a signal ends it: `arguments` are those that its
  // program takes. Returns the exit code. Only for a process that does nothing else. Errors:
  // kEngine.
  virtual Result<int> serve(std::span<const std::string> arguments) const = 0;

  // Must be called first of all in main(): it may start the process again with a setting that the
  // library reads when it is loaded.
  virtual void prepare_process(char** argv) const = 0;
  // `sink` receives the library's own log, line by line; before the first call it is dropped.
  virtual void set_log(std::function<void(std::string_view)> sink) const = 0;
  // `observer` is told how far the loading of a model is ("load", bytes) once that has taken half a
  // second, and may cancel it: open() then returns kCancelled. Null, as at first: nobody is told.
  // It must outlive what is opened while it is set.
  virtual void watch_loading(Observer* observer) const { (void)observer; }
};

// An engine that is opened when it is first needed.
class LazyEngine {
 public:
  LazyEngine(const EngineLibrary& library, EngineOptions options)
      : library_(library), options_(std::move(options)) {}

  // Errors: those of EngineLibrary::open.
  Result<Engine*> get();
  // Frees its memory; the next get() opens it again.
  void close() { engine_.reset(); }

 private:
  const EngineLibrary& library_;
  EngineOptions options_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace coe
