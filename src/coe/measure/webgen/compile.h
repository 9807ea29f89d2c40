// This makes pages of components.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/measure/webgen/task.h"

#include <string>
#include <string_view>

namespace coe {

struct CompiledAnswer {
  std::string html;   // the page; HTML is passed through
  std::string error;  // the answer's own fault, in a line; then there is no page
};

// Compiles with the suite's toolchain (`folder`/toolchain, on Node.js), in a sandbox unless told
// otherwise. Errors: kEngine where Node.js or the toolchain's packages are not installed, or the
// toolchain itself fails; those of sandboxed.
Result<CompiledAnswer> compile_answer(const Path& folder, WebFormat format, std::string_view source,
                                      bool sandbox);

}  // namespace coe
