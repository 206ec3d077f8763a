"""Running one client once, and all of them round after round."""

import json
import os
import shutil
import subprocess
import time

from .common import environment, pinned, say


def client_run(command, arguments, core, seconds):
    """One run; the client's record, or one with the reason of the failure."""
    line = pinned(core, [*command, *arguments])
    with subprocess.Popen(line, env=environment(), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            output, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return {"failed": f"no result after {seconds:.0f} s"}
        except BaseException:
            process.kill()
            raise
    return record_of(output, errors, process.returncode)


def record_of(output, errors, status):
    lines = errors.strip().splitlines()
    reason = lines[0] if lines else "no reason given"
    try:
        record = json.loads(output)
    except ValueError:
        return {"failed": f"exit status {status}: {reason}"}
    if record.get("errors"):
        record["failed"] = f"{record['errors']} errors: {reason}"
    elif status:
        record["failed"] = f"exit status {status}: {reason}"
    elif not record.get("requests", True):
        record["failed"] = "no request was finished"
    return record


def rounds_of(commands, rounds, name, measure):
    """Runs every client once a round, each round from another start, so that
    a machine that changes its speed does so for all of them. A client that
    failed is not tried again."""
    records = {client: [] for client in commands}
    names = list(commands)
    for turn in range(rounds):
        shift = turn % len(names)
        for client in names[shift:] + names[:shift]:
            if any("failed" in record for record in records[client]):
                continue
            say(f"{name} round {turn + 1}/{rounds}: {client}")
            record = measure(client, commands[client])
            record["round"] = turn
            records[client].append(record)
    return records


def tracepoints_missing():
    """Why the kernel does not count system calls for us, or None."""
    if not shutil.which("perf"):
        return "perf is not installed (apt-get install linux-perf)"
    done = subprocess.run(["perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter", "true"],
                          text=True, capture_output=True, check=False)
    if done.returncode or not perf_count(done.stderr):
        return "the kernel does not let this user count system calls (perf_event_paranoid)"
    return None


def perf_count(text):
    """The number in perf's line of comma separated values, or None."""
    for line in text.splitlines():
        fields = line.split(",")
        if len(fields) > 2 and "raw_syscalls" in fields[2] and fields[0].isdigit():
            return int(fields[0])
    return None


def switches(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        for line in file:
            if line.startswith("voluntary_ctxt_switches"):
                return int(line.split()[1])
    return 0


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def watch_idle(pid, seconds):
    """Wake-ups and system calls of a process that has nothing to do."""
    before, cpu = switches(pid), cpu_seconds(pid)
    syscalls = None
    if tracepoints_missing() is None:
        done = subprocess.run(
            ["perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter", "-p", str(pid),
             "sleep", str(seconds)], text=True, capture_output=True, check=False)
        syscalls = perf_count(done.stderr)
        if syscalls is None and "not counted" in done.stderr:
            syscalls = 0        # nothing of it ran
    else:
        time.sleep(seconds)
    return {"wakeups": switches(pid) - before, "syscalls": syscalls,
            "cpu_ms": (cpu_seconds(pid) - cpu) * 1000}
