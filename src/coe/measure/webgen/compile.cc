#include "coe/measure/webgen/compile.h"

#include "coe/base/json.h"
#include "coe/base/printable.h"
#include "coe/base/process/child_process.h"
#include "coe/measure/browser/sandbox.h"

#include <fmt/format.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

namespace {

constexpr std::size_t kErrorBytes = 200;

// Limits are the answer's fault. Errors: kEngine when the toolchain ends without a result; those of
// run_program.
Result<CompiledAnswer> run_toolchain(const std::vector<std::string>& command, WebFormat format,
                                     std::string_view source, std::chrono::milliseconds limit) {
  ProgramLimits limits;
  limits.time = limit;
  ProcessorTime spent;
  limits.spent = &spent;
  const nlohmann::json job = {{"format", format_name(format)}, {"source", source}};
  const auto ran = run_program(command, json_text(job), limits);
  if (!ran && ran.error().code == Code::kCheckFailed) {
    const auto& message = ran.error().message;  // "/usr/bin/bwrap: takes too long"
    return CompiledAnswer{
        "", fmt::format("compiling it {}", message.substr(message.rfind(':') + 2)), spent};
  }
  if (!ran) return tl::unexpected(ran.error());
  const auto result = parse_json<nlohmann::json>(ran->output);
  if (ran->exit_code == 0 && result.is_object())
    return CompiledAnswer{result.value("html", ""), result.value("error", ""), {}};
  const auto errors = ran->errors.substr(0, ran->errors.find('\n'));
  return fail(Code::kEngine, fmt::format("the toolchain ended with {}: {}", ran->exit_code,
                                         printable(errors, kErrorBytes)));
}

}  // namespace

Result<CompiledAnswer> compile_answer(const Path& folder, WebFormat format, std::string_view source,
                                      bool sandbox, std::chrono::milliseconds limit) {
  if (format == WebFormat::kHtml) return CompiledAnswer{std::string(source), "", {}};
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
  auto compiled = run_toolchain(command, format, source, limit);
  if (compiled || compiled.error().code != Code::kEngine) return compiled;
  // A toolchain that works on nothing has failed on the answer.
  if (!run_toolchain(command, format, "", limit)) return compiled;
  return CompiledAnswer{"", compiled.error().message, {}};
}

}  // namespace coe
