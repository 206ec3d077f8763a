"""What does not depend on how busy the machine is: system calls and user
instructions per request, from the difference of two runs."""

import collections
import os
import subprocess
import tempfile

from .common import BODY, Failure, environment, run_quiet
from .measure import perf_count, tracepoints_missing

# Late answers come in one batch, and so does the work on them: the counts of
# two runs differ by less than a percent.
CONNECTIONS = 50
DELAY_MS = 100
FEW, MANY = 500, 1500


def arguments(url, connections, requests, kind, bare):
    line = ["--url", url, "--length", str(BODY), "--connections", str(connections),
            "--requests", str(requests), "--kind", kind]
    return line + ["--bare"] if bare else line


def run_counted(command):
    # Not at random addresses: Lua's hashes are seeded with them.
    fixed = ["setarch", "-R", *command]
    try:
        done = subprocess.run(fixed, env=environment(), text=True, capture_output=True,
                              timeout=300, check=False)
    except FileNotFoundError as error:
        raise Failure(f"{error.filename} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise Failure(f"no result after 300 s: {' '.join(command)}") from error
    if done.returncode:
        raise Failure(f"status {done.returncode}: {done.stderr.strip()[-300:]}")
    return done.stderr


def syscalls(command, url, connections, few=FEW, many=MANY, kind="plain",
             bare=False):
    """System calls per request, counted by the kernel."""
    def total(requests):
        text = run_counted(["perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter", *command,
                            *arguments(url, connections, requests, kind, bare)])
        count = perf_count(text)
        if count is None:
            raise Failure("perf counted nothing")
        return count
    reason = tracepoints_missing()
    if reason:
        raise Failure(reason)
    return (total(many) - total(few)) / (many - few)


def instructions(command, url, connections=CONNECTIONS, few=FEW, many=MANY,
                 kind="plain", bare=False):
    """User instructions per request, counted by callgrind."""
    return sum(shares(command, url, connections, few, many, kind, bare).values())


def shares(command, url, connections=CONNECTIONS, few=FEW, many=MANY, kind="plain", bare=False):
    """The same for each library."""
    def total(requests):
        with tempfile.TemporaryDirectory() as folder:
            out = os.path.join(folder, "out")
            run_counted(["valgrind", "--tool=callgrind", "--callgrind-out-file=" + out,
                         *command, *arguments(url, connections, requests, kind, bare)])
            with open(out, encoding="utf-8", errors="replace") as file:
                return libraries(file)
    run_quiet(["valgrind", "--version"])
    before, after = total(few), total(many)
    return {name: (count - before[name]) / (many - few) for name, count in after.items()}


def libraries(lines):
    """The instructions of each object file, from what callgrind wrote: the cost of
    a call, which is in the line behind it, is the callee's."""
    counts, names = collections.Counter(), {}
    current, called = None, False
    for line in lines:
        if line.startswith(("ob=", "cob=")):
            number, _, name = line.partition("=")[2].strip().partition(" ")
            name = names.setdefault(number, os.path.basename(name))
            if line.startswith("ob="):
                current = name
        elif line.startswith("calls="):
            called = True
        elif line.startswith("totals: ") and sum(counts.values()) != int(line.split()[1]):
            raise Failure("what callgrind wrote was misread")
        elif line[0] in "0123456789+-*":
            if not called:
                counts[current] += int(line.split()[1])
            called = False
    if not counts:
        raise Failure("callgrind said nothing")
    return counts
