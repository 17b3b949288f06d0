// The header's pure parts, and what must hold on any machine.
#include "recorder/machine.h"

#include <gtest/gtest.h>

#include "recorder/prerequisites.h"

namespace reperf::record {
namespace {

TEST(ConfigHz, FoundAmongTheOthers) {
  EXPECT_EQ(parse_config_hz("# CONFIG_HZ_100 is not set\nCONFIG_HZ_250=y\nCONFIG_HZ=250\n"), 250U);
  EXPECT_EQ(parse_config_hz("CONFIG_HZ=1000"), 1000U);
  EXPECT_EQ(parse_config_hz("CONFIG_HZ=many\nCONFIG_X=y\n"), 0U);
  EXPECT_EQ(parse_config_hz(""), 0U);
}

TEST(ParseNumber, BlanksAround) {
  std::int64_t value = 0;
  EXPECT_TRUE(parse_number("-1\n", value));
  EXPECT_EQ(value, -1);
  EXPECT_FALSE(parse_number("1 2\n", value));
  EXPECT_FALSE(parse_number("", value));
}

TEST(PerfSysctl, Names) {
  EXPECT_TRUE(is_perf_sysctl("perf_event_paranoid"));
  EXPECT_TRUE(is_perf_sysctl("perf_cpu_time_max_percent"));
  EXPECT_FALSE(is_perf_sysctl("panic"));
}

TEST(DescribeMachine, SomethingIsKnownEverywhere) {
  log::Header header;
  describe_machine(header);
  EXPECT_FALSE(header.release.empty());
  EXPECT_FALSE(header.machine.empty());
}

TEST(Prerequisites, Capabilities) {
  EXPECT_EQ(effective_capabilities("Name:\tx\nCapEff:\t00000000000000ff\nCapBnd:\t1\n"), 0xffU);
  EXPECT_EQ(effective_capabilities("nothing"), 0U);
  EXPECT_TRUE(capabilities_suffice(1ULL << 21));                   // CAP_SYS_ADMIN
  EXPECT_TRUE(capabilities_suffice((1ULL << 38) | (1ULL << 39)));  // PERFMON and BPF
  EXPECT_FALSE(capabilities_suffice(1ULL << 39));
}

TEST(Prerequisites, Lockdown) {
  EXPECT_EQ(lockdown_mode("none integrity [confidentiality]\n"), "confidentiality");
  EXPECT_EQ(lockdown_mode("[none] integrity confidentiality\n"), "none");
  EXPECT_EQ(lockdown_mode(""), "");
}

}  // namespace
}  // namespace reperf::record
