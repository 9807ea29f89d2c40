#include "coe/base/machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <thread>
#include <unistd.h>

namespace coe {
namespace {

TEST(Machine, SaysWhatTheSystemSays) {
  const auto facts = machine_facts();
  EXPECT_EQ(facts.n_core, std::max(1U, std::thread::hardware_concurrency()));
  EXPECT_GT(facts.memory_bytes, std::uint64_t{64} << 20);
  EXPECT_FALSE(facts.cpu.empty());
  EXPECT_THAT(facts.kernel, ::testing::StartsWith("Linux "));
  EXPECT_THAT(facts.date, ::testing::MatchesRegex("20..-..-..T..:..:..Z"));
}

#ifdef COE_SANITIZED
constexpr double kNear = 0.2;  // it may keep an eighth more about the bytes
#else
constexpr double kNear = 0.1;
#endif

TEST(Machine, MemoryIsResidentWhenTouched) {
  constexpr std::size_t kBytes = std::size_t{64} << 20;
  const auto before = anonymous_bytes(::getpid());
  EXPECT_GT(before, 0U);
  const auto growth = [&] {
    return (static_cast<double>(anonymous_bytes(::getpid())) - static_cast<double>(before)) /
           kBytes;
  };
  const std::unique_ptr<char[]> bytes(new char[kBytes]);
  EXPECT_LT(growth(), 0.1);
  std::memset(bytes.get(), 'x', kBytes);
  EXPECT_NEAR(growth(), 1.0, kNear);
  EXPECT_EQ(bytes[kBytes - 1], 'x');
}

TEST(Machine, NamesFileSystems) {
  EXPECT_EQ(file_system_of("/proc/self/no-such-file"), "unknown");
  EXPECT_EQ(file_system_of("/proc"), "proc");
}

}  // namespace
}  // namespace coe
