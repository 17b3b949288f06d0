// The writer's promises about files: .partial until the end, killed at any instant, full disks.
#include "traces/writer.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "traces/log_files.h"
#include "traces/random_records.h"

namespace reperf::log {
namespace {

using namespace testing;
namespace fs = std::filesystem;

Record resume_at(Ns time) {
  Record record;
  record.time = time;
  record.payload = Resume{};
  return record;
}

TEST(Writer, TheFileAppearsWhenItIsFinished) {
  const TempDir dir;
  auto writer = Writer::create(dir.file("log"), {});
  ASSERT_TRUE(writer.ok());
  EXPECT_EQ((*writer)->partial_path(), dir.file("log.partial"));
  EXPECT_FALSE(fs::exists(dir.file("log")));
  struct stat status {};
  ASSERT_EQ(::stat(dir.file("log.partial").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
  ASSERT_TRUE((*writer)->append(resume_at(1)).ok());
  ASSERT_TRUE((*writer)->finish().ok());
  EXPECT_FALSE(fs::exists(dir.file("log.partial")));
  EXPECT_EQ((*writer)->bytes_written(), fs::file_size(dir.file("log")));
}

TEST(Writer, AnUnfinishedOneLeavesThePartialFile) {
  const TempDir dir;
  {
    auto writer = Writer::create(dir.file("log"), {});
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE((*writer)->append(resume_at(1)).ok());
    ASSERT_TRUE((*writer)->flush().ok());
    ASSERT_TRUE((*writer)->append(resume_at(2)).ok());
  }
  EXPECT_FALSE(fs::exists(dir.file("log")));
  const ReadBack back = read_back(read_file(dir.file("log.partial")));
  EXPECT_EQ(back.lines.size(), 1U);
  EXPECT_EQ(back.error, "");
  EXPECT_FALSE(back.complete);
}

TEST(Writer, DiscardLeavesNothing) {
  const TempDir dir;
  auto writer = Writer::create(dir.file("log"), {});
  ASSERT_TRUE(writer.ok());
  (*writer)->discard();
  EXPECT_TRUE(fs::is_empty(dir.file("")));
}

TEST(Writer, CannotCreate) {
  const TempDir dir;
  const auto nowhere = Writer::create(dir.file("no/such/log"), {});
  ASSERT_FALSE(nowhere.ok());
  EXPECT_EQ(nowhere.error().what, "cannot create: No such file or directory");
  EXPECT_EQ(nowhere.error().file, dir.file("no/such/log.partial"));
  EXPECT_EQ(nowhere.error().kind, ErrorKind::environment);
  const auto directory = Writer::create(dir.file(""), {});
  ASSERT_FALSE(directory.ok());
  EXPECT_EQ(directory.error().what, "cannot create: Is a directory");
}

TEST(Writer, ABlobThatIsTooLong) {
  const TempDir dir;
  auto writer = Writer::create(dir.file("log"), {});
  ASSERT_TRUE(writer.ok());
  const std::string comm(100000, 'x');
  Record record;
  record.payload = SchedProcessExec{comm};
  EXPECT_EQ((*writer)->append(record).error().what,
            "sched_process_exec record with 100000 bytes of data, more than 65536");
  EXPECT_TRUE((*writer)->append(resume_at(1)).ok()) << "the writer goes on";
  EXPECT_TRUE((*writer)->finish().ok());
}

// A device is written to, never replaced.
TEST(Writer, FullDevice) {
  const auto writer = Writer::create("/dev/full", {});
  ASSERT_FALSE(writer.ok());
  EXPECT_EQ(writer.error().what, "write: No space left on device");
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
}

// In a process of its own, because the limit cannot be lifted again: a write that fits partly
// fails, the file ends after the last whole frame, and every later call says so again.
TEST(Writer, DiskFull) {
  const TempDir dir;
  const std::string path = dir.file("log");
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{20000, 20000};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) ::_exit(2);
    WriterOptions options;
    options.chunk_records = 500;
    auto writer = Writer::create(path, {}, options);
    if (!writer.ok()) ::_exit(3);
    std::string what;
    for (const Record& record : switches(20000, 9)) {
      const Result<void> appended = (*writer)->append(record);
      if (what.empty() && !appended.ok()) what = appended.error().what;
      if (!what.empty() && (appended.ok() || appended.error().what != what)) ::_exit(4);
    }
    if (what != "write: File too large") ::_exit(5);
    if ((*writer)->bytes_written() != fs::file_size(path + ".partial")) ::_exit(6);
    if ((*writer)->finish().ok()) ::_exit(7);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0) << WEXITSTATUS(status);
  const ReadBack back = read_back(read_file(path + ".partial"));
  EXPECT_EQ(back.error, "");
  EXPECT_FALSE(back.complete);
  EXPECT_GE(back.lines.size(), 500U);
  EXPECT_EQ(back.lines.size() % 500, 0U);
  const auto expected = lines_of(switches(20000, 9));
  EXPECT_TRUE(std::equal(back.lines.begin(), back.lines.end(), expected.begin()));
}

// SIGKILL in the middle of it: what the kernel took is there, in whole chunks.
TEST(Writer, Killed) {
  const TempDir dir;
  const std::string path = dir.file("log");
  const auto records = switches(5000, 10);
  const auto expected = lines_of(records);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    WriterOptions options;
    options.chunk_records = 100;
    auto writer = Writer::create(path, {}, options);
    if (!writer.ok()) ::_exit(1);
    while (true) {
      for (const Record& record : records) (void)(*writer)->append(record).ok();
    }
  }
  while (!fs::exists(path + ".partial") || fs::file_size(path + ".partial") < 50000) ::usleep(100);
  ::kill(child, SIGKILL);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ReaderOptions options;
  options.salvage = true;  // a kill may tear a write; no other damage is possible
  const ReadBack back = read_back(read_file(path + ".partial"), options);
  EXPECT_FALSE(back.complete);
  EXPECT_LE(back.damage.size(), 1U);
  EXPECT_GT(back.lines.size(), 1000U);
  EXPECT_EQ(back.lines.size() % 100, 0U);
  for (std::size_t i = 0; i < back.lines.size(); ++i) {
    ASSERT_EQ(back.lines[i], expected[i % expected.size()]);
  }
}

}  // namespace
}  // namespace reperf::log
