#include "coe/cli/render/memory.h"

#include "coe/base/text.h"
#include "coe/cli/render/table.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace coe::cli {

namespace {

void add_rows(const ModelMemory& model, ResultRows& rows) {
  const auto add = [&](const MemoryCell& cell, const char* metric, const DeviceMemory& device,
                       const char* part, std::uint64_t bytes) {
    rows.add({{"metric", metric},
              {"subject", model.file.filename().string()},
              {"digest", model.id.digest},
              {"n_keep", model.n_keep},
              {"n_ctx", cell.n_ctx},
              {"device", device.device},
              {"part", part},
              {"n", 1},
              {"value", bytes}});
  };
  const auto add_parts = [&](const MemoryCell& cell, const char* metric,
                             const DeviceMemory& device) {
    add(cell, metric, device, "weights", device.weights);
    add(cell, metric, device, "kv_cache", device.kv_cache);
    add(cell, metric, device, "compute", device.compute);
  };
  for (const auto& cell : model.cells) {
    for (std::size_t i = 0; i < cell.predicted.size(); ++i) {
      const auto& device = cell.predicted[i];
      add_parts(cell, "predicted_bytes", device);
      add(cell, "predicted_bytes", device, "other", device.other);
      add(cell, "predicted_bytes", device, "all", device.sum());
      if (!cell.measured) continue;
      add_parts(cell, "allocated_bytes", cell.measured->allocated[i]);
      add(cell, "measured_bytes", device, "all", cell.measured->in_use[i]);
    }
  }
}

std::string signed_percent(double share) { return fmt::format("{:+.1f} %", 100 * share); }

std::string devices_text(const ModelMemory& model) {
  std::vector<std::vector<std::string>> table = {
      {"context", "device", "weights", "KV cache", "compute", "other", "predicted", "measured"}};
  for (const auto& cell : model.cells)
    for (std::size_t i = 0; i < cell.predicted.size(); ++i) {
      const auto& device = cell.predicted[i];
      table.push_back({fmt::format("{}", cell.n_ctx), device.device, human_bytes(device.weights),
                       human_bytes(device.kv_cache), human_bytes(device.compute),
                       human_bytes(device.other), human_bytes(device.sum()),
                       cell.measured ? human_bytes(cell.measured->in_use[i]) : "-"});
    }
  return fmt::format("{} ({} experts a layer)\n{}\n", model.file.string(), model.n_keep,
                     format_table(table));
}

std::string totals_text(std::span<const ModelMemory> models, bool measures) {
  std::vector<std::vector<std::string>> table = {{"model", "context", "predicted"}};
  if (measures) table[0].insert(table[0].end(), {"measured", "off by"});
  if (models.size() > 1) table[0].emplace_back("of parent");
  for (const auto& model : models)
    for (std::size_t c = 0; c < model.cells.size(); ++c) {
      const auto& cell = model.cells[c];
      const auto& parent = models.front().cells[c];
      const auto bytes = measures ? cell.in_use() : sum_of(cell.predicted);
      const auto of_parent = measures ? parent.in_use() : sum_of(parent.predicted);
      auto& row = table.emplace_back(std::vector{model.file.filename().string(),
                                                 fmt::format("{}", cell.n_ctx),
                                                 human_bytes(sum_of(cell.predicted))});
      if (measures) row.insert(row.end(), {human_bytes(bytes), signed_percent(cell.error())});
      if (models.size() > 1)
        row.push_back(fmt::format(
            "{:.0f} %", 100.0 * static_cast<double>(bytes) / static_cast<double>(of_parent)));
    }
  return "All devices together:\n" + format_table(table);
}

}  // namespace

Json memory_json(const DeviceMemory& memory) {
  return {{"device", memory.device},     {"is_host", memory.is_host}, {"weights", memory.weights},
          {"kv_cache", memory.kv_cache}, {"compute", memory.compute}, {"other", memory.other},
          {"sum", memory.sum()}};
}

void add_memory_rows(std::span<const ModelMemory> models, ResultRows& rows) {
  for (const auto& model : models) add_rows(model, rows);
}

Json memory_models_json(std::span<const ModelMemory> models) {
  Json out = Json::array();
  for (const auto& model : models) {
    Json contexts = Json::array();
    for (const auto& cell : model.cells) {
      Json one = {{"n_ctx", cell.n_ctx}, {"predicted", sum_of(cell.predicted)}};
      if (cell.measured) {
        one["n_fill"] = cell.measured->n_fill;
        one["allocated"] = sum_of(cell.measured->allocated);
        one["measured"] = cell.in_use();
        one["error"] = cell.error();
      }
      contexts.push_back(std::move(one));
    }
    out.push_back({{"file", model.file.string()},
                   {"n_keep", model.n_keep},
                   {"contexts", std::move(contexts)}});
  }
  return out;
}

std::string memory_text(std::span<const ModelMemory> models, bool measures) {
  std::string text;
  for (const auto& model : models) text += devices_text(model);
  return text + totals_text(models, measures);
}

}  // namespace coe::cli
