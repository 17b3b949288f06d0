// A whole recording, from the options to the finished log.
#pragma once

#include "recorder/options.h"
#include "traces/result.h"

namespace reperf::record {

// Records as asked and returns the exit code of the program:
//   with a command   the command's own (128 + signal when killed); 127 or 126 when it could not
//                    be started, and then no log is left behind
//   without          0, whether Ctrl-C or the end of the -p process ended it
// An Error means that there is no complete log (what was written before a full disk stays in
// OUTPUT.partial); the command, once started, has run to its end by then all the same.
//
// An existing log is kept as OUTPUT.old. Reports on stderr; stdout is never touched, unless the
// output is "-". Takes SIGINT, SIGTERM and SIGHUP for itself until it returns. Must be called
// while the process has one thread only (it forks).
Result<int> record(const Options& options);

}  // namespace reperf::record
