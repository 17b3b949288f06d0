#include "traces/frame.h"

#include <zlib.h>

#include <bit>
#include <cstring>

namespace reperf::log {
namespace {

static_assert(std::endian::native == std::endian::little, "the log's bytes are little endian");

template <class T>
void put(std::byte* at, T value) {
  std::memcpy(at, &value, sizeof value);
}

template <class T>
T get(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

constexpr std::size_t kHeaderCrcAt = 60;

}  // namespace

std::uint32_t crc32_of(Bytes bytes) {
  return static_cast<std::uint32_t>(
      ::crc32_z(0, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
}

std::array<std::byte, kPreambleBytes> encode_preamble() {
  std::array<std::byte, kPreambleBytes> out{};
  std::memcpy(out.data(), kFileMagic.data(), kFileMagic.size());
  put(out.data() + 8, kContainerVersion);
  return out;
}

void encode_frame_header(const FrameHeader& header, std::span<std::byte, kFrameHeaderBytes> out) {
  std::byte* at = out.data();
  std::memcpy(at, kFrameMagic.data(), kFrameMagic.size());
  put(at + 8, static_cast<std::uint32_t>(header.type));
  put(at + 12, header.count);
  put(at + 16, header.first_sequence);
  put(at + 24, header.first_time);
  put(at + 32, header.last_time);
  put(at + 40, header.losses);
  put(at + 48, header.raw_bytes);
  put(at + 52, header.stored_bytes);
  put(at + 56, header.payload_crc);
  put(at + kHeaderCrcAt, crc32_of(Bytes(at, kHeaderCrcAt)));
}

std::optional<FrameHeader> decode_frame_header(
    std::span<const std::byte, kFrameHeaderBytes> bytes) {
  const std::byte* at = bytes.data();
  if (std::memcmp(at, kFrameMagic.data(), kFrameMagic.size()) != 0) return std::nullopt;
  if (get<std::uint32_t>(at + kHeaderCrcAt) != crc32_of(Bytes(at, kHeaderCrcAt))) {
    return std::nullopt;
  }
  FrameHeader header;
  header.type = static_cast<FrameType>(get<std::uint32_t>(at + 8));
  header.count = get<std::uint32_t>(at + 12);
  header.first_sequence = get<std::uint64_t>(at + 16);
  header.first_time = get<std::uint64_t>(at + 24);
  header.last_time = get<std::uint64_t>(at + 32);
  header.losses = get<std::uint64_t>(at + 40);
  header.raw_bytes = get<std::uint32_t>(at + 48);
  header.stored_bytes = get<std::uint32_t>(at + 52);
  header.payload_crc = get<std::uint32_t>(at + 56);
  return header;
}

}  // namespace reperf::log
