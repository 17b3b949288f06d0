#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Records real workloads and compares the log with what the machine itself counted.

usage: live_test.py REPERF WORKLOAD [--rounds N] [NAME...]

Needs root, BPF and (for the perf cases) the perf tool. Prints "SKIP: reason" and exits 77 when
it cannot run, 1 on a failure, 0 when every case that could run has passed.
"""
import concurrent.futures
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SKIP = 77
LINE = re.compile(r"\s*(\d+) \[(---|\d+)\]\s+(\d+) (\w+)(.*)")


class Record:
    def __init__(self, match):
        self.time = int(match[1])
        self.cpu = None if match[2] == "---" else int(match[2])
        self.tid = int(match[3])
        self.kind = match[4]
        self.args = dict(re.findall(r"(\w+)=((?:\{[^}]*\})|\S+)", match[5]))

    def __repr__(self):
        return f"{self.time} [{self.cpu}] {self.tid} {self.kind} {self.args}"


class Rig:
    def __init__(self, reperf, workload):
        self.reperf, self.workload = reperf, workload
        self.dir = tempfile.mkdtemp(prefix="reperf-live-")
        self.log = os.path.join(self.dir, "t.rplog")

    def record(self, command, *options, **more):
        argv = [self.reperf, "record", "-o", self.log, *options]
        if command:
            argv += ["--", *command]
        return subprocess.run(argv, capture_output=True, text=True, timeout=120, **more)

    def records(self, path=None):
        done = subprocess.run([self.reperf, "dis", path or self.log], capture_output=True,
                              text=True, timeout=120)
        matches = (LINE.match(line) for line in done.stdout.splitlines())
        return [Record(m) for m in matches if m]

    def run_workload(self, *arguments, options=()):
        done = self.record([self.workload, *arguments], *options)
        if done.returncode == SKIP:
            skip("perf_event_open is refused here")
        check(done.returncode == 0, f"exit code {done.returncode}: {done.stderr}")
        told = [line.split() for line in done.stdout.splitlines()]
        return {name: int(value) for name, value in told}, self.records()


def skip(reason):
    print(f"SKIP: {reason}")
    sys.exit(SKIP)


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def of_kind(records, *kinds):
    return [r for r in records if r.kind in kinds]


def check_pairs(records):
    """Every call returns, in its own thread, before that thread calls again."""
    inside = {}
    for r in records:
        if r.kind in ("perf_event_open", "ioctl", "read", "close"):
            check(r.tid not in inside, f"call inside a call: {r}")
            inside[r.tid] = r
        elif r.kind.endswith("_ret"):
            call = inside.pop(r.tid, None)
            check(call is not None and call.kind + "_ret" == r.kind, f"orphan return: {r}")
    check(not inside, f"no return: {inside}")


def check_released(records):
    opened = [r.args["event"] for r in of_kind(records, "perf_event_open_ret")
              if "event" in r.args]
    released = [r.args["event"] for r in of_kind(records, "release")]
    check(sorted(opened) == sorted(released), f"opened {opened}, released {released}")


def check_chain(records):
    """With every switch recorded, next of one is prev of the next on that CPU (PRED-61).

    A machine may have tasks that emit no trace events (PRED-26): a break is excused when the task
    that vanished is never seen to leave any CPU.
    """
    running = {}
    leave = {r.tid for r in of_kind(records, "sched_switch")}
    for r in of_kind(records, "sched_switch"):
        before = running.get(r.cpu)
        check(before is None or before == r.tid or before not in leave,
              f"chain of CPU {r.cpu} breaks at {r}")
        running[r.cpu] = int(r.args["next"])


def predict(records, root):
    """Context switches and migrations of root's tree, by PRED-25 and PRED-27."""
    active, moved, switches, migrations = set(), set(), 0, 0
    for r in records:
        if r.kind == "sched_process_exec" and r.tid == root:
            active.add(root)
        elif r.kind == "sched_process_fork" and r.tid in active:
            active.add(int(r.args["child"]))
        elif r.kind == "sched_process_exit":
            active.discard(r.tid)
        elif r.kind == "sched_migrate_task" and r.args["orig_cpu"] != r.args["dest_cpu"]:
            moved.add(int(r.args["task"]))
        elif r.kind == "sched_switch":
            switches += r.tid in active
            came = int(r.args["next"])
            migrations += came in moved and came in active
            moved.discard(came)
    return switches, migrations


