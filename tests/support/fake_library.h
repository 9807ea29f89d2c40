// An EngineLibrary over the fake engine: counts what is opened, and has the devices and the memory
// that a test gives it.
#pragma once

#include "coe/engine/engine_library.h"
#include "coe/engine/fake_engine.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe::testing {

// A FakeLibrary notes what happens to its plain engines: {"a.gguf", 128} when tokens are appended,
// {"a.gguf", 0} when a sequence begins anew.
struct PlainEvent {
  std::string model;
  std::size_t n_token = 0;
  bool operator==(const PlainEvent&) const = default;
};

class FakePlainEngine : public PlainEngine {
 public:
  FakePlainEngine(const EngineOptions& options, std::vector<DeviceMemory> memory,
                  std::vector<PlainEvent>& events)
      : model_(options.model.filename().string()),
        n_ctx_(options.n_ctx),
        memory_(std::move(memory)),
        events_(events) {}
  const std::string& name() const override { return name_; }
  std::uint32_t n_vocab() const override { return 256; }
  std::uint32_t n_ctx() const override { return n_ctx_; }
  std::vector<DeviceMemory> memory() const override { return memory_; }
  Result<std::vector<std::int32_t>> tokenize(std::string_view text) override {
    return std::vector<std::int32_t>(text.begin(), text.end());
  }
  void clear() override { events_.push_back({model_, 0}); }
  Status append(std::span<const std::int32_t> tokens) override {
    if (!tokens.empty()) events_.push_back({model_, tokens.size()});
    return {};
  }

 private:
  std::string name_ = "fake";
  std::string model_;
  std::uint32_t n_ctx_;
  std::vector<DeviceMemory> memory_;
  std::vector<PlainEvent>& events_;
};

class FakeLibrary : public EngineLibrary {
 public:
  using Opener = std::function<Result<std::unique_ptr<Engine>>(const EngineOptions&)>;
  explicit FakeLibrary(Opener opener) : opener_(std::move(opener)) {}
  explicit FakeLibrary(const FakeEngineOptions& options = {})
      : opener_([options](const EngineOptions&) -> Result<std::unique_ptr<Engine>> {
          return std::make_unique<FakeEngine>(options);
        }) {}

  Result<std::unique_ptr<Engine>> open(const EngineOptions& options) const override {
    ++n_opened;
    return opener_(options);
  }
  Result<std::unique_ptr<PlainEngine>> open_plain(const EngineOptions& options) const override {
    ++n_opened;
    return std::make_unique<FakePlainEngine>(options, memory, events);
  }
  Result<std::vector<std::vector<DeviceMemory>>> predict_memory(
      const EngineOptions& /*options*/, std::span<const std::uint32_t> contexts) const override {
    std::vector<std::vector<DeviceMemory>> out;
    for (const auto n_ctx : contexts) {
      out.push_back(memory);
      for (auto& device : out.back()) device.kv_cache = n_ctx;
    }
    return out;
  }
  std::vector<DeviceSpace> devices() const override { return space; }
  const gguf::Dequantizer* dequantizer() const override { return values; }
  const gguf::Quantizer* quantizer() const override { return nullptr; }
  std::string version() const override { return "fake 1"; }
  std::string revision() const override { return "tree"; }
  Result<int> serve(std::span<const std::string> /*arguments*/) const override { return 0; }
  void prepare_process(char** /*argv*/) const override {}
  void set_log(std::function<void(std::string_view)> /*sink*/) const override {}

  mutable int n_opened = 0;
  mutable std::vector<PlainEvent> events;
  std::vector<DeviceMemory> memory = {{.device = "CPU", .is_host = true}};
  std::vector<DeviceSpace> space;
  const gguf::Dequantizer* values = nullptr;

 private:
  Opener opener_;
};

// An engine that a test keeps and a library gives away: all goes to the one behind it.
class BorrowedEngine : public Engine {
 public:
  explicit BorrowedEngine(Engine& engine) : engine_(engine) {}
  const EngineInfo& info() const override { return engine_.info(); }
  Result<std::vector<std::int32_t>> tokenize(std::string_view text) override {
    return engine_.tokenize(text);
  }
  Status decode(const DecodeRequest& request) override { return engine_.decode(request); }

 private:
  Engine& engine_;
};

}  // namespace coe::testing
