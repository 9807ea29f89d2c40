#include "coe/base/machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <thread>

namespace coe {
namespace {

TEST(Machine, SaysWhatTheSystemSays) {
  const auto facts = machine_facts();
  EXPECT_EQ(facts.n_core, std::max(1U, std::thread::hardware_concurrency()));
  EXPECT_GT(facts.memory_bytes, std::uint64_t{64} << 20);
  EXPECT_FALSE(facts.cpu.empty());
  EXPECT_THAT(facts.kernel, testing::StartsWith("Linux "));
  EXPECT_THAT(facts.date, testing::MatchesRegex("20..-..-..T..:..:..Z"));
}

TEST(Machine, NamesFileSystems) {
  EXPECT_EQ(file_system_of("/proc/self/no-such-file"), "unknown");
  EXPECT_EQ(file_system_of("/proc"), "proc");
}

}  // namespace
}  // namespace coe
