// `reperf golden update`: rewrites the transcripts that pinned tests hold.
//
// For each pinned test it runs the test's own RUN lines and puts what they print into the test's
// CHECK lines (golden_file.h has the form). Intent tests are left alone, a file with neither
// marker is refused. Running it twice changes nothing the second time.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>

#include "tools/command.h"
#include "tools/golden_file.h"

#include <fmt/format.h>

namespace reperf::tools {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::vector<std::string> paths;
  std::string program;  // empty: the one that runs now
};

struct Tally {
  std::size_t pinned = 0;
  std::size_t updated = 0;
  std::size_t intent = 0;
};

Error environment(std::string what, std::string file = {}) {
  return Error{ErrorKind::environment, std::move(what), std::move(file), 0, 0};
}

struct Ran {
  int status = 0;  // as the shell's $?
  std::string output;
};

Result<std::string> read_all(int fd) {
  std::string text;
  char buffer[65536];
  for (;;) {
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n == 0) return text;
    if (n > 0) {
      text.append(buffer, static_cast<std::size_t>(n));
    } else if (errno != EINTR) {
      return environment(fmt::format("read from a pipe: {}", std::strerror(errno)));
    }
  }
}

// Runs a RUN line the way lit does (bash, pipefail); its stderr is ours.
Result<Ran> run_shell(const std::string& command) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    return environment(fmt::format("pipe: {}", std::strerror(errno)));
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  const char* const argv[] = {"bash", "-o", "pipefail", "-c", command.c_str(), nullptr};
  // reperf ignores SIGPIPE (main.cpp); a RUN line such as `... | head -1` must not inherit that.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  pid_t pid = 0;
  const int failure =
      ::posix_spawnp(&pid, "bash", &actions, &attributes, const_cast<char* const*>(argv), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  ::close(ends[1]);
  if (failure != 0) {
    ::close(ends[0]);
    return environment(fmt::format("bash: {}", std::strerror(failure)));
  }
  Result<std::string> output = read_all(ends[0]);
  ::close(ends[0]);
  int wait_status = 0;
  while (::waitpid(pid, &wait_status, 0) < 0 && errno == EINTR) {
  }
  if (!output) return output.take_error();
  const int status =
      WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
  return Ran{status, std::move(*output)};
}

Result<std::string> read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (!in.is_open() || in.bad()) return environment("cannot be read", path.string());
  return text;
}

// By way of a second file, so that an interrupted update leaves the old test or the new one.
Result<void> write_file(const fs::path& path, const std::string& text) {
  fs::path next = path;
  next += ".partial";
  {
    std::ofstream out(next, std::ios::binary | std::ios::trunc);
    out << text;
    out.close();
    if (!out) return environment("cannot be written", next.string());
  }
  std::error_code code;
  fs::permissions(next, fs::status(path).permissions(), code);
  fs::rename(next, path, code);
  if (code) return environment(code.message(), path.string());
  return {};
}

bool is_test_name(const fs::path& path) {
  return path.extension() == ".test" || path.extension() == ".rptxt";
}

// All tests at or below `path`, sorted. Folders named Inputs hold what tests use, not tests.
Result<std::vector<fs::path>> find_tests(const fs::path& path) {
  std::error_code code;
  const fs::file_status status = fs::status(path, code);
  if (!fs::exists(status)) return environment("no such file or directory", path.string());
  if (!fs::is_directory(status)) return std::vector<fs::path>{path};
  std::vector<fs::path> tests;
  fs::recursive_directory_iterator at(path, code);
  const fs::recursive_directory_iterator end;
  while (!code && at != end) {
    if (at->is_directory() && at->path().filename() == "Inputs") at.disable_recursion_pending();
    if (at->is_regular_file() && is_test_name(at->path())) tests.push_back(at->path());
    at.increment(code);
  }
  if (code) return environment(code.message(), path.string());
  std::sort(tests.begin(), tests.end());
  return tests;
}

// What the RUN lines of `test` may use; the same names as in lit-tests/lit.cfg.py.
Substitutions substitutions_for(const fs::path& test, const std::string& program,
                                const fs::path& scratch) {
  const fs::path absolute = fs::absolute(test);
  fs::path root = absolute.parent_path();
  while (root.has_relative_path() && !fs::exists(root / "traces" / "golden")) {
    root = root.parent_path();
  }
  return {{"%reperf", program},
          {"%golden", (root / "traces" / "golden").string()},
          {"%S", absolute.parent_path().string()},
          {"%s", absolute.string()},
          {"%t", (scratch / "t").string()}};
}

