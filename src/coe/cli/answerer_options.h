// Options of verbs that ask a model questions, and what they open: the linked engine with a GGUF
// (-m), or a server (--endpoint).
#pragma once

#include "coe/answer/answerer.h"
#include "coe/ask/ask.h"
#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/cli/session.h"
#include "coe/endpoint/endpoint_answerer.h"

#include <CLI/CLI.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace coe::cli {

struct AnswererOptions {
  EngineOptions engine;  // .model: also beside --endpoint, for its chat template
  Path mask;
  EndpointOptions endpoint;  // .url: empty without --endpoint
  std::string api = "auto";
  std::string key_variable;                // empty: COE_API_KEY, where it is set
  std::vector<std::string> think_markers;  // start and end, in pairs
  const CLI::Option* ctx_size = nullptr;

  bool on_server() const { return !endpoint.url.empty(); }
};
// -m, --mask and the engine's options; --endpoint, --model, --api and what belongs to them.
void add_answerer_options(CLI::App& verb, AnswererOptions& options);

// --think, --max-new-tokens, the sampling options, --no-loop-guard, --retry-failed and -j.
void add_ask_options(CLI::App& verb, AskOptions& options);
// kInvalidArgument for what the linked engine cannot do.
Status check_ask_options(const AskOptions& options, const AnswererOptions& answerer);

struct OpenAnswerer {
  std::optional<OpenModel> model;  // of -m
  std::unique_ptr<OpenMask> mask;  // stays where it is, for the answerer points to it
  std::unique_ptr<Engine> engine;  // of -m; beside a server, for its chat template only
  std::unique_ptr<Answerer> answerer;
  // What decides the answers besides the request: digests of model and mask, the context; or the
  // server and the model's name there.
  std::string identity;
};
// Errors: kInvalidArgument when neither or too much is asked for; those of the engine, and of
// EndpointAnswerer::connect.
Result<OpenAnswerer> open_answerer(const AnswererOptions& options, Session& session);

}  // namespace coe::cli
