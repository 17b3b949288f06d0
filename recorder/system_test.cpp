// CPU lists and the size of the ring.
#include "recorder/system.h"

#include <unistd.h>

#include <gtest/gtest.h>

#include "recorder/capture.h"

namespace reperf::record {
namespace {

using Cpus = std::vector<std::uint32_t>;

TEST(ParseCpuList, RangesAndSingles) {
  EXPECT_EQ(parse_cpu_list("0-3,5\n"), (Cpus{0, 1, 2, 3, 5}));
  EXPECT_EQ(parse_cpu_list("0\n"), Cpus{0});
  EXPECT_EQ(parse_cpu_list(""), Cpus{});
}

TEST(ParseCpuList, StopsAtNonsense) {
  EXPECT_EQ(parse_cpu_list("1,x"), Cpus{1});
  EXPECT_EQ(parse_cpu_list("2-"), Cpus{});
  EXPECT_EQ(parse_cpu_list("0-4294967295").size(), log::kNoCpu);
}

TEST(ReadSmallFile, MissingIsEmpty) { EXPECT_EQ(read_small_file("/nonexistent"), ""); }

TEST(RingSize, PowerOfTwoWithinBounds) {
  EXPECT_EQ(ring_size(1), kMinRingBytes);
  EXPECT_EQ(ring_size(kDefaultRingBytes), kDefaultRingBytes);
  EXPECT_EQ(ring_size((64U << 10) + 1), 128U << 10);
  EXPECT_EQ(ring_size(~std::uint64_t{0}), kMaxRingBytes);
}

TEST(UniqueFd, MovesAndCloses) {
  UniqueFd a(::dup(0));
  const int number = a.get();
  UniqueFd b(std::move(a));
  EXPECT_FALSE(a.valid());
  EXPECT_EQ(b.get(), number);
}

}  // namespace
}  // namespace reperf::record
