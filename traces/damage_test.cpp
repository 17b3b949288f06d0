// Damaged logs: nothing crashes or loops, every damage is reported, every intact chunk is read.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>

#include "traces/frame.h"
#include "traces/log_files.h"
#include "traces/random_records.h"

namespace reperf::log {
namespace {

using namespace testing;

constexpr std::uint32_t kChunkRecords = 10;

// A log with chunks of ten records, and where its frames begin (the end of the file is last).
struct SmallLog {
  std::string bytes;
  std::shared_ptr<RandomRecords> storage;
  std::vector<Record> records;
  std::vector<std::string> lines;
  std::vector<std::size_t> frames;
};

SmallLog small_log(std::uint32_t seed, std::size_t records) {
  auto random = std::make_shared<RandomRecords>(seed);
  std::vector<Record> all;
  while (all.size() < records) all.push_back(random->next());
  WriterOptions options;
  options.chunk_records = kChunkRecords;
  Header header;
  header.release = "6.18.44";
  SmallLog out{make_log(all, options, header), random, all, lines_of(all), {}};
  std::size_t at = kPreambleBytes;
  while (at < out.bytes.size()) {
    out.frames.push_back(at);
    const auto frame = decode_frame_header(
        std::as_bytes(std::span(out.bytes)).subspan(at).first<kFrameHeaderBytes>());
    at += kFrameHeaderBytes + frame->stored_bytes;
  }
  out.frames.push_back(at);
  return out;
}

ReaderOptions salvage() {
  ReaderOptions options;
  options.salvage = true;
  return options;
}

// Each record that was read is the one with that number, in order, none twice.
void expect_true_records(const ReadBack& back) {
  ASSERT_EQ(back.wrong, 0U);
  for (std::size_t i = 1; i < back.sequences.size(); ++i) {
    ASSERT_GT(back.sequences[i], back.sequences[i - 1]);
  }
}

std::uint64_t missing(const ReadBack& back) {
  std::uint64_t sum = 0;
  for (const Damage& damage : back.damage) sum += damage.missing;
  return sum;
}

TEST(Damage, EveryCut) {
  const SmallLog log = small_log(31, 35);
  for (std::size_t cut = 0; cut < log.bytes.size(); ++cut) {
    const std::string_view bytes = std::string_view(log.bytes).substr(0, cut);
    const bool between = std::ranges::find(log.frames, cut) != log.frames.end();
    const ReadBack back = read_back(bytes, {}, &log.records);
    EXPECT_FALSE(back.complete);
    ASSERT_NO_FATAL_FAILURE(expect_true_records(back));
    if (cut < log.frames[1]) {
      EXPECT_FALSE(back.opened) << cut;
      EXPECT_NE(back.error, "");
      continue;
    }
    // All frames before the cut, and an error unless the cut is where a killed writer stops.
    EXPECT_TRUE(back.opened);
    const auto whole = static_cast<std::size_t>(std::ranges::upper_bound(log.frames, cut) -
                                                log.frames.begin() - 2);
    EXPECT_EQ(back.sequences.size(), std::min(whole * kChunkRecords, log.lines.size())) << cut;
    EXPECT_EQ(back.error.empty(), between) << cut << back.error;
    const ReadBack saved = read_back(bytes, salvage(), &log.records);
    EXPECT_EQ(saved.error, "");
    EXPECT_EQ(saved.sequences, back.sequences);
    EXPECT_EQ(saved.damage.size(), between ? 0U : 1U);
  }
}

// Reports what a damaged log does; `first` and `last` are the damaged bytes.
void check_damage(const SmallLog& log, const std::string& bytes, std::size_t first,
                  std::size_t last) {
  const ReadBack strict = read_back(bytes, {}, &log.records);
  ASSERT_NE(strict.error, "") << "damage at " << first << " is not reported";
  ASSERT_NO_FATAL_FAILURE(expect_true_records(strict));
  const ReadBack saved = read_back(bytes, salvage(), &log.records);
  ASSERT_EQ(saved.error, "") << first;
  ASSERT_FALSE(saved.damage.empty());
  ASSERT_NO_FATAL_FAILURE(expect_true_records(saved));
  // Every chunk that the damage does not touch is there.
  std::size_t intact = 0;
  for (std::size_t i = 1; i + 2 < log.frames.size(); ++i) {
    if (first < log.frames[i + 1] && last >= log.frames[i]) continue;
    intact += std::min<std::size_t>(kChunkRecords, log.lines.size() - (i - 1) * kChunkRecords);
  }
  ASSERT_EQ(saved.sequences.size(), intact) << first << " to " << last;
  // With the index intact, what is missing is known exactly.
  if (saved.complete) {
    ASSERT_EQ(missing(saved), log.lines.size() - intact);
  }
}

// Each bit of each byte is under a checksum, so none of them is without effect.
TEST(Damage, EveryByteFlipped) {
  const SmallLog log = small_log(32, 25);
  std::mt19937 random(1);
  for (std::size_t at = 0; at < log.bytes.size(); ++at) {
    std::string bytes = log.bytes;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
    ASSERT_NO_FATAL_FAILURE(check_damage(log, bytes, at, at));
  }
}

TEST(Damage, TenThousandRandomBytes) {
  const SmallLog log = small_log(33, 35);
  std::mt19937 random(2);
  for (int i = 0; i < 10000; ++i) {
    std::string bytes = log.bytes;
    const std::size_t at = random() % bytes.size();
    bytes[at] = static_cast<char>(bytes[at] ^ static_cast<char>(1 + random() % 255));
    ASSERT_NO_FATAL_FAILURE(check_damage(log, bytes, at, at));
  }
}

TEST(Damage, StretchesOfBytes) {
  const SmallLog log = small_log(34, 45);
  std::mt19937 random(3);
  for (int i = 0; i < 1000; ++i) {
    const std::size_t first = random() % log.bytes.size();
    const std::size_t last = std::min(first + random() % 900, log.bytes.size() - 1);
    std::string bytes = log.bytes;
    bytes[first] = static_cast<char>(bytes[first] ^ 1);
    if (last != first) bytes[last] = static_cast<char>(bytes[last] ^ 1);
    for (std::size_t at = first + 1; at < last; ++at) bytes[at] = static_cast<char>(random());
    ASSERT_NO_FATAL_FAILURE(check_damage(log, bytes, first, last));
  }
}

// Bytes that went missing, or came from elsewhere.
TEST(Damage, BytesRemovedAndInserted) {
  const SmallLog log = small_log(35, 75);
  std::mt19937 random(4);
  for (int i = 0; i < 1000; ++i) {
    std::string bytes = log.bytes;
    const std::size_t at = log.frames[1] + random() % (log.frames.end()[-2] - log.frames[1]);
    if (i % 2 == 0) {
      bytes.erase(at, 1 + random() % 400);
    } else {
      bytes.insert(at, std::string(1 + random() % 400, static_cast<char>(random())));
    }
    const ReadBack strict = read_back(bytes, {}, &log.records);
    ASSERT_TRUE(!strict.error.empty() || !strict.complete) << at;
    const ReadBack saved = read_back(bytes, salvage(), &log.records);
    ASSERT_EQ(saved.error, "");
    ASSERT_NO_FATAL_FAILURE(expect_true_records(saved));
    ASSERT_GE(saved.sequences.size(), log.lines.size() - 5 * kChunkRecords);
  }
}

TEST(Damage, ALostChunkIsNamed) {
  const SmallLog log = small_log(36, 55);
  std::string bytes = log.bytes;
  bytes.erase(log.frames[3], log.frames[4] - log.frames[3]);
  const ReadBack back = read_back(bytes);
  EXPECT_EQ(back.lines.size(), 20U);
  EXPECT_EQ(back.error, "damaged at offset " + std::to_string(log.frames[3]) +
                            ": records are missing before this frame; records 20 to 29 are "
                            "missing");
  const ReadBack saved = read_back(bytes, salvage());
  EXPECT_EQ(saved.lines.size(), 45U);
  ASSERT_EQ(saved.damage.size(), 1U);
  EXPECT_EQ(saved.damage[0].first_missing, 20U);
  EXPECT_EQ(saved.damage[0].missing, 10U);
}

TEST(Damage, AChunkTwice) {
  const SmallLog log = small_log(37, 55);
  std::string bytes = log.bytes;
  bytes.insert(log.frames[3], log.bytes, log.frames[2], log.frames[3] - log.frames[2]);
  const ReadBack saved = read_back(bytes, salvage());
  EXPECT_EQ(saved.lines, log.lines);
  ASSERT_EQ(saved.damage.size(), 1U);
  EXPECT_EQ(saved.damage[0].what, "records 10 to 19 again");
}

TEST(Damage, GarbageAtTheEnd) {
  const SmallLog log = small_log(38, 20);
  const ReadBack back = read_back(log.bytes + "garbage");
  EXPECT_EQ(back.lines, log.lines);
  EXPECT_EQ(back.error, "damaged at offset " + std::to_string(log.bytes.size()) +
                            ": the file ends inside a frame header; 7 bytes skipped");
  // Two logs in one file are not one log.
  EXPECT_NE(read_back(log.bytes + log.bytes).error, "");
  EXPECT_EQ(read_back(log.bytes + log.bytes, salvage()).lines, log.lines);
}

TEST(Damage, NoLogAtAll) {
  const auto error = [](const std::string& bytes) {
    const ReadBack back = read_back(bytes);
    EXPECT_FALSE(back.opened);
    EXPECT_EQ(read_back(bytes, salvage()).error, back.error);
    return back.error;
  };
  const std::string magic(reinterpret_cast<const char*>(kFileMagic.data()), kFileMagic.size());
  EXPECT_EQ(error(""), "the file is empty");
  EXPECT_EQ(error("PERFILE2 and more bytes"),
            "not a log: it does not begin with a log's magic bytes");
  EXPECT_EQ(error(magic.substr(0, 3)), "the file ends inside its first 16 bytes");
  EXPECT_EQ(error(magic + std::string("\x09\0\0\0\0\0\0\0", 8)),
            "container version 9, this program reads version 1");
  EXPECT_EQ(error(magic + std::string("\x01\0\0\0\0\0\0\0", 8)),
            "no header: the file ends before it");
}

TEST(Damage, RandomBytesAsAFile) {
  std::mt19937 random(6);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes(random() % 3000, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    const ReadBack back = read_back(bytes, salvage());
    EXPECT_FALSE(back.opened);
  }
}

TEST(Damage, ManyDamagesAreCountedTogether) {
  const SmallLog log = small_log(40, 10);
  std::string bytes = log.bytes.substr(0, log.frames[1]);
  const std::string chunk = log.bytes.substr(log.frames[1], log.frames[2] - log.frames[1]);
  for (int i = 0; i < 3000; ++i) bytes += chunk + "x";
  const ReadBack saved = read_back(bytes, salvage());
  EXPECT_EQ(saved.lines, log.lines);
  EXPECT_EQ(saved.damage.size(), 1000U);
  std::uint64_t sum = 0;
  for (const Damage& damage : saved.damage) sum += damage.bytes;
  EXPECT_EQ(sum, bytes.size() - log.frames[2]);
}

}  // namespace
}  // namespace reperf::log
