"""The kinds of requests, and the server that each is asked of."""

from .servers import Slow

LATE_MS = 2

# Name: what it is, what it needs of server/slow.c, and of nginx.
KINDS = {
    "plain": ("`client:get(url)`", {}, "1k"),
    "client-timeout": ("a client with `timeout = 120`", {}, "1k"),
    "first-byte": ("a client with `timeout = {first_byte = 120}`", {}, "1k"),
    "distinct": ("another URL each time: `url .. \"?n=\" .. i`", {}, "1k"),
    "timeout": ("`client:get(url, {timeout = 30})`", {}, "1k"),
    "header": ("`{headers = {[\"X-Request-Id\"] = \"abc\"}}`", {}, "1k"),
    "query": ("`{query = {page = 2}}`", {}, "1k"),
    "post": ("`client:post(url, {body = \"hello\"})`", {}, "headers-5"),
    "api": ("API call: POST with `json`, `timeout = 30`, two headers", {}, "headers-5"),
    "late": (f"a body that comes {LATE_MS} ms after its headers", {"late_ms": LATE_MS}, None),
    "answer-5": ("plain, an answer with 5 headers", {"headers": 5}, "headers-5"),
    "look-5": ("the same, and `response.headers[\"content-type\"]`", {"headers": 5}, "headers-5"),
    "answer-30": ("plain, an answer with 30 headers", {"headers": 30}, "headers-30"),
    "look-30": ("the same, and `response.headers[\"content-type\"]`", {"headers": 30},
                "headers-30"),
    "status-text": ("plain, and `response.status_text`", {}, "1k"),
}


def about(kind):
    return KINDS[kind][0]


class Late:
    """Answers after a delay, as each kind needs it: one server for each need."""

    def __init__(self, core, delay_ms):
        self.core, self.delay_ms, self.servers = core, delay_ms, {}

    def url(self, kind):
        needs = tuple(KINDS[kind][1].items())
        if needs not in self.servers:
            self.servers[needs] = Slow(self.core, self.delay_ms, **dict(needs))
        return self.servers[needs].base + "/"

    def close(self):
        for server in self.servers.values():
            server.close()


def fast_url(kind, nginx, late, tls=False):
    """Where it is answered as fast as can be: by nginx, but for late bodies."""
    path = KINDS[kind][2]
    return nginx.url(tls, path) if path else late.url(kind)
