#include "coe/profile/routing/stats.h"

#include "coe/base/checked.h"
#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/base/weight.h"
#include "coe/model/moe/expert_grid.h"
#include "coe/model/moe/model.h"
#include "coe/profile/routing/accumulators.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

namespace {

// Up to here doubles hold every count exactly and no sum of counts overflows.
constexpr std::int64_t kMaxCount = std::int64_t{1} << 53;

template <class Number>
void add_to(std::vector<Number>& into, const std::vector<Number>& from) {
  COE_CHECK(into.size() == from.size());
  for (std::size_t i = 0; i < into.size(); ++i) into[i] += from[i];
}

std::string model_text(const ModelId& id) {
  return fmt::format("`{}` (digest {})", printable(id.name), printable(id.digest));
}

std::string_view mask_text(const std::string& digest) {
  return digest.empty() ? std::string_view("none") : digest;
}

// Different values leave none: what holds for a part does not hold for the sum.
void keep_common(std::string& into, const std::string& other) {
  if (into != other) into.clear();
}

Status check_mergeable(const RoutingStats& into, const RoutingStats& other) {
  COE_TRY_STATUS(check_same_routing(into, other));
  if (!into.domains.empty() && !other.domains.empty() &&
      into.domains.front().has_outputs() != other.domains.front().has_outputs())
    return fail(Code::kMismatch,
                other.domains.front().has_outputs()
                    ? "the profile has expert outputs where the others have none"
                    : "the profile has no expert outputs where the others have them",
                "profile with the same settings");
  if (!into.domains.empty() && !other.domains.empty() &&
      into.domains.front().has_squares() != other.domains.front().has_squares())
    return fail(Code::kMismatch,
                other.domains.front().has_squares()
                    ? "the profile has squares of expert outputs where the others have none"
                    : "the profile has no squares of expert outputs where the others have them",
                "profile with the same settings");
  if (!into.domains.empty() && !other.domains.empty() &&
      into.domains.front().has_coactivation() != other.domains.front().has_coactivation())
    return fail(Code::kMismatch,
                other.domains.front().has_coactivation()
                    ? "the profile has coactivation where the others have none"
                    : "the profile has no coactivation where the others have it",
                "profile with the same settings");
  if (into.router_temperature != other.router_temperature)
    return fail(Code::kMismatch,
                fmt::format("taken at another router temperature ({} vs {})",
                            other.router_temperature, into.router_temperature),
                "profile with the same settings");
  if (into.mask_digest != other.mask_digest)
    return fail(Code::kMismatch,
                fmt::format("taken under another mask ({} vs {})", mask_text(other.mask_digest),
                            mask_text(into.mask_digest)),
                "profile with the same --mask, or all without one");
  for (const auto& domain : other.domains) {
    const auto* same = into.find_domain(domain.name);
    if (same != nullptr && same->weight != domain.weight)
      return fail(Code::kMismatch,
                  fmt::format("sub-domain `{}` has another weight ({} vs {})",
                              printable(domain.name), domain.weight, same->weight),
                  "profile with the same corpus weights");
  }
  // Each side is at most kMaxCount, so these sums do not overflow.
  if (into.n_token() + other.n_token() > kMaxCount ||
      into.n_sample() + other.n_sample() > kMaxCount)
    return fail(Code::kMismatch, "the merged profile would have more than 2^53 tokens or samples");
  return {};
}

Status check_shape(const RoutingStats& stats) {
  const ExpertGrid& shape = stats.shape;
  if (shape.layers.empty()) return fail(Code::kCorrupt, "the profile has no layer");
  if (!std::is_sorted(shape.layers.begin(), shape.layers.end()) ||
      std::adjacent_find(shape.layers.begin(), shape.layers.end()) != shape.layers.end())
    return fail(Code::kCorrupt, "the profile's layers are not in ascending order");
  if (shape.n_expert_used == 0 || shape.n_expert_used > shape.n_expert)
    return fail(Code::kCorrupt, fmt::format("{} experts used per token of {} in a layer",
                                            shape.n_expert_used, shape.n_expert));
  if (shape.n_chunk_expert == 0 || shape.n_expert % shape.n_chunk_expert != 0)
    return fail(Code::kCorrupt, fmt::format("chunks of {} experts do not fill a layer of {}",
                                            shape.n_chunk_expert, shape.n_expert));
  return {};
}

// Each token chooses one expert at each rank.
Status check_histograms(const DomainStats& domain, const ExpertGrid& shape) {
  for (std::size_t l = 0; l < shape.n_layer(); ++l) {
    for (std::size_t k = 0; k < shape.n_expert_used; ++k) {
      std::int64_t sum = 0;
      for (std::size_t e = 0; e < shape.n_expert; ++e) {
        const std::int64_t count = domain.histograms[shape.at(l, e, k)];
        if (count < 0 || count > domain.n_token - sum)
          return fail(Code::kCorrupt,
                      fmt::format("layer {}: expert {} is chosen {} times at rank {}, which {} "
                                  "tokens do not allow",
                                  shape.layers[l].value, e, count, k, domain.n_token));
        sum += count;
      }
      if (sum != domain.n_token)
        return fail(Code::kCorrupt,
                    fmt::format("layer {}: histograms hold another number of choices than tokens "
                                "at rank {} ({} vs {})",
                                shape.layers[l].value, k, sum, domain.n_token));
    }
  }
  return {};
}

Status check_sums(const DomainStats& domain, const ExpertGrid& shape) {
  for (const auto& accumulator : kAccumulators) {
    const auto& values = domain.*accumulator.values;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (std::isfinite(values[i]) && (accumulator.is_signed || values[i] >= 0.0)) continue;
      const std::size_t layer = i / (values.size() / shape.n_layer());
      return fail(Code::kCorrupt,
                  fmt::format("layer {}: `{}` holds {}, which no sum can be",
                              shape.layers[layer].value, accumulator.name, values[i]));
    }
  }
  return {};
}