def arrivals_unseen(records, root):
    """Tasks of the tree that run on a CPU where no switch brought them.

    Every switch to a task with events is recorded, unless it leaves a task that emits no trace
    events (PRED-26): then counts are bounds, not exact (PRED-61).
    """
    where, unseen = {}, set()
    for r in records:
        if r.kind == "sched_process_exec" and r.tid == root:
            where[root] = r.cpu
        elif r.kind == "sched_process_fork" and r.tid in where:
            where[int(r.args["child"])] = None
        elif r.tid in where and where[r.tid] != r.cpu:
            unseen.add(r.tid)
        if r.kind == "sched_process_exit":
            where.pop(r.tid, None)
        elif r.kind == "sched_switch" and int(r.args["next"]) in where:
            where[int(r.args["next"])] = r.cpu
    return unseen


def test_perf_stat(rig):
    """The recorded switches and migrations of the tree are perf's own counts, exactly."""
    if not shutil.which("perf"):
        return "no perf tool"
    done = rig.record(["perf", "stat", "-x,", "-e",
                       "context-switches,cpu-migrations,task-clock,page-faults", "--", "sh", "-c",
                       "for i in 1 2 3 4 5; do /bin/true; done"])
    check(done.returncode == 0, done.stderr)
    counted = {f[2]: f[0] for f in (l.split(",") for l in done.stderr.splitlines()) if len(f) > 5}
    records = rig.records()
    opens = of_kind(records, "perf_event_open_ret")
    check(len(opens) == 4, f"{len(opens)} opens")
    root = int(opens[0].args["target"])
    expected = (int(counted["context-switches"]), int(counted["cpu-migrations"]))
    unseen = arrivals_unseen(records, root)
    if unseen:
        print(f"note: {sorted(unseen)} came from tasks that emit no trace events")
    else:
        check(predict(records, root) == expected, f"log {predict(records, root)}, perf {expected}")
    check_pairs(records)
    check_released(records)
    check(not of_kind(records, "lost"), "records were lost")
    check(records[-1].kind == "finish", "no finish record")
    return None


def test_inherit(rig):
    told, records = rig.run_workload("inherit")
    on = of_kind(records, "ioctl_ret")[0]
    off = of_kind(records, "ioctl")[1]
    begin, end = records.index(on), records.index(off)
    active, switches = {on.tid}, 0
    for r in records[begin:end]:
        if r.kind == "sched_process_fork":
            active.add(int(r.args["child"]))
        elif r.kind == "sched_process_exit":
            active.discard(r.tid)
        elif r.kind == "sched_switch":
            switches += r.tid in active
    check(switches == told["switches"], f"log {switches}, counter {told['switches']}")
    check_pairs(records)
    check_released(records)


def test_cold_attr(rig):
    """An attr that was not in memory is there all the same, and stands at the entry."""
    told, records = rig.run_workload("cold-attr")
    opened = of_kind(records, "perf_event_open")
    check(len(opened) == 1 and "config=context-switches" in opened[0].args["attr"],
          f"attr not recorded: {opened}")
    check(opened[0].args.get("attr_source") == "exit", f"attr came at the entry: {opened[0]}")
    ret = of_kind(records, "perf_event_open_ret")
    check(int(ret[0].args["event"]) == told["event"], "wrong event id")
    check_pairs(records)


def test_release(rig):
    """Who dropped the last reference."""
    told, records = rig.run_workload("release")
    by = {int(r.args["event"]): r.args.get("by", "close") for r in of_kind(records, "release")}
    expected = {"close": "close", "dup2": "other", "close_range": "other", "munmap": "other",
                "exec": "other", "exit": "exit"}
    for how, what in expected.items():
        check(by.get(told[how]) == what, f"{how}: {by.get(told[how])}, not {what}")
    check(len(by) == len(expected), f"releases: {by}")
    # Between close and its return: perf_release() runs inside close(2) since 6.6.
    i = next(i for i, r in enumerate(records)
             if r.kind == "release" and int(r.args["event"]) == told["close"])
    check(records[i - 1].kind == "close" or records[i + 1].kind == "close_ret",
          "release is not beside its close")
    check_pairs(records)


