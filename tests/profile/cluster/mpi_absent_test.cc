// A build without MPI under a launcher: the same work N times over would be a bad surprise.
#include "coe/profile/cluster/communicator.h"

#include "profile/cluster/environment.h"
#include "support/expect.h"

#include <gtest/gtest.h>

namespace coe::testing {
namespace {

TEST(MpiAbsent, RefusesToBeOneOfSeveral) {
  Environment environment;
  EXPECT_EQ(value_of(open_communicator())->size(), 1U);
  environment.set("OMPI_COMM_WORLD_SIZE", "1");
  EXPECT_EQ(value_of(open_communicator())->size(), 1U);
  environment.set("OMPI_COMM_WORLD_SIZE", "4");
  const auto refused = open_communicator();
  expect_error(refused, Code::kInvalidArgument, "started 4 times");
}

}  // namespace
}  // namespace coe::testing
