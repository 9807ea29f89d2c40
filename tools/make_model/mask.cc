#include "make_model/mask.h"

#include "coe/base/rng.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <span>
#include <string_view>
#include <vector>

namespace coe::tools {
namespace {

std::vector<std::uint64_t> draw(std::uint64_t n_expert, std::uint32_t n_keep, Rng& rng) {
  std::vector<std::uint64_t> ids(n_expert);
  std::iota(ids.begin(), ids.end(), std::uint64_t{0});
  rng.shuffle(std::span(ids));
  ids.resize(n_keep);
  std::ranges::sort(ids);
  return ids;
}

}  // namespace

Result<std::string> random_mask(const SyntheticModel& model, std::uint32_t n_keep,
                                std::uint64_t seed) {
  constexpr std::string_view kPrefix = "blk.";
  constexpr std::string_view kRouter = ".ffn_gate_inp.weight";
  Rng rng(seed);
  std::string text;
  for (const auto& tensor : model.tensors) {
    const std::string_view name = tensor.info.name;
    if (!name.ends_with(kRouter)) continue;
    const std::uint64_t n_expert = tensor.info.ne[1];
    if (n_keep == 0 || n_keep > n_expert)
      return fail(Code::kInvalidArgument,
                  fmt::format("cannot keep {} of {} experts", n_keep, n_expert),
                  "give another --keep");
    const auto block = name.substr(kPrefix.size(), name.size() - kPrefix.size() - kRouter.size());
    text += fmt::format("{}\"{}\": [{}]", text.empty() ? "{\n  " : ",\n  ", block,
                        fmt::join(draw(n_expert, n_keep, rng), ", "));
  }
  return text + "\n}\n";
}

}  // namespace coe::tools
