// Opens a log in either form: .rplog by its magic bytes, anything else as text.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "traces/reader.h"
#include "traces/record.h"
#include "traces/result.h"

namespace reperf::log {

// The one interface through which replay, check, info and dis read.
class Source {
 public:
  virtual ~Source() = default;
  [[nodiscard]] virtual const Header& header() const = 0;
  virtual Result<bool> next(Record& record) = 0;             // as Reader::next
  [[nodiscard]] virtual std::uint64_t position() const = 0;  // sequence (binary) or line (text)
  [[nodiscard]] virtual bool is_text() const = 0;
  [[nodiscard]] virtual const Reader* reader() const = 0;  // nullptr for text
};

// `path` "-" is stdin. For a text with errors all of them are appended to `errors` and the
// result is the first.
Result<std::unique_ptr<Source>> open_source(const std::string& path, const ReaderOptions& options,
                                            std::vector<Error>& errors);

}  // namespace reperf::log
