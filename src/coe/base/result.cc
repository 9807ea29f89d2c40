#include "coe/base/result.h"

#include <cstdio>
#include <cstdlib>

namespace coe::internal {

void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "coe: internal check failed: %s (%s:%d)\n", condition, file, line);
  std::abort();
}

}  // namespace coe::internal
