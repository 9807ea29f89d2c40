// Pools whose models are processes of fake_server.py.
#pragma once

#include "coe/college/serve/pool.h"

#include "support/expect.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace coe::testing {

struct FakeModel {
  std::string name;
  std::uint64_t memory = 1;
  std::vector<std::string> arguments = {};  // of fake_server.py
};

inline PoolOptions quick_options(const std::vector<FakeModel>& models) {
  PoolOptions options;
  std::map<std::string, std::vector<std::string>> arguments;
  for (const auto& model : models) arguments[model.name] = model.arguments;
  options.command = [arguments](const PoolModel& model, const Path& /*file*/, const Path& socket) {
    std::vector<std::string> command = {
        "/usr/bin/env", "python3",       COE_SOURCE_DIR "/tests/college/serve/fake_server.py",
        "--host",       socket.string(), "--alias",
        model.name};
    const auto& more = arguments.at(model.name);
    command.insert(command.end(), more.begin(), more.end());
    return command;
  };
  options.health_seconds = 0.1;
  options.n_unhealthy = 2;
  options.stop_seconds = 2.0;
  return options;
}

inline std::unique_ptr<Pool> fake_pool(const std::vector<FakeModel>& models, PoolOptions options) {
  std::vector<PoolModel> out;
  for (const auto& model : models)
    out.push_back(
        {.name = model.name,
         .file = [](Observer& /*observer*/) -> Result<Path> { return Path("model.gguf"); },
         .memory = model.memory});
  return value_of(Pool::create(std::move(out), std::move(options)));
}

inline std::unique_ptr<Pool> fake_pool(const std::vector<FakeModel>& models,
                                       std::uint64_t memory = 0) {
  auto options = quick_options(models);
  options.memory = memory;
  return fake_pool(models, std::move(options));
}

}  // namespace coe::testing