// Each choice of an expert goes with the R choices of its token, itself among them.
Status check_coactivation(const DomainStats& domain, const ExpertGrid& shape) {
  const std::size_t n = shape.n_expert;
  const auto n_choice = checked_mul(static_cast<std::uint64_t>(domain.n_token),
                                    std::uint64_t{shape.n_expert_used} * shape.n_expert_used);
  if (!n_choice || *n_choice > std::numeric_limits<std::int64_t>::max())
    return fail(Code::kCorrupt, "its pairs of choices are more than can be counted");
  for (std::size_t l = 0; l < shape.n_layer(); ++l) {
    const auto* pairs = domain.coactivation.data() + l * n * n;
    for (std::size_t e = 0; e < n; ++e) {
      std::int64_t n_chosen = 0;
      for (std::size_t k = 0; k < shape.n_expert_used; ++k)
        n_chosen += domain.histograms[shape.at(l, e, k)];
      std::int64_t left = n_chosen * static_cast<std::int64_t>(shape.n_expert_used);
      for (std::size_t f = 0; f < n; ++f) {
        const std::int64_t count = pairs[e * n + f];
        if (count < 0 || count > left || count != pairs[f * n + e])
          return fail(Code::kCorrupt,
                      fmt::format("layer {}: experts {} and {} are chosen together {} times, which "
                                  "cannot be",
                                  shape.layers[l].value, e, f, count));
        left -= count;
      }
      if (left != 0)
        return fail(Code::kCorrupt,
                    fmt::format("layer {}: `coactivation` lacks {} choices beside expert {}",
                                shape.layers[l].value, left, e));
    }
  }
  return {};
}

// `first` says what all have.
Status check_domain(const DomainStats& domain, const ExpertGrid& shape, const DomainStats& first) {
  const bool with_coactivation = first.has_coactivation();
  if (domain.weight != 0.0 && !is_weight(domain.weight))
    return fail(Code::kCorrupt,
                fmt::format("weight {} is neither 0 nor {}", domain.weight, kWeightBounds));
  if (domain.n_token < 0 || domain.n_token > kMaxCount || domain.n_sample < 0 ||
      domain.n_sample > domain.n_token)
    return fail(Code::kCorrupt,
                fmt::format("{} tokens in {} samples cannot be", domain.n_token, domain.n_sample));
  bool complete = domain.histograms.size() == shape.n_ranked();
  for (const auto& accumulator : kAccumulators) {
    const bool present = is_kept(accumulator.kept, first.has_outputs(), first.has_squares());
    const std::size_t size = present ? size_of(accumulator.axes, shape) : 0;
    complete = complete && (domain.*accumulator.values).size() == size;
  }
  complete = complete && domain.coactivation.size() == (with_coactivation ? shape.n_pair() : 0);
  if (!complete) return fail(Code::kCorrupt, "its accumulators do not have the profile's shape");
  COE_TRY_STATUS(check_histograms(domain, shape));
  if (with_coactivation) COE_TRY_STATUS(check_coactivation(domain, shape));
  return check_sums(domain, shape);
}

}  // namespace

