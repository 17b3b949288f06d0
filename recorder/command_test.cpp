// The command: exit codes, quoting, and that it waits until it is told to go.
#include "recorder/command.h"

#include <sys/wait.h>

#include <cerrno>
#include <csignal>

#include <gtest/gtest.h>

namespace reperf::record {
namespace {

constexpr int status_of_exit(int code) { return code << 8; }

TEST(ExitCode, FromWaitStatus) {
  EXPECT_EQ(exit_code_of(status_of_exit(0)), 0);
  EXPECT_EQ(exit_code_of(status_of_exit(7)), 7);
  EXPECT_EQ(exit_code_of(SIGKILL), 128 + SIGKILL);
}

TEST(ExitCode, FromExecError) {
  EXPECT_EQ(exit_code_of_exec_error(ENOENT), kExitNotFound);
  EXPECT_EQ(exit_code_of_exec_error(EACCES), kExitCannotRun);
}

TEST(QuoteCommand, ReadsBackInAShell) {
  EXPECT_EQ(quote_command({"perf", "stat", "-e", "a,b"}), "perf stat -e a,b");
  EXPECT_EQ(quote_command({"sh", "-c", "echo $x; ls"}), "sh -c 'echo $x; ls'");
  EXPECT_EQ(quote_command({"echo", "", "it's"}), "echo '' 'it'\\''s'");
}

TEST(Command, RunsToItsEnd) {
  Result<Command> command = Command::fork_waiting({"sh", "-c", "exit 5"});
  ASSERT_TRUE(command.ok());
  int status = 0;
  EXPECT_FALSE(command->poll_exit(status));
  EXPECT_EQ(command->start(), 0);
  EXPECT_EQ(exit_code_of(command->wait()), 5);
}

TEST(Command, NotFound) {
  Result<Command> command = Command::fork_waiting({"/nonexistent/command"});
  ASSERT_TRUE(command.ok());
  EXPECT_EQ(command->start(), ENOENT);
}

TEST(Command, NeverStartedGoesAway) {
  pid_t pid = 0;
  {
    Result<Command> command = Command::fork_waiting({"sh", "-c", "exit 5"});
    ASSERT_TRUE(command.ok());
    Command moved(std::move(*command));
    pid = moved.pid();
  }
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

}  // namespace
}  // namespace reperf::record
