"""The cases: what each measures, how it is run, and the columns it prints."""

import os
import subprocess
import time

from .clients import can
from .common import BODY, Failure, environment, files_needed, pinned
from .kinds import KINDS, run_kind
from .measure import client_run, rounds_of, watch_idle
from .running import base_arguments, with_folder, with_nginx
from .servers import GIB, H2Slow, Slow

INFLIGHT_BASE = 1000

CASES = {
    "h1-c1": {"about": "HTTP/1.1, 1 KiB, 1 connection", "kind": "loop", "connections": 1,
              "needs": {"h1"}},
    "h1-c100": {"about": "HTTP/1.1, 1 KiB, 100 connections", "kind": "loop",
                "connections": 100, "needs": {"h1"}},
    "h1-c1000": {"about": "HTTP/1.1, 1 KiB, 1,000 connections", "kind": "loop",
                 "connections": 1000, "needs": {"h1"}},
    "h2-c100": {"about": "HTTP/2 over TLS, 1 KiB, 100 streams", "kind": "loop",
                "connections": 100, "tls": True, "http2": True, "needs": {"h2"}},
    "tls-c100": {"about": "HTTP/1.1 over TLS, 1 KiB, 100 connections", "kind": "loop",
                 "connections": 100, "tls": True, "needs": {"tls"}},
    "tls-new": {"about": "a new TLS connection for each request, 20 at once, the system's "
                         "authorities", "kind": "fresh", "connections": 20, "tls": True,
                "needs": {"fresh"}},
    "body-1g-stream": {"about": "1 GiB, each chunk looked at", "kind": "body",
                       "needs": {"stream"}},
    "body-1g-save": {"about": "1 GiB, saved to a file", "kind": "body", "save": True,
                     "needs": {"save"}},
    "inflight-10000": {"about": "10,000 slow requests at once, HTTP/1.1", "kind": "inflight",
                       "inflight": 10000, "delay_ms": 5000, "needs": {"inflight"}},
    "inflight-19000": {"about": "19,000 slow requests at once, HTTP/1.1", "kind": "inflight",
                       "inflight": 19000, "delay_ms": 10000, "needs": {"inflight"}},
    "h2-cold-1000": {"about": "1,000 fetches at once to a cold HTTP/2 host", "kind": "cold",
                     "inflight": 1000, "delay_ms": 100, "needs": {"h2", "inflight"}},
    "h2-cold-10000": {"about": "10,000 fetches at once to a cold HTTP/2 host", "kind": "cold",
                      "inflight": 10000, "delay_ms": 100, "needs": {"h2", "inflight"}},
    "h2-50000": {"about": "50,000 HTTP/2 transfers in flight, each body verified",
                 "kind": "held", "inflight": 50000, "needs": {"numbered"}},
    "idle-10000": {"about": "10,000 long polls that nothing happens to", "kind": "idle",
                   "inflight": 10000, "needs": {"inflight"}},
    "parked-100000": {"about": "100,000 tasks that wait: one woken, one cancelled",
                      "kind": "parked", "parked": 100000, "needs": {"parked"}},
    "million": {"about": "1,000,000 requests in one process, 100 connections", "kind": "million",
                "connections": 100, "requests": 1000000, "needs": {"samples"},
                "by_name_only": True},
}
CASES.update({f"kind-{name}": {"about": kind.about, "kind": "kinds", "request": name,
                               "needs": {"kinds"}} for name, kind in KINDS.items()})


def run_loop(name, case, commands, settings):
    def inside(nginx):
        arguments = base_arguments(settings, case, nginx.url(case.get("tls"), "1k")) + [
            "--connections", str(case["connections"]), "--seconds", str(settings.seconds)]
        return rounds_of(commands, settings.rounds, name, lambda _, command: client_run(
            command, arguments, settings.client_core, settings.seconds + 60))
    return with_nginx(settings, inside)


# Where Debian has the authorities that the system trusts.
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"


