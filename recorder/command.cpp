#include "recorder/command.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace reperf::record {
namespace {

bool number_from_environment(const char* name, unsigned& value) {
  const char* const text = std::getenv(name);
  if (text == nullptr) return false;
  const std::string_view view(text);
  const auto parsed = std::from_chars(view.data(), view.data() + view.size(), value);
  return parsed.ec == std::errc{} && parsed.ptr == view.data() + view.size() && !view.empty();
}

// Gives up root for the user who invoked sudo, with all of that user's groups. 0 or errno.
int become_invoking_user() {
  unsigned uid = 0;
  unsigned gid = 0;
  if (::geteuid() != 0 || !number_from_environment("SUDO_UID", uid) ||
      !number_from_environment("SUDO_GID", gid) || uid == 0) {
    return 0;
  }
  const passwd* const user = ::getpwuid(uid);
  const int groups = user != nullptr ? ::initgroups(user->pw_name, gid) : ::setgroups(0, nullptr);
  if (groups != 0 || ::setresgid(gid, gid, gid) != 0 || ::setresuid(uid, uid, uid) != 0) {
    return errno;
  }
  return 0;
}

void default_signals() {
  // The recorder ignores SIGPIPE and blocks what it takes from a signalfd.
  std::signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void child_main(const std::vector<std::string>& arguments, int go, int exec_error) {
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);

  int error = become_invoking_user();
  char byte = 0;
  ssize_t n = 0;
  do {
    n = ::read(go, &byte, 1);
  } while (n < 0 && errno == EINTR);
  if (n != 1) ::_exit(0);  // the recorder gave up before it began
  default_signals();
  if (error == 0) {
    ::execvp(argv[0], argv.data());
    error = errno;
  }
  [[maybe_unused]] const ssize_t told = ::write(exec_error, &error, sizeof(error));
  ::_exit(exit_code_of_exec_error(error));
}

}  // namespace

int exit_code_of(int wait_status) {
  if (WIFEXITED(wait_status)) return WEXITSTATUS(wait_status);
  if (WIFSIGNALED(wait_status)) return 128 + WTERMSIG(wait_status);
  return kExitCannotRun;
}

int exit_code_of_exec_error(int error_number) {
  return error_number == ENOENT || error_number == ENOTDIR ? kExitNotFound : kExitCannotRun;
}

std::string quote_command(const std::vector<std::string>& arguments) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+,-./:=@_";
  std::string line;
  for (const std::string& argument : arguments) {
    if (!line.empty()) line += ' ';
    if (!argument.empty() && argument.find_first_not_of(kPlain) == std::string::npos) {
      line += argument;
      continue;
    }
    line += '\'';
    for (const char c : argument) {
      if (c == '\'') {
        line += "'\\''";
      } else {
        line += c;
      }
    }
    line += '\'';
  }
  return line;
}

Result<Command> Command::fork_waiting(const std::vector<std::string>& arguments) {
  int go[2];
  int exec_error[2];
  if (::pipe2(go, O_CLOEXEC) != 0) return system_error("pipe", errno);
  UniqueFd go_read(go[0]);
  UniqueFd go_write(go[1]);
  if (::pipe2(exec_error, O_CLOEXEC) != 0) return system_error("pipe", errno);
  UniqueFd error_read(exec_error[0]);
  UniqueFd error_write(exec_error[1]);

  const pid_t pid = ::fork();
  if (pid < 0) return system_error("fork", errno);
  if (pid == 0) {
    go_write.reset();  // or the recorder's death would go unnoticed
    child_main(arguments, go_read.get(), error_write.get());
  }
  Command command;
  command.pid_ = pid;
  command.pidfd_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  command.go_ = std::move(go_write);
  command.exec_error_ = std::move(error_read);
  return command;
}

// The child belongs to one object only: the other one's end must not wait for it.
Command::Command(Command&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      started_(other.started_),
      reaped_(other.reaped_),
      pidfd_(std::move(other.pidfd_)),
      go_(std::move(other.go_)),
      exec_error_(std::move(other.exec_error_)) {}

Command::~Command() {
  go_.reset();
  if (pid_ > 0 && !started_ && !reaped_) wait();
}

int Command::start() {
  const char byte = 1;
  started_ = true;
  [[maybe_unused]] const ssize_t written = ::write(go_.get(), &byte, 1);
  go_.reset();
  int error = 0;
  ssize_t n = 0;
  do {
    n = ::read(exec_error_.get(), &error, sizeof(error));
  } while (n < 0 && errno == EINTR);
  exec_error_.reset();
  if (n != static_cast<ssize_t>(sizeof(error))) return 0;
  wait();
  return error;
}

bool Command::poll_exit(int& wait_status) {
  if (reaped_) return false;
  if (::waitpid(pid_, &wait_status, WNOHANG) != pid_) return false;
  reaped_ = true;
  return true;
}

int Command::wait() {
  int status = 0;
  while (!reaped_) {
    const pid_t got = ::waitpid(pid_, &status, 0);
    if (got < 0 && errno == EINTR) continue;
    reaped_ = true;
  }
  return status;
}

void Command::send_signal(int signal) const {
  if (!reaped_) ::kill(pid_, signal);
}

}  // namespace reperf::record
