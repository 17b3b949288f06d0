#include "traces/reader.h"

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <fmt/format.h>
#include <kj/exception.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>

#include "traces/byte_stream.h"
#include "traces/chunk_decoder.h"
#include "traces/frame_scanner.h"
#include "traces/header_codec.h"
#include "traces/log.capnp.h"

namespace reperf::log {
namespace {

// A hostile file can hold a damage every few bytes; from here on they are counted together.
constexpr std::size_t kDamagesMax = 1000;

using Words = kj::ArrayPtr<const capnp::word>;

Error bad(std::string what) { return {ErrorKind::input, std::move(what), "", 0, 0}; }

// Checks the index against the totals in its own frame header.
Result<void> check_index(Words message, const FrameHeader& frame) {
  try {
    capnp::ReaderOptions options;
    options.traversalLimitInWords = message.size() * 4 + 1024;
    options.nestingLimit = 8;
    capnp::FlatArrayMessageReader reader(message, options);
    if (reader.getEnd() != message.end()) return bad("the message is shorter than its frame");
    std::uint64_t records = 0;
    std::uint64_t losses = 0;
    std::uint64_t end = 0;
    for (const auto entry : reader.getRoot<schema::Index>().getEntries()) {
      if (entry.getOffset() < end || entry.getFirstSequence() != records) {
        return bad("its entries are out of order");
      }
      end = entry.getOffset() + 1;
      records += entry.getRecords();
      losses += entry.getLosses();
    }
    if (records != frame.first_sequence || losses != frame.losses) {
      return bad("its entries do not add up to its totals");
    }
  } catch (const kj::Exception& e) {
    return bad(fmt::format("not a valid message: {}", e.getDescription().cStr()));
  }
  return {};
}

// What is wrong with the first bytes of a file; empty: nothing.
std::string examine_preamble(Bytes window) {
  const auto magic = std::as_bytes(std::span(kFileMagic));
  if (window.empty()) return "the file is empty";
  const std::size_t common = std::min(window.size(), magic.size());
  if (std::memcmp(window.data(), magic.data(), common) != 0) {
    return "not a log: it does not begin with a log's magic bytes";
  }
  if (window.size() < kPreambleBytes) return "the file ends inside its first 16 bytes";
  const auto good = encode_preamble();
  if (std::memcmp(window.data(), good.data(), good.size()) == 0) return "";
  std::uint32_t version = 0;
  std::memcpy(&version, window.data() + magic.size(), sizeof version);
  if (version == kContainerVersion) return "damaged at offset 12: reserved bytes are not 0";
  return fmt::format("container version {}, this program reads version {}", version,
                     kContainerVersion);
}

}  // namespace

struct Reader::Impl {
  struct Free {
    void operator()(ZSTD_DCtx* unpacker) const { ZSTD_freeDCtx(unpacker); }
  };

  Impl(std::unique_ptr<ByteStream> bytes, const ReaderOptions& reader_options)
      : options(reader_options), stream(std::move(bytes)), context(ZSTD_createDCtx()) {}

  Result<void> begin();
  Result<void> read_header();
  Result<bool> load_chunk();
  // These two: true when there is a chunk to deliver.
  bool take_frame();
  bool take_chunk(const FrameScanner::Frame& frame);
  void take_index(const FrameScanner::Frame& frame);

  Result<Words> unpack(const FrameScanner::Frame& frame);
  void report(Damage damage_here);
  void report(const FrameScanner::Frame& frame, std::string what);
  void report_gap(const FrameScanner::Gap& gap);
  // The next record known to exist has this number: what is missing before it?
  void resolve(std::uint64_t offset, std::uint64_t next_sequence);
  [[nodiscard]] Error damage_error() const;

