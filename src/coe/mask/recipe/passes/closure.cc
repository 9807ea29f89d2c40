#include "coe/mask/recipe/passes/closure.h"

#include "coe/base/json.h"
#include "coe/base/result.h"
#include "coe/mask/builder.h"
#include "coe/mask/pass.h"
#include "coe/mask/score/score.h"
#include "coe/model/moe/expert_table.h"
#include "coe/model/moe/ids.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace coe {

namespace {

// Each expert's share of its layer's choices, and whether that is above `lift` times the mean.
struct Firing {
  ExpertTable<double> share;
  ExpertTable<std::uint8_t> fires;
};

Firing firing(const ExpertTable<std::int64_t>& n_chosen, double lift) {
  const std::size_t n_expert = n_chosen.n_expert();
  Firing out{ExpertTable<double>(n_chosen.n_layer(), n_expert),
             ExpertTable<std::uint8_t>(n_chosen.n_layer(), n_expert)};
  for (std::size_t l = 0; l < n_chosen.n_layer(); ++l) {
    const auto row = n_chosen.row(l);
    const auto total =
        static_cast<double>(std::accumulate(row.begin(), row.end(), std::int64_t{0}));
    for (std::size_t e = 0; e < n_expert && total > 0.0; ++e) {
      const auto count = static_cast<double>(row[e]);
      out.share.at(l, e) = count / total;
      // Multiplied out, so that an expert exactly at the mean is not above it.
      out.fires.at(l, e) = count * static_cast<double>(n_expert) > lift * total ? 1 : 0;
    }
  }
  return out;
}

}  // namespace

Result<PassLog> bring_in_closure(MaskBuilder& mask, const PassProfile& one, const PassProfile& two,
                                 const ClosureRule& rule) {
  auto log = mask.begin_log();
  COE_TRY(auto first, mask.units_of(one));
  COE_TRY(auto second, mask.units_of(two));
  if (rule.cap == 0) return log;
  const auto firing_one = firing(one.n_chosen, rule.lift);
  const auto firing_two = firing(two.n_chosen, rule.lift);
  ExpertTable<double> share(mask.n_row(), mask.n_unit());
  ExpertTable<std::uint8_t> fires(mask.n_row(), mask.n_unit());
  for (std::size_t row = 0; row < mask.n_row(); ++row) {
    for (std::uint32_t e = 0; e < mask.n_expert(); ++e) {
      const std::uint32_t unit = mask.unit_of(ExpertId{e});
      share.at(row, unit) += std::min(firing_one.share.at(row, e), firing_two.share.at(row, e));
      if (firing_one.fires.at(row, e) != 0 && firing_two.fires.at(row, e) != 0)
        fires.at(row, unit) = 1;
    }
    for (std::uint32_t unit = 0; unit < mask.n_unit(); ++unit)
      first.avg_rank.at(row, unit) =
          std::max(first.avg_rank.at(row, unit), second.avg_rank.at(row, unit));
  }
  MaskBuilder::Units both{
      std::move(share), std::move(first.avg_rank), std::move(first.n_chosen), {}};
  mask.rank_units(both);
  for (std::size_t row = 0; row < mask.n_row(); ++row) {
    std::vector<std::uint32_t> wanted;
    for (std::uint32_t unit = 0; unit < mask.n_unit(); ++unit)
      if (fires.at(row, unit) != 0) wanted.push_back(unit);
    std::ranges::sort(wanted, {}, [&](std::uint32_t unit) { return both.ordinal.at(row, unit); });
    mask.bring_in(row, wanted, rule.cap, &both, log);
  }
  mask.finish_log(log);
  return log;
}

void ClosurePass::sort() {
  if (two < one) std::swap(one, two);
}

Result<PassResult> ClosurePass::run(PassSources& sources, MaskBuilder& mask) const {
  const std::vector<std::string> closing = {"*/closing"};
  COE_TRY(const auto first, sources.tables(one, Score::kUtil, closing));
  COE_TRY(const auto second, sources.tables(two, Score::kUtil, closing));
  const auto& corpus = sources.stats(one).corpus_digest;
  if (one == two || (!corpus.empty() && corpus == sources.stats(two).corpus_digest))
    return fail(Code::kInvalidArgument,
                fmt::format("{}: closure needs two independent corpora, but {} is of the same one",
                            second.name, first.name),
                "profile other text with --roles or --generate");
  PassResult out{{sources.label(one), sources.label(two)}, {}, {}};
  COE_TRY(out.log, bring_in_closure(mask, first, second, rule));
  return out;
}

PassJson ClosurePass::json(const ProfileSet& profiles, const PassLog& log) const {
  PassJson pass = {{"pass", kName},
                   {"cap", rule.cap},
                   {"lift", rule.lift},
                   {"profiles", {profile_json(profiles, one), profile_json(profiles, two)}},
                   {"n_firing", log.n_listed},
                   {"left_out", experts_json(log.left_out)}};
  add_coverage(pass, log);
  pass["swaps"] = swaps_json(log.swaps);
  return pass;
}

Result<ClosurePass> ClosurePass::read(const PassJson& json) {
  ClosurePass pass;
  COE_TRY(pass.rule.cap, read_count(json, "cap"));
  pass.rule.lift = json.at("lift").get<double>();
  pass.one = read_digest(json.at("profiles").at(0));
  pass.two = read_digest(json.at("profiles").at(1));
  return pass;
}

PassWords ClosurePass::words(const MaskSwap& /*swap*/) const {
  return {"closing", "fires in both closing windows"};
}

}  // namespace coe
