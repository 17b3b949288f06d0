#include "traces/byte_stream.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace reperf::log {
namespace {

// Grows to what the frames need.
constexpr std::size_t kFirstBytes = 16U << 10;

}  // namespace

ByteStream::ByteStream(int fd, std::string name)
    : fd_(fd), name_(std::move(name)), buffer_(kFirstBytes) {}

ByteStream::~ByteStream() {
  if (fd_ > STDERR_FILENO) ::close(fd_);
}

Result<std::unique_ptr<ByteStream>> ByteStream::open(const std::string& path) {
  if (path == "-") return std::unique_ptr<ByteStream>(new ByteStream(STDIN_FILENO, "stdin"));
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Error{ErrorKind::input, std::strerror(errno), path, 0, 0};
  struct stat status {};
  if (::fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) {
    ::close(fd);
    return Error{ErrorKind::input, std::strerror(EISDIR), path, 0, 0};
  }
  return std::unique_ptr<ByteStream>(new ByteStream(fd, path));
}

void ByteStream::make_room() {
  if (end_ < buffer_.size()) return;
  if (begin_ == 0) {
    buffer_.resize(buffer_.size() * 2);
    return;
  }
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
}

bool ByteStream::read_some() {
  while (true) {
    const ssize_t n = ::read(fd_, buffer_.data() + end_, buffer_.size() - end_);
    if (n > 0) {
      end_ += static_cast<std::size_t>(n);
      bytes_read_ += static_cast<std::uint64_t>(n);
      return true;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      error_ = Error{ErrorKind::input, fmt::format("read: {}", std::strerror(errno)), name_, 0, 0};
    return false;
  }
}

void ByteStream::want(std::size_t bytes) {
  while (end_ - begin_ < bytes && !at_end_) {
    make_room();
    at_end_ = !read_some();
  }
}

void ByteStream::skip(std::size_t bytes) {
  begin_ += bytes;
  offset_ += bytes;
  if (begin_ == end_) begin_ = end_ = 0;
}

}  // namespace reperf::log
