// Chooses who answers questions, and opens it: the linked engine with a GGUF, or a server.
#pragma once

#include "coe/ask/answer/answerer.h"
#include "coe/ask/ask.h"
#include "coe/ask/endpoint/endpoint_answerer.h"
#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/child/instant/masked_model.h"
#include "coe/engine/engine_library.h"
#include "coe/model/moe/open_model.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace coe {

struct AnswererOptions {
  EngineOptions engine;  // .model: also beside a server, for its chat template
  Path mask;
  std::optional<MaskedAs> masked_as = MaskedAs::kInstant;
  EndpointOptions endpoint;  // .url: empty without a server
  std::string api = "auto";
  std::string key_variable;                // empty: COE_API_KEY, where it is set
  std::vector<std::string> think_markers;  // start and end, in pairs
  bool sends_n_ctx = false;                // a server is asked for a context of engine.n_ctx

  bool on_server() const { return !endpoint.url.empty(); }
};

struct OpenAnswerer {
  std::optional<OpenModel> model;       // of engine.model
  std::unique_ptr<MaskedModel> masked;  // stays where it is, for the answerer points to it
  std::unique_ptr<Engine> engine;  // of engine.model; beside a server, for its chat template only
  std::unique_ptr<Answerer> answerer;
  // Names what decides the answers besides the request: digests of model and mask, the context; or
  // the server and the model's name there.
  std::string identity;
};

// Errors: kInvalidArgument when neither or too much is asked for; those of open_model, mask_model,
// EngineLibrary::open and EndpointAnswerer::connect.
Result<OpenAnswerer> open_answerer(const AnswererOptions& options, const EngineLibrary& library,
                                   Observer& observer);

// kInvalidArgument for what the linked engine cannot do.
Status check_ask_options(const AskOptions& options, const AnswererOptions& answerer);

}  // namespace coe