// Runs the RUN lines and rewrites the blocks of `file`. Returns what changed, a line each.
Result<std::string> rewrite(GoldenFile& file, const Substitutions& substitutions) {
  Result<std::vector<RunLine>> runs = run_lines(file);
  if (!runs) return runs.take_error();
  const auto at_run = [&file](const RunLine& run, std::string what) {
    return Error{ErrorKind::input, std::move(what), file.name, run.line, 1};
  };
  std::string changes;
  std::vector<std::pair<std::string, std::string>> transcripts;  // prefix, text
  for (const RunLine& run : *runs) {
    Result<std::string> command = substitute(run.command, substitutions);
    if (!command) return at_run(run, command.error().what);
    Result<Ran> ran = run_shell(*command);
    if (!ran) return ran.take_error();
    if (ran->status != 0) return at_run(run, fmt::format("exit code {}", ran->status));
    if (run.prefix.empty()) continue;
    const auto same = std::find_if(transcripts.begin(), transcripts.end(),
                                   [&run](const auto& t) { return t.first == run.prefix; });
    if (same != transcripts.end()) {
      if (same->second == ran->output) continue;
      return at_run(run, fmt::format("prints another transcript than an earlier RUN line with the "
                                     "prefix {}: give it a prefix of its own",
                                     run.prefix));
    }
    Result<std::vector<std::string>> block = check_block(run.prefix, ran->output);
    if (!block) return at_run(run, block.error().what);
    const Replaced replaced = replace_block(file, run.prefix, *block);
    if (replaced.changed) {
      changes += fmt::format("updated {}: {} ({} -> {} lines)\n", file.name, run.prefix,
                             replaced.lines_before, block->size());
    }
    transcripts.emplace_back(run.prefix, std::move(ran->output));
  }
  if (transcripts.empty()) {
    return Error{ErrorKind::input, "a pinned test without a RUN line 'COMMAND | %pinned PREFIX'",
                 file.name, 1, 1};
  }
  return changes;
}

Result<void> update_one(const fs::path& path, const std::string& program, const fs::path& scratch,
                        Tally& tally) {
  Result<std::string> text = read_file(path);
  if (!text) return text.take_error();
  GoldenFile file = parse_golden(path.string(), *text);
  if (file.marker == Marker::none) {
    return Error{ErrorKind::input, "the first line is neither '# pinned' nor '# intent'", file.name,
                 1, 1};
  }
  if (file.marker == Marker::intent) {
    ++tally.intent;
    return {};
  }
  ++tally.pinned;
  Result<std::string> changes = rewrite(file, substitutions_for(path, program, scratch));
  if (!changes) return changes.take_error();
  if (changes->empty()) return {};
  REPERF_TRY(write_file(path, golden_text(file)));
  ++tally.updated;
  write_stdout(*changes);
  return {};
}

// A folder for %t that goes away with the run.
class Scratch {
 public:
  Scratch() {
    std::string name = (fs::temp_directory_path() / "reperf-golden-XXXXXX").string();
    if (::mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~Scratch() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

int update(const Options& options) {
  const Scratch scratch;
  if (scratch.path().empty()) return fail(environment("no temporary directory"));
  std::string program = options.program;
  if (program.empty()) {
    std::error_code code;
    program = fs::read_symlink("/proc/self/exe", code).string();
    if (code) return fail(environment(code.message(), "/proc/self/exe"));
  }

  std::vector<Error> errors;
  Tally tally;
  for (const std::string& path : options.paths) {
    Result<std::vector<fs::path>> tests = find_tests(path);
    if (!tests) {
      errors.push_back(tests.take_error());
      continue;
    }
    for (const fs::path& test : *tests) {
      Result<void> done = update_one(test, program, scratch.path(), tally);
      if (!done) errors.push_back(done.take_error());
    }
  }
  write_stdout(fmt::format("{} pinned, {} updated, {} intent left alone\n", tally.pinned,
                           tally.updated, tally.intent));
  return errors.empty() ? kExitFine : fail(errors);
}

}  // namespace

void add_golden(CLI::App& app, Outcome& outcome) {
  CLI::App* golden = app.add_subcommand("golden", "Refresh golden tests.");
  golden->require_subcommand(1);
  CLI::App* command =
      golden->add_subcommand("update", "Rewrite the transcripts that pinned tests hold.");
  const auto options = std::make_shared<Options>();
  options->paths = {"lit-tests"};
  command->add_option("path", options->paths, "Tests, or folders of them (default: lit-tests)");
  command->add_option("--reperf", options->program, "The program that %reperf stands for");
  command->callback([options, &outcome] { outcome.exit_code = update(*options); });
}

}  // namespace reperf::tools
