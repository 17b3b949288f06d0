// The message of a log's first frame (struct Header of log.capnp) to and from a Header.
#pragma once

#include <capnp/common.h>
#include <kj/array.h>

#include "traces/record.h"
#include "traces/result.h"

namespace reperf::log {

[[nodiscard]] kj::Array<capnp::word> encode_header(const Header& header);
// Error::what says what is wrong.
[[nodiscard]] Result<Header> decode_header(kj::ArrayPtr<const capnp::word> message);

}  // namespace reperf::log
