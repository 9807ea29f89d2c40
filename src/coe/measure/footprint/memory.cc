#include "coe/measure/footprint/memory.h"

#include "coe/base/descriptor.h"
#include "coe/base/json.h"
#include "coe/base/machine.h"
#include "coe/base/process/isolated.h"
#include "coe/base/rng.h"
#include "coe/child/surgery/plan.h"
#include "coe/mask/recipe/random_mask.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

namespace coe {

namespace {

using Json = nlohmann::json;

// Processes tell each other of memory in this form.
Json memory_json(const DeviceMemory& memory) {
  return {{"device", memory.device},     {"is_host", memory.is_host}, {"weights", memory.weights},
          {"kv_cache", memory.kv_cache}, {"compute", memory.compute}, {"other", memory.other}};
}

DeviceMemory memory_from(const Json& json) {
  return {.device = json.at("device").get<std::string>(),
          .is_host = json.at("is_host").get<bool>(),
          .weights = json.at("weights").get<std::uint64_t>(),
          .kv_cache = json.at("kv_cache").get<std::uint64_t>(),
          .compute = json.at("compute").get<std::uint64_t>(),
          .other = json.at("other").get<std::uint64_t>()};
}

Json devices_json(std::span<const DeviceMemory> devices) {
  Json out = Json::array();
  for (const auto& device : devices) out.push_back(memory_json(device));
  return out;
}

std::vector<DeviceMemory> devices_from(const Json& json) {
  std::vector<DeviceMemory> out;
  for (const auto& device : json) out.push_back(memory_from(device));
  return out;
}

// Measures what is taken of host and devices from now on.
class Meter {
 public:
  explicit Meter(const EngineLibrary& library)
      : library_(library), devices_(library.devices()), resident_(anonymous_bytes(::getpid())) {}

  // Since this meter was made, of these devices.
  std::vector<std::uint64_t> growth(std::span<const DeviceMemory> of) const {
    const auto now = library_.devices();
    std::vector<std::uint64_t> out;
    for (const auto& memory : of) {
      if (memory.is_host) {
        out.push_back(above(anonymous_bytes(::getpid()), resident_));
        continue;
      }
      const auto at = std::ranges::find(devices_, memory.device, &DeviceSpace::device);
      COE_CHECK(at != devices_.end());
      out.push_back(above(at->free, now[static_cast<std::size_t>(at - devices_.begin())].free));
    }
    return out;
  }

 private:
  static std::uint64_t above(std::uint64_t more, std::uint64_t less) {
    return more > less ? more - less : 0;
  }

  const EngineLibrary& library_;
  std::vector<DeviceSpace> devices_;
  std::uint64_t resident_;
};

// A file that has the child's header and its length, and no blocks behind it; lives in memory.
class HollowFile {
 public:
  static Result<HollowFile> create(const PartPlan& part, std::uint64_t n_byte) {
    HollowFile out;
    out.fd_ = Descriptor(::memfd_create("specialist", MFD_CLOEXEC));
    if (out.fd_.get() < 0) return tl::unexpected(io_error("memfd", "create"));
    COE_TRY_STATUS(write_all(out.fd_.get(), part.header_bytes, out.path()));
    if (::ftruncate(out.fd_.get(), static_cast<off_t>(n_byte)) != 0)
      return tl::unexpected(io_error(out.path(), "lengthen"));
    return out;
  }

  // For this process and those that it forks.
  Path path() const { return fmt::format("/proc/self/fd/{}", fd_.get()); }

 private:
  HollowFile() = default;
  Descriptor fd_;
};

Result<std::string> measure(const EngineLibrary& library, const EngineOptions& options,
                            std::uint64_t n_fill, Observer& observer) {
  const Meter meter(library);
  COE_TRY(const auto engine, library.open_plain(options));
  const std::uint64_t n_token =
      n_fill == 0 ? engine->n_ctx() : std::min<std::uint64_t>(n_fill, engine->n_ctx());
  Rng rng(1);
  std::vector<std::int32_t> tokens(std::max(options.n_batch, 1U));
  for (std::uint64_t done = 0; done < n_token;) {
    if (observer.cancelled()) return fail(Code::kCancelled, "interrupted");
    const auto n = std::min<std::uint64_t>(tokens.size(), n_token - done);
    for (auto& token : tokens) token = static_cast<std::int32_t>(rng.below(engine->n_vocab()));
    COE_TRY_STATUS(engine->append(std::span(tokens).first(n)));
    done += n;
    observer.progress("context", done, n_token, "tokens");
  }
  const auto allocated = engine->memory();
  return Json({{"n_ctx", engine->n_ctx()},
               {"n_fill", n_token},
               {"allocated", devices_json(allocated)},
               {"in_use", meter.growth(allocated)}})
      .dump();
}

Result<std::string> predict(const EngineLibrary& library, const EngineOptions& options,
                            std::span<const std::uint32_t> contexts) {
  const Meter meter(library);
  COE_TRY(auto found, library.predict_memory(options, contexts));
  if (found.empty()) return std::string("[]");
  const auto other = meter.growth(found.front());
  Json out = Json::array();
  for (auto& devices : found) {
    for (std::size_t i = 0; i < devices.size(); ++i) devices[i].other += other[i];
    out.push_back(devices_json(devices));
  }
  return out.dump();
}

}  // namespace

std::uint64_t sum_of(std::span<const DeviceMemory> devices) {
  return std::accumulate(devices.begin(), devices.end(), std::uint64_t{0},
                         [](auto sum, const auto& device) { return sum + device.sum(); });
}

Result<std::vector<std::vector<DeviceMemory>>> predicted_memory(
    const EngineLibrary& library, const EngineOptions& options,
    std::span<const std::uint32_t> contexts) {
  COE_TRY(const auto text, run_isolated([&] { return predict(library, options, contexts); }));
  std::vector<std::vector<DeviceMemory>> out;
  const auto found = parse_json_or_throw<Json>(text);
  for (const auto& devices : found) out.push_back(devices_from(devices));
  return out;
}

Result<std::vector<std::vector<DeviceMemory>>> predicted_child_memory(
    const EngineLibrary& library, const OpenModel& parent, std::uint32_t n_keep,
    const EngineOptions& options, std::span<const std::uint32_t> contexts) {
  COE_TRY(const auto mask, random_mask(parent.moe, n_keep, 1));
  SurgeryOptions surgery;
  surgery.provenance = false;
  COE_TRY(const auto plan, plan_surgery(parent.file, parent.moe, mask, surgery));
  COE_TRY(const auto file, HollowFile::create(plan.parts.front(), plan.file_bytes));
  auto of_child = options;
  of_child.model = file.path();
  return predicted_memory(library, of_child, contexts);
}

Result<MeasuredMemory> measured_memory(const EngineLibrary& library, EngineOptions options,
                                       std::uint64_t n_fill, Observer& observer) {
  options.mmap = false;
  COE_TRY(const auto text,
          run_isolated([&] { return measure(library, options, n_fill, observer); }));
  const auto found = parse_json_or_throw<Json>(text);
  return MeasuredMemory{
      found.at("n_ctx").get<std::uint32_t>(), found.at("n_fill").get<std::uint64_t>(),
      devices_from(found.at("allocated")), found.at("in_use").get<std::vector<std::uint64_t>>()};
}

}  // namespace coe
