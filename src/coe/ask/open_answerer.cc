#include "coe/ask/open_answerer.h"

#include "coe/ask/answer/engine_answerer.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdlib>
#include <utility>

namespace coe {

namespace {

constexpr const char* kKeyVariable = "COE_API_KEY";

Result<std::string> key_of(const AnswererOptions& options) {
  const bool named = !options.key_variable.empty();
  const char* value = std::getenv(named ? options.key_variable.c_str() : kKeyVariable);
  if (value != nullptr) return std::string(value);
  if (!named) return std::string();
  return fail(
      Code::kInvalidArgument,
      fmt::format("--api-key-env: the environment has no variable {}", options.key_variable));
}

// The server's answers may be marked as the template of the model is.
Status add_markers(const AnswererOptions& options, const OpenAnswerer& open,
                   std::vector<ThinkingMarkers>& markers) {
  for (std::size_t i = 0; i + 1 < options.think_markers.size(); i += 2) {
    if (options.think_markers[i].empty() || options.think_markers[i + 1].empty())
      return fail(Code::kInvalidArgument, "--think-markers: a marker is empty");
    markers.push_back({options.think_markers[i], options.think_markers[i + 1]});
  }
  if (!open.engine) return {};
  COE_TRY(const auto markup, open.engine->chat_markup());
  if (markup.thinking_start.empty()) return {};
  for (const auto& end : markup.thinking_ends) markers.push_back({markup.thinking_start, end});
  return {};
}

Status connect(const AnswererOptions& options, OpenAnswerer& out, Observer& observer) {
  auto endpoint = options.endpoint;
  COE_TRY(endpoint.api, parse_api(options.api));
  COE_TRY(endpoint.key, key_of(options));
  COE_TRY_STATUS(add_markers(options, out, endpoint.markers));
  if (options.sends_n_ctx) endpoint.n_ctx = options.engine.n_ctx;
  COE_TRY(out.answerer, EndpointAnswerer::connect(endpoint, observer));
  const auto& info = out.answerer->info();
  out.identity = fmt::format("model={} server={}", info.model, info.server);
  if (endpoint.n_ctx > 0) out.identity += fmt::format(" ctx={}", endpoint.n_ctx);
  return {};
}

}  // namespace

Result<OpenAnswerer> open_answerer(const AnswererOptions& options, const EngineLibrary& library,
                                   Observer& observer) {
  auto engine = options.engine;
  if (!options.on_server() && engine.model.empty()) engine.model = options.endpoint.model;
  if (!options.on_server() && engine.model.empty())
    return fail(Code::kInvalidArgument, "nothing to ask",
                "name a GGUF with -m, or a server with --endpoint");
  if (options.on_server() && !options.mask.empty())
    return fail(Code::kInvalidArgument, "--mask: a server runs the model as it is",
                "leave --endpoint out, or serve a specialist that `coe prune` made");
  if (options.on_server()) {  // for its template: no weight is touched
    engine.n_ctx = 512;
    engine.repack = false;
  }
  OpenAnswerer out;
  if (!engine.model.empty()) {
    COE_TRY(out.model, open_model(engine.model, observer));
    if (!options.mask.empty()) {
      COE_TRY(auto masked,
              mask_model(engine, *out.model, options.mask, *options.masked_as, observer));
      out.masked = std::make_unique<MaskedModel>(std::move(masked));
    }
    COE_TRY(out.engine, library.open(out.masked ? out.masked->engine : engine));
  }
  if (options.on_server()) {
    COE_TRY_STATUS(connect(options, out, observer));
    return out;
  }
  out.identity = fmt::format("model={} metadata={} engine={} ctx={}", out.model->moe.id.digest,
                             metadata_digest(out.model->file.header()), out.engine->info().engine,
                             engine.n_ctx);
  if (out.masked) out.identity += " mask=" + out.masked->mask.digest();
  const ExpertFilter* filter = out.masked ? out.masked->filter_or_null() : nullptr;
  if (out.masked && filter == nullptr) out.identity += " instant";
  COE_TRY(auto answerer, EngineAnswerer::create(*out.engine, engine.model.string(), filter));
  out.answerer = std::make_unique<EngineAnswerer>(std::move(answerer));
  return out;
}

Status check_ask_options(const AskOptions& options, const AnswererOptions& answerer) {
  if (options.n_parallel > 1 && !answerer.on_server())
    return fail(Code::kInvalidArgument, "-j: the linked engine answers one question at a time",
                "leave -j out, or ask a server with --endpoint");
  return {};
}

}  // namespace coe