  ReaderOptions options;
  std::unique_ptr<ByteStream> stream;
  std::unique_ptr<ZSTD_DCtx, Free> context;
  std::optional<FrameScanner> scanner;
  bool frame_waits = false;  // the scanner's frame was looked at, but not taken
  Header header;
  ChunkDecoder decoder;
  std::vector<std::uint64_t> raw;  // words of the unpacked message; never shrinks
  std::vector<Damage> damages;
  std::optional<std::size_t> unresolved;  // place in damages: how much it cost is not known yet
  std::optional<FrameHeader> broken;      // header of the frame that this damage broke
  std::optional<Error> failure;
  std::uint64_t expected = 0;  // sequence number of the next record
  std::uint64_t chunk_first = 0;
  std::uint64_t chunks = 0;
  std::uint64_t unknown = 0;
  bool complete = false;
};

Result<Words> Reader::Impl::unpack(const FrameScanner::Frame& frame) {
  const std::size_t size = frame.header.raw_bytes;
  if (size % sizeof(capnp::word) != 0) return bad("a message has whole words");
  const std::size_t words = size / sizeof(capnp::word);
  if (raw.size() < words) raw.resize(words);
  // zstd never writes past the size that it is given, and checks the content checksum.
  const std::size_t n = ZSTD_decompressDCtx(context.get(), raw.data(), size, frame.payload.data(),
                                            frame.payload.size());
  if (ZSTD_isError(n) != 0) return bad(fmt::format("does not unpack: {}", ZSTD_getErrorName(n)));
  if (n != size) return bad(fmt::format("unpacks to {} bytes instead of {}", n, size));
  return Words(reinterpret_cast<const capnp::word*>(raw.data()), words);
}

void Reader::Impl::report(Damage damage_here) {
  if (damages.size() == kDamagesMax) {
    damages.back().bytes += damage_here.bytes;
    damages.back().what = "more damage, counted together";
  } else {
    damages.push_back(std::move(damage_here));
  }
  if (!unresolved) unresolved = damages.size() - 1;
}

void Reader::Impl::report(const FrameScanner::Frame& frame, std::string what) {
  if (frame.header.type == FrameType::chunk) broken = frame.header;
  report({frame.offset, kFrameHeaderBytes + frame.payload.size(), 0, 0, std::move(what)});
}

void Reader::Impl::report_gap(const FrameScanner::Gap& gap) {
  if (gap.header && gap.header->type == FrameType::chunk) broken = gap.header;
  report({gap.offset, gap.bytes, 0, 0, gap.what});
}

void Reader::Impl::resolve(std::uint64_t offset, std::uint64_t next_sequence) {
  if (next_sequence > expected) {
    if (!unresolved) report({offset, 0, 0, 0, "records are missing before this frame"});
    Damage& damage_here = damages[*unresolved];
    if (damage_here.missing == 0) damage_here.first_missing = expected;
    damage_here.missing += next_sequence - expected;
    expected = next_sequence;
  }
  unresolved.reset();
  broken.reset();
}

Error Reader::Impl::damage_error() const {
  const Damage& first = damages.front();
  std::string what = fmt::format("damaged at offset {}: {}", first.offset, first.what);
  if (first.bytes != 0) what += fmt::format("; {} bytes skipped", first.bytes);
  if (first.missing != 0) {
    what += fmt::format("; records {} to {} are missing", first.first_missing,
                        first.first_missing + first.missing - 1);
  }
  return {ErrorKind::input, std::move(what), stream->name(), 0, 0};
}

Result<void> Reader::Impl::begin() {
  stream->want(kPreambleBytes);
  const Bytes window = stream->window();
  const std::string what = examine_preamble(window.first(std::min(window.size(), kPreambleBytes)));
  if (!stream->error().ok()) return stream->error();
  scanner.emplace(*stream, options.frame_bytes_max);
  if (what.empty()) {
    stream->skip(kPreambleBytes);
    return read_header();
  }
  const Error not_a_log{ErrorKind::input, what, stream->name(), 0, 0};
  if (!options.salvage) return not_a_log;
  // Whatever stands before the first intact frame is damage, when there is such a frame.
  if (scanner->next() != FrameScanner::Found::damage) return not_a_log;
  FrameScanner::Gap gap = scanner->gap();
  gap.what = what;
  report_gap(gap);
  const Result<void> read = read_header();
  return read.ok() ? read : not_a_log;
}

Result<void> Reader::Impl::read_header() {
  FrameScanner::Found found = scanner->next();
  if (found == FrameScanner::Found::damage) {
    report_gap(scanner->gap());
    if (!options.salvage) return damage_error();
    found = scanner->next();
  }
  if (found == FrameScanner::Found::end) {
    if (!stream->error().ok()) return stream->error();
    return Error{ErrorKind::input, "no header: the file ends before it", stream->name(), 0, 0};
  }
  const FrameScanner::Frame& frame = scanner->frame();
  std::string what = "no header before this frame";
  if (frame.header.type == FrameType::header) {
    Result<Words> words = unpack(frame);
    Result<Header> decoded = words.ok() ? decode_header(*words) : words.error();
    if (decoded.ok()) {
      header = std::move(*decoded);
      return {};
    }
    what = fmt::format("the header: {}", decoded.error().what);
    report(frame, std::move(what));
  } else {
    frame_waits = true;
    report({frame.offset, 0, 0, 0, std::move(what)});
  }
  if (!options.salvage) return damage_error();
  return {};
}

bool Reader::Impl::take_chunk(const FrameScanner::Frame& frame) {
  const FrameHeader& h = frame.header;
  if (h.count == 0 || h.count > kChunkRecordsMax ||
      h.first_sequence > std::numeric_limits<std::uint64_t>::max() - h.count) {
    report(frame, fmt::format("a chunk of {} records from {} on", h.count, h.first_sequence));
    return false;
  }
  if (h.first_sequence < expected) {
    report(frame,
           fmt::format("records {} to {} again", h.first_sequence, h.first_sequence + h.count - 1));
    return false;
  }
  Result<Words> words = unpack(frame);
  Result<void> loaded = words.ok() ? decoder.load(*words, h) : words.error();
  if (!loaded.ok()) {
    report(frame, fmt::format("chunk: {}", loaded.error().what));
    return false;
  }
  resolve(frame.offset, h.first_sequence);
  if (complete) report({frame.offset, 0, 0, 0, "a chunk after the index"});
  expected = h.first_sequence + h.count;
  chunk_first = h.first_sequence;
  unknown += decoder.unknown_records();
  ++chunks;
  return true;
}

void Reader::Impl::take_index(const FrameScanner::Frame& frame) {
  Result<Words> words = unpack(frame);
  const Result<void> checked = words.ok() ? check_index(*words, frame.header) : words.error();
  if (!checked.ok()) {
    report(frame, fmt::format("the index: {}", checked.error().what));
  } else if (complete) {
    report(frame, "a second index");
  } else if (frame.header.first_sequence < expected) {
    report(frame, fmt::format("the index knows of {} records only", frame.header.first_sequence));
  } else {
    resolve(frame.offset, frame.header.first_sequence);
    complete = true;
  }
}

bool Reader::Impl::take_frame() {
  const FrameScanner::Frame& frame = scanner->frame();
  switch (frame.header.type) {
    case FrameType::chunk:
      return take_chunk(frame);
    case FrameType::index:
      take_index(frame);
      return false;
    case FrameType::header:
      report(frame, "a second header");
      return false;
  }
  return false;  // a type of a newer writer
}

Result<bool> Reader::Impl::load_chunk() {
  if (failure) return *failure;
  while (true) {
    const auto found = frame_waits ? FrameScanner::Found::frame : scanner->next();
    frame_waits = false;
    bool ready = false;
    if (found == FrameScanner::Found::damage) {
      report_gap(scanner->gap());
      continue;  // the next frame tells what it cost
    }
    if (found == FrameScanner::Found::frame) {
      ready = take_frame();
    } else if (broken && broken->first_sequence >= expected) {
      resolve(broken->first_sequence, broken->first_sequence + broken->count);
    }
    const bool at_end = found == FrameScanner::Found::end;
    if (!options.salvage && !damages.empty() && (ready || at_end || !unresolved)) {
      failure = damage_error();
      decoder.clear();
      return *failure;
    }
    if (ready) return true;
    if (!at_end) continue;
    if (!stream->error().ok()) failure = stream->error().error();
    if (failure) return *failure;
    return false;
  }
}

Reader::Reader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Reader::~Reader() = default;

Result<std::unique_ptr<Reader>> Reader::open(const std::string& path,
                                             const ReaderOptions& options) {
  auto stream = ByteStream::open(path);
  if (!stream.ok()) return stream.take_error();
  return open(std::move(*stream), options);
}

Result<std::unique_ptr<Reader>> Reader::open(std::unique_ptr<ByteStream> stream,
                                             const ReaderOptions& options) {
  auto impl = std::make_unique<Impl>(std::move(stream), options);
  REPERF_TRY(impl->begin());
  return std::unique_ptr<Reader>(new Reader(std::move(impl)));
}

const Header& Reader::header() const { return impl_->header; }

Result<bool> Reader::next(Record& record) {
  Impl& impl = *impl_;
  while (!impl.decoder.next(record)) {
    Result<bool> loaded = impl.load_chunk();
    if (!loaded.ok() || !*loaded) return loaded;
  }
  return true;
}

std::uint64_t Reader::sequence() const { return impl_->chunk_first + impl_->decoder.place(); }
bool Reader::complete() const { return impl_->complete; }
const std::vector<Damage>& Reader::damage() const { return impl_->damages; }
std::uint64_t Reader::unknown_records() const { return impl_->unknown; }
std::uint64_t Reader::bytes_read() const { return impl_->stream->bytes_read(); }
std::uint64_t Reader::chunks() const { return impl_->chunks; }

}  // namespace reperf::log
