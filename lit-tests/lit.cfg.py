# How lit runs the golden tests; `tools/run-lit` starts it with the parameters below.
#
#   reperf     the program under test
#   filecheck  LLVM's FileCheck
#   output     a folder for scratch files
#
# Substitutions: %reperf, %at VERSIONS PREFIXES %s and %finds_at (see lit-tests/at),
# %pinned (compare stdin with a block of this test, see lit-tests/pinned),
# %FileCheck, %golden (the folder of captured logs), %tools, and lit's own %s %S %t %T.
import os
import shlex
import sys

import lit.formats

config.name = "reperf"
config.test_source_root = os.path.dirname(os.path.abspath(__file__))
config.test_exec_root = lit_config.params["output"]
config.suffixes = [".test", ".rptxt"]
config.excludes = ["Inputs"]

# RUN lines are bash: what a test says can be pasted into a shell.
config.test_format = lit.formats.ShTest(execute_external=True)
lit_config.bashPath = os.path.join(config.test_source_root, "timed-bash")

root = os.path.dirname(config.test_source_root)
reperf = os.path.abspath(lit_config.params["reperf"])
filecheck = lit_config.params["filecheck"]
pinned = os.path.join(config.test_source_root, "pinned")
python = shlex.quote(sys.executable)
at = shlex.quote(os.path.join(config.test_source_root, "at"))
check_pinned = f"{python} {shlex.quote(pinned)} --filecheck {shlex.quote(filecheck)}"

config.substitutions += [
    ("%at", f"{at} clean {shlex.quote(reperf)} {shlex.quote(filecheck)}"),
    ("%finds_at", f"{at} finds {shlex.quote(reperf)} {shlex.quote(filecheck)}"),
    ("%reperf", shlex.quote(reperf)),
    ("%pinned", f"{check_pinned} %s"),
    ("%check_pinned", check_pinned),
    ("%FileCheck", shlex.quote(filecheck)),
    ("%golden", shlex.quote(os.path.join(root, "traces", "golden"))),
    ("%tools", shlex.quote(os.path.join(root, "tools"))),
    ("%python", python),
]

# The same everywhere: no locale, no leftovers of the caller's environment.
config.environment["LC_ALL"] = "C"
for name in ("HOME", "REPERF_TEST_SECONDS"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

# Features of the machine are found by tools/run-lit, which also says why one is absent.
config.available_features |= set(filter(None, lit_config.params["features"].split(",")))

lit_config.parallelism_groups["live"] = 1
