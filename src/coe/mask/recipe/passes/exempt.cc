#include "coe/mask/recipe/passes/exempt.h"

#include "coe/base/json.h"
#include "coe/base/result.h"
#include "coe/mask/builder.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace coe {

Status exempt(MaskBuilder& mask, std::span<const LayerExpert> experts) {
  COE_TRY(const auto rows, mask.rows_of(experts));
  for (std::size_t row = 0; row < rows.size(); ++row)
    for (const std::uint32_t unit : rows[row])
      if (mask.keeps(row, unit)) mask.make_safe(row, unit);
  return {};
}

void ExemptPass::sort() { std::ranges::sort(experts); }

Result<PassResult> ExemptPass::run(PassSources& /*sources*/, MaskBuilder& mask) const {
  if (auto status = exempt(mask, experts); !status)
    return tl::unexpected<Error>(std::move(status).error().context("exempt experts"));
  return PassResult{{}, {}, mask.begin_log()};
}

PassJson ExemptPass::json(const ProfileSet& /*profiles*/, const PassLog& /*log*/) const {
  return {{"pass", kName}, {"experts", experts_json(experts)}};
}

Result<ExemptPass> ExemptPass::read(const PassJson& json) {
  ExemptPass pass;
  COE_TRY(pass.experts, read_experts(json));
  return pass;
}

PassWords ExemptPass::words(const MaskSwap& /*swap*/) const { return {}; }

}  // namespace coe
