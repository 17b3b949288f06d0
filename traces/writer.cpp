#include "traces/writer.h"

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "traces/chunk_encoder.h"
#include "traces/frame_packer.h"
#include "traces/header_codec.h"
#include "traces/log.capnp.h"
#include "traces/log_file.h"

namespace reperf::log {
namespace {

// An index entry is 56 bytes: the index of the longest log stays below 4 MiB, in memory too.
constexpr std::size_t kIndexEntriesMax = 65536;

struct IndexEntry {
  std::uint64_t offset = 0;
  std::uint64_t first_sequence = 0;
  std::uint64_t records = 0;
  Ns first_time = 0;
  Ns last_time = 0;
  std::uint64_t losses = 0;
  std::uint32_t chunks = 1;
};

// Halves the number of entries: each stands for twice as many chunks.
void coarsen(std::vector<IndexEntry>& entries) {
  std::size_t to = 0;
  for (std::size_t from = 0; from < entries.size(); from += 2) {
    IndexEntry entry = entries[from];
    if (from + 1 < entries.size()) {
      const IndexEntry& second = entries[from + 1];
      entry.records += second.records;
      entry.last_time = second.last_time;
      entry.losses += second.losses;
      entry.chunks += second.chunks;
    }
    entries[to++] = entry;
  }
  entries.resize(to);
}

kj::Array<capnp::word> encode_index(const std::vector<IndexEntry>& from) {
  capnp::MallocMessageBuilder message(static_cast<kj::uint>(from.size() * 7 + 16));
  auto to = message.initRoot<schema::Index>().initEntries(static_cast<kj::uint>(from.size()));
  for (kj::uint i = 0; i < to.size(); ++i) {
    to[i].setOffset(from[i].offset);
    to[i].setFirstSequence(from[i].first_sequence);
    to[i].setRecords(from[i].records);
    to[i].setFirstTime(from[i].first_time);
    to[i].setLastTime(from[i].last_time);
    to[i].setLosses(from[i].losses);
    to[i].setChunks(from[i].chunks);
  }
  return capnp::messageToFlatArray(message);
}

std::size_t longest_blob(const Record& record) {
  return std::visit(
      [](const auto& p) -> std::size_t {
        if constexpr (requires { p.attr; }) return p.attr.size();
        if constexpr (requires { p.kernel_attr; }) return p.kernel_attr.size();
        if constexpr (requires { p.data; }) return p.data.size();
        if constexpr (requires { p.comm; }) return p.comm.size();
        if constexpr (requires { p.point; }) return p.point.size();
        return 0;
      },
      record.payload);
}

}  // namespace

struct Writer::Impl {
  Impl(std::unique_ptr<LogFile> log_file, const WriterOptions& options)
      : file(std::move(log_file)),
        records_max(std::clamp(options.chunk_records, 1U, ChunkEncoder::kRecordsMax)),
        chunk(std::clamp(options.chunk_bytes, 1U, ChunkEncoder::kBytesMax)),
        packer(options.zstd_level) {}

  Result<void> write(FrameHeader& frame, kj::ArrayPtr<const capnp::word> message) {
    Result<void> written = file->append(packer.pack(frame, message));
    if (!written.ok()) failure = written.error();
    return written;
  }
  Result<void> begin(const Header& header);
  Result<void> write_chunk();
  Result<void> write_index();

  std::unique_ptr<LogFile> file;
  std::uint32_t records_max;
  ChunkEncoder chunk;
  FramePacker packer;
  std::vector<IndexEntry> index;
  std::uint32_t chunks_an_entry = 1;
  std::uint64_t sequence = 0;  // of the open chunk's first record
  std::uint64_t losses = 0;
  Ns first_time = 0;
  Ns last_time = 0;
  std::optional<Error> failure;  // the first one: after it nothing is written any more
};

Result<void> Writer::Impl::begin(const Header& header) {
  const auto preamble = encode_preamble();
  REPERF_TRY(file->append(preamble));
  FrameHeader frame;
  frame.type = FrameType::header;
  return write(frame, encode_header(header));
}

Result<void> Writer::Impl::write_chunk() {
  if (chunk.count() == 0) return {};
  FrameHeader frame = chunk.summary();
  frame.first_sequence = sequence;
  const IndexEntry entry{
      file->bytes_written(), sequence, frame.count, frame.first_time, frame.last_time,
      frame.losses,          1};
  REPERF_TRY(write(frame, chunk.build()));
  chunk.clear();
  if (sequence == 0) first_time = frame.first_time;
  last_time = frame.last_time;
  sequence += frame.count;
  losses += frame.losses;
  if (index.size() == kIndexEntriesMax && index.back().chunks == chunks_an_entry) {
    coarsen(index);
    chunks_an_entry *= 2;
  }
  if (index.empty() || index.back().chunks == chunks_an_entry) {
    index.push_back(entry);
    return {};
  }
  IndexEntry& last = index.back();
  last.records += entry.records;
  last.last_time = entry.last_time;
  last.losses += entry.losses;
  ++last.chunks;
  return {};
}

Result<void> Writer::Impl::write_index() {
  FrameHeader frame;
  frame.type = FrameType::index;
  frame.first_sequence = sequence;
  frame.first_time = first_time;
  frame.last_time = last_time;
  frame.losses = losses;
  return write(frame, encode_index(index));
}

Writer::Writer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Writer::~Writer() = default;

Result<std::unique_ptr<Writer>> Writer::create(const std::string& path, const Header& header,
                                               const WriterOptions& options) {
  auto file = LogFile::create(path);
  if (!file.ok()) return file.take_error();
  auto impl = std::make_unique<Impl>(std::move(*file), options);
  if (Result<void> begun = impl->begin(header); !begun.ok()) {
    impl->file->discard();
    return begun.take_error();
  }
  return std::unique_ptr<Writer>(new Writer(std::move(impl)));
}

Result<void> Writer::append(const Record& record) {
  if (impl_->failure) return *impl_->failure;
  if (const std::size_t size = longest_blob(record); size > kBlobBytesMax) {
    return Error{ErrorKind::input,
                 fmt::format("{} record with {} bytes of data, more than {}",
                             kind_name(record.kind()), size, kBlobBytesMax),
                 impl_->file->partial_path(), 0, 0};
  }
  impl_->chunk.append(record);
  if (!impl_->chunk.full(impl_->records_max)) return {};
  return impl_->write_chunk();
}

Result<void> Writer::flush() {
  if (impl_->failure) return *impl_->failure;
  return impl_->write_chunk();
}

Result<void> Writer::finish() {
  REPERF_TRY(flush());
  REPERF_TRY(impl_->write_index());
  return impl_->file->finish();
}

void Writer::discard() { impl_->file->discard(); }

std::uint64_t Writer::records() const { return impl_->sequence + impl_->chunk.count(); }
std::uint64_t Writer::bytes_written() const { return impl_->file->bytes_written(); }
const std::string& Writer::partial_path() const { return impl_->file->partial_path(); }

}  // namespace reperf::log
