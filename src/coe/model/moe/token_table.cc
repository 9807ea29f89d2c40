#include "coe/model/moe/token_table.h"

#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/tensor_type.h"
#include "coe/model/moe/ids.h"
#include "coe/model/moe/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace coe {
namespace {

// Rows of the router, scaled to length 1 (rows of zeros stay). Shape: [n_expert, width].
Result<std::vector<float>> unit_rows(const gguf::GgufFile& file, const MoeModel& model,
                                     const MoeLayer& layer) {
  const auto& router = file.header().tensors[layer.router];
  if (gguf::traits(router.type).name != "F32")
    return fail(
        Code::kUnsupported,
        fmt::format("{}: tensor `{}` is {}, substitutes in a token table need F32",
                    file.path().string(), printable(router.name), gguf::traits(router.type).name),
        "convert the original model again: routers stay F32 there");
  std::vector<float> rows(router.n_bytes / sizeof(float));
  COE_TRY_STATUS(file.read(router, 0, std::as_writable_bytes(std::span(rows))));
  const std::size_t width = rows.size() / model.n_expert;
  for (std::size_t expert = 0; expert < model.n_expert; ++expert) {
    const auto row = std::span(rows).subspan(expert * width, width);
    double sum = 0.0;
    for (const float value : row) sum += static_cast<double>(value) * value;
    if (sum <= 0.0) continue;
    const auto scale = static_cast<float>(1.0 / std::sqrt(sum));
    for (float& value : row) value *= scale;
  }
  return rows;
}

double dot(std::span<const float> a, std::span<const float> b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

}  // namespace

Result<std::vector<std::vector<ExpertId>>> substitutes(const gguf::GgufFile& file,
                                                       const MoeModel& model, const MoeLayer& layer,
                                                       std::span<const ExpertId> kept) {
  COE_TRY(const auto rows, unit_rows(file, model, layer));
  const std::size_t width = rows.size() / model.n_expert;
  const auto row = [&](std::uint32_t expert) {
    return std::span(rows).subspan(expert * width, width);
  };
  struct Candidate {
    ExpertId id;
    double alike = 0.0;
  };
  std::vector<std::vector<ExpertId>> out(model.n_expert);
  for (std::uint32_t expert = 0; expert < model.n_expert; ++expert) {
    std::vector<Candidate> candidates;
    for (const ExpertId id : kept) {
      const double cosine = dot(row(expert), row(id.value));
      // Itself first, whatever rounding makes of its cosine; damaged rows (NaN) last.
      const double alike = id.value == expert ? 2.0 : std::isnan(cosine) ? -2.0 : cosine;
      candidates.push_back({id, alike});
    }
    std::ranges::sort(candidates, [](const Candidate& a, const Candidate& b) {
      return a.alike != b.alike ? a.alike > b.alike : a.id < b.id;
    });
    for (const auto& candidate : candidates) out[expert].push_back(candidate.id);
  }
  return out;
}

void substitute_row(std::span<std::int32_t> row,
                    const std::vector<std::vector<ExpertId>>& substitutes) {
  const auto is_kept = [&](std::int32_t id) {
    return substitutes[static_cast<std::size_t>(id)].front().value ==
           static_cast<std::uint32_t>(id);
  };
  // Kept ids stay where they are, so they are taken before any substitute is chosen.
  std::vector<std::int32_t> taken;
  for (const auto id : row)
    if (is_kept(id)) taken.push_back(id);
  for (auto& id : row) {
    if (is_kept(id)) continue;
    for (const auto candidate : substitutes[static_cast<std::size_t>(id)]) {
      const auto value = static_cast<std::int32_t>(candidate.value);
      if (std::ranges::find(taken, value) != taken.end()) continue;
      id = value;
      taken.push_back(value);
      break;
    }
  }
}

}  // namespace coe
