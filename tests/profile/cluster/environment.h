// This sets what MPI launchers leave in the environment, for as long as a test takes.
#pragma once

#include <cstdlib>
#include <string>

namespace coe::testing {

class Environment {
 public:
  Environment() {
    for (const char* name : kNames) ::unsetenv(name);
  }
  ~Environment() {
    for (const char* name : kNames) ::unsetenv(name);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  void set(const char* name, const std::string& value) { ::setenv(name, value.c_str(), 1); }

 private:
  static constexpr const char* kNames[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK",
                                           "SLURM_NTASKS"};
};

}  // namespace coe::testing
