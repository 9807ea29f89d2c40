// This makes pages of components.
#pragma once

#include "coe/base/file.h"
#include "coe/base/process/child_process.h"
#include "coe/base/result.h"
#include "coe/measure/webgen/task.h"

#include <chrono>
#include <string>
#include <string_view>

namespace coe {

inline constexpr std::chrono::milliseconds kCompileLimit{20'000};

struct CompiledAnswer {
  std::string html;  // the page; HTML is passed through
  // The answer's own fault, in a line; then there is no page. Time and memory that compiling takes
  // are such, and a compiler that ends on this answer alone.
  std::string error;
  ProcessorTime spent;  // past a limit
};

// Compiles with the suite's toolchain (`folder`/toolchain, on Node.js), in a sandbox unless told
// otherwise. Errors: kEngine where Node.js or the toolchain's packages are not installed, or the
// toolchain fails whatever the answer; those of sandboxed.
Result<CompiledAnswer> compile_answer(const Path& folder, WebFormat format, std::string_view source,
                                      bool sandbox,
                                      std::chrono::milliseconds limit = kCompileLimit);

}  // namespace coe