def run_fresh(name, case, commands, settings):
    """What a connection costs, and how long the loop stands still for it."""
    def inside(nginx):
        bundle = os.path.join(nginx.folder.path, "bundle.pem")
        with open(bundle, "wb") as file:
            for path in (AUTHORITIES, nginx.folder.certificate()[0]):
                with open(path, "rb") as part:
                    file.write(part.read())
        arguments = ["--url", nginx.url(True, "1k"), "--length", str(BODY), "--ca", bundle,
                     "--fresh", "--connections", str(case["connections"]),
                     "--seconds", str(settings.seconds)]
        return rounds_of(commands, settings.rounds, name, lambda _, command: client_run(
            command, arguments, settings.client_core, settings.seconds + 60))
    if not os.path.exists(AUTHORITIES):
        raise Failure(f"{AUTHORITIES} is not there: apt-get install ca-certificates")
    return with_nginx(settings, inside)


def run_body(name, case, commands, settings):
    def inside(nginx):
        path = os.path.join(nginx.folder.path, "saved")
        how = ["--save", path] if case.get("save") else ["--stream"]
        arguments = base_arguments(settings, case, nginx.url(False, "1g"), GIB) + [
            "--connections", "1", "--requests", "1", *how]

        def measure(_, command):
            record = client_run(command, arguments, settings.client_core, 120)
            if "failed" not in record:
                record["mb_per_s"] = GIB / 1e6 / record["seconds"]
                record["cpu_s"] = record["cpu_us_per_request"] / 1e6
                if case.get("save") and os.path.getsize(path) != GIB:
                    record["failed"] = f"the file has {os.path.getsize(path)} bytes"
            if os.path.exists(path):
                os.unlink(path)
            return record
        return rounds_of(commands, settings.rounds, name, measure)
    return with_nginx(settings, inside)


def at_once(settings, case, base, count):
    return base_arguments(settings, case, base + "/") + ["--inflight", str(count)]


def inflight_run(command, server, count, seconds, settings, case):
    server.peak(reset=True)
    record = client_run(command, at_once(settings, case, server.base, count),
                        settings.client_core, seconds)
    record["peak"] = server.peak(reset=True)
    if "failed" not in record and record["peak"] != count:
        record["failed"] = f"only {record['peak']} of {count} were in flight at once"
    return record


def run_inflight(name, case, commands, settings):
    """Each run is preceded by one of 1,000: the slope between their peak
    memories is what one more request costs."""
    count, base_delay_ms, servers = case["inflight"], 1000, []

    def measure(_, command):
        base = inflight_run(command, servers[0], INFLIGHT_BASE, 60, settings, case)
        if "failed" in base:
            return {"failed": f"at {INFLIGHT_BASE}: {base['failed']}"}
        record = inflight_run(command, servers[1], count, 120 + case["delay_ms"] / 1000,
                              settings, case)
        return with_slope(record, base, count, case["delay_ms"])

    try:
        for delay_ms in (base_delay_ms, case["delay_ms"]):
            servers.append(Slow(settings.server_core, delay_ms))
        return rounds_of(commands, settings.rounds, name, measure)
    finally:
        for server in servers:
            server.close()


def with_slope(record, base, count, delay_ms):
    record["base"] = base
    if "failed" not in record:
        record["beyond_s"] = record["seconds"] - delay_ms / 1000
        record["cpu_s"] = record["cpu_us_per_request"] * record["requests"] / 1e6
        record["kb_each"] = ((record["max_rss_kb"] - base["max_rss_kb"])
                             / (count - INFLIGHT_BASE))
    return record


def run_cold(name, case, commands, settings):
    """A host that no client knows yet, and so many fetches at once."""
    count = case["inflight"]
    case = {**case, "tls": True, "http2": True}

    def inside(folder):
        server = H2Slow(folder, settings.server_core, delay_ms=case["delay_ms"])

        def measure(_, command):
            server.counts()
            record = client_run(command, at_once(settings, case, server.base, count),
                                settings.client_core, 120)
            record.update(server.counts())
            if "failed" not in record:
                record["cpu_s"] = record["cpu_us_per_request"] * record["requests"] / 1e6
            return record
        try:
            return rounds_of(commands, settings.rounds, name, measure)
        finally:
            server.close()
    return with_folder(inside)


# The least that multisock lets HTTP/2 have before libcurl 8.1, which may write past
# a smaller one.
HELD_BUFFER = 16384


