#include "coe/child/instant/masked_model.h"

#include "coe/child/surgery/child_source.h"
#include "coe/child/surgery/plan.h"
#include "coe/mask/masked/virtual_surgery.h"
#include "coe/model/gguf/reader.h"

#include <fmt/format.h>

#include <utility>

namespace coe {

namespace {

Result<EngineOptions> instant_child(const EngineOptions& parent, const OpenModel& model,
                                    const KeepMask& mask, const Path& name, Observer& observer) {
  COE_TRY(auto plan, plan_surgery(model.file, model.moe, mask, {.mask_name = name.string()}));
  for (const auto& warning : plan.warnings) observer.warning(warning);
  // The source lives as long as the engine, which may be longer than `model`.
  COE_TRY(auto file, gguf::GgufFile::open(parent.model));
  EngineOptions out = parent;
  out.source = child_source(std::move(file), std::move(plan),
                            fmt::format("{} under {}", parent.model.string(), name.string()));
  return out;
}

}  // namespace

std::string_view masked_as_name(MaskedAs as) {
  return as == MaskedAs::kInstant ? "instant" : "virtual";
}

Result<MaskedModel> mask_model(const EngineOptions& parent, const OpenModel& model,
                               const Path& mask, MaskedAs as, Observer& observer) {
  COE_TRY(auto parsed, read_mask(mask));
  COE_TRY_STATUS(check_mask(parsed, model.moe, mask.string()));
  MaskedModel out{parent, std::move(parsed), std::nullopt};
  if (as == MaskedAs::kInstant) {
    COE_TRY(out.engine, instant_child(parent, model, out.mask, mask, observer));
  } else {
    COE_TRY(out.filter, virtual_surgery(out.mask, model.file, model.moe));
  }
  return out;
}

}  // namespace coe
