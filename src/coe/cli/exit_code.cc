#include "coe/cli/exit_code.h"

namespace coe::cli {

int exit_code(Code code) {
  switch (code) {
    case Code::kCheckFailed:
    case Code::kIo:
      return kExitCheckFailed;
    case Code::kInvalidArgument:
    case Code::kExists:
      return kExitUsage;
    case Code::kNotFound:
    case Code::kCorrupt:
    case Code::kUnsupported:
    case Code::kMismatch:
      return 3;
    case Code::kEngine:
      return 4;
    case Code::kCancelled:
      return kExitInterrupted;
    case Code::kInternal:
      break;
  }
  return 70;
}

const char* code_name(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
      return "invalid_argument";
    case Code::kExists:
      return "exists";
    case Code::kNotFound:
      return "not_found";
    case Code::kCorrupt:
      return "corrupt";
    case Code::kUnsupported:
      return "unsupported";
    case Code::kMismatch:
      return "mismatch";
    case Code::kCheckFailed:
      return "check_failed";
    case Code::kIo:
      return "io";
    case Code::kEngine:
      return "engine";
    case Code::kCancelled:
      return "cancelled";
    case Code::kInternal:
      break;
  }
  return "internal";
}

}  // namespace coe::cli
