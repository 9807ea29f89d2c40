#include "coe/base/process/measured_run.h"

#include "support/expect.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace coe {
namespace {

using coe::testing::expect_error;
using coe::testing::value_of;

std::vector<std::string> shell(const std::string& script) { return {"/bin/sh", "-c", script}; }

TEST(MeasuredRun, SaysHowLongAndHowItEnded) {
  const auto slow = value_of(run_measured(shell("sleep 0.2; exit 3")));
  EXPECT_EQ(slow.exit_code, 3);
  EXPECT_GE(slow.seconds, 0.2);
  EXPECT_LT(slow.seconds, 30.0);
  EXPECT_GT(slow.max_rss_bytes, 0U);
  EXPECT_EQ(value_of(run_measured(shell("kill -9 $$"))).exit_code, 128 + 9);
}

TEST(MeasuredRun, SeesWhatTheProgramAllocates) {
  const std::uint64_t held = std::uint64_t{16} << 20;
  const auto run = value_of(run_measured(
      shell("x=xxxxxxxxxxxxxxxx; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do "
            "x=$x$x; done; sleep 0.2")));  // 16 MiB
  EXPECT_GE(run.max_anon_bytes, held);
  EXPECT_GE(run.max_rss_bytes, run.max_anon_bytes);
}

TEST(MeasuredRun, AProgramThatIsNotThere) {
  expect_error(run_measured({"/no/such/program"}), Code::kNotFound, "/no/such/program");
}

}  // namespace
}  // namespace coe
