// The command line of reperf.
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tools/command.h"

#include <fmt/format.h>

#ifndef REPERF_VERSION
#error "REPERF_VERSION comes from the build"
#endif

namespace reperf::tools {

int fail(const Error& error) {
  if (error.line != 0) {
    fmt::print(stderr, "{}:{}:{}: {}\n", error.file, error.line, error.column, error.what);
  } else if (!error.file.empty()) {
    fmt::print(stderr, "reperf: {}: {}\n", error.file, error.what);
  } else {
    fmt::print(stderr, "reperf: {}\n", error.what);
  }
  return kExitError;
}

int fail(const std::vector<Error>& errors) {
  for (const Error& error : errors) fail(error);
  return kExitError;
}

void write_stdout(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(STDOUT_FILENO, text.data(), text.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      // The reader went away (| head): what git does is end without a word.
      if (errno == EPIPE) std::_Exit(128 + SIGPIPE);
      fail(Error{ErrorKind::environment, fmt::format("write: {}", std::strerror(errno)), "stdout",
                 0, 0});
      std::_Exit(kExitError);
    }
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace reperf::tools

int main(int argc, char** argv) {
  using namespace reperf::tools;
  // A closed stdout is an error that write() reports, not a signal in the middle of a recording.
  std::signal(SIGPIPE, SIG_IGN);

  CLI::App app{"Record and replay what drives the kernel's perf_events core.", "reperf"};
  app.set_version_flag("--version", "reperf " REPERF_VERSION);
  app.require_subcommand(1);
  app.failure_message([](const CLI::App*, const CLI::Error& e) {
    return fmt::format("reperf: {} (see reperf --help)\n", e.what());
  });
  Outcome outcome;
#define REPERF_COMMAND(name) add_##name(app, outcome);
#include "tools/commands.def"
#undef REPERF_COMMAND
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? kExitFine : kExitError;
  }
  return outcome.exit_code;
}
