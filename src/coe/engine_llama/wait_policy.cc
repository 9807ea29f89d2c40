#include "coe/engine_llama/wait_policy.h"

#include <cstdlib>
#include <unistd.h>

namespace coe {

void wait_passively(char** argv) {
  // The OpenMP runtime reads its environment before main(), hence the second start.
  if (std::getenv("OMP_WAIT_POLICY") != nullptr || std::getenv("GOMP_SPINCOUNT") != nullptr) return;
  ::setenv("OMP_WAIT_POLICY", "passive", 1);
  ::execv("/proc/self/exe", argv);  // returns only when it fails; then all goes on as it would have
}

}  // namespace coe
