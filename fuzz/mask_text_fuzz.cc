// A mask from hostile text: an error, or a mask that both written forms give back, whose recipe can
// be read or not; and a list of experts.

#include "coe/base/result.h"
#include "coe/mask/keep_mask.h"
#include "coe/mask/pass.h"
#include "coe/mask/recipe/recipe.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // data may be null when size is 0.
  const auto text =
      size == 0 ? std::string_view() : std::string_view(reinterpret_cast<const char*>(data), size);
  (void)coe::parse_layer_experts(text, "input");
  const auto mask = coe::parse_mask(text, "input");
  if (!mask) return 0;
  const auto native = coe::parse_mask(coe::mask_to_json(*mask, false), "native");
  COE_CHECK(native && *native == *mask);
  const auto plain = coe::parse_mask(coe::mask_to_json(*mask, true), "plain");
  COE_CHECK(plain && plain->layers() == mask->layers());
  if (const auto recipe = coe::recipe_of(*mask)) COE_CHECK(recipe->n_keep == mask->n_keep());
  return 0;
}
