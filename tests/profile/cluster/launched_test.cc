#include "coe/profile/cluster/communicator.h"

#include "profile/cluster/environment.h"

#include <gtest/gtest.h>

namespace coe::testing {
namespace {

TEST(Launched, SaysHowManyProcessesThereAre) {
  Environment environment;
  EXPECT_EQ(n_launched(), 0U);
  environment.set("SLURM_NTASKS", "8");  // also in batch scripts, which are one process
  EXPECT_EQ(n_launched(), 0U);
  environment.set("PMIX_RANK", "3");
  EXPECT_EQ(n_launched(), 8U);
  environment.set("PMI_SIZE", "4");
  EXPECT_EQ(n_launched(), 4U);
  environment.set("OMPI_COMM_WORLD_SIZE", "2");
  EXPECT_EQ(n_launched(), 2U);
}

}  // namespace
}  // namespace coe::testing
