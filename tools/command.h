// The command `reperf`: one file a subcommand, in the manner of git and perf.
//
// Each subcommand's file defines one add_*() function, which describes its options to CLI11 and
// sets a callback that does the work and leaves its exit code in Outcome. main.cpp calls them in
// the order of `reperf --help`.
//
// Data goes to stdout, everything else to stderr. Exit codes: 0 fine, 1 a finding or a mismatch,
// 2 bad usage, unreadable input, or a machine that cannot do it; `record -- CMD` exits as CMD did.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "traces/result.h"

namespace reperf::tools {

inline constexpr int kExitFine = 0;
inline constexpr int kExitFinding = 1;
inline constexpr int kExitError = 2;

struct Outcome {
  int exit_code = kExitFine;
};

void add_record(CLI::App& app, Outcome& outcome);
void add_info(CLI::App& app, Outcome& outcome);
void add_dis(CLI::App& app, Outcome& outcome);
void add_as(CLI::App& app, Outcome& outcome);
void add_replay(CLI::App& app, Outcome& outcome);
void add_check(CLI::App& app, Outcome& outcome);
void add_diff(CLI::App& app, Outcome& outcome);
void add_matrix(CLI::App& app, Outcome& outcome);
void add_golden(CLI::App& app, Outcome& outcome);
void add_versions(CLI::App& app, Outcome& outcome);

// Prints one line on stderr: "FILE:LINE:COLUMN: WHAT" for a text position, else
// "reperf: FILE: WHAT". Returns kExitError.
int fail(const Error& error);
// All of them, in order.
int fail(const std::vector<Error>& errors);

// Writes to stdout, all of it. A closed pipe (| head) ends the program quietly, a full disk is an
// error line; either way nothing more can be said, so this does not return then.
void write_stdout(std::string_view text);

}  // namespace reperf::tools
