"""What the Python clients share: the command line, what counts, and the line
of JSON, which is that of tally.c."""

import argparse
import json
import resource
import sys
import time

WARM_UP = 0.3
SAMPLE = 16         # one in so many requests is timed
CHUNK = 65536


def options_read(client):
    parser = argparse.ArgumentParser(prog=client)
    parser.add_argument("--url", required=True)
    for name in ("connections", "requests", "inflight", "length", "buffer"):
        parser.add_argument("--" + name, type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--save")
    for name in ("insecure", "http2", "bare", "stream"):
        parser.add_argument("--" + name, action="store_true")
    options = parser.parse_args()
    closed = options.connections and (options.seconds is None) != (options.requests is None)
    alone = not (options.connections or options.seconds or options.requests)
    if not (closed if not options.inflight else alone):
        parser.error("either --connections with --seconds or --requests, or --inflight")
    return options


def peak_kb(pid="self"):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0


def percentile(values, share):
    values = sorted(values)
    return values[min(int(share * len(values)), len(values) - 1)] * 1000 if values else None


def result_print(client, requests, errors, seconds, cpu, user, rss_kb, latency):
    each = max(requests, 1)
    p50, p99 = percentile(latency, 0.50), percentile(latency, 0.99)
    print(json.dumps({
        "client": client, "requests": requests, "errors": errors, "seconds": round(seconds, 4),
        "rate": round(requests / seconds, 1), "cpu_us_per_request": round(cpu * 1e6 / each, 2),
        "user_us_per_request": round(user * 1e6 / each, 2), "max_rss_kb": rss_kb,
        "p50_ms": p50, "p99_ms": p99}))
    sys.exit(1 if errors else 0)


class Load:
    """Closed loop or all at once, for an asyncio client: `perform` fetches
    once and returns status and length."""

    def __init__(self, client, options, perform):
        self.client, self.options, self.perform = client, options, perform
        self.expected, self.requests, self.errors = options.length, 0, 0
        self.left = options.inflight or options.requests or float("inf")
        self.measuring, self.turn, self.latency = False, 0, []

    def failed(self, reason):
        self.errors += 1
        if self.errors == 1:
            print(f"{self.client}: {reason}", file=sys.stderr)

    async def one(self):
        self.turn += 1
        started = time.monotonic() if self.turn % SAMPLE == 1 else None
        try:
            status, length = await self.perform()
        except Exception as error:          # whatever it is, the row has failed
            self.failed(f"{type(error).__name__}: {error}")
            return
        if self.expected is None:
            self.expected = length
        if status != 200 or length != self.expected:
            self.failed(f"status {status}, {length} bytes")
        elif self.measuring:
            self.requests += 1
            if started:
                self.latency.append(time.monotonic() - started)

    async def worker(self):
        while self.left > 0:
            self.left -= 1
            await self.one()

    def open(self):
        self.measuring, self.began = True, time.monotonic()
        self.usage = resource.getrusage(resource.RUSAGE_SELF)

    def close(self):
        usage = resource.getrusage(resource.RUSAGE_SELF)
        self.took = time.monotonic() - self.began
        self.user = usage.ru_utime - self.usage.ru_utime
        self.cpu = self.user + usage.ru_stime - self.usage.ru_stime
        self.measuring, self.left = False, 0

    async def run(self):
        import asyncio
        if not self.options.seconds:
            self.open()
        count = self.options.inflight or self.options.connections
        tasks = [asyncio.ensure_future(self.worker()) for _ in range(count)]
        if self.options.seconds:
            await asyncio.sleep(WARM_UP)
            self.open()
            await asyncio.sleep(self.options.seconds)
            self.close()
        await asyncio.gather(*tasks)
        if not self.options.seconds:
            self.close()

    def print(self):
        result_print(self.client, self.requests, self.errors, self.took, self.cpu, self.user,
                     peak_kb(), self.latency)
