#include "coe/cli/render/fit.h"

#include "coe/base/text.h"
#include "coe/cli/render/memory.h"
#include "coe/cli/render/table.h"
#include "coe/model/moe/arch_table.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

namespace coe::cli {

namespace {

std::string answer(const Fit& fit, const MoeModel& model) {
  if (!fit.n_keep) return fmt::format("not even {} experts a layer fit", fit.points.back().n_keep);
  if (*fit.n_keep == model.n_expert) return "the whole model fits, nothing need be cut";
  return fmt::format("K = {} of {} experts a layer fit", *fit.n_keep, model.n_expert);
}

// In powers of 1024, for whoever knows the card by these.
std::string binary_bytes(std::uint64_t bytes) {
  const bool is_large = bytes >= (1U << 30U);
  const double value = static_cast<double>(bytes) / (is_large ? 1U << 30U : 1U << 20U);
  return fmt::format("{:.2f} {}", value, is_large ? "GiB" : "MiB");
}

std::string room(const FitPoint& point, std::uint64_t budget) {
  const auto sum = point.on_device.sum();
  return sum <= budget ? fmt::format("{} free", human_bytes(budget - sum))
                       : fmt::format("{} too much", human_bytes(sum - budget));
}

}  // namespace

Json fits_json(std::span<const Fit> fits) {
  Json out = Json::array();
  for (const auto& fit : fits) {
    Json points = Json::array();
    for (const auto& point : fit.points) {
      auto one = memory_json(point.on_device);
      one["n_keep"] = point.n_keep;
      one["beside"] = point.beside;
      one["fits"] = point.fits(fit.budget);
      points.push_back(std::move(one));
    }
    out.push_back({{"budget", fit.budget},
                   {"n_ctx", fit.n_ctx},
                   {"n_keep", fit.n_keep ? Json(*fit.n_keep) : Json(nullptr)},
                   {"points", std::move(points)}});
  }
  return out;
}

std::string fit_text(const Fit& fit, const MoeModel& model, std::string_view engine) {
  const bool has_beside = fit.points.front().beside > 0;
  std::vector<std::vector<std::string>> table = {
      {"K", "weights", "KV cache", "compute", "other", "whole", "of the budget", "GPU kernel"}};
  if (has_beside) table.front().emplace_back("experts on the CPU");
  for (const auto& point : fit.points) {
    const auto& device = point.on_device;
    const bool is_chosen = fit.n_keep == point.n_keep;
    auto& row = table.emplace_back(std::vector<std::string>{
        fmt::format("{}{}", point.n_keep, is_chosen ? " <" : ""), human_bytes(device.weights),
        human_bytes(device.kv_cache), human_bytes(device.compute), human_bytes(device.other),
        human_bytes(device.sum()), room(point, fit.budget),
        has_fused_top_k(point.n_keep) ? "fused" : "-"});
    if (has_beside) row.push_back(human_bytes(point.beside));
  }
  return fmt::format(
      "\nInto {} = {} with a context of {} tokens: {}\n"
      "(all layers on one device, as {} would allocate it)\n{}",
      human_bytes(fit.budget), binary_bytes(fit.budget), fit.n_ctx, answer(fit, model), engine,
      format_table(table));
}

}  // namespace coe::cli
