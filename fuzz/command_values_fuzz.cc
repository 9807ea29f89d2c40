// Values as people write them on a command line, and as servers write them in headers: a value in
// its bounds, or an error of one line.
#include "coe/ask/endpoint/address.h"
#include "coe/ask/endpoint/rate_limit.h"
#include "coe/base/text.h"
#include "coe/corpus/bad_records.h"
#include "coe/mask/recipe/pass_options.h"
#include "coe/measure/transfer/transfer_run.h"
#include "coe/measure/tune/sweep.h"
#include "coe/model/moe/keep_count.h"

#include "require.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>

namespace {

// The result, if it is one; else its error must be plain.
template <class T>
const T* value_or_plain(const coe::Result<T>& result) {
  if (result) return &*result;
  require_plain(result.error(), {coe::Code::kInvalidArgument});
  return nullptr;
}

coe::ExpertGrid grid() {
  coe::ExpertGrid grid;
  grid.layers = {coe::LayerId{0}, coe::LayerId{1}};
  grid.n_expert = 128;
  grid.n_expert_used = 8;
  return grid;
}

void check_counts(std::string_view text) {
  if (const auto keep = coe::parse_keep(text); const auto* value = value_or_plain(keep)) {
    require((value->n_keep > 0) != (value->share > 0.0 && value->share < 1.0));
    const auto count = coe::keep_count(*value, grid());
    if (const auto* n = value_or_plain(count)) require(*n > 0);
  }
  if (const auto counts = coe::parse_counts(text, grid());
      const auto* value = value_or_plain(counts)) {
    require(!value->empty() && value->front() > 0);
    require(std::ranges::adjacent_find(*value, std::greater_equal<>()) == value->end());
  }
  if (const auto limit = coe::BadLimit::parse(text); const auto* value = value_or_plain(limit)) {
    require(value->share >= 0.0 && value->share <= 1.0);
    require(value->allowed(0) == 0 || value->count);
  }
  if (const auto bytes = coe::parse_bytes(text); const auto* value = value_or_plain(bytes))
    require(*value > 0 && !coe::human_bytes(*value).empty());
}

void check_weights(std::string_view text) {
  if (const auto weights = coe::parse_weights(text); const auto* value = value_or_plain(weights)) {
    for (const auto& [name, weight] : *value)
      require(!name.empty() && std::isfinite(weight) && weight > 0.0);
  }
  const auto [file, weight] = coe::parse_weighted_file(std::string(text));
  require(std::isfinite(weight) && weight >= 0.0);
  require(text.starts_with(file.native()));
  if (const auto found = coe::parse_protected(text); const auto* value = value_or_plain(found))
    require(text.starts_with(value->file.native()));
  if (const auto mask = coe::parse_ready_mask(std::string(text));
      const auto* value = value_or_plain(mask))
    require(!value->name.empty() && !value->file.empty());
}

void check_server(std::string_view text) {
  if (const auto address = coe::parse_address(text); const auto* value = value_or_plain(address)) {
    require(value->root.starts_with("http://") || value->root.starts_with("https://"));
    for (const auto* url : {&value->root, &value->openai, &value->ollama})
      require(std::ranges::all_of(*url, [](unsigned char c) { return c > ' ' && c != 0x7f; }));
  }
  for (const auto& seconds :
       {coe::parse_duration(text), coe::asked_seconds({}, text, 1e9),
        coe::asked_seconds({{"retry-after", std::string(text)}}, "", 1e9),
        coe::asked_seconds({{"x-ratelimit-reset-tokens", std::string(text)}}, "", 1e9)})
    if (seconds) require(std::isfinite(*seconds) && *seconds >= 0.0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_counts(text);
  check_weights(text);
  check_server(text);
  return 0;
}
