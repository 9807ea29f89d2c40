// The engine's servers of a college's own models: started when they are first asked for, as many as
// memory has room for, watched, started again when they die, and ended with us.
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

// A model that the pool can run.
struct PoolModel {
  std::string name;
  // Gives the file to run, and may take its time to make it. Called in a thread of its own, once
  // unless it fails; its observer says when to give up.
  std::function<Result<Path>(Observer&)> file;
  std::uint64_t memory = 0;  // bytes that it takes when it is loaded, as far as is known
};

struct PoolOptions {
  // Program and arguments that serve `file` on `socket`, and say so under GET /health.
  std::function<std::vector<std::string>(const PoolModel& model, const Path& file,
                                         const Path& socket)>
      command;
  std::uint64_t memory = 0;         // of all that are loaded; one that needs more runs alone
  double start_seconds = 900.0;     // a model of 20 GB from a slow disk takes minutes
  double health_seconds = 2.0;      // between two looks at one that runs
  unsigned n_unhealthy = 3;         // failed looks in a row, after which it is ended
  double stop_seconds = 5.0;        // from asking it to end to ending it
  double most_wait_seconds = 30.0;  // between attempts to start what fails
};

enum class ModelState { kStopped, kPreparing, kStarting, kReady, kStopping, kFailed };
std::string_view state_name(ModelState state);

struct ModelStatus {
  std::string name;
  ModelState state = ModelState::kStopped;
  std::size_t n_request = 0;  // that it answers now
  std::uint64_t memory = 0;
  pid_t pid = -1;
  unsigned n_failure = 0;  // in a row
  std::string error;       // of the last failure
};

class Pool;

// While it lives, its model is not stopped to make room for another.
class Lease {
 public:
  Lease(Lease&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)),
        model_(other.model_),
        generation_(other.generation_),
        socket_(std::move(other.socket_)) {}
  Lease& operator=(Lease&&) = delete;
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease();

  const Path& socket() const { return socket_; }

 private:
  friend class Pool;
  Lease(Pool& pool, std::size_t model, std::uint64_t generation, Path socket)
      : pool_(&pool), model_(model), generation_(generation), socket_(std::move(socket)) {}

  Pool* pool_;
  std::size_t model_;
  std::uint64_t generation_;
  Path socket_;
};

class Pool {
 public:
  // Sockets lie in a new folder that only this user may enter. Those that killed processes have
  // left are removed. Errors: kIo.
  static Result<std::unique_ptr<Pool>> create(std::vector<PoolModel> models, PoolOptions options);
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  // Ends all processes, and removes the folder.
  ~Pool();

  // Waits until the model serves. `gone` is asked whether anybody still waits for it. Errors:
  // kEngine with the model's last words when it does not start, or has failed again and again;
  // kCancelled when nobody waits or the pool ends; those of PoolModel::file.
  Result<Lease> acquire(std::size_t model, const std::function<bool()>& gone);
  // The server did not answer: is it still there? A new acquire() waits for the answer.
  void suspect(const Lease& lease);
  // Shape: [models].
  std::vector<ModelStatus> status() const;
  // Ends all processes; acquire() fails from now on.
  void stop();

 private:
  friend class Lease;
  class Supervisor;
  explicit Pool(std::unique_ptr<Supervisor> supervisor);
  std::unique_ptr<Supervisor> supervisor_;
};

}  // namespace coe
