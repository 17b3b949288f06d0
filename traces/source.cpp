#include "traces/source.h"

#include <algorithm>
#include <cstring>

#include "traces/byte_stream.h"
#include "traces/frame.h"
#include "traces/text.h"

namespace reperf::log {
namespace {

// How far to look for bytes that no text has.
constexpr std::size_t kSniffBytes = 4096;

class BinarySource final : public Source {
 public:
  explicit BinarySource(std::unique_ptr<Reader> reader) : reader_(std::move(reader)) {}
  [[nodiscard]] const Header& header() const override { return reader_->header(); }
  Result<bool> next(Record& record) override { return reader_->next(record); }
  [[nodiscard]] std::uint64_t position() const override { return reader_->sequence(); }
  [[nodiscard]] bool is_text() const override { return false; }
  [[nodiscard]] const Reader* reader() const override { return reader_.get(); }

 private:
  std::unique_ptr<Reader> reader_;
};

class TextSource final : public Source {
 public:
  explicit TextSource(Text text) : text_(std::move(text)) {}
  [[nodiscard]] const Header& header() const override { return text_.header; }
  Result<bool> next(Record& record) override {
    if (at_ == text_.records.size()) return false;
    record = text_.records[at_++];
    return true;
  }
  [[nodiscard]] std::uint64_t position() const override {
    return at_ == 0 ? 0 : text_.lines[at_ - 1];
  }
  [[nodiscard]] bool is_text() const override { return true; }
  [[nodiscard]] const Reader* reader() const override { return nullptr; }

 private:
  Text text_;
  std::size_t at_ = 0;
};

// A log by its magic bytes; and what is no text goes to the Reader too, which can say what is
// wrong with it, or salvage it when only its beginning is damaged.
bool is_binary(Bytes window) {
  const std::size_t common = std::min(window.size(), kFileMagic.size());
  if (common != 0 && std::memcmp(window.data(), kFileMagic.data(), common) == 0) return true;
  return std::ranges::find(window, std::byte{0}) != window.end();
}

Result<std::string> read_all(ByteStream& stream) {
  std::string out;
  while (true) {
    stream.want(1);
    const Bytes window = stream.window();
    if (window.empty()) break;
    out.append(reinterpret_cast<const char*>(window.data()), window.size());
    stream.skip(window.size());
  }
  if (!stream.error().ok()) return stream.error().error();
  return out;
}

}  // namespace

Result<std::unique_ptr<Source>> open_source(const std::string& path, const ReaderOptions& options,
                                            std::vector<Error>& errors) {
  auto stream = ByteStream::open(path);
  if (!stream.ok()) {
    errors.push_back(stream.error());
    return stream.take_error();
  }
  (*stream)->want(kSniffBytes);
  const Bytes window = (*stream)->window();
  if (is_binary(window.first(std::min(window.size(), kSniffBytes)))) {
    auto reader = Reader::open(std::move(*stream), options);
    if (reader.ok()) {
      return std::unique_ptr<Source>(std::make_unique<BinarySource>(std::move(*reader)));
    }
    errors.push_back(reader.error());
    return reader.take_error();
  }
  const Result<std::string> bytes = read_all(**stream);
  if (!bytes.ok()) {
    errors.push_back(bytes.error());
    return bytes.error();
  }
  // The least that is left of a log that was cut: no scenario is that short.
  if (bytes->empty()) {
    errors.push_back(
        Error{ErrorKind::input, "empty: neither a log nor its text form", (*stream)->name(), 0, 0});
    return errors.back();
  }
  Text text;
  const std::size_t errors_before = errors.size();
  if (!parse_text(*bytes, (*stream)->name(), text, errors)) return errors[errors_before];
  return std::unique_ptr<Source>(std::make_unique<TextSource>(std::move(text)));
}

}  // namespace reperf::log
