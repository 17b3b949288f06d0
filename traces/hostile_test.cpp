// Logs whose checksums are right and whose content is not: made by a broken or malicious writer.
#include <capnp/message.h>
#include <capnp/serialize.h>
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "traces/log.capnp.h"
#include "traces/log_files.h"
#include "traces/log_parts.h"
#include "traces/random_records.h"

namespace reperf::log {
namespace {

using namespace testing;
using Chunk = schema::Chunk::Builder;

Parts one_chunk(std::size_t count = 400) {
  RandomRecords random(51);
  std::vector<Record> records;
  while (records.size() < count) records.push_back(random.next());
  return take_apart(make_log(records));
}

// What the reader says about a chunk after `change`.
std::string complaint(const Parts& parts, const std::function<void(Chunk)>& change) {
  capnp::FlatArrayMessageReader reader(words_of(parts));
  capnp::MallocMessageBuilder message;
  message.setRoot(reader.getRoot<schema::Chunk>());
  change(message.getRoot<schema::Chunk>());
  const ReadBack back = read_back(put_together(parts, message));
  EXPECT_TRUE(back.lines.empty());
  // "damaged at offset N: chunk: WHAT; ..."
  const std::size_t from = back.error.find("chunk: ");
  if (from == std::string::npos) return back.error;
  const std::size_t end = back.error.find(';');
  return back.error.substr(from + 7, end - from - 7);
}

TEST(Hostile, EachThingThatCanBeWrongWithAChunk) {
  const Parts parts = one_chunk();
  const auto wrong = [&](const std::function<void(Chunk)>& change) {
    return complaint(parts, change);
  };
  EXPECT_EQ(wrong([](Chunk c) { c.initKinds(3); }), "kinds has 3 entries instead of 400");
  EXPECT_EQ(wrong([](Chunk c) { c.getKinds()[0] = 0; }), "record of kind 0");
  EXPECT_EQ(wrong([](Chunk c) { c.initCpus(5); }), "column cpus has 5 bytes instead of 800");
  EXPECT_EQ(wrong([](Chunk c) { c.initTimeDeltas(5); }),
            "column timeDeltas has 5 bytes instead of 1600");
  EXPECT_EQ(wrong([](Chunk c) { c.initWideTimes(0); }), "wideTimes is too short");
  EXPECT_NE(wrong([](Chunk c) { c.initWideTimes(999); }).find("wideTimes has 999 entries"),
            std::string::npos);
  EXPECT_EQ(wrong([](Chunk c) { c.initTids(0); }), "switchNext names task 5");
  EXPECT_EQ(wrong([](Chunk c) { c.initSwitchStates(0); }), "switchState names state 0");
  EXPECT_EQ(wrong([](Chunk c) { c.getSwitchStates().set(0, 1U << 20); }),
            "switchStates has 0x100000");
  EXPECT_EQ(wrong([](Chunk c) { c.getTidCodes()[0] = 0; }), "no task is known to run on CPU 1");
  EXPECT_EQ(wrong([](Chunk c) { c.getTidCodes()[0] = c.getTidCodes()[400] = 0xff; }),
            "tidCodes names task 65534");
  EXPECT_EQ(wrong([](Chunk c) { c.getForks()[0].setCommLength(1U << 31); }).substr(0, 6), "bytes ");
  EXPECT_EQ(wrong([](Chunk c) {
              c.getOpens()[0].setAttrOffset(0xffffffff);
              c.getOpens()[0].setAttrLength(0xffffffff);
            }).substr(0, 6),
            "bytes ");
  EXPECT_EQ(wrong([](Chunk c) { c.getOpens()[0].setAttrSource(3); }),
            "attrSource 3 does not exist");
  EXPECT_EQ(wrong([](Chunk c) { c.getReleases()[0].setBy(3); }), "by 3 does not exist");
  EXPECT_EQ(wrong([](Chunk c) { c.getFiltered()[0].setWhat(2); }), "what 2 does not exist");
  EXPECT_EQ(wrong([](Chunk c) { c.getLost()[0].setCause(5); }), "cause 5 does not exist");
  EXPECT_EQ(wrong([](Chunk c) { c.getFinishes()[0].setReason(4); }), "reason 4 does not exist");
  EXPECT_EQ(wrong([](Chunk c) { c.getSnapshotCpus()[0] = 2; }),
            "snapshotCpus entry 2 does not exist");
  EXPECT_EQ(wrong([](Chunk c) { c.getLost()[0].setCount(c.getLost()[0].getCount() + 1); }),
            "the losses of the frame header are not those of the records");
  EXPECT_EQ(wrong([](Chunk c) { c.setFirstTime(c.getFirstTime() + 1); }),
            "the times of the frame header are not those of the records");
  EXPECT_NE(wrong([](Chunk c) { c.initHolds(1000); }).find("holds has 1000 entries"),
            std::string::npos);
}

// Any words at all as a message: an error or records, never more.
TEST(Hostile, RandomMessages) {
  const Parts parts = one_chunk(80);
  std::mt19937 random(7);
  int refused = 0;
  for (int i = 0; i < 2000; ++i) {
    Parts changed = parts;
    const std::size_t changes = 1 + random() % 4;
    for (std::size_t n = 0; n < changes; ++n) {
      // Half of the changes hit the pointers at the beginning.
      const std::size_t at = random() % (i % 2 == 0 ? 40 : changed.words.size());
      changed.words[at] ^=
          (static_cast<std::uint64_t>(random()) << 32 | random()) >> (random() % 64);
    }
    const ReadBack back = read_back(put_together(changed, words_of(changed)));
    if (!back.error.empty()) ++refused;
  }
  EXPECT_GT(refused, 1000);
}

// Sizes in a frame header are not believed.
TEST(Hostile, FrameHeaders) {
  const Parts parts = one_chunk();
  const auto error = [&](const std::function<void(FrameHeader&)>& change) {
    // FramePacker fills in sizes and checksums, so what it made is changed afterwards.
    std::string log = put_together(parts, words_of(parts));
    const auto frame = std::as_writable_bytes(std::span(log))
                           .subspan(parts.before.size())
                           .first<kFrameHeaderBytes>();
    FrameHeader header = *decode_frame_header(frame);
    change(header);
    encode_frame_header(header, frame);
    return read_back(log).error;
  };
  EXPECT_NE(error([](FrameHeader& h) { h.raw_bytes = 0xfffffff8; }).find("above the limit"),
            std::string::npos);
  EXPECT_NE(error([](FrameHeader& h) { h.stored_bytes = 0xffffffff; }).find("above the limit"),
            std::string::npos);
  EXPECT_NE(error([](FrameHeader& h) { h.raw_bytes += 8; }).find("unpacks to"), std::string::npos);
  EXPECT_NE(error([](FrameHeader& h) { h.raw_bytes -= 8; }).find("does not unpack"),
            std::string::npos);
  EXPECT_NE(error([](FrameHeader& h) { h.raw_bytes -= 1; }).find("whole words"), std::string::npos);
  EXPECT_NE(error([](FrameHeader& h) { h.count = 0; }).find("a chunk of 0 records"),
            std::string::npos);
  EXPECT_NE(error([](FrameHeader& h) { h.count = 1U << 30; }).find("a chunk of 1073741824"),
            std::string::npos);
  EXPECT_NE(error([](FrameHeader& h) { h.first_sequence = ~0ULL; }).find("a chunk of 400 records"),
            std::string::npos);
  EXPECT_NE(error([](FrameHeader& h) { h.first_sequence = 5; }).find("records 0 to 4 are missing"),
            std::string::npos);
}

}  // namespace
}  // namespace reperf::log