def test_snapshot(rig):
    """A process that was there before: its events, its group, and its end by -p."""
    other = subprocess.Popen([rig.workload, "hold"], stdout=subprocess.PIPE, text=True)
    leader = int(other.stdout.readline().split()[1])
    member = int(other.stdout.readline().split()[1])
    try:
        recorder = subprocess.Popen([rig.reperf, "record", "-o", rig.log, "-p", str(other.pid)],
                                    stderr=subprocess.PIPE, text=True)
        time.sleep(1.0)
    finally:
        other.kill()
    other.wait()
    _, text = recorder.communicate(timeout=20)
    check(recorder.returncode == 0, text)
    records = rig.records()
    events = {int(r.args["event"]): r for r in of_kind(records, "snapshot_event")}
    check(leader in events and member in events, f"snapshot has {list(events)}")
    check(events[leader].tid == other.pid, f"{events[leader]}")
    check(events[member].args["leader"] == events[leader].args["object"], "group is wrong")
    check(int(events[leader].args["time_enabled"]) > 0, "no totals")
    check(len(of_kind(records, "read")) > 100, "its reads are missing")
    check(records[-1].args.get("reason") == "target_exited", f"{records[-1]}")
    check(sorted(int(r.args["event"]) for r in of_kind(records, "release")) ==
          sorted([leader, member]), "releases at its exit")


def test_copies(rig):
    """Inherited copies in the snapshot: told after their original, under its id."""
    other = subprocess.Popen([rig.workload, "family"], stdout=subprocess.PIPE, text=True)
    event = int(other.stdout.readline().split()[1])
    try:
        done = rig.record(["sleep", "0.1"], "-a")
    finally:
        other.kill()
    other.wait()
    check(done.returncode == 0, done.stderr)
    events = [r for r in of_kind(rig.records(), "snapshot_event")
              if int(r.args["event"]) == event]
    check(len(events) == 3, f"{events}")
    check("parent" not in events[0].args, f"{events[0]}")
    original = events[0].args["object"]
    check(all(r.args["parent"] == original for r in events[1:]), f"{events}")
    check(len({r.tid for r in events}) == 3, f"{events}")


def test_all_switches(rig):
    """Every switch: the chain of each CPU is whole."""
    done = rig.record(["sh", "-c", "for i in 1 2 3 4 5 6 7 8; do /bin/true; done"],
                      "--all-switches")
    check(done.returncode == 0, done.stderr)
    records = rig.records()
    check(not of_kind(records, "lost", "filtered"), "something is missing")
    check_chain(records)


def test_lost(rig):
    """What a small ring cannot hold is counted: opens, reads and closes add up."""
    rounds = 20000
    done = rig.record([rig.workload, "storm", str(rounds)], "--ring-size", "64K")
    check(done.returncode == 0, done.stderr)
    records = rig.records()
    calls = [r for r in records if r.kind.split("_ret")[0] in
             ("perf_event_open", "read", "close")]
    lost = sum(int(r.args["count"]) for r in of_kind(records, "lost"))
    check(int(records[-1].args.get("losses", 0)) == lost, "finish does not know the losses")
    # Releases travel in close's return, and other records get lost, too.
    check(abs(len(calls) + lost - 6 * rounds) < 300, f"{len(calls)} calls + {lost} lost")


def test_exit_codes(rig):
    check(rig.record(["sh", "-c", "exit 7"]).returncode == 7, "exit 7")
    check(rig.record(["sh", "-c", "kill -TERM $$"]).returncode == 128 + signal.SIGTERM, "TERM")
    os.unlink(rig.log)
    done = rig.record(["/nonexistent/command"])
    check(done.returncode == 127, f"not found: {done.returncode}")
    check(done.stderr.count("\n") == 1, f"more than one line: {done.stderr}")
    check(rig.record(["/etc/passwd"]).returncode == 126, "not executable")
    left = [f for f in os.listdir(rig.dir) if not f.endswith(".old")]
    check(not left, f"left behind: {left}")


def test_refusals(rig):
    """Each missing prerequisite is one line and exit code 2; the command never starts."""
    mark = os.path.join(rig.dir, "ran")
    command = ["touch", mark]

    def refused(what, done):
        check(done.returncode == 2, f"{what}: exit code {done.returncode}")
        check(done.stderr.count("\n") == 1, f"{what}: {done.stderr}")
        check(not os.path.exists(mark), f"{what}: the command ran")

    refused("no BTF", rig.record(command, env={**os.environ, "REPERF_BTF": "/nonexistent"}))
    refused("no process", rig.record([], "-p", "4194304"))
    done = subprocess.run([rig.reperf, "record", "-o", "/nonexistent/x", "--", *command],
                          capture_output=True, text=True, timeout=60)
    refused("no directory", done)