def run_held(name, case, commands, settings):
    """The server answers nobody until all are there, and then all."""
    count = case["inflight"]
    case = {**case, "tls": True, "http2": True}
    servers = []

    def one(client, command, server, count):
        arguments = at_once(settings, case, server.base, count) + [
            "--numbered", "--buffer", str(HELD_BUFFER)]
        if client == "book":
            # Without a limit it opens a connection for most of them, and
            # there are not so many open files.
            arguments += ["--host-connections", str(count // 100)]
        server.counts()
        record = client_run(command, arguments, settings.client_core, 180)
        record.update(server.counts())
        if "failed" not in record and record["peak"] != count:
            record["failed"] = f"only {record['peak']} of {count} were in flight at once"
        return record

    def measure(client, command):
        base = one(client, command, servers[0], INFLIGHT_BASE)
        if "failed" in base:
            return {"failed": f"at {INFLIGHT_BASE}: {base['failed']}"}
        return with_slope(one(client, command, servers[1], count), base, count, 0)

    def inside(folder):
        try:
            for hold in (INFLIGHT_BASE, count):
                servers.append(H2Slow(folder, settings.server_core, hold=hold))
            return rounds_of(commands, settings.rounds, name, measure)
        finally:
            for server in servers:
                server.close()
    return with_folder(inside)


def run_idle(name, case, commands, settings):
    """Long polls that wait for an answer that does not come while we watch."""
    count, seconds = case["inflight"], max(settings.seconds, 5)
    server = Slow(settings.server_core, 600000)

    def settle(process):
        deadline = time.monotonic() + 60
        while server.peak() < count:
            if process.poll() is not None:
                return f"it ended with status {process.returncode}"
            if time.monotonic() > deadline:
                return f"only {server.peak()} of {count} arrived"
            time.sleep(0.1)
        time.sleep(2)
        return None

    def measure(_, command):
        server.peak(reset=True)
        line = pinned(settings.client_core,
                      [*command, *at_once(settings, case, server.base, count)])
        process = subprocess.Popen(line, env=environment(), stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        try:
            reason = settle(process)
            if reason:
                return {"failed": reason}
            return {**watch_idle(process.pid, seconds), "seconds": seconds}
        finally:
            process.kill()
            process.wait()
            time.sleep(1)       # until the server has closed them

    try:
        return rounds_of(commands, settings.rounds, name, measure)
    finally:
        server.close()


def run_parked(name, case, commands, settings):
    def measure(_, command):
        parked = [*command[:-1], command[-1].replace("multisock.lua", "parked.lua")]
        few = client_run(parked, ["1000"], settings.client_core, 120)
        if "failed" in few:
            return few
        many = client_run(parked, [str(case["parked"])], settings.client_core, 120)
        return many if "failed" in many else {**many, "few": few}
    return rounds_of(commands, settings.rounds, name, measure)


def run_million(name, case, commands, settings):
    def inside(nginx):
        arguments = base_arguments(settings, case, nginx.url(False, "1k")) + [
            "--connections", str(case["connections"]), "--samples", "10",
            "--requests", str(case["requests"])]
        return rounds_of(commands, 1, name, lambda _, command: client_run(
            command, arguments, settings.client_core, 600))
    return with_nginx(settings, inside)


RUNS = {"loop": run_loop, "fresh": run_fresh, "body": run_body, "inflight": run_inflight,
        "cold": run_cold, "held": run_held, "idle": run_idle, "parked": run_parked,
        "million": run_million, "kinds": run_kind}


def case_run(name, commands, settings):
    """The records of every client that can do it, by client."""
    case = CASES[name]
    usable = {client: command for client, command in commands.items()
              if can(client, case["needs"])}
    if not usable:
        return {}
    reason = None
    if case["kind"] in ("inflight", "idle"):
        reason = files_needed(case["inflight"])
    if reason is None:
        try:
            return RUNS[case["kind"]](name, case, usable, settings)
        except Failure as failure:
            reason = "not possible: " + str(failure).splitlines()[0]
    return {client: [{"impossible": reason, "round": 0}] for client in usable}
