#include "coe/cli/eval_options.h"

namespace coe::cli {

void add_eval_options(CLI::App& verb, EvalOptions& options) {
  auto* cut = verb.add_option("--max-tokens", options.max_tokens,
                              "Cut records to this many tokens (0: the context, or with --window "
                              "not at all, which is its default)");
  cut->capture_default_str();
  verb.add_option_function<std::uint32_t>(
      "--window",
      [&options, cut](const std::uint32_t& window) {
        options.window = window;
        if (cut->count() == 0) options.max_tokens = 0;
      },
      "Run longer records in windows of this many tokens, each token counted once");
  verb.add_option("--stride", options.stride,
                  "New tokens of each further window; the rest is context (0: half the window)")
      ->needs("--window");
}

}  // namespace coe::cli
