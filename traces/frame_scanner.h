// Finds the intact frames of a byte stream, whatever lies between them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "traces/byte_stream.h"
#include "traces/frame.h"

namespace reperf::log {

// Constant memory: one frame of at most frame_bytes_max. Every step moves forward.
class FrameScanner {
 public:
  enum class Found : std::uint8_t { frame, damage, end };

  struct Frame {
    FrameHeader header;
    std::uint64_t offset = 0;
    Bytes payload;  // valid until the next call of next()
  };
  // A stretch of bytes that is no intact frame.
  struct Gap {
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
    std::string what;
    std::optional<FrameHeader> header;  // when that of the broken frame is intact
  };

  // Starts at the stream's current offset.
  FrameScanner(ByteStream& stream, std::uint32_t frame_bytes_max);

  // A frame (checksums right, sizes within limits), or a gap, after which comes a frame or the end.
  Found next();
  [[nodiscard]] const Frame& frame() const { return frame_; }
  [[nodiscard]] const Gap& gap() const { return gap_; }

 private:
  [[nodiscard]] std::optional<FrameHeader> header_at(std::size_t place);
  // What is wrong with the frame here; empty: nothing.
  std::string examine();
  void skip_damage(bool payload_is_there);

  ByteStream& stream_;
  std::uint32_t frame_bytes_max_;
  std::size_t frame_bytes_ = 0;  // of the frame handed out last, still in the window
  Frame frame_;
  Gap gap_;
};

}  // namespace reperf::log
