// The process returns one of these. Scripts rely on them: 0 done, 1 ran and a check or a write
// failed, 2 usage, 3 bad input file, 4 engine, server or browser missing or failed, 70 our bug, 130
// interrupted.
#pragma once

#include "coe/base/result.h"

namespace coe::cli {

inline constexpr int kExitDone = 0;
inline constexpr int kExitCheckFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitInterrupted = 130;

int exit_code(Code code);
// "corrupt", "mismatch", …: the code in JSON errors.
const char* code_name(Code code);

}  // namespace coe::cli
