#include "coe/cli/answerer_options.h"

#include "coe/answer/engine_answerer.h"

#include <cstdlib>
#include <map>
#include <string>
#include <utility>

namespace coe::cli {

namespace {

constexpr const char* kKeyVariable = "COE_API_KEY";

void add_endpoint_options(CLI::App& verb, AnswererOptions& options) {
  auto& endpoint = options.endpoint;
  auto* url = verb.add_option("--endpoint", endpoint.url,
                              "Ask this server (host:port or URL) instead of the linked engine");
  const auto add = [&](CLI::Option* option) { option->needs(url); };
  verb.add_option("--model", endpoint.model,
                  "Name of the model on the server (default: the only one that it lists)");
  add(verb.add_option("--api", options.api, "Protocol of the server")
          ->check(CLI::IsMember({"openai", "ollama", "auto"}))
          ->capture_default_str());
  add(verb.add_option("--api-key-env", options.key_variable,
                      "Environment variable that holds the server's key (default: COE_API_KEY)"));
  add(verb.add_option("--think-markers", options.think_markers,
                      "What begins and ends thinking, where the server leaves it in the answer "
                      "(default: <think> </think>, and those of -m)")
          ->expected(2)
          ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll));
  add(verb.add_option("--connect-timeout", endpoint.limits.connect_seconds, "Seconds to connect")
          ->check(CLI::PositiveNumber)
          ->capture_default_str());
  add(verb.add_option("--idle-timeout", endpoint.limits.idle_seconds,
                      "Seconds without a byte from the server (0: any)")
          ->check(CLI::NonNegativeNumber)
          ->capture_default_str());
  add(verb.add_option("--total-timeout", endpoint.limits.total_seconds,
                      "Seconds for one answer (0: any)")
          ->check(CLI::NonNegativeNumber)
          ->capture_default_str());
  add(verb.add_option("--attempts", endpoint.retry.n_attempt,
                      "Attempts at a request that fails for the moment")
          ->check(CLI::Range(1U, 100U))
          ->capture_default_str());
}

Result<std::string> key_of(const AnswererOptions& options) {
  const bool named = !options.key_variable.empty();
  const char* value = std::getenv(named ? options.key_variable.c_str() : kKeyVariable);
  if (value != nullptr) return std::string(value);
  if (!named) return std::string();
  return fail(
      Code::kInvalidArgument,
      fmt::format("--api-key-env: the environment has no variable {}", options.key_variable));
}

Status open_engine_into(OpenAnswerer& out, const EngineOptions& options, Session& session) {
  COE_TRY(out.model, open_model(options.model, session));
  COE_TRY(out.engine, session.library.open(options));
  return {};
}

// The server's answers may be marked as the template of -m marks them.
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

Status connect(const AnswererOptions& options, OpenAnswerer& out, Session& session) {
  auto endpoint = options.endpoint;
  COE_TRY(endpoint.api, parse_api(options.api));
  COE_TRY(endpoint.key, key_of(options));
  COE_TRY_STATUS(add_markers(options, out, endpoint.markers));
  if (options.ctx_size != nullptr && options.ctx_size->count() > 0)
    endpoint.n_ctx = options.engine.n_ctx;
  COE_TRY(out.answerer, EndpointAnswerer::connect(endpoint, session.console));
  const auto& info = out.answerer->info();
  out.identity = fmt::format("model={} server={}", info.model, info.server);
  if (endpoint.n_ctx > 0) out.identity += fmt::format(" ctx={}", endpoint.n_ctx);
  return {};
}

}  // namespace

void add_answerer_options(CLI::App& verb, AnswererOptions& options) {
  verb.add_option("-m", options.engine.model,
                  "GGUF to ask; with --endpoint: whose chat template the server's model has");
  verb.add_option("--mask", options.mask,
                  "Virtual surgery: the model with only the mask's experts");
  add_endpoint_options(verb, options);
  add_engine_options(verb, options.engine);
  options.ctx_size = verb.get_option("--ctx-size");
}

void add_ask_options(CLI::App& verb, AskOptions& options) {
  verb.add_option("--think", options.thinking, "Thinking, as the model's template switches it")
      ->transform(
          CLI::CheckedTransformer(std::map<std::string, bool>{{"on", true}, {"off", false}}))
      ->default_str(options.thinking ? "on" : "off");
  verb.add_option("--max-new-tokens", options.max_new_tokens,
                  "Cut answers off after so many tokens, thinking included")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  add_sampling_options(verb, options.sampling);
  verb.add_flag("!--no-loop-guard", options.guard_loops,
                "Let answers that loop run on to --max-new-tokens");
  verb.add_flag("--retry-failed", options.retry_failed,
                "Ask again what got no answer in an earlier run");
  verb.add_option("-j,--jobs", options.n_parallel, "Questions at a time (--endpoint)")
      ->check(CLI::Range(1U, 256U))
      ->capture_default_str();
}

Status check_ask_options(const AskOptions& options, const AnswererOptions& answerer) {
  if (options.n_parallel > 1 && !answerer.on_server())
    return fail(Code::kInvalidArgument, "-j: the linked engine answers one question at a time",
                "leave -j out, or ask a server with --endpoint");
  return {};
}

Result<OpenAnswerer> open_answerer(const AnswererOptions& options, Session& session) {
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
  if (!engine.model.empty()) COE_TRY_STATUS(open_engine_into(out, engine, session));
  if (options.on_server()) {
    COE_TRY_STATUS(connect(options, out, session));
    return out;
  }
  out.identity = fmt::format("model={} engine={} ctx={}", out.model->moe.id.digest,
                             out.engine->info().engine, engine.n_ctx);
  if (!options.mask.empty()) {
    COE_TRY(auto mask, open_mask(options.mask, *out.model));
    out.mask = std::make_unique<OpenMask>(std::move(mask));
    out.identity += " mask=" + out.mask->mask.digest();
  }
  COE_TRY(auto answerer, EngineAnswerer::create(*out.engine, engine.model.string(),
                                                out.mask ? &out.mask->filter : nullptr));
  out.answerer = std::make_unique<EngineAnswerer>(std::move(answerer));
  return out;
}

}  // namespace coe::cli
