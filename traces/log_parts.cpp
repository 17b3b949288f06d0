#include "traces/log_parts.h"

#include <capnp/serialize.h>
#include <gtest/gtest.h>
#include <zstd.h>

#include "traces/frame_packer.h"

namespace reperf::log::testing {

Parts take_apart(const std::string& log) {
  Parts out;
  std::size_t at = kPreambleBytes;
  while (true) {
    const Bytes bytes = std::as_bytes(std::span(log)).subspan(at);
    const auto header = decode_frame_header(bytes.first<kFrameHeaderBytes>());
    EXPECT_TRUE(header.has_value());
    const std::size_t size = kFrameHeaderBytes + header->stored_bytes;
    if (header->type != FrameType::chunk) {
      at += size;
      continue;
    }
    out.before = log.substr(0, at);
    out.after = log.substr(at + size);
    out.header = *header;
    out.words.resize(header->raw_bytes / 8);
    EXPECT_EQ(ZSTD_decompress(out.words.data(), header->raw_bytes, bytes.data() + kFrameHeaderBytes,
                              header->stored_bytes),
              header->raw_bytes);
    return out;
  }
}

std::string put_together(Parts parts, capnp::MessageBuilder& message) {
  return put_together(std::move(parts), capnp::messageToFlatArray(message));
}

std::string put_together(Parts parts, kj::ArrayPtr<const capnp::word> words) {
  FramePacker packer(3);
  const Bytes frame = packer.pack(parts.header, words);
  return parts.before + std::string(reinterpret_cast<const char*>(frame.data()), frame.size()) +
         parts.after;
}

kj::ArrayPtr<const capnp::word> words_of(const Parts& parts) {
  return {reinterpret_cast<const capnp::word*>(parts.words.data()), parts.words.size()};
}

}  // namespace reperf::log::testing
