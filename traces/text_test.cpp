// tidy:table(canonical text is as wide as it is)
// The text form: exact round trips both ways, and what short hand-written text means.
#include "traces/text.h"

#include <gtest/gtest.h>

#include <cstring>

#include "traces/log_files.h"
#include "traces/random_records.h"
#include "traces/text_names.h"

namespace reperf::log {
namespace {

using namespace testing;

Text parse(const std::string& text) {
  Text out;
  std::vector<Error> errors;
  EXPECT_TRUE(parse_text(text, "t", out, errors)) << text;
  for (const Error& error : errors)
    ADD_FAILURE() << error.line << ":" << error.column << ": " << error.what;
  return out;
}

// The canonical form of one record given as the part of its line after the thread id.
std::string canonical(const std::string& record) {
  const Text text = parse("1 [0] 2 " + record);
  if (text.records.size() != 1) return "";
  const std::string line = line_of(text.records[0]);
  constexpr std::size_t kBefore = 24;  // "        1 [000]       2 "
  return line.substr(kBefore, line.size() - kBefore - 1);
}

std::uint64_t word(Bytes bytes, std::size_t offset) {
  std::uint64_t out = 0;
  std::memcpy(&out, bytes.data() + offset, 8);
  return out;
}

TEST(Text, RandomRecordsToTextAndBack) {
  RandomRecords random(21);
  std::string text;
  std::vector<Record> records;
  for (int i = 0; i < 24000; ++i) {
    records.push_back(random.next());
    format_record(text, records.back());
  }
  const Text back = parse(text);
  ASSERT_EQ(back.records.size(), records.size());
  std::string again;
  for (std::size_t i = 0; i < records.size(); ++i) {
    ASSERT_TRUE(equal(back.records[i], records[i])) << line_of(records[i]);
    ASSERT_EQ(back.lines[i], i + 1);
    format_record(again, back.records[i]);
  }
  EXPECT_TRUE(again == text);
}

TEST(Text, RandomHeadersToTextAndBack) {
  RandomRecords random(22);
  for (int i = 0; i < 500; ++i) {
    const Header header = random.header();
    const std::string text = format_header(header);
    const Text back = parse(text);
    ASSERT_EQ(back.header, header) << text;
    ASSERT_EQ(format_header(back.header), text);
  }
}

TEST(Text, CanonicalTextStaysAsItIs) {
  const std::string text =
      R"(machine release=6.18.44 version="#1 SMP" arch=x86_64 cpus=2 hz=250
pmu name=software type=1
sysctl perf_event_paranoid=2
     1000 [000]     100 sched_switch next=0 state=S
     1500 [001]     101 sched_switch next=0 state=R+
     1600 [---]     101 sched_migrate_task task=7 orig_cpu=0 dest_cpu=1
     1700 [001]     200 sched_process_fork child=201 child_pid=201 parent_pid=200 comm=sh
     1800 [001]     201 sched_process_exec comm="a b"
     2000 [001]     200 perf_event_open attr={type=software config=context-switches size=136 read_format=enabled|running disabled inherit enable_on_exec} pid=100 cpu=-1 group_fd=-1 flags=cloexec uid=0 caps=all
     2100 [001]     200 perf_event_open_ret ret=3 event=7 target=100
     2200 [001]     200 perf_event_open attr=none pid=0 cpu=-1 group_fd=-1 uid=1000 caps=none user_ns
     2300 [001]     200 perf_event_open_ret ret=-EFAULT
     3000 [001]     200 ioctl event=7 cmd=ENABLE arg=0
     3000 [001]     200 ioctl_ret ret=0
     4000 [001]     200 read event=7 size=24
     4000 [001]     200 read_ret ret=24 data=5,1000,1000
     5000 [001]     200 hold point=install:before-ipi
     5000 [001]     200 resume
     6000 [001]     200 sched_process_exit
     6000 [001]     200 lost cause=ring_full count=12
     7000 [001]     200 finish reason=interrupted losses=12
)";
  const Text parsed = parse(text);
  std::string out = format_header(parsed.header);
  for (const Record& record : parsed.records) format_record(out, record);
  EXPECT_EQ(out, text);
}

TEST(Text, CommentsBlankLinesAndLineEnds) {
  const Text text = parse("# RUN: nothing\r\n\n  1 [0] 5 resume # why\r\n\t# x\n2 [0] 5 resume");
  ASSERT_EQ(text.records.size(), 2U);
  EXPECT_EQ(text.lines, (std::vector<std::uint32_t>{3, 5}));
}

TEST(Text, Times) {
  const auto time = [](const std::string& text) {
    return parse("10us [0] 1 resume\n" + text + " [0] 1 resume").records.at(1).time;
  };
  EXPECT_EQ(time("1000"), 1000U);
  EXPECT_EQ(time("1_000_000"), 1000000U);
  EXPECT_EQ(time("10ns"), 10U);
  EXPECT_EQ(time("10ms"), 10000000U);
  EXPECT_EQ(time("1.5s"), 1500000000U);
  EXPECT_EQ(time("0.000000001s"), 1U);
  EXPECT_EQ(time("18446744073709551615"), ~0ULL);
  EXPECT_EQ(time("18446744073.709551615s"), ~0ULL);
  EXPECT_EQ(time("+5us"), 15000U);
  EXPECT_EQ(time("0x10"), 16U);
  EXPECT_EQ(time("5"), 5U) << "the order of the lines is the order";
}

TEST(Text, OmittedKeys) {
  const Text text = parse("0 [0] 1 perf_event_open attr={type=software}");
  const auto& open = std::get<PerfEventOpen>(text.records.at(0).payload);
  ASSERT_EQ(open.attr.size(), 136U);
  EXPECT_EQ(word(open.attr, 0), 136ULL << 32 | 1);
  EXPECT_EQ(open.attr_source, AttrSource::enter);
  EXPECT_EQ(open.pid, 0);
  EXPECT_EQ(open.cpu, -1);
  EXPECT_EQ(open.group_fd, -1);
  EXPECT_EQ(open.cred, (Credentials{0, kCapabilitiesAll, true}));
  const Text user = parse("0 [0] 1 perf_event_open attr=none uid=1000");
  const auto& none = std::get<PerfEventOpen>(user.records.at(0).payload);
  EXPECT_EQ(none.attr_source, AttrSource::missing);
  EXPECT_EQ(none.cred, (Credentials{1000, 0, true}));
  EXPECT_EQ(canonical("sched_switch next=5"), "sched_switch next=5 state=R");
  EXPECT_EQ(canonical("ioctl event=1 cmd=RESET"), "ioctl event=1 cmd=RESET arg=0");
}

TEST(Text, NamesOfNumbers) {
  EXPECT_EQ(canonical("sched_switch next=1 state=0x41"), "sched_switch next=1 state=S|P");
  EXPECT_EQ(canonical("sched_switch next=1 state=D|0x200+"), "sched_switch next=1 state=D|0x200+");
  EXPECT_EQ(canonical("ioctl event=1 cmd=0x40082404"), "ioctl event=1 cmd=PERIOD arg=0");
  EXPECT_EQ(canonical("ioctl event=1 cmd=0x5401"), "ioctl event=1 cmd=0x5401 arg=0");
  EXPECT_EQ(canonical("read_ret ret=-28"), "read_ret ret=-ENOSPC");
  EXPECT_EQ(canonical("read_ret ret=-133"), "read_ret ret=-EHWPOISON");
  EXPECT_EQ(canonical("read_ret ret=-134"), "read_ret ret=-134");
  EXPECT_EQ(canonical("read_ret ret=3 data=hex:0102ff"), "read_ret ret=3 data=hex:0102ff");
  EXPECT_EQ(canonical("snapshot_event event=1 object=2 state=-5 attr=none"),
            "snapshot_event event=1 object=2 state=-5 attr=none");
  EXPECT_EQ(canonical("snapshot_event event=1 object=2 leader=1 state=ACTIVE attr=none"),
            "snapshot_event event=1 object=2 leader=1 state=ACTIVE attr=none");
  EXPECT_EQ(canonical("perf_event_open attr=none flags=9 caps=perfmon|sys_admin"),
            "perf_event_open attr=none pid=0 cpu=-1 group_fd=-1 flags=no_group|cloexec uid=0 "
            "caps=sys_admin|perfmon");
}

TEST(Text, Attrs) {
  const auto attr = [](const std::string& keys) {
    std::string out = canonical("perf_event_open_ret ret=0 kernel_attr={" + keys + "}");
    const std::string before = "perf_event_open_ret ret=0 kernel_attr={";
    return out.substr(before.size(), out.size() - before.size() - 1);
  };
  const auto stays = [&](const std::string& keys) { EXPECT_EQ(attr(keys), keys); };
  stays("type=hardware config=cpu-cycles size=0");
  stays("type=hardware config=0x400000001 size=64");
  stays("type=hw_cache config=l1d:read:miss size=136");
  stays("type=raw config=0x1234 size=136");
  stays("type=tracepoint config=0x10 size=136");
  stays("type=42 size=136 sample_period=1 sample_type=ip|tid|0x80000000");
  stays("type=breakpoint size=136 bp_type=r|w bp_addr=0x1000 bp_len=0x4");
  stays("type=software config=cpu-clock size=136 clockid=monotonic_raw");
  stays("type=software config=cpu-clock size=136 precise_ip=2 flags=0x4000000000");
  stays("type=software config=cpu-clock size=200 bytes=150 tail=00000000000000000000000000ff");
  stays("type=software config=cpu-clock size=5000");
  stays("bytes=3 tail=010203");
  EXPECT_EQ(attr("type=1 sample_freq=99"),
            "type=software config=cpu-clock size=136 sample_freq=99 freq");
  EXPECT_EQ(attr("type=1 wakeup_watermark=9 flags=1"),
            "type=software config=cpu-clock size=136 disabled watermark wakeup_watermark=9");
}

}  // namespace
}  // namespace reperf::log
