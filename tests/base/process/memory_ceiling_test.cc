#include "coe/base/process/memory_ceiling.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <new>
#include <sys/resource.h>
#include <vector>

namespace coe {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

// The sanitizers' allocators end the process where there is no memory.
#ifdef COE_SANITIZED
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

bool can_have(std::size_t bytes) {
  try {
    const std::vector<std::byte> some(bytes);
    return some.size() == bytes;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

TEST(MemoryCeiling, HoldsWhileItLives) {
  if (kSanitized) GTEST_SKIP() << "their allocators end the process";
  EXPECT_TRUE(can_have(300 * kMiB));
  {
    const MemoryCeiling ceiling(64 * kMiB);
    EXPECT_TRUE(can_have(16 * kMiB));
    EXPECT_FALSE(can_have(300 * kMiB));
    EXPECT_TRUE(can_have(16 * kMiB));
  }
  EXPECT_TRUE(can_have(300 * kMiB));
}

TEST(MemoryCeiling, CountsWhatIsThereAlready) {
  if (kSanitized) GTEST_SKIP() << "their allocators end the process";
  const std::vector<std::byte> there(200 * kMiB, std::byte{1});
  const MemoryCeiling ceiling(64 * kMiB);
  EXPECT_TRUE(can_have(32 * kMiB));
  EXPECT_FALSE(can_have(128 * kMiB));
}

TEST(MemoryCeiling, LeavesALowerLimitAsItIs) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_DATA, &before), 0);
  // Above all that a sanitizer maps for itself: 20 TB and more.
  rlimit low = before;
  low.rlim_cur = static_cast<rlim_t>(std::uint64_t{1} << 50);
  ASSERT_EQ(::setrlimit(RLIMIT_DATA, &low), 0);
  {
    const MemoryCeiling ceiling(std::uint64_t{1} << 51);
    rlimit now{};
    ASSERT_EQ(::getrlimit(RLIMIT_DATA, &now), 0);
    EXPECT_EQ(now.rlim_cur, low.rlim_cur);
  }
  ASSERT_EQ(::setrlimit(RLIMIT_DATA, &before), 0);
}

}  // namespace
}  // namespace coe
