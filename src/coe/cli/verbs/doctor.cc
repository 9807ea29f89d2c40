// coe doctor: what works here, what is missing, and what mends it.
#include "coe/cli/render/doctor.h"

#include "coe/base/machine.h"
#include "coe/base/process/isolated.h"
#include "coe/base/text.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/verbs/verbs.h"
#include "coe/measure/browser/find_chromium.h"
#include "coe/measure/browser/sandbox.h"
#include "coe/model/store/about.h"
#include "coe/model/store/stores.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

namespace coe::cli {

namespace {

// A model's weights are read once for each pass, so that less room than this is soon full.
constexpr std::uint64_t kLittleSpace = 30'000'000'000;
constexpr std::uint64_t kLittleMemory = 8'000'000'000;

DoctorCheck engine_check(const EngineLibrary& library) {
  if (library.version() == "none")
    return {"engine", Health::kBroken,
            "this coe was built without one: verbs that run a model fail",
            "build it without -DCOE_ENGINE=OFF (docs/install.md)"};
  return {"engine", Health::kWorks, library.version(), ""};
}

// The devices are asked for in a process of their own, as an open GPU would not survive the forks
// of later work.
DoctorCheck gpu_check(const EngineLibrary& library) {
  const auto found = run_isolated([&]() -> Result<std::string> {
    std::string words;
    for (const auto& device : library.devices())
      words += fmt::format("{}{}, {} of {} free", words.empty() ? "" : "; ", device.description,
                           human_bytes(device.free), human_bytes(device.total));
    return words;
  });
  if (!found)
    return {"GPU", Health::kBroken, "asking for devices failed: " + found.error().message,
            found.error().hint};
  if (!found->empty()) return {"GPU", Health::kWorks, *found, ""};
  return {"GPU", Health::kMissing, "none that this coe can use: models run on the CPU",
          "a build with -DGGML_CUDA=ON, or Vulkan, Metal, HIP (docs/install.md)"};
}

DoctorCheck memory_check(const MachineFacts& machine) {
  const bool is_little = machine.memory_bytes < kLittleMemory;
  return {"memory", is_little ? Health::kMissing : Health::kWorks,
          fmt::format("{}, {}, {} cores", human_bytes(machine.memory_bytes), machine.cpu,
                      machine.n_core),
          is_little ? "a parent must fit: `coe inspect MODEL --fit SIZE` says what does" : ""};
}

DoctorCheck disk_check() {
  const auto free = free_space(std::filesystem::current_path() / "any");
  if (!free) return {"disk", Health::kBroken, free.error().message, free.error().hint};
  const bool is_little = *free < kLittleSpace;
  return {"disk", is_little ? Health::kMissing : Health::kWorks,
          fmt::format("{} free in this folder", human_bytes(*free)),
          is_little ? "a parent of 18 GB and its specialist need 30 GB" : ""};
}

// `web` is what misses it.
template <class T>
DoctorCheck tool_check(std::string what, const Result<T>& found, const std::string& words) {
  if (found) return {std::move(what), Health::kWorks, words, ""};
  return {std::move(what), Health::kMissing, found.error().message + " (coe bench web)",
          found.error().hint};
}

std::vector<DoctorCheck> web_checks() {
  const auto chromium = find_chromium({});
  const auto sandbox = sandboxed({"/bin/true"}, {});
  const auto node = find_program("node", "nodejs");
  return {tool_check("browser", chromium, chromium ? chromium->string() : std::string()),
          tool_check("sandbox", sandbox, "bubblewrap makes boxes"),
          tool_check("Node.js", node, node ? node->string() : std::string())};
}

DoctorCheck models_check() {
  const auto around = Surroundings::of_process();
  std::size_t n_whole = 0;
  std::size_t n_moe = 0;
  std::size_t n_damaged = 0;
  for (const auto& facts : all_programs())
    for (const auto& model : stored_models(facts.program, around)) {
      if (!model.whole()) {
        ++n_damaged;
        continue;
      }
      ++n_whole;
      const auto about = about_model(model.files.front());
      if (about && about->n_expert > 0) ++n_moe;
    }
  auto words = fmt::format("{} in the stores of other programs, {} with experts", n_whole, n_moe);
  if (n_damaged > 0) words += fmt::format(", {} damaged", n_damaged);
  return {"models", n_moe > 0 ? Health::kWorks : Health::kMissing, words,
          n_moe > 0 && n_damaged == 0 ? "" : "coe models lists them, and where it looked"};
}

Result<int> doctor(Session& session) {
  std::vector<DoctorCheck> checks = {engine_check(session.library), gpu_check(session.library),
                                     memory_check(machine_facts()), disk_check(), models_check()};
  for (auto& check : web_checks()) checks.push_back(std::move(check));
  COE_TRY_STATUS(session.emit(doctor_json(checks), doctor_text(checks)));
  const bool is_broken = std::ranges::any_of(
      checks, [](const DoctorCheck& check) { return check.health == Health::kBroken; });
  return is_broken ? kExitCheckFailed : kExitDone;
}

}  // namespace

void add_doctor(CLI::App& app, Run& run) {
  auto* verb = app.add_subcommand(
      "doctor", "Say what works on this machine, what is missing, and what mends it");
  verb->callback([&run] { run = doctor; });
}

}  // namespace coe::cli
