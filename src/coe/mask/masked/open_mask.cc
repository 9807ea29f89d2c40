#include "coe/mask/masked/open_mask.h"

#include "coe/mask/masked/virtual_surgery.h"

#include <utility>

namespace coe {

Result<OpenMask> open_mask(const Path& path, const OpenModel& model) {
  COE_TRY(const auto text, read_text(path));
  COE_TRY(auto mask, parse_mask(text, path.string()));
  COE_TRY_STATUS(check_mask(mask, model.moe, path.string()));
  COE_TRY(auto filter, virtual_surgery(mask, model.file, model.moe));
  return OpenMask{std::move(mask), std::move(filter)};
}

}  // namespace coe
