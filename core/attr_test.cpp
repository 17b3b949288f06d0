// perf_event_attr: every field from its place in the bytes (ABI-7), what is missing as zero
// (ABI-3).
#include "core/attr.h"

#include <gtest/gtest.h>

#include <array>

#include "core/test_machine.h"

namespace reperf::core {
namespace {

using namespace testing;

perf_event_attr full_attr() {
  perf_event_attr a = make_attr(1, 0x1122334455667788, ~std::uint64_t{0}, 0xf);
  a.sample_period = 2;
  a.sample_type = 3;
  a.bp_type = 4;
  a.config1 = 5;
  a.config2 = 6;
  a.branch_sample_type = 7;
  a.sample_regs_user = 8;
  a.sample_stack_user = 9;
  a.clockid = -10;
  a.sample_regs_intr = 11;
  a.sample_max_stack = 12;
  a.reserved_2 = 13;
  a.aux_sample_size = 14;
  a.aux_action = 15;
  return a;
}

TEST(Attr, FieldsComeFromTheirPlaces) {
  EXPECT_EQ(decode_attr(open_args(full_attr(), 0, 0).attr_span()), full_attr());
}

TEST(Attr, WhatIsMissingReadsAsZero) {
  const OpenArgs args = open_args(full_attr(), 0, 0);
  const perf_event_attr old = decode_attr(args.attr_span().first(PERF_ATTR_SIZE_VER0));
  EXPECT_EQ(old.config1, 5U);
  EXPECT_EQ(old.config2, 0U);
  EXPECT_EQ(old.clockid, 0);
  EXPECT_EQ(decode_attr({}), perf_event_attr{});
}

TEST(Attr, ASizeThatEndsInsideAFieldKeepsItsFirstBytes) {
  const OpenArgs args = open_args(full_attr(), 0, 0);
  const perf_event_attr cut = decode_attr(args.attr_span().first(10));
  EXPECT_EQ(cut.config, 0x7788U);
}

TEST(Attr, LongerThanKnownIsCut) {
  std::array<std::byte, 256> bytes{};
  bytes.fill(std::byte{1});
  EXPECT_EQ(decode_attr(bytes).type, 0x01010101U);
}

TEST(Attr, BitsAreThoseOfTheAbi) {
  perf_event_attr a;
  a.flags = 1ULL << 12 | 1ULL << 37;
  EXPECT_TRUE(a.has(AttrBit::enable_on_exec));
  EXPECT_TRUE(a.has(AttrBit::sigtrap));
  EXPECT_FALSE(a.disabled());
  a.clear(AttrBit::enable_on_exec);
  EXPECT_EQ(a.flags, 1ULL << 37);
}

}  // namespace
}  // namespace reperf::core
