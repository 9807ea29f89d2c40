#include "coe/ask/endpoint/ending.h"

#include "coe/base/text.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace coe {

namespace {

struct KnownEnding {
  std::string_view reason;
  Ending ending;
};

// Words of llama-server, vLLM, SGLang, Ollama, text-generation-inference and hosted services.
constexpr std::array kKnown = {KnownEnding{"stop", Ending::kDone},
                               KnownEnding{"eos", Ending::kDone},
                               KnownEnding{"eos_token", Ending::kDone},
                               KnownEnding{"end", Ending::kDone},
                               KnownEnding{"end_turn", Ending::kDone},
                               KnownEnding{"stop_sequence", Ending::kDone},
                               KnownEnding{"stop_token", Ending::kDone},
                               KnownEnding{"complete", Ending::kDone},
                               KnownEnding{"completed", Ending::kDone},
                               KnownEnding{"length", Ending::kCut},
                               KnownEnding{"model_length", Ending::kCut},
                               KnownEnding{"max_length", Ending::kCut},
                               KnownEnding{"max_tokens", Ending::kCut},
                               KnownEnding{"max_output_tokens", Ending::kCut},
                               KnownEnding{"content_filter", Ending::kFilter},
                               KnownEnding{"content_filtered", Ending::kFilter},
                               KnownEnding{"safety", Ending::kFilter},
                               KnownEnding{"recitation", Ending::kFilter},
                               KnownEnding{"prohibited_content", Ending::kFilter},
                               KnownEnding{"blocklist", Ending::kFilter},
                               KnownEnding{"sensitive", Ending::kFilter},
                               KnownEnding{"refusal", Ending::kFilter}};

}  // namespace

Ending ending_of(std::string_view reason) {
  const auto* const found = std::ranges::find(kKnown, lower_ascii(reason), &KnownEnding::reason);
  return found == kKnown.end() ? Ending::kUnknown : found->ending;
}

}  // namespace coe
