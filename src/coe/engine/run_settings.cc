#include "coe/engine/run_settings.h"

#include "coe/base/text.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace coe {

namespace {

constexpr std::string_view kMetadata = "metadata";

using Settings = std::vector<std::pair<std::string_view, std::string_view>>;

// Values have no spaces, which part settings.
std::string word(std::string text) {
  std::ranges::replace(text, ' ', '_');
  return text.empty() ? "-" : text;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& one : words) out += (out.empty() ? "" : ",") + one;
  return word(out);
}

Settings parse(std::string_view text) {
  Settings out;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    const auto setting = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (setting.empty()) continue;
    const auto equals = std::min(setting.find('='), setting.size());
    out.emplace_back(setting.substr(0, equals),
                     setting.substr(std::min(equals + 1, setting.size())));
  }
  return out;
}

std::string_view value_of(const Settings& settings, std::string_view name) {
  const auto at = std::ranges::find(settings, name, &Settings::value_type::first);
  return at == settings.end() ? std::string_view("missing") : at->second;
}

}  // namespace

std::string run_settings(const EngineLibrary& library, const EngineOptions& options) {
  std::vector<std::string> devices;
  if (options.n_gpu_layers != 0)
    for (const auto& device : library.devices()) devices.push_back(device.description);
  // Layers meant for a GPU run on the CPU where there is none, and give the CPU's bits.
  const bool offloads = !devices.empty() || !options.rpc_servers.empty();
  auto settings = fmt::format(
      "coe={} engine={} revision={} n_ctx={} n_batch={} n_seq={} n_gpu_layers={} n_cpu_moe={} "
      "devices={} rpc={} repack={} flash_attn={} swa_full={}",
      word(std::string(tool_version())), word(library.version()), word(library.revision()),
      options.n_ctx, options.n_batch, options.n_seq, offloads ? options.n_gpu_layers : 0,
      options.n_cpu_moe, joined(devices), joined(options.rpc_servers), options.repack ? 1 : 0,
      options.flash_attn ? 1 : 0, options.swa_full ? 1 : 0);
  const auto header = model_header(options);
  settings += fmt::format(" {}={}", kMetadata, header ? metadata_digest(*header) : "-");
  const EngineOptions usual;
  if (options.cache_type_k != usual.cache_type_k)
    settings += " cache_type_k=" + word(options.cache_type_k);
  if (options.cache_type_v != usual.cache_type_v)
    settings += " cache_type_v=" + word(options.cache_type_v);
  return settings;
}

std::optional<std::string> settings_difference(std::string_view found, std::string_view wanted) {
  const auto there = parse(found);
  const auto here = parse(wanted);
  for (const auto& [name, value] : here)
    if (value_of(there, name) != value)
      return fmt::format("{} ({} vs {})", name, value_of(there, name), value);
  for (const auto& [name, value] : there)
    if (value_of(here, name) != value) return fmt::format("{} ({} vs missing)", name, value);
  return std::nullopt;
}

std::string without_model(std::string_view settings) {
  std::string out;
  for (const auto& [name, value] : parse(settings))
    if (name != kMetadata) out += fmt::format("{}{}={}", out.empty() ? "" : " ", name, value);
  return out;
}

}  // namespace coe
