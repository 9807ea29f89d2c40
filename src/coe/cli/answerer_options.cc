#include "coe/cli/answerer_options.h"

#include "coe/base/file.h"
#include "coe/cli/console.h"
#include "coe/cli/options.h"

#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <string>
#include <system_error>

namespace coe::cli {

namespace {

// 0.6F as 0.6, not as 0.6000000238418579.
double rounded(float value) { return std::round(static_cast<double>(value) * 1e6) / 1e6; }

void add_endpoint_options(CLI::App& verb, AnswererOptions& options) {
  const OptionTitle title(verb, "Server");
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
                      "(beside those of known families, and of -m)")
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
  add(verb.add_option(
              "--wait", endpoint.retry.wait_seconds,
              "Seconds to wait for a server that is not there yet, loads its model or wants "
              "fewer requests")
          ->check(CLI::NonNegativeNumber)
          ->capture_default_str());
  add(verb.add_option("--attempts", endpoint.retry.n_attempt,
                      "Attempts at a request that fails for the moment")
          ->check(CLI::Range(1U, 100U))
          ->capture_default_str());
}

}  // namespace

void add_answerer_options(CLI::App& verb, AnswererOptions& options) {
  add_model_option(verb, "-m", options.engine.model,
                   "GGUF to ask; with --endpoint: whose chat template the server's model has");
  verb.add_option("--mask", options.mask, "Ask the model with only the mask's experts");
  add_masked_as(verb, options.masked_as);
  add_endpoint_options(verb, options);
  add_engine_options(verb, options.engine);
  verb.get_option("--ctx-size")->each([&](const std::string&) { options.sends_n_ctx = true; });
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

void add_system_option(CLI::App& verb, std::vector<std::string>& systems, std::string_view help) {
  verb.add_option("--system", systems,
                  fmt::format("System message, or a file that holds it{}", help));
}

Result<std::string> system_text(const std::string& text_or_file) {
  std::error_code ec;
  if (!std::filesystem::is_regular_file(text_or_file, ec)) return text_or_file;
  COE_TRY(auto text, read_text(text_or_file));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

std::string retry_words(std::uint64_t n_failed) {
  if (n_failed == 0) return {};
  return fmt::format("  {} got no answer: the same command with --retry-failed asks {} again\n",
                     n_failed == 1 ? "1 question" : fmt::format("{} questions", n_failed),
                     n_failed == 1 ? "it" : "them");
}

void say_what_is_sent(const AskOptions& ask, const AnswererOptions& answerer, Session& session) {
  if (!answerer.on_server() || session.quiet) return;
  const auto& sampling = ask.sampling;
  print_stderr(fmt::format(
      "the server is sent, in place of its own settings: temperature {}, top_k {}, top_p {}, "
      "min_p 0, repeat_penalty {} over {} tokens, at most {} new tokens, thinking {}{}\n",
      sampling.temperature, sampling.top_k, sampling.top_p, sampling.repeat_penalty,
      sampling.repeat_last_n, ask.max_new_tokens, ask.thinking ? "on" : "off",
      ask.system.empty() ? "" : ", a system message"));
}

Json sampling_json(const AskOptions& ask) {
  const auto& sampling = ask.sampling;
  return {{"temperature", rounded(sampling.temperature)},
          {"top_k", sampling.top_k},
          {"top_p", rounded(sampling.top_p)},
          {"repeat_penalty", rounded(sampling.repeat_penalty)},
          {"repeat_last_n", sampling.repeat_last_n},
          {"thinking", ask.thinking},
          {"max_new_tokens", ask.max_new_tokens},
          {"system", ask.system.empty() ? Json(nullptr) : Json(ask.system)}};
}

}  // namespace coe::cli
