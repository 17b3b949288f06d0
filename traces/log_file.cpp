#include "traces/log_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace reperf::log {
namespace {

Error cannot_create(const std::string& path, int error) {
  return {ErrorKind::environment, fmt::format("cannot create: {}", std::strerror(error)), path, 0,
          0};
}

}  // namespace

LogFile::LogFile(int fd, std::string path, std::string partial_path)
    : fd_(fd), path_(std::move(path)), partial_path_(std::move(partial_path)) {}

LogFile::~LogFile() {
  if (fd_ > STDERR_FILENO) ::close(fd_);
}

Result<std::unique_ptr<LogFile>> LogFile::create(const std::string& path) {
  if (path == "-") {
    return std::unique_ptr<LogFile>(new LogFile(STDOUT_FILENO, "stdout", "stdout"));
  }
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0) return cannot_create(path, errno);
    return std::unique_ptr<LogFile>(new LogFile(fd, path, path));
  }
  if (!path.empty() && path.back() == '/') return cannot_create(path, EISDIR);
  const std::string partial = path + ".partial";
  // O_EXCL on a fresh name: never write into a file that someone else still has open.
  if (::unlink(partial.c_str()) != 0 && errno != ENOENT) return cannot_create(partial, errno);
  const int fd = ::open(partial.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return cannot_create(partial, errno);
  return std::unique_ptr<LogFile>(new LogFile(fd, path, partial));
}

Error LogFile::failed(const char* what, int error) const {
  return {ErrorKind::environment, fmt::format("{}: {}", what, std::strerror(error)), partial_path_,
          0, 0};
}

Result<void> LogFile::append(Bytes bytes) {
  const std::size_t size = bytes.size();
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    if (n >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(n));
      continue;
    }
    if (errno == EINTR) continue;
    const int error = errno;
    // A pipe cannot be cut back; its reader sees the torn frame. A file holds whole frames only.
    if (partial_path_ != path_ && ::ftruncate(fd_, static_cast<off_t>(bytes_written_)) != 0) {
      return failed("write failed and the torn frame cannot be cut off", error);
    }
    return failed("write", error);
  }
  bytes_written_ += size;
  return {};
}

void LogFile::discard() {
  if (partial_path_ != path_) ::unlink(partial_path_.c_str());
}

Result<void> LogFile::finish() {
  if (partial_path_ == path_) return {};
  if (::fsync(fd_) != 0) return failed("fsync", errno);
  const int fd = fd_;
  fd_ = -1;
  if (::close(fd) != 0) return failed("close", errno);
  if (::rename(partial_path_.c_str(), path_.c_str()) != 0) return failed("rename", errno);
  return {};
}

}  // namespace reperf::log
