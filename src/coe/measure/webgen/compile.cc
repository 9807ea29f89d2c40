#include "coe/measure/webgen/compile.h"

#include "coe/base/json.h"
#include "coe/base/process/child_process.h"
#include "coe/measure/browser/sandbox.h"

#include <fmt/format.h>

#include <filesystem>
#include <vector>

namespace coe {

Result<CompiledAnswer> compile_answer(const Path& folder, WebFormat format, std::string_view source,
                                      bool sandbox) {
  if (format == WebFormat::kHtml) return CompiledAnswer{std::string(source), ""};
  std::error_code ec;
  const Path toolchain = std::filesystem::canonical(folder / "toolchain", ec);
  if (ec || !std::filesystem::exists(toolchain / "node_modules" / "esbuild", ec))
    return fail(Code::kEngine,
                fmt::format("{}: its packages are not installed", (folder / "toolchain").string()),
                fmt::format("run scripts/setup.sh web, or npm ci --prefix {}", toolchain.string()));
  COE_TRY(const auto node, find_program("node", "nodejs"));
  std::vector<std::string> command = {std::filesystem::canonical(node, ec).string(),
                                      "--max-old-space-size=1024",
                                      (toolchain / "build.mjs").string()};
  if (sandbox) {
    COE_TRY(command, sandboxed(command, {toolchain}));
  }
  const nlohmann::json job = {{"format", format_name(format)}, {"source", source}};
  COE_TRY(const auto ran, run_program(command, json_text(job), {}));
  const auto result = parse_json<nlohmann::json>(ran.output);
  if (ran.exit_code != 0 || !result.is_object())
    return fail(Code::kEngine, fmt::format("the toolchain ended with {}: {}", ran.exit_code,
                                           ran.errors.substr(0, ran.errors.find('\n'))));
  return CompiledAnswer{result.value("html", ""), result.value("error", "")};
}

}  // namespace coe
