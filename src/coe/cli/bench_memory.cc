// coe bench memory: what a parent and its specialists take, predicted and measured.
#include "coe/base/text.h"
#include "coe/cli/bench.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/model_memory.h"
#include "coe/cli/result_rows.h"

#include <array>
#include <cmath>
#include <cstddef>
#include <utility>

namespace coe::cli {

namespace {

struct Options {
  EngineOptions engine;
  std::vector<Path> children;
  std::vector<std::uint32_t> contexts = {16384, 65536};
  std::uint64_t n_fill = 0;
  bool measures = true;
  Path rows;
};

// A model at a context.
struct Cell {
  std::uint32_t n_ctx = 0;
  std::vector<DeviceMemory> predicted;
  std::optional<MeasuredMemory> measured;

  std::uint64_t in_use() const {
    std::uint64_t sum = 0;
    for (const auto bytes : measured->in_use) sum += bytes;
    return sum;
  }
  // What was measured above what was predicted, as a share.
  double error() const {
    return static_cast<double>(in_use()) / static_cast<double>(sum_of(predicted)) - 1.0;
  }
};

struct ModelCells {
  Path file;
  ModelId id;
  std::uint32_t n_keep = 0;
  std::vector<Cell> cells;
};

Result<ModelCells> measure_model(const Path& file, const MoeModel& moe, const Options& options,
                                 Session& session) {
  ModelCells out{file, moe.id, moe.n_expert, {}};
  auto engine = options.engine;
  engine.model = file;
  for (const auto asked : options.contexts) {
    const auto n_ctx = std::min(asked, moe.n_ctx_train);
    if (n_ctx < asked)
      session.console.warning(fmt::format("{}: trained for {} tokens; -c {} is taken as that",
                                          file.string(), n_ctx, asked));
    engine.n_ctx = n_ctx;
    COE_TRY(auto predicted, predicted_memory(session.library, engine, std::array{n_ctx}));
    out.cells.push_back({n_ctx, std::move(predicted.front()), {}});
    if (!options.measures) continue;
    COE_TRY(out.cells.back().measured,
            measured_memory(session.library, engine, options.n_fill, session.console));
    session.console.clear();
  }
  return out;
}

void add_rows(const ModelCells& model, ResultRows& rows) {
  const auto add = [&](const Cell& cell, const char* metric, const DeviceMemory& device,
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
  const auto add_parts = [&](const Cell& cell, const char* metric, const DeviceMemory& device) {
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

std::string percent(double share) { return fmt::format("{:+.1f} %", 100 * share); }

std::string devices_text(const ModelCells& model) {
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

std::string totals_text(const std::vector<ModelCells>& models, bool measures) {
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
      if (measures) row.insert(row.end(), {human_bytes(bytes), percent(cell.error())});
      if (models.size() > 1)
        row.push_back(fmt::format(
            "{:.0f} %", 100.0 * static_cast<double>(bytes) / static_cast<double>(of_parent)));
    }
  return "All devices together:\n" + format_table(table);
}

Result<int> bench(const Options& options, Session& session) {
  if (!options.rows.empty()) COE_TRY_STATUS(check_output(options.rows, session.overwrite()));
  std::vector<Path> files = {options.engine.model};
  files.insert(files.end(), options.children.begin(), options.children.end());
  std::vector<MoeModel> described;  // all before the first is measured: a wrong one costs no time
  for (const auto& file : files) {
    COE_TRY(auto model, open_model(file, session));
    described.push_back(std::move(model.moe));
  }
  std::vector<ModelCells> models;
  for (std::size_t i = 0; i < files.size(); ++i) {
    COE_TRY(auto model, measure_model(files[i], described[i], options, session));
    models.push_back(std::move(model));
  }
  ResultRows rows("bench-memory", session);
  rows.set_model(models.front().file, models.front().id);
  std::string text;
  for (const auto& model : models) {
    add_rows(model, rows);
    text += devices_text(model);
  }
  if (!options.rows.empty()) COE_TRY_STATUS(rows.write(options.rows, session.overwrite()));
  auto doc = rows.document();
  doc["models"] = Json::array();
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
    doc["models"].push_back({{"file", model.file.string()},
                             {"n_keep", model.n_keep},
                             {"contexts", std::move(contexts)}});
  }
  text += totals_text(models, options.measures);
  COE_TRY_STATUS(session.emit(doc, text));
  return kExitDone;
}

}  // namespace

void add_bench_memory(CLI::App& bench_verb, Run& run) {
  auto options = std::make_shared<Options>();
  serve_defaults(options->engine);
  auto* verb = bench_verb.add_subcommand(
      "memory", "Weights, KV cache and compute buffers on each device, predicted and measured");
  verb->add_option("-m,--model", options->engine.model, "Parent GGUF")->required();
  verb->add_option("children", options->children, "Specialists to set beside it");
  verb->add_option("-c,--ctx-size", options->contexts, "Contexts in tokens: 16384,65536")
      ->delimiter(',')
      ->check(CLI::Range(16U, 1U << 30))
      ->capture_default_str();
  verb->add_option("--fill", options->n_fill,
                   "Tokens to read before measuring (0: as many as the context holds)")
      ->capture_default_str();
  verb->add_flag("!--predict-only", options->measures, "Load no weights");
  add_rows_option(*verb, options->rows);
  add_device_options(*verb, options->engine);
  verb->callback(
      [options, &run] { run = [options](Session& session) { return bench(*options, session); }; });
}

}  // namespace coe::cli
