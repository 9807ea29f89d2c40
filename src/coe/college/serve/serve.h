// A college that listens: its models, the pool that runs them, and the front before them.
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/college/serve/college_spec.h"
#include "coe/college/serve/front.h"
#include "coe/engine/chat.h"
#include "coe/engine/engine.h"
#include "coe/engine/engine_library.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace coe {

// Who chooses, by the names of members.
struct CollegeChooser {
  std::vector<std::string> names;
  std::function<Result<Selection>(std::span<const std::string> user_turns)> choose;
};

struct ServeSetup {
  CollegeSpec spec;
  Sampling sampling;     // of requests that do not say
  EngineOptions engine;  // what servers run with, for the prediction of memory; without a model
  // The program that is an engine's server with kEngineServer as its first argument.
  Path program;
  // Called once, when no more processes have to be forked. Empty: nobody chooses, and requests must
  // name a model.
  std::function<Result<CollegeChooser>()> open_chooser;
};

struct ServedModel {
  std::string name;
  std::string source;        // the file, "PARENT under MASK", or the address
  std::uint64_t memory = 0;  // predicted; 0: not here
  bool is_unsure = false;
};

class CollegeServer {
 public:
  // Checks that every file is there, predicts memory (in processes of their own: nothing may have
  // opened the engine or started threads), and listens. Errors: kInvalidArgument for names in
  // `unsure` or the chooser that no member has, and for a host beyond this machine without keys;
  // kEngine without an engine where a member needs one; those of read_keys, default_cut_folder,
  // open_model, predicted_memory, RequestLog::open, Pool::create and HttpServer::start.
  static Result<std::unique_ptr<CollegeServer>> start(const ServeSetup& setup,
                                                      const EngineLibrary& library,
                                                      Observer& observer);
  CollegeServer(const CollegeServer&) = delete;
  CollegeServer& operator=(const CollegeServer&) = delete;
  // Ends all at once.
  ~CollegeServer();

  std::string url() const;
  const std::vector<ServedModel>& models() const { return models_; }
  std::uint64_t memory() const { return memory_; }  // that loaded models may take
  bool needs_key() const { return needs_key_; }
  bool chooses() const { return chooses_; }

  std::size_t n_active() const { return server_->n_active(); }
  // Takes no more requests, gives those under way so many seconds, and ends.
  void stop(double seconds);

 private:
  CollegeServer() = default;

  std::string host_;
  std::vector<ServedModel> models_;
  std::uint64_t memory_ = 0;
  bool needs_key_ = false;
  bool chooses_ = false;
  // In this order: requests use the front, which uses the pool and the log.
  std::unique_ptr<RequestLog> log_;
  std::unique_ptr<Pool> pool_;
  std::unique_ptr<Front> front_;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace coe
