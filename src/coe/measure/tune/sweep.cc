#include "coe/measure/tune/sweep.h"

#include "coe/base/printable.h"
#include "coe/model/moe/arch_table.h"
#include "coe/model/moe/keep_count.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <utility>

namespace coe {

namespace {

// More counts than any model has experts: a slip of the pen.
constexpr std::size_t kMostCounts = 1024;

tl::unexpected<Error> bad_counts(std::string_view text) {
  return fail(Code::kInvalidArgument,
              fmt::format("`{}` is no list of expert counts", printable(text)),
              "for example 32,48,64 or 16-96/16, or shares: half,25%");
}

// Takes the digits at the front of `text` away; nullopt where there are none.
std::optional<std::uint32_t> take_count(std::string_view& text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || value == 0) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

Result<std::vector<std::uint32_t>> parse_counts(std::string_view text, const ExpertGrid& grid) {
  std::vector<std::uint32_t> counts;
  auto rest = text;
  do {
    const auto item = rest.substr(0, rest.find(','));
    if (item == "half" || item.ends_with('%')) {
      COE_TRY(const auto keep, parse_keep(item));
      COE_TRY(counts.emplace_back(), keep_count(keep, grid));
      rest.remove_prefix(item.size());
      continue;
    }
    const auto first = take_count(rest);
    if (!first) return bad_counts(text);
    auto last = first;
    std::optional<std::uint32_t> step = 1;
    if (take(rest, '-')) {
      last = take_count(rest);
      if (take(rest, '/')) step = take_count(rest);
      if (!last || !step || *last < *first || (*last - *first) / *step >= kMostCounts)
        return bad_counts(text);
    }
    for (std::uint64_t k = *first; k <= *last; k += *step)
      counts.push_back(static_cast<std::uint32_t>(k));
  } while (take(rest, ','));
  if (!rest.empty() || counts.size() > kMostCounts) return bad_counts(text);
  std::ranges::sort(counts);
  counts.erase(std::unique(counts.begin(), counts.end()), counts.end());
  return counts;
}

SweepAdvice advise_count(std::span<const SweepPoint> points, const SweepRule& rule) {
  SweepAdvice advice;
  advice.is_measured = !points.empty() && points.front().eval.has_value();
  for (const auto& point : points) {
    const bool is_enough = advice.is_measured
                               ? perplexity_ratio(*point.eval).upper <= 1.0 + rule.max_loss
                               : point.built.coverage.mean >= rule.min_coverage;
    if (!is_enough) continue;
    if (!advice.n_keep) advice.n_keep = point.n_keep;
    if (!has_fused_top_k(point.n_keep)) continue;
    advice.n_keep = point.n_keep;
    break;
  }
  return advice;
}

Result<std::vector<SweepPoint>> sweep_masks(const ProfileSet& profiles, const MaskRecipe& recipe,
                                            std::span<const std::uint32_t> counts,
                                            const Bench* bench, Observer& observer) {
  std::vector<SweepPoint> points;
  std::vector<const KeepMask*> masks;
  points.reserve(counts.size());
  for (const auto count : counts) {
    if (observer.cancelled()) return fail(Code::kCancelled, "interrupted");
    auto of_count = recipe;
    of_count.n_keep = count;
    auto built = build_mask(profiles, of_count);
    if (!built)
      return tl::unexpected(std::move(built).error().context(fmt::format("K = {}", count)));
    points.push_back({count, *std::move(built), std::nullopt});
    masks.push_back(&points.back().built.mask);
  }
  if (bench == nullptr) return points;
  COE_TRY(auto sums, measure_masks(*bench, masks, observer));
  for (std::size_t i = 0; i < points.size(); ++i) points[i].eval = std::move(sums[i]);
  return points;
}

}  // namespace coe
