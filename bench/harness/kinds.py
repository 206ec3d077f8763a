"""The kinds of requests, the server that each is asked of, and their case."""

from typing import NamedTuple

from .common import BODY, Failure
from .measure import client_run, rounds_of
from .running import base_arguments, with_nginx
from .servers import Slow

LATE_MS = 2


class Kind(NamedTuple):
    about: str
    path: str = "slow/"     # of nginx; below slow/ it asks server/slow.c, which
                            # alone answers late, and reads what is posted
    slow: dict = {}         # options of that


KINDS = {
    "plain": Kind("`client:get(url)`", "1k"),
    "client-timeout": Kind("a client with `timeout = 120`", "1k"),
    "first-byte": Kind("a client with `timeout = {first_byte = 120}`", "1k"),
    "distinct": Kind("another URL each time: `url .. \"?n=\" .. i`", "1k"),
    "timeout": Kind("`client:get(url, {timeout = 30})`", "1k"),
    "header": Kind("`{headers = {[\"X-Request-Id\"] = \"abc\"}}`", "1k"),
    "query": Kind("`{query = {page = 2}}`", "1k"),
    "post": Kind("`client:post(url, {body = \"hello\"})`"),
    "api": Kind("API call: POST with `json`, `timeout = 30`, two headers"),
    "api-jar": Kind("the same, of a client with a cookie jar that sends one"),
    "api-all": Kind("the same, with `retry` and `throttle`, too"),
    "late": Kind(f"a body that comes {LATE_MS} ms after its headers",
                 slow={"late_ms": LATE_MS}),
    "answer-5": Kind("an answer with 5 headers", "headers-5", {"headers": 5}),
    "look-5": Kind("the same, and `response.headers[\"content-type\"]` of 5", "headers-5",
                   {"headers": 5}),
    "answer-30": Kind("an answer with 30 headers", "headers-30", {"headers": 30}),
    "look-30": Kind("the same, and `response.headers[\"content-type\"]` of 30", "headers-30",
                    {"headers": 30}),
    "status-text": Kind("plain, and `response.status_text`", "1k"),
}
# `all` is each of them.
NAMES = [*KINDS, "all"]


def named(names):
    return list(KINDS) if "all" in names else names


class Slows:
    """server/slow.c with a delay: one server for each kind of answer. A late body is
    as late as its answer, or it would be there before a client under callgrind looks."""

    def __init__(self, core, delay_ms):
        self.core, self.delay_ms, self.servers = core, delay_ms, {}

    def server(self, kind):
        needs = {name: max(value, self.delay_ms) if name == "late_ms" else value
                 for name, value in KINDS[kind].slow.items()}
        needs = tuple(needs.items())
        if needs not in self.servers:
            self.servers[needs] = Slow(self.core, self.delay_ms, **dict(needs))
        return self.servers[needs]

    def url(self, kind):
        return self.server(kind).base + "/"

    def close(self):
        for server in self.servers.values():
            server.close()


def proxied(kind):
    return KINDS[kind].path == "slow/"


def prompt_url(kind, nginx, prompt, tls=False):
    """Where it is answered as fast as can be; `prompt` is Slows without delay."""
    if proxied(kind) and not tls:
        return prompt.url(kind)
    return nginx.url(tls, KINDS[kind].path)


OVER = {"http": {}, "tls": {"tls": True}, "http2": {"tls": True, "http2": True}}


def run_kind(name, case, commands, settings):
    """The closed loop of one kind of request."""
    if case["request"] == "status-text" and settings.over == "http2":
        raise Failure("HTTP/2 has no text beside the status")
    prompt = Slows(settings.server_core, 0)
    kind = case["request"]
    over = OVER[settings.over]

    def inside(nginx):
        url = prompt_url(kind, nginx, prompt, bool(over))
        arguments = base_arguments(settings, over, url, BODY) + [
            "--kind", kind, "--connections", str(settings.connections),
            "--seconds", str(settings.seconds)]
        return rounds_of(commands, settings.rounds, name, lambda _, command: client_run(
            command, arguments, settings.client_core, settings.seconds + 60))
    try:
        return with_nginx(settings, inside,
                          proxied=prompt.server(kind) if proxied(kind) else None)
    finally:
        prompt.close()