Status check_same_routing(const RoutingStats& stats, const RoutingStats& other) {
  if (stats.parent.digest != other.parent.digest ||
      stats.parent.architecture != other.parent.architecture)
    return fail(Code::kMismatch,
                fmt::format("taken from another model ({} vs {})", model_text(other.parent),
                            model_text(stats.parent)),
                "use only profiles of the same model file together");
  return check_same_grid(stats.shape, other.shape, "the profile");
}

DomainStats DomainStats::zero(std::string name, double weight, const ExpertGrid& shape,
                              bool with_outputs, bool with_coactivation, bool with_squares) {
  DomainStats domain;
  domain.name = std::move(name);
  domain.weight = weight;
  domain.histograms.assign(shape.n_ranked(), 0);
  for (const auto& accumulator : kAccumulators) {
    if (is_kept(accumulator.kept, with_outputs, with_squares))
      (domain.*accumulator.values).assign(size_of(accumulator.axes, shape), 0.0);
  }
  if (with_coactivation) domain.coactivation.assign(shape.n_pair(), 0);
  return domain;
}

void DomainStats::add(const DomainStats& other) {
  n_token += other.n_token;
  n_sample += other.n_sample;
  add_to(histograms, other.histograms);
  add_to(coactivation, other.coactivation);
  for (const auto& accumulator : kAccumulators)
    add_to(this->*accumulator.values, other.*accumulator.values);
}

std::int64_t RoutingStats::n_token() const {
  std::int64_t sum = 0;
  for (const auto& domain : domains) sum += domain.n_token;
  return sum;
}

std::int64_t RoutingStats::n_sample() const {
  std::int64_t sum = 0;
  for (const auto& domain : domains) sum += domain.n_sample;
  return sum;
}

const DomainStats* RoutingStats::find_domain(std::string_view name) const {
  for (const auto& domain : domains) {
    if (domain.name == name) return &domain;
  }
  return nullptr;
}

namespace {

// "xxh3:…" of the setting `metadata`; empty where a profile does not say.
std::string_view metadata_of(std::string_view settings) {
  constexpr std::string_view kName = "metadata=";
  const auto at = settings.find(kName);
  if (at == std::string_view::npos) return {};
  settings.remove_prefix(at + kName.size());
  return settings.substr(0, settings.find(' '));
}

}  // namespace

Status merge_into(RoutingStats& into, const RoutingStats& other) {
  COE_TRY_STATUS(check_mergeable(into, other));
  const auto ours = metadata_of(into.settings);
  const auto theirs = metadata_of(other.settings);
  if (!ours.empty() && !theirs.empty() && ours != theirs)
    return fail(
        Code::kMismatch,
        fmt::format("the models have the same tensors and other metadata ({} vs {})", ours, theirs),
        "profile all of the text with the same file");
  for (const auto& domain : other.domains) {
    const auto at = std::lower_bound(
        into.domains.begin(), into.domains.end(), domain.name,
        [](const DomainStats& left, const std::string& name) { return left.name < name; });
    if (at != into.domains.end() && at->name == domain.name)
      at->add(domain);
    else
      into.domains.insert(at, domain);
  }
  keep_common(into.engine, other.engine);
  keep_common(into.corpus_digest, other.corpus_digest);
  keep_common(into.settings, other.settings);
  return {};
}

Status check_invariants(const RoutingStats& stats) {
  COE_TRY_STATUS(check_shape(stats));
  if (stats.domains.empty()) return fail(Code::kCorrupt, "the profile has no sub-domain");
  if (!std::isfinite(stats.router_temperature) || stats.router_temperature <= 0.0)
    return fail(Code::kCorrupt, fmt::format("router temperature {} is not a positive number",
                                            stats.router_temperature));
  const auto& first = stats.domains.front();
  if (first.has_squares() && !first.has_outputs())
    return fail(Code::kCorrupt, "the profile has squares of expert outputs, but no outputs");
  std::int64_t n_token = 0;
  for (std::size_t i = 0; i < stats.domains.size(); ++i) {
    const auto& domain = stats.domains[i];
    if (i > 0 && stats.domains[i - 1].name >= domain.name)
      return fail(Code::kCorrupt, fmt::format("sub-domain `{}` stands out of order or twice",
                                              printable(domain.name)));
    if (auto status = check_domain(domain, stats.shape, first); !status)
      return tl::unexpected<Error>(std::move(status).error().context(
          fmt::format("sub-domain `{}`", printable(domain.name))));
    if (domain.n_token > kMaxCount - n_token)
      return fail(Code::kCorrupt, "the profile has more than 2^53 tokens");
    n_token += domain.n_token;
  }
  return {};
}

}  // namespace coe
