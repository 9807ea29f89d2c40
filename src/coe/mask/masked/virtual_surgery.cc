#include "coe/mask/masked/virtual_surgery.h"

#include "coe/model/moe/token_table.h"

namespace coe {

Result<ExpertFilter> virtual_surgery(const KeepMask& mask, const gguf::GgufFile& parent,
                                     const MoeModel& model, std::uint32_t n_used) {
  ExpertFilter filter;
  filter.n_used = n_used;
  filter.kept = mask.layers();
  for (const MoeLayer& layer : model.mtp_layers) filter.kept.erase(layer.id);
  for (const MoeLayer& layer : model.layers) {
    if (!layer.token_table) continue;
    COE_TRY(filter.substitutes[layer.id],
            substitutes(parent, model, layer, mask.layers().at(layer.id).ids()));
  }
  return filter;
}

}  // namespace coe
