// The command to record: forked early, started late.
//
// It is forked before the recorder opens anything, so that nothing leaks into it, and waits on a
// pipe until everything is attached. It runs as the user who invoked sudo, environment kept.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "recorder/system.h"
#include "traces/result.h"

namespace reperf::record {

inline constexpr int kExitCannotRun = 126;  // found, but could not be executed
inline constexpr int kExitNotFound = 127;   // as env, nohup and the shells have it

// The exit code for a wait status: the command's own, or 128 + the signal that killed it.
int exit_code_of(int wait_status);

// The exit code for a command that could not be started with this errno.
int exit_code_of_exec_error(int error_number);

// The command line quoted so that a shell reads the same arguments.
std::string quote_command(const std::vector<std::string>& arguments);

class Command {
 public:
  // Forks. Precondition: `arguments` is not empty; signals that the caller wants to take itself
  // are blocked already (the child unblocks everything).
  static Result<Command> fork_waiting(const std::vector<std::string>& arguments);

  Command(Command&& other) noexcept;
  Command& operator=(Command&&) = delete;
  // A command that was never started goes away; a started one is left alone.
  ~Command();

  [[nodiscard]] pid_t pid() const { return pid_; }
  // Readable when the command has ended; -1 on kernels that cannot tell.
  [[nodiscard]] int pidfd() const { return pidfd_.get(); }

  // Lets it run. Returns 0, or the errno of execvp() (or of becoming the user); then the child is
  // gone and reaped.
  int start();

  // Whether it has ended; then `wait_status` is set and it is reaped.
  bool poll_exit(int& wait_status);
  // Waits for the end.
  int wait();
  void send_signal(int signal) const;

 private:
  Command() = default;

  pid_t pid_ = -1;
  bool started_ = false;
  bool reaped_ = false;
  UniqueFd pidfd_;
  UniqueFd go_;          // closing it without a word makes the child exit
  UniqueFd exec_error_;  // the child writes its errno; closed by a successful exec
};

}  // namespace reperf::record
