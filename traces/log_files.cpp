#include "traces/log_files.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "traces/text.h"

namespace reperf::log::testing {

TempDir::TempDir() {
  std::string name = (std::filesystem::temp_directory_path() / "reperf-XXXXXX").string();
  EXPECT_NE(::mkdtemp(name.data()), nullptr);
  path_ = name;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void write_file(const std::string& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  EXPECT_TRUE(file.good()) << path;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string make_log(const std::vector<Record>& records, const WriterOptions& options,
                     const Header& header) {
  const TempDir dir;
  auto writer = Writer::create(dir.file("log"), header, options);
  EXPECT_TRUE(writer.ok());
  for (const Record& record : records) EXPECT_TRUE((*writer)->append(record).ok());
  EXPECT_TRUE((*writer)->finish().ok());
  return read_file(dir.file("log"));
}

ReadBack read_back(std::string_view bytes, const ReaderOptions& options,
                   const std::vector<Record>* expected) {
  ReadBack out;
  const int fd = ::memfd_create("log", MFD_CLOEXEC);
  EXPECT_GE(fd, 0);
  EXPECT_EQ(::write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  ::lseek(fd, 0, SEEK_SET);
  auto reader = Reader::open("/proc/self/fd/" + std::to_string(fd), options);
  ::close(fd);
  if (!reader.ok()) {
    out.error = reader.error().what;
    return out;
  }
  out.opened = true;
  out.header = (*reader)->header();
  Record record;
  while (true) {
    const Result<bool> more = (*reader)->next(record);
    if (!more.ok()) out.error = more.error().what;
    if (!more.ok() || !*more) break;
    const std::uint64_t sequence = (*reader)->sequence();
    out.sequences.push_back(sequence);
    if (expected == nullptr) {
      out.lines.push_back(line_of(record));
    } else if (sequence >= expected->size() || !equal(record, (*expected)[sequence])) {
      ++out.wrong;
    }
  }
  out.damage = (*reader)->damage();
  out.complete = (*reader)->complete();
  out.unknown = (*reader)->unknown_records();
  return out;
}

std::string line_of(const Record& record) {
  std::string out;
  format_record(out, record);
  return out;
}

std::vector<std::string> lines_of(const std::vector<Record>& records) {
  std::vector<std::string> out;
  for (const Record& record : records) out.push_back(line_of(record));
  return out;
}

}  // namespace reperf::log::testing
