"""The load through the curl command. It has no window of time: for --seconds
so many requests are made as a short run says that take as long. The process
start counts. See support.py."""

import os
import subprocess
import time

from support import options_read, peak_kb, result_print

options = options_read("curl")


def run(count):
    """Seconds, CPU, user time, peak memory, and how many were wrong."""
    command = ["curl", "-q", "-s", "--noproxy", "*", "-w", "%{http_code} %{size_download}\n",
               "--http2" if options.http2 else "--http1.1"]
    if options.insecure:
        command.append("-k")
    if count > 1:
        # libcurl's pool has room for each of them: at most 300 at once.
        command += ["--parallel", "--parallel-max", str(min(options.connections, 300))]
    target = options.url + (f"?[1-{count}]" if count > 1 else "")
    command += ["-o", options.save or "/dev/null", target]
    before, began = os.times(), time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        answers, peak = {}, 0
        for i, line in enumerate(process.stdout):
            answers[line] = answers.get(line, 0) + 1
            if i % 256 == 0:
                peak = peak_kb(process.pid) or peak
    took, after = time.monotonic() - began, os.times()
    user = after.children_user - before.children_user
    cpu = user + after.children_system - before.children_system
    expected = options.length if options.length is not None else 1024
    return took, cpu, user, peak, count - answers.get(f"200 {expected}\n", 0)


amount = options.requests
if not amount:
    amount = max(int(2000 / run(2000)[0] * options.seconds), 100)
seconds, cpu_s, user_s, peak, wrong = run(amount)
result_print("curl", amount - wrong, wrong, seconds, cpu_s, user_s, peak, [])
