// The binary form: what goes in comes out, for every kind, chunk size and writer version.
#include <capnp/any.h>
#include <capnp/message.h>
#include <capnp/serialize.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "traces/frame.h"
#include "traces/frame_packer.h"
#include "traces/log.capnp.h"
#include "traces/log_files.h"
#include "traces/log_parts.h"
#include "traces/random_records.h"
#include "traces/text.h"

namespace reperf::log {
namespace {

using namespace testing;

std::vector<Record> random_records(RandomRecords& random, std::size_t count) {
  std::vector<Record> out;
  while (out.size() < count) out.push_back(random.next());
  return out;
}

void expect_same(const std::vector<Record>& records, const std::string& path) {
  auto reader = Reader::open(path);
  ASSERT_TRUE(reader.ok()) << reader.error().what;
  Record record;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const Result<bool> more = (*reader)->next(record);
    ASSERT_TRUE(more.ok()) << more.error().what;
    ASSERT_TRUE(*more) << i;
    ASSERT_TRUE(equal(record, records[i])) << line_of(record) << line_of(records[i]);
    ASSERT_EQ((*reader)->sequence(), i);
  }
  const Result<bool> more = (*reader)->next(record);
  ASSERT_TRUE(more.ok()) << more.error().what;
  EXPECT_FALSE(*more);
  EXPECT_TRUE((*reader)->complete());
  EXPECT_TRUE((*reader)->damage().empty());
}

// Every size of chunk, so that each kind meets each chunk boundary.
TEST(Log, RoundTripOfRandomRecords) {
  const TempDir dir;
  for (const std::uint32_t chunk_records : {1U, 2U, 7U, 100U, 16384U, 1000000U}) {
    RandomRecords random(chunk_records);
    const Header header = random.header();
    const auto records = random_records(random, chunk_records < 7 ? 1000 : 20000);
    const std::string path = dir.file("log");
    WriterOptions options;
    options.chunk_records = chunk_records;
    auto writer = Writer::create(path, header, options);
    ASSERT_TRUE(writer.ok());
    for (const Record& record : records) ASSERT_TRUE((*writer)->append(record).ok());
    EXPECT_EQ((*writer)->records(), records.size());
    ASSERT_TRUE((*writer)->finish().ok());
    expect_same(records, path);
    const auto reader = Reader::open(path);
    EXPECT_EQ((*reader)->header(), header);
  }
}

TEST(Log, ChunksCloseByBytesToo) {
  RandomRecords random(5);
  const auto records = random_records(random, 5000);
  WriterOptions options;
  options.chunk_bytes = 2000;
  const ReadBack back = read_back(make_log(records, options));
  EXPECT_EQ(back.lines, lines_of(records));
  EXPECT_TRUE(back.complete);
}

TEST(Log, NoRecordsAtAll) {
  const ReadBack back = read_back(make_log({}));
  EXPECT_TRUE(back.opened);
  EXPECT_EQ(back.error, "");
  EXPECT_TRUE(back.complete);
  EXPECT_TRUE(back.lines.empty());
}

TEST(Log, FlushMakesARecordReadableBeforeTheEnd) {
  const TempDir dir;
  auto writer = Writer::create(dir.file("log"), {});
  ASSERT_TRUE(writer.ok());
  Record record;
  record.payload = Resume{};
  ASSERT_TRUE((*writer)->append(record).ok());
  ASSERT_TRUE((*writer)->flush().ok());
  ASSERT_TRUE((*writer)->flush().ok());
  const ReadBack back = read_back(read_file((*writer)->partial_path()));
  EXPECT_EQ(back.lines.size(), 1U);
  EXPECT_EQ(back.error, "");
  EXPECT_FALSE(back.complete);
}

// Many distinct tasks in one chunk: places in the dictionary take both bytes.
TEST(Log, ManyTasks) {
  std::vector<Record> records(40000);
  for (std::size_t i = 0; i < records.size(); ++i) {
    const auto n = static_cast<std::uint32_t>(i);
    records[i].time = i;
    records[i].tid = n * 77777;
    records[i].cpu = static_cast<std::uint16_t>(i);
    records[i].payload = SchedSwitch{n * 99991 + 5, static_cast<std::uint16_t>(n), n % 2 == 0};
  }
  WriterOptions options;
  options.chunk_records = 1U << 30;
  const ReadBack back = read_back(make_log(records, options));
  EXPECT_EQ(back.lines, lines_of(records));
}

// Reading needs no seeking and survives short reads.
TEST(Log, ThroughAPipe) {
  const auto records = switches(3000, 1);
  const std::string bytes = make_log(records);
  int fds[2];
  ASSERT_EQ(::pipe(fds), 0);
  std::thread feeder([&] {
    for (std::size_t at = 0; at < bytes.size(); at += 777) {
      const std::string_view part = std::string_view(bytes).substr(at, 777);
      if (::write(fds[1], part.data(), part.size()) < 0) break;
    }
    ::close(fds[1]);
  });
  auto reader = Reader::open("/proc/self/fd/" + std::to_string(fds[0]));
  ASSERT_TRUE(reader.ok());
  Record record;
  std::size_t count = 0;
  while (true) {
    const Result<bool> more = (*reader)->next(record);
    ASSERT_TRUE(more.ok());
    if (!*more) break;
    ASSERT_TRUE(equal(record, records[count++]));
  }
  feeder.join();
  ::close(fds[0]);
  EXPECT_EQ(count, records.size());
  EXPECT_EQ((*reader)->bytes_read(), bytes.size());
}

// ------------------------------------------------------------ newer writers
// Logs as a later version of the writer could make them.

TEST(Log, UnknownKindsAreSkippedAndCounted) {
  RandomRecords random(11);
  auto records = random_records(random, 600);
  for (std::size_t i = 0; i < records.size(); i += 3) records[i].payload = SnapshotBegin{};
  const Parts parts = take_apart(make_log(records));
  capnp::FlatArrayMessageReader reader(words_of(parts));
  capnp::MallocMessageBuilder message;
  message.setRoot(reader.getRoot<schema::Chunk>());
  auto kinds = message.getRoot<schema::Chunk>().getKinds();
  std::vector<std::string> expected;
  std::vector<std::uint64_t> sequences;
  std::uint64_t unknown = 0;
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (records[i].kind() == Kind::snapshot_begin) {
      kinds[i] = 200;
      ++unknown;
    } else {
      expected.push_back(line_of(records[i]));
      sequences.push_back(i);
    }
  }
  const ReadBack back = read_back(put_together(parts, message));
  EXPECT_EQ(back.error, "");
  EXPECT_EQ(back.lines, expected);
  EXPECT_EQ(back.sequences, sequences);
  EXPECT_EQ(back.unknown, unknown);
}

