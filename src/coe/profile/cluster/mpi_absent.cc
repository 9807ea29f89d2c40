// With COE_MPI=OFF.
#include "coe/profile/cluster/communicator.h"

#include <fmt/format.h>

namespace coe {

Result<std::unique_ptr<Communicator>> open_communicator() {
  if (const auto n = n_launched(); n > 1)
    return fail(
        Code::kInvalidArgument,
        fmt::format("started {} times by an MPI launcher, but this build of coe has no MPI", n),
        "build with -DCOE_MPI=ON, or use --shard and `coe merge`");
  return single_process();
}

}  // namespace coe
