#include "coe/engine/llama/wait_policy.h"

#include <cstdlib>
#include <unistd.h>

namespace coe {

void wait_briefly(char** argv) {
  // The OpenMP runtime reads its environment before main(), hence the second start.
  if (std::getenv("OMP_WAIT_POLICY") != nullptr || std::getenv("GOMP_SPINCOUNT") != nullptr) return;
#ifdef __clang__  // its runtime does not count turns
  ::setenv("OMP_WAIT_POLICY", "passive", 1);
#else
  ::setenv("GOMP_SPINCOUNT", "1000", 1);  // turns before a thread sleeps
  // Or turns are cut to 100 at most where there are more threads than cores, those of another
  // context counted although they sleep.
  ::setenv("OMP_WAIT_POLICY", "active", 1);
#endif
  ::execv("/proc/self/exe", argv);  // returns only when it fails; then all goes on as it would have
}

}  // namespace coe
