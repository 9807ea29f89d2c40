#include "coe/cli/render/result_rows.h"

#include "coe/base/json.h"
#include "coe/base/machine.h"
#include "coe/base/text.h"

#include <utility>

namespace coe::cli {

ResultRows::ResultRows(std::string_view kind, const EngineLibrary& library,
                       std::string_view command)
    : kind_(kind) {
  const auto machine = machine_facts();
  run_ = {{"version", tool_version()},
          {"engine", library.version()},
          {"engine_revision", library.revision()},
          {"machine",
           {{"cpu", machine.cpu},
            {"n_core", machine.n_core},
            {"memory_bytes", machine.memory_bytes},
            {"kernel", machine.kernel}}},
          {"date", machine.date},
          {"command", command},
          {"seed", nullptr},
          {"model", nullptr}};
}

void ResultRows::set_seed(std::uint64_t seed) { run_["seed"] = seed; }

void ResultRows::set_model(const Path& file, const ModelId& id) {
  run_["model"] = {{"file", file.filename().string()},
                   {"name", id.name},
                   {"architecture", id.architecture},
                   {"digest", id.digest}};
}

void ResultRows::set_sampling(Json sampling) { run_["sampling"] = std::move(sampling); }

void ResultRows::set_engine(std::string_view name) { run_["engine"] = name; }

void ResultRows::add(Json row) {
  COE_CHECK(row.contains("metric") && row.contains("n") && row.contains("value"));
  for (const auto* bound : {"ci_low", "ci_high"})
    if (!row.contains(bound)) row[bound] = nullptr;
  rows_.push_back(std::move(row));
}

Json ResultRows::document() const {
  auto doc = cli::document(kind_);
  doc["run"] = run_;
  doc["rows"] = rows_;
  return doc;
}

Status ResultRows::write(const Path& path, Overwrite overwrite) const {
  COE_TRY(auto file, AtomicFile::create(path, overwrite));
  for (const auto& row : rows_) {
    Json line = {{"schema", "coe.result/1"}, {"kind", kind_}, {"run", run_}};
    line.update(row);
    COE_TRY_STATUS(file.write(json_line(line)));
  }
  return file.commit();
}

}  // namespace coe::cli
