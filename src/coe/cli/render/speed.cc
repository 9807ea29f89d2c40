#include "coe/cli/render/speed.h"

#include "coe/base/stats/interval_text.h"
#include "coe/base/text.h"
#include "coe/cli/render/table.h"

#include <fmt/format.h>

#include <cstdint>
#include <vector>

namespace coe::cli {

namespace {

// Tokens a second, and how often the parent's.
struct Rates {
  Interval prefill;
  Interval decode;
  Interval prefill_ratio;
  Interval decode_ratio;
};

Rates rates_of(const ModelSpeed& model, const ModelSpeed& parent, const SpeedOptions& options) {
  return {.prefill = tokens_per_second(options.n_prompt, model.prefill_s),
          .decode = tokens_per_second(options.n_generate, model.decode_s),
          // The parent's seconds are on top: ratios are of speeds.
          .prefill_ratio = ratio_interval(parent.prefill_s, model.prefill_s),
          .decode_ratio = ratio_interval(parent.decode_s, model.decode_s)};
}

}  // namespace

void add_speed_rows(std::span<const ModelSpeed> models, const SpeedOptions& options,
                    ResultRows& rows) {
  for (const auto& model : models) {
    const auto add = [&](const char* metric, const Interval& value) {
      rows.add({{"metric", metric},
                {"subject", model.file.filename().string()},
                {"digest", model.id.digest},
                {"n_keep", model.n_expert},
                {"n_depth", options.n_depth},
                {"n_prompt", options.n_prompt},
                {"n_generate", options.n_generate},
                {"n", options.n_round},
                {"value", value.value},
                {"ci_low", value.lower},
                {"ci_high", value.upper}});
    };
    const auto rates = rates_of(model, models.front(), options);
    const auto bytes = static_cast<double>(model.token_bytes);
    add("prefill_tokens_per_s", rates.prefill);
    add("decode_tokens_per_s", rates.decode);
    add("decode_bytes_per_s",
        {bytes * rates.decode.value, bytes * rates.decode.lower, bytes * rates.decode.upper});
    if (models.size() == 1) continue;
    add("prefill_ratio", rates.prefill_ratio);
    add("decode_ratio", rates.decode_ratio);
  }
}

Json speed_rounds_json(std::span<const ModelSpeed> models) {
  Json rounds = Json::array();
  for (const auto& model : models)
    rounds.push_back({{"subject", model.file.filename().string()},
                      {"bytes_per_token", model.token_bytes},
                      {"prefill_s", model.prefill_s},
                      {"decode_s", model.decode_s}});
  return rounds;
}

std::string speed_text(std::span<const ModelSpeed> models, const SpeedOptions& options) {
  std::vector<std::vector<std::string>> table = {
      {"model", "experts", "prefill tokens/s", "decode tokens/s", "weights read"}};
  if (models.size() > 1) table[0].insert(table[0].end(), {"prefill", "decode of parent's"});
  for (const auto& model : models) {
    const auto rates = rates_of(model, models.front(), options);
    const auto bytes = static_cast<double>(model.token_bytes);
    auto& text = table.emplace_back(std::vector{
        model.file.filename().string(), fmt::format("{}", model.n_expert),
        interval_text(rates.prefill, fixed(0)), interval_text(rates.decode, fixed(1)),
        fmt::format("{}/s", human_bytes(static_cast<std::uint64_t>(bytes * rates.decode.value)))});
    if (models.size() == 1) continue;
    text.insert(text.end(), {interval_text(rates.prefill_ratio, fixed(3)),
                             interval_text(rates.decode_ratio, fixed(3))});
  }
  return fmt::format(
      "{}: {} tokens of prompt, {} generated, behind {}; {} rounds, turn by turn\n{}",
      models.front().engine, options.n_prompt, options.n_generate, options.n_depth, options.n_round,
      format_table(table));
}

}  // namespace coe::cli
