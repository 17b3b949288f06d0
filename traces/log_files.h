// Logs in files and in memory, for tests.
#pragma once

#include <string>
#include <vector>

#include "traces/reader.h"
#include "traces/record.h"
#include "traces/writer.h"

namespace reperf::log::testing {

// A directory of its own, removed at the end.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

void write_file(const std::string& path, std::string_view bytes);
std::string read_file(const std::string& path);

// The bytes of a finished log; what fails is a failure of the test.
std::string make_log(const std::vector<Record>& records, const WriterOptions& options = {},
                     const Header& header = {});

// What a Reader made of some bytes. Records are kept as their line of text, which is exact, or
// only compared with what they should be.
struct ReadBack {
  bool opened = false;
  std::string error;  // of open() or of next()
  Header header;
  std::vector<std::string> lines;
  std::vector<std::uint64_t> sequences;
  std::size_t wrong = 0;  // records that differ from the expected ones
  std::vector<Damage> damage;
  bool complete = false;
  std::uint64_t unknown = 0;
};
// In memory, so that ten thousand of them are quick.
ReadBack read_back(std::string_view bytes, const ReaderOptions& options = {},
                   const std::vector<Record>* expected = nullptr);

std::string line_of(const Record& record);
std::vector<std::string> lines_of(const std::vector<Record>& records);

}  // namespace reperf::log::testing
