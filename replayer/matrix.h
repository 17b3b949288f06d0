// Many logs at many versions: where does something change, where is a finding?
//
// A cell is one replay, reduced to two digests and its findings. Two cells are the same when their
// runs had the same steps, the same answers of calls and the same final state; a change of answers
// is what a program can see. A row is computed cell by cell; nothing of a run is kept.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/versions/series.h"
#include "traces/source.h"

namespace reperf::replay {

struct MatrixCell {
  std::uint64_t digest = 0;           // of the transcript: steps and final state
  std::uint64_t answers = 0;          // of the calls' answers and when they came
  std::vector<std::string> findings;  // "livelock in read at ...", each once, in order
  std::string error;                  // this version cannot follow the scenario: why
};

struct MatrixRow {
  std::string file;
  std::string unreadable;  // why; no cells then
  std::vector<MatrixCell> cells;
};

struct Matrix {
  std::vector<const core::VersionInfo*> versions;  // in the order of the series
  std::vector<MatrixRow> rows;
};

// Replays all of `source`. A scenario that does not fit the version (nothing is held where it
// resumes) gives a cell with an error; a log that cannot be read is the Result's error.
// Preconditions: the version can be made, machine_problem(source.header()) is empty.
[[nodiscard]] Result<MatrixCell> run_cell(const core::VersionInfo& version, log::Source& source,
                                          const std::string& name);

// A table with a legend, and what was found below it; and the same as one JSON object.
[[nodiscard]] std::string format_matrix(const Matrix& matrix);
[[nodiscard]] std::string format_matrix_json(const Matrix& matrix);

}  // namespace reperf::replay