def test_interrupt(rig):
    """A signal ends command and recording in good order."""
    recorder = subprocess.Popen([rig.reperf, "record", "-o", rig.log, "--", rig.workload, "hold"],
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    time.sleep(1.0)
    recorder.send_signal(signal.SIGINT)
    recorder.communicate(timeout=20)
    check(recorder.returncode == 128 + signal.SIGINT, f"exit code {recorder.returncode}")
    finish = rig.records()[-1]
    check(finish.kind == "finish" and finish.args["reason"] == "interrupted", f"{finish}")


KILLS = 20
KILLED_AT_ONCE = 5


def kill_one(rig, path, delay):
    """Kills a recorder of busy work after `delay` seconds; returns how long before the kill the
    last readable record is, in seconds, and how many records are readable."""
    recorder = subprocess.Popen([rig.reperf, "record", "-o", path, "--", rig.workload, "hold"],
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    recorder.stdout.readline()
    time.sleep(delay)
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(recorder.pid)],
                              capture_output=True, text=True).stdout.split()
    recorder.kill()
    killed = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    recorder.wait()
    for child in children:
        os.kill(int(child), signal.SIGKILL)
    header = subprocess.run([rig.reperf, "dis", path + ".partial"], capture_output=True, text=True,
                            timeout=120).stdout
    base = int(re.search(r"clock_base=(\d+)", header)[1])
    records = rig.records(path + ".partial")
    last = max((r.time for r in records), default=0)
    return (killed - base - last) / 1e9, len(records)


def test_kill(rig):
    """kill -9 of the recorder, 20 times at random moments: what is older than a second is there."""
    moments = random.Random(1)
    with concurrent.futures.ThreadPoolExecutor(KILLED_AT_ONCE) as pool:
        runs = [pool.submit(kill_one, rig, os.path.join(rig.dir, f"kill{i}.rplog"),
                            moments.uniform(0.0, 3.0)) for i in range(KILLS)]
    ages = [run.result() for run in runs]
    worst = max(age for age, _ in ages)
    print(f"     killed {KILLS} times, the last record at most {worst:.2f} s before the kill, "
          f"{sum(n for _, n in ages)} records readable")
    check(worst < 1.0, f"the last record is {worst:.2f} s older than the kill")


def test_disk_full(rig):
    """Recording stops with one line, the command runs on, what was written can be read."""
    mount = os.path.join(rig.dir, "small")
    os.mkdir(mount)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", mount],
                      capture_output=True).returncode != 0:
        return "cannot mount a tmpfs"
    try:
        rig.log = os.path.join(mount, "t.rplog")
        mark = os.path.join(rig.dir, "ran")
        done = rig.record(["sh", "-c", f"{rig.workload} storm 150000; touch {mark}"])
        check(done.returncode == 2, f"exit code {done.returncode}: {done.stderr}")
        check(done.stderr.count("\n") == 1 and "space" in done.stderr, done.stderr)
        check(os.path.exists(mark), "the command did not run to its end")
        check(len(rig.records(rig.log + ".partial")) > 10, "nothing can be read")
    finally:
        rig.log = os.path.join(rig.dir, "t.rplog")
        subprocess.run(["umount", mount], check=True)
    return None


CASES = [test_perf_stat, test_inherit, test_cold_attr, test_release, test_snapshot, test_copies,
         test_all_switches, test_lost, test_exit_codes, test_refusals, test_interrupt, test_kill,
         test_disk_full]


def main():
    arguments = sys.argv[1:]
    rounds = 1
    if "--rounds" in arguments:
        at = arguments.index("--rounds")
        rounds = int(arguments[at + 1])
        del arguments[at:at + 2]
    if len(arguments) < 2:
        sys.exit(__doc__)
    if os.geteuid() != 0:
        skip("recording needs root")
    rig = Rig(os.path.abspath(arguments[0]), os.path.abspath(arguments[1]))
    names = arguments[2:]
    probe = rig.record(["true"])
    if probe.returncode == 2:
        skip(probe.stderr.strip())
    failures = 0
    for case in CASES:
        name = case.__name__[len("test_"):]
        if names and name not in names:
            continue
        for _ in range(rounds):
            try:
                why = case(rig)
            except AssertionError as error:
                failures += 1
                kept = rig.log + f".{name}.failed"
                if os.path.exists(rig.log):
                    shutil.copy(rig.log, kept)
                print(f"FAIL {name}: {error} (log: {kept})")
                break
        else:
            print(f"ok   {name}" + (f" (SKIP: {why})" if why else f" x {rounds}"))
    if not failures:
        shutil.rmtree(rig.dir)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
