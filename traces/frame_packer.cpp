#include "traces/frame_packer.h"

#include <new>

namespace reperf::log {

FramePacker::FramePacker(int zstd_level) : context_(ZSTD_createCCtx()) {
  // ZSTD_createCCtx fails for want of memory only, as `new` does.
  if (!context_) throw std::bad_alloc();
  ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, zstd_level);
  ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1);
}

Bytes FramePacker::pack(FrameHeader& header, kj::ArrayPtr<const capnp::word> message) {
  const auto raw = message.asBytes();
  bytes_.resize(kFrameHeaderBytes + ZSTD_compressBound(raw.size()));
  std::byte* payload = bytes_.data() + kFrameHeaderBytes;
  const std::size_t stored = ZSTD_compress2(
      context_.get(), payload, bytes_.size() - kFrameHeaderBytes, raw.begin(), raw.size());
  // With room for the bound, one call and valid parameters there is nothing left that can fail
  // but memory.
  if (ZSTD_isError(stored) != 0) throw std::bad_alloc();
  header.raw_bytes = static_cast<std::uint32_t>(raw.size());
  header.stored_bytes = static_cast<std::uint32_t>(stored);
  header.payload_crc = crc32_of(Bytes(payload, stored));
  encode_frame_header(header, std::span(bytes_).first<kFrameHeaderBytes>());
  return Bytes(bytes_).first(kFrameHeaderBytes + stored);
}

}  // namespace reperf::log
