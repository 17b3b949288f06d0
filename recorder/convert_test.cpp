// Ring records become log records: every type, damaged ones, and attrs that come late.
#include "recorder/convert.h"

#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "recorder/hold_queue.h"

namespace reperf::record {
namespace {

constexpr log::Ns kBase = 1000;

template <class Wire>
std::vector<std::byte> raw_of(const Wire& wire, std::size_t size = sizeof(Wire)) {
  std::vector<std::byte> raw(size);
  std::memcpy(raw.data(), &wire, size);
  return raw;
}

template <class Wire>
Wire wire_of(reperf_wire_type type, std::uint32_t tid, log::Ns stamp = kBase + 5) {
  Wire wire{};
  wire.h.type = static_cast<std::uint8_t>(type);
  wire.h.tid = tid;
  wire.h.cpu = 3;
  wire.h.stamp = stamp;
  return wire;
}

// Keeps kinds, and copies of what the views point to.
struct TestSink : RecordSink {
  std::vector<log::Record> records;
  std::vector<std::vector<std::byte>> attrs;
  std::vector<std::string> names;
  void put(const log::Record& record) override {
    records.push_back(record);
    if (const auto* open = std::get_if<log::PerfEventOpen>(&record.payload)) {
      attrs.emplace_back(open->attr.begin(), open->attr.end());
    } else if (const auto* ret = std::get_if<log::PerfEventOpenRet>(&record.payload)) {
      attrs.emplace_back(ret->kernel_attr.begin(), ret->kernel_attr.end());
    } else if (const auto* read = std::get_if<log::ReadRet>(&record.payload)) {
      attrs.emplace_back(read->data.begin(), read->data.end());
    } else if (const auto* exec = std::get_if<log::SchedProcessExec>(&record.payload)) {
      names.emplace_back(exec->comm);
    }
  }
  std::vector<log::Kind> kinds() const {
    std::vector<log::Kind> all;
    for (const log::Record& record : records) all.push_back(record.kind());
    return all;
  }
};

using Kinds = std::vector<log::Kind>;

class ConvertTest : public testing::Test {
 protected:
  TestSink sink;
  Converter converter{kBase, sink};
};

reperf_wire_open open_of(std::uint32_t tid, std::string_view attr, log::Ns stamp = kBase + 5) {
  auto wire = wire_of<reperf_wire_open>(REPERF_WIRE_OPEN, tid, stamp);
  wire.h.flags = !attr.empty();
  wire.attr_len = static_cast<std::uint32_t>(attr.size());
  std::memcpy(wire.attr, attr.data(), attr.size());
  return wire;
}

std::vector<std::byte> raw_open(const reperf_wire_open& wire) {
  return raw_of(wire, offsetof(reperf_wire_open, attr) + wire.attr_len);
}

std::vector<std::byte> raw_open_ret(std::uint32_t tid, std::string_view kernel,
                                    std::string_view user, log::Ns stamp = kBase + 9) {
  auto wire = wire_of<reperf_wire_open_ret>(REPERF_WIRE_OPEN_RET, tid, stamp);
  wire.ret = 4;
  wire.event = 77;
  wire.kernel_len = static_cast<std::uint16_t>(kernel.size());
  wire.user_len = static_cast<std::uint16_t>(user.size());
  std::memcpy(wire.data, kernel.data(), kernel.size());
  std::memcpy(wire.data + kernel.size(), user.data(), user.size());
  return raw_of(wire, offsetof(reperf_wire_open_ret, data) + kernel.size() + user.size());
}

// The kernel's raw task states, and what its tracepoint makes of them.
TEST_F(ConvertTest, SwitchStatesAsReported) {
  const std::pair<std::uint32_t, std::uint16_t> cases[] = {
      {0, 0}, {1, 1}, {2, 2}, {0x80, 0x10}, {0x402, 0x80}, {0x2001, 1}, {0x102, 2}, {0x1000, 2}};
  for (const auto& [raw, reported] : cases) {
    auto wire = wire_of<reperf_wire_switch>(REPERF_WIRE_SWITCH, 10);
    wire.prev_state = raw;
    converter.convert(raw_of(wire));
    EXPECT_EQ(std::get<log::SchedSwitch>(sink.records.back().payload).prev_state, reported) << raw;
  }
}

TEST_F(ConvertTest, SwitchWithFilteredOnesBefore) {
  auto wire = wire_of<reperf_wire_switch>(REPERF_WIRE_SWITCH, 10);
  wire.next_tid = 11;
  wire.prev_state = 1;
  wire.h.flags = 1;
  wire.filtered = 4;
  converter.convert(raw_of(wire));
  ASSERT_EQ(sink.kinds(), (Kinds{log::Kind::filtered, log::Kind::sched_switch}));
  EXPECT_EQ(std::get<log::Filtered>(sink.records[0].payload),
            (log::Filtered{log::FilterClass::sched_switch, 4}));
  EXPECT_EQ(std::get<log::SchedSwitch>(sink.records[1].payload), (log::SchedSwitch{11, 1, true}));
  EXPECT_EQ(sink.records[1].time, 5U);
  EXPECT_EQ(sink.records[1].tid, 10U);
  EXPECT_EQ(sink.records[1].cpu, 3);
}

TEST_F(ConvertTest, NothingFilteredIsNotSaid) {
  converter.convert(raw_of(wire_of<reperf_wire_migrate>(REPERF_WIRE_MIGRATE, 1)));
  EXPECT_EQ(sink.kinds(), Kinds{log::Kind::sched_migrate_task});
}

TEST_F(ConvertTest, NamesEndAtTheirNul) {
  auto wire = wire_of<reperf_wire_exec>(REPERF_WIRE_EXEC, 1);
  std::memcpy(wire.comm, "sh\0junk", 7);
  converter.convert(raw_of(wire));
  std::memcpy(wire.comm, "0123456789abcdef", 16);  // the kernel always ends it; we need not trust
  converter.convert(raw_of(wire));
  EXPECT_EQ(sink.names, (std::vector<std::string>{"sh", "0123456789abcdef"}));
}

TEST_F(ConvertTest, KernelAttrOnlyWhenItDiffers) {
  converter.convert(raw_open(open_of(1, "abcdefgh")));
  converter.convert(raw_open_ret(1, std::string_view("abcdefgh\0\0\0\0", 12), ""));
  converter.convert(raw_open(open_of(1, "abcdefgh")));
  converter.convert(raw_open_ret(1, "abcdefgX", ""));
  ASSERT_EQ(sink.attrs.size(), 4U);
  EXPECT_EQ(sink.attrs[1].size(), 0U);
  EXPECT_EQ(sink.attrs[3].size(), 8U);
}

TEST_F(ConvertTest, CloseTellsItsRelease) {
  auto wire = wire_of<reperf_wire_call_ret>(REPERF_WIRE_CALL_RET, 1);
  wire.h.flags = REPERF_CALL_CLOSE;
  for (const auto gone : {REPERF_ALIVE, REPERF_GONE, REPERF_GONE_PENDING}) {
    wire.gone = gone;
    converter.convert(raw_of(wire));
  }
  // Inside the call since 6.6, as task work behind it before.
  EXPECT_EQ(sink.kinds(), (Kinds{log::Kind::close_ret, log::Kind::release, log::Kind::close_ret,
                                 log::Kind::close_ret, log::Kind::release}));
}

TEST_F(ConvertTest, ReadData) {
  auto wire = wire_of<reperf_wire_read_ret>(REPERF_WIRE_READ_RET, 1);
  wire.ret = 3;
  wire.len = 3;
  std::memcpy(wire.data, "xyz", 3);
  converter.convert(raw_of(wire, offsetof(reperf_wire_read_ret, data) + 3));
  ASSERT_EQ(sink.attrs.size(), 1U);
  EXPECT_EQ(sink.attrs[0].size(), 3U);
}

TEST_F(ConvertTest, ObjectsAreNumberedAndToldOnce) {
  auto wire = wire_of<reperf_wire_snap_event>(REPERF_WIRE_SNAP_EVENT, 1);
  const auto size = offsetof(reperf_wire_snap_event, attr);
  wire.address = 0xa0;
  wire.leader = 0xa0;
  converter.convert(raw_of(wire, size));
  wire.address = 0xb0;
  wire.parent = 0xa0;
  wire.leader = 0xb0;
  converter.convert(raw_of(wire, size));
  converter.convert(raw_of(wire, size));  // once more, through a descriptor
  ASSERT_EQ(sink.records.size(), 2U);
  const auto& copy = std::get<log::SnapshotEvent>(sink.records[1].payload);
  EXPECT_EQ(copy.object, 2U);
  EXPECT_EQ(copy.parent, 1U);
  EXPECT_EQ(copy.leader, 2U);
}

TEST_F(ConvertTest, DamagedRecordsAreCounted) {
  auto unknown = wire_of<reperf_wire_switch>(REPERF_WIRE_SWITCH, 1);
  unknown.h.type = 200;
  converter.convert(raw_of(unknown));
  converter.convert(raw_of(unknown, 8));
  converter.convert(raw_of(wire_of<reperf_wire_switch>(REPERF_WIRE_SWITCH, 1), 20));
  auto open = open_of(1, "abcdefgh");
  open.attr_len = 100;
  converter.convert(raw_of(open, offsetof(reperf_wire_open, attr) + 8));
  EXPECT_EQ(converter.malformed(), 4U);
  EXPECT_TRUE(sink.records.empty());
}

TEST_F(ConvertTest, LossesWithTheirSpan) {
  auto wire = wire_of<reperf_wire_lost>(REPERF_WIRE_LOST, 1);
  wire.h.flags = REPERF_LOSS_TABLE_FULL;
  wire.count = 9;
  wire.first = kBase + 1;
  wire.last = kBase + 4;
  converter.convert(raw_of(wire));
  ASSERT_EQ(sink.records.size(), 1U);
  EXPECT_EQ(std::get<log::Lost>(sink.records[0].payload),
            (log::Lost{log::LossCause::table_full, 9, 1, 4}));
}

class HoldQueueTest : public ConvertTest {
 protected:
  HoldQueue queue{converter};
  void feed_switch(log::Ns stamp) {
    queue.feed(raw_of(wire_of<reperf_wire_switch>(REPERF_WIRE_SWITCH, 9, stamp)));
  }
  const log::PerfEventOpen& open_at(std::size_t i) {
    return std::get<log::PerfEventOpen>(sink.records.at(i).payload);
  }
};

TEST_F(HoldQueueTest, LateAttrGoesToTheEntryAndOrderHolds) {
  queue.feed(raw_open(open_of(1, "")));
  feed_switch(kBase + 6);
  queue.feed(raw_open(open_of(2, "")));
  EXPECT_TRUE(sink.records.empty());
  queue.feed(raw_open_ret(2, "second-kernel", "second"));
  EXPECT_TRUE(sink.records.empty());
  queue.feed(raw_open_ret(1, "first", "first"));
  EXPECT_EQ(sink.kinds(),
            (Kinds{log::Kind::perf_event_open, log::Kind::sched_switch, log::Kind::perf_event_open,
                   log::Kind::perf_event_open_ret, log::Kind::perf_event_open_ret}));
  EXPECT_EQ(open_at(0).attr_source, log::AttrSource::exit);
  ASSERT_EQ(sink.attrs.size(), 4U);
  EXPECT_EQ(sink.attrs[0].size(), 5U);
  EXPECT_EQ(sink.attrs[1].size(), 6U);
  feed_switch(kBase + 20);  // and from now on nothing waits
  EXPECT_EQ(sink.records.size(), 6U);
}

TEST_F(HoldQueueTest, AttrThatNeverComesIsMissing) {
  queue.feed(raw_open(open_of(1, "")));
  queue.feed(raw_open_ret(1, "", ""));
  ASSERT_EQ(sink.records.size(), 2U);
  EXPECT_EQ(open_at(0).attr_source, log::AttrSource::missing);
}

TEST_F(HoldQueueTest, WaitsForASecondAtMost) {
  queue.feed(raw_open(open_of(1, "", kBase)));
  feed_switch(kBase + HoldQueue::kMaxWait);
  EXPECT_TRUE(sink.records.empty());
  feed_switch(kBase + HoldQueue::kMaxWait + 1);
  EXPECT_EQ(sink.records.size(), 3U);
  EXPECT_EQ(open_at(0).attr_source, log::AttrSource::missing);
}

TEST_F(HoldQueueTest, FlushAtTheEnd) {
  queue.feed(raw_open(open_of(1, "")));
  queue.flush();
  EXPECT_EQ(sink.kinds(), Kinds{log::Kind::perf_event_open});
}

}  // namespace
}  // namespace reperf::record
