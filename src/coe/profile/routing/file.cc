#include "coe/profile/routing/file.h"

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/model/gguf/sidecar.h"
#include "coe/model/gguf/writer.h"
#include "coe/model/moe/expert_grid.h"
#include "coe/model/moe/sidecar_fields.h"
#include "coe/profile/routing/accumulators.h"
#include "coe/profile/routing/stats.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace coe {

namespace {

// The version of a profile that has nothing of a later one.
constexpr std::uint32_t kFirstVersion = 1;
// The version of one that has no squares of expert outputs.
constexpr std::uint32_t kSecondVersion = 2;
constexpr gguf::SidecarKind kKind = {.type = "coe-routing-profile",
                                     .what = "routing profile",
                                     .version_key = "coe.profile.version",
                                     .newest_version = 3,
                                     .how_to_make = "make one with `coe profile`",
                                     .how_to_read_newer = "update coe"};

// "domain.2.histograms"
std::string tensor_name(std::size_t domain, std::string_view accumulator) {
  return "domain." + std::to_string(domain) + "." + std::string(accumulator);
}

gguf::Dims dims_of(Axes axes, const ExpertGrid& shape) {
  switch (axes) {
    case Axes::kRanked:
      return {shape.n_expert_used, shape.n_expert, shape.n_layer()};
    case Axes::kFlat:
      return {shape.n_expert, shape.n_layer()};
    case Axes::kLayer:
      break;
  }
  return {shape.n_layer()};
}

template <class File, class Stats>
void visit_keys(File& file, std::uint32_t& version, Stats& stats) {
  const std::string prefix = "coe.profile";
  file.version(kKind, version);
  visit_parent(file, prefix, stats.parent);
  visit_grid(file, prefix, stats.shape);
  file.first_column("coe.profile.domains", stats.domains, &DomainStats::name);
  file.column("coe.profile.weights", stats.domains, &DomainStats::weight);
  file.key("coe.profile.corpus_digest", stats.corpus_digest);
  file.key("coe.profile.settings", stats.settings);
  if (version > kFirstVersion) {
    file.key("coe.profile.router_temperature", stats.router_temperature);
    file.key("coe.profile.mask_digest", stats.mask_digest);
  }
  visit_origin(file, stats);
}

template <class File, class Domain>
void visit_domain(File& file, std::size_t index, const ExpertGrid& shape, bool with_outputs,
                  bool with_squares, bool with_coactivation, Domain& domain) {
  const auto name = [&](std::string_view accumulator) { return tensor_name(index, accumulator); };
  file.tensor(name("n_tokens"), domain.n_token);
  file.tensor(name("n_samples"), domain.n_sample);
  file.tensor(name("histograms"), dims_of(Axes::kRanked, shape), domain.histograms);
  for (const auto& accumulator : kAccumulators)
    if (is_kept(accumulator.kept, with_outputs, with_squares))
      file.tensor(name(accumulator.name), dims_of(accumulator.axes, shape),
                  domain.*accumulator.values);
  if (with_coactivation)
    file.tensor(name("coactivation"), {shape.n_expert, shape.n_expert, shape.n_layer()},
                domain.coactivation);
}

// What is optional, the first sub-domain decides for all.
template <class File, class Stats>
void visit(File& file, std::uint32_t version, Stats& stats) {
  visit_keys(file, version, stats);
  const bool any = !stats.domains.empty();
  const bool with_outputs =
      file.has(tensor_name(0, "output_norm"), any && stats.domains.front().has_outputs());
  const bool with_squares =
      version > kSecondVersion &&
      file.has(tensor_name(0, "output_square"), any && stats.domains.front().has_squares());
  const bool with_coactivation =
      version > kFirstVersion &&
      file.has(tensor_name(0, "coactivation"), any && stats.domains.front().has_coactivation());
  for (std::size_t d = 0; d < stats.domains.size(); ++d)
    visit_domain(file, d, stats.shape, with_outputs, with_squares, with_coactivation,
                 stats.domains[d]);
}

// Readers of an earlier version must not take what it has no word for.
std::uint32_t version_of(const RoutingStats& stats) {
  if (!stats.domains.empty() && stats.domains.front().has_squares()) return kKind.newest_version;
  const bool plain = stats.router_temperature == 1.0 && stats.mask_digest.empty() &&
                     (stats.domains.empty() || !stats.domains.front().has_coactivation());
  return plain ? kFirstVersion : kSecondVersion;
}

}  // namespace

void visit_profile(gguf::SidecarWriter& file, const RoutingStats& stats) {
  visit(file, version_of(stats), stats);
}

void visit_profile(gguf::SidecarReader& file, RoutingStats& stats) {
  visit(file, 0, stats);
  if (file.status()) file.check(check_invariants(stats));
}

Status write_profile(const Path& path, const RoutingStats& stats, Overwrite overwrite) {
  COE_TRY_STATUS(check_invariants(stats));
  gguf::SidecarWriter file;
  file.type(kKind);
  visit_profile(file, stats);
  return std::move(file).write(path, overwrite);
}

Result<RoutingStats> read_profile(const Path& path) {
  return gguf::read_sidecar(path, [](gguf::SidecarReader& file) -> Result<RoutingStats> {
    RoutingStats stats;
    file.type(kKind);
    visit_profile(file, stats);
    file.nothing_else(kKind);
    COE_TRY_STATUS(file.status());
    return stats;
  });
}

}  // namespace coe
