#include "traces/frame_scanner.h"

#include <fmt/format.h>

#include <algorithm>

namespace reperf::log {

FrameScanner::FrameScanner(ByteStream& stream, std::uint32_t frame_bytes_max)
    : stream_(stream), frame_bytes_max_(frame_bytes_max) {}

std::optional<FrameHeader> FrameScanner::header_at(std::size_t place) {
  stream_.want(place + kFrameHeaderBytes);
  const Bytes window = stream_.window();
  if (window.size() < place + kFrameHeaderBytes) return std::nullopt;
  return decode_frame_header(window.subspan(place).first<kFrameHeaderBytes>());
}

std::string FrameScanner::examine() {
  gap_ = {stream_.offset(), 0, "", header_at(0)};
  if (stream_.window().size() < kFrameHeaderBytes) return "the file ends inside a frame header";
  if (!gap_.header) return "no frame where one should begin";
  const FrameHeader& header = *gap_.header;
  if (header.raw_bytes > frame_bytes_max_ || header.stored_bytes > frame_bytes_max_) {
    return fmt::format("a frame of {} bytes ({} unpacked) is above the limit of {}",
                       header.stored_bytes, header.raw_bytes, frame_bytes_max_);
  }
  const std::size_t bytes = kFrameHeaderBytes + header.stored_bytes;
  stream_.want(bytes);
  if (stream_.window().size() < bytes) {
    return fmt::format("the file ends inside a frame of {} bytes", bytes);
  }
  const Bytes payload = stream_.window().subspan(kFrameHeaderBytes, header.stored_bytes);
  if (crc32_of(payload) != header.payload_crc) return "the checksum of a frame does not match";
  frame_ = {header, stream_.offset(), payload};
  frame_bytes_ = bytes;
  return "";
}

void FrameScanner::skip_damage(bool payload_is_there) {
  if (payload_is_there) {
    // Most damage is inside a payload. When the frame ends where it says, its bytes need no
    // search: they could hold something that looks like a frame (a log inside a log).
    const std::size_t bytes = kFrameHeaderBytes + gap_.header->stored_bytes;
    const bool frame_follows = header_at(bytes).has_value();
    if (frame_follows || stream_.window().size() == bytes) {
      stream_.skip(bytes);
      return;
    }
  }
  stream_.skip(1);
  while (true) {
    stream_.want(kFrameHeaderBytes);
    const Bytes window = stream_.window();
    if (window.size() < kFrameHeaderBytes) {
      stream_.skip(window.size());
      return;
    }
    const Bytes magic = std::as_bytes(std::span(kFrameMagic));
    const auto at = std::search(window.begin(), window.end(), magic.begin(), magic.end());
    if (at == window.end()) {
      stream_.skip(window.size() - (magic.size() - 1));
      continue;
    }
    stream_.skip(static_cast<std::size_t>(at - window.begin()));
    if (header_at(0)) return;
    stream_.skip(1);
  }
}

FrameScanner::Found FrameScanner::next() {
  stream_.skip(frame_bytes_);
  frame_bytes_ = 0;
  stream_.want(1);
  if (stream_.window().empty()) return Found::end;
  gap_.what = examine();
  if (gap_.what.empty()) return Found::frame;
  const bool payload_is_there =
      gap_.header && gap_.header->stored_bytes <= frame_bytes_max_ &&
      stream_.window().size() >= kFrameHeaderBytes + gap_.header->stored_bytes;
  skip_damage(payload_is_there);
  gap_.bytes = stream_.offset() - gap_.offset;
  return Found::damage;
}

}  // namespace reperf::log
