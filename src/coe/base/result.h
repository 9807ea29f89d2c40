// Result<T>: how every fallible call of coe reports failure. An Error says what is wrong, where,
// and what to do about it; its code decides the exit code of the command line. Nothing here prints
// or exits.
#pragma once

#include <tl/expected.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace coe {

// Few codes, because each maps to an exit code (see cli/exit_code.h).
enum class Code {
  kInvalidArgument,  // the caller asked for something impossible (K above N, unknown score)
  kExists,           // an output stands in the way; --force would overwrite it
  kNotFound,         // an input file, tensor, key or record is absent
  kCorrupt,          // an input's bytes break its format
  kUnsupported,      // an input is valid but not something coe can treat (a dense model)
  kMismatch,         // two valid inputs do not belong together (a mask of another model)
  kCheckFailed,      // the work was done and its own check says no
  kIo,               // the operating system refused a read or write (full disk)
  kEngine,           // the inference engine failed or is not built in
  kCancelled,        // interrupted by the user
  kInternal,         // our bug
};

struct Error {
  Code code = Code::kInternal;
  // `<object>: <what is wrong> (<found> vs <expected>)`, one line, no final stop.
  std::string message;
  // What the user can do, one line; may be empty.
  std::string hint;

  // Prefixes what was being done: "reading mask: <message>". Added while going up, never replaced.
  Error context(std::string_view doing) && {
    message.insert(0, std::string(doing) + ": ");
    return std::move(*this);
  }
};

template <class T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

inline tl::unexpected<Error> fail(Code code, std::string message, std::string hint = {}) {
  return tl::unexpected<Error>(Error{code, std::move(message), std::move(hint)});
}

namespace internal {
[[noreturn]] void check_failed(const char* condition, const char* file, int line);
}  // namespace internal
}  // namespace coe

#define COE_CONCAT_INNER(a, b) a##b
#define COE_CONCAT(a, b) COE_CONCAT_INNER(a, b)

// COE_TRY(auto x, f()): x = value of f(), or return its error.
#define COE_TRY(declaration, expression) \
  COE_TRY_INNER(declaration, expression, COE_CONCAT(coe_try_, __LINE__))
#define COE_TRY_INNER(declaration, expression, temporary)                            \
  auto temporary = (expression);                                                     \
  if (!temporary) return tl::unexpected<::coe::Error>(std::move(temporary).error()); \
  declaration = *std::move(temporary)

// COE_TRY_STATUS(f()): return f()'s error, if any.
#define COE_TRY_STATUS(expression)                                        \
  do {                                                                    \
    if (auto coe_status = (expression); !coe_status)                      \
      return tl::unexpected<::coe::Error>(std::move(coe_status).error()); \
  } while (false)

// For our own bugs only, never for bytes from a file: prints and aborts, in release builds too.
#define COE_CHECK(condition) \
  ((condition) ? void(0) : ::coe::internal::check_failed(#condition, __FILE__, __LINE__))