// More fields in the chunk and in the entries of its lists are as if they were not there.
TEST(Log, AddedFieldsAreIgnored) {
  RandomRecords random(12);
  const auto records = random_records(random, 600);
  const Parts parts = take_apart(make_log(records));
  capnp::FlatArrayMessageReader reader(words_of(parts));
  const auto old_root = reader.getRoot<capnp::AnyStruct>();
  capnp::MallocMessageBuilder message;
  const auto data = old_root.getDataSection();
  const auto pointers = old_root.getPointerSection();
  auto root = message.getRoot<capnp::AnyPointer>().initAsAnyStruct(
      static_cast<std::uint16_t>(data.size() / 8 + 2),
      static_cast<std::uint16_t>(pointers.size() + 3));
  std::memcpy(root.getDataSection().begin(), data.begin(), data.size());
  for (kj::uint i = 0; i < pointers.size(); ++i) root.getPointerSection()[i].set(pointers[i]);
  root.getPointerSection()[pointers.size() + 1].initAs<capnp::Data>(1000);
  std::size_t widened = 0;
  for (kj::uint i = 0; i < pointers.size(); ++i) {
    if (!pointers[i].isList()) continue;
    const auto list = pointers[i].getAs<capnp::AnyList>();
    if (list.getElementSize() != capnp::ElementSize::INLINE_COMPOSITE) continue;
    const auto structs = list.as<capnp::List<capnp::AnyStruct>>();
    auto wider = root.getPointerSection()[i].initAsListOfAnyStruct(
        static_cast<std::uint16_t>(structs[0].getDataSection().size() / 8 + 1), 1, structs.size());
    for (kj::uint j = 0; j < structs.size(); ++j) {
      const auto from = structs[j].getDataSection();
      auto to = wider[j].getDataSection();
      std::memset(to.begin(), 0xff, to.size());
      std::memcpy(to.begin(), from.begin(), from.size());
    }
    ++widened;
  }
  EXPECT_EQ(widened, 23U);  // all lists of structs
  const ReadBack back = read_back(put_together(parts, message));
  EXPECT_EQ(back.error, "");
  EXPECT_EQ(back.lines, lines_of(records));
}

// A frame type that a later version adds.
TEST(Log, UnknownFramesAreSkipped) {
  const auto records = switches(100, 3);
  Parts parts = take_apart(make_log(records));
  FramePacker packer(3);
  FrameHeader header;
  header.type = static_cast<FrameType>(77);
  const Bytes frame = packer.pack(header, words_of(parts));
  const std::string log = make_log(records);
  const std::string with = log.substr(0, parts.before.size()) +
                           std::string(reinterpret_cast<const char*>(frame.data()), frame.size()) +
                           log.substr(parts.before.size());
  const ReadBack back = read_back(with);
  EXPECT_EQ(back.error, "");
  EXPECT_EQ(back.lines, lines_of(records));
  EXPECT_TRUE(back.complete);
}

}  // namespace
}  // namespace reperf::log
