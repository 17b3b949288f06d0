// For tests: a log with one chunk, taken apart, so that another message can take its place.
#pragma once

#include <capnp/common.h>
#include <capnp/message.h>
#include <kj/common.h>

#include <cstdint>
#include <string>
#include <vector>

#include "traces/frame.h"

namespace reperf::log::testing {

struct Parts {
  std::string before;
  FrameHeader header;
  std::vector<std::uint64_t> words;  // the message of the chunk
  std::string after;
};

Parts take_apart(const std::string& log);
kj::ArrayPtr<const capnp::word> words_of(const Parts& parts);

// All checksums are right again.
std::string put_together(Parts parts, kj::ArrayPtr<const capnp::word> words);
std::string put_together(Parts parts, capnp::MessageBuilder& message);

}  // namespace reperf::log::testing
