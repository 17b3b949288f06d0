// Packs one Cap'n Proto message into the bytes of a frame.
#pragma once

#include <capnp/common.h>
#include <kj/common.h>
#include <zstd.h>

#include <memory>
#include <vector>

#include "traces/frame.h"

namespace reperf::log {

class FramePacker {
 public:
  explicit FramePacker(int zstd_level);
  // Completes `header` (sizes, checksums). The bytes are valid until the next call.
  Bytes pack(FrameHeader& header, kj::ArrayPtr<const capnp::word> message);

 private:
  struct Free {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  };
  std::unique_ptr<ZSTD_CCtx, Free> context_;
  std::vector<std::byte> bytes_;
};

}  // namespace reperf::log
