// The container of a log: a preamble, then frames. docs/log-format.md has the bytes.
//
// Every byte of a file is under a checksum that can be verified without trusting any other: the
// header of a frame under its own, the payload under another one in that header. zstd's content
// checksum alone would not do, because some bits of a zstd frame do not change what it unpacks to.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "traces/record.h"

namespace reperf::log {

inline constexpr std::size_t kPreambleBytes = 16;
inline constexpr std::uint32_t kContainerVersion = 1;
// Not text (first byte), not UTF-8, and broken by a transfer that changes line ends or bit 7.
inline constexpr std::array<unsigned char, 8> kFileMagic = {0x8a, 'R', 'P',  'L',
                                                            'O',  'G', 0x0d, 0x0a};
inline constexpr std::array<unsigned char, 8> kFrameMagic = {0xf5, 'r', 'p',  'F',
                                                             'r',  'm', 0x1a, 0x9c};

inline constexpr std::size_t kFrameHeaderBytes = 64;
inline constexpr std::uint32_t kChunkRecordsMax = 65535;
// A blob (attr, data of a read, a name) is at most this long; the ABI's own limit is far below.
inline constexpr std::size_t kBlobBytesMax = 65536;

// Unknown types are skipped by readers. Values are never reused.
enum class FrameType : std::uint32_t { header = 1, chunk = 2, index = 3 };

struct FrameHeader {
  FrameType type = FrameType::chunk;
  std::uint32_t count = 0;           // records in it
  std::uint64_t first_sequence = 0;  // of the first record; the total in an index frame
  std::uint64_t first_time = 0;      // of the first and of the last record
  std::uint64_t last_time = 0;
  std::uint64_t losses = 0;        // sum of Lost::count in it; the total in an index frame
  std::uint32_t raw_bytes = 0;     // of the Cap'n Proto message
  std::uint32_t stored_bytes = 0;  // of the zstd frame that follows the header
  std::uint32_t payload_crc = 0;   // CRC-32 of those bytes
  friend bool operator==(const FrameHeader&, const FrameHeader&) = default;
};

[[nodiscard]] std::uint32_t crc32_of(Bytes bytes);

[[nodiscard]] std::array<std::byte, kPreambleBytes> encode_preamble();
void encode_frame_header(const FrameHeader& header, std::span<std::byte, kFrameHeaderBytes> out);
// Nothing when magic or checksum are not right.
[[nodiscard]] std::optional<FrameHeader> decode_frame_header(
    std::span<const std::byte, kFrameHeaderBytes> bytes);

}  // namespace reperf::log
