#include "coe/mask/recipe/passes/structural.h"

#include "coe/base/json.h"
#include "coe/base/result.h"
#include "coe/mask/builder.h"
#include "coe/mask/pass.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace coe {

Result<PassLog> inject(MaskBuilder& mask, std::span<const LayerExpert> experts, std::uint32_t cap) {
  auto log = mask.begin_log();
  COE_TRY(const auto rows, mask.rows_of(experts));
  if (cap == 0) return log;
  for (std::size_t row = 0; row < rows.size(); ++row)
    mask.bring_in(row, rows[row], cap, nullptr, log);
  mask.finish_log(log);
  return log;
}

Result<PassResult> StructuralPass::run(PassSources& /*sources*/, MaskBuilder& mask) const {
  auto log = inject(mask, experts, cap);
  if (!log) return tl::unexpected<Error>(std::move(log).error().context("structural list"));
  return PassResult{{}, {}, *std::move(log)};
}

PassJson StructuralPass::json(const ProfileSet& /*profiles*/, const PassLog& log) const {
  PassJson pass = {{"pass", kName},
                   {"cap", cap},
                   {"experts", experts_json(experts)},
                   {"left_out", experts_json(log.left_out)}};
  add_coverage(pass, log);
  pass["swaps"] = swaps_json(log.swaps);
  return pass;
}

Result<StructuralPass> StructuralPass::read(const PassJson& json) {
  StructuralPass pass;
  COE_TRY(pass.cap, read_count(json, "cap"));
  COE_TRY(pass.experts, read_experts(json));
  return pass;
}

PassWords StructuralPass::words(const MaskSwap& /*swap*/) const {
  return {{}, "on the structural list"};
}

}  // namespace coe
