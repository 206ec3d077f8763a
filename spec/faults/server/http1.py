"""HTTP/1.1 of the hostile server: reads requests as they should be, and answers
as the fault says that stands in the path."""
import re
import time
from urllib.parse import parse_qsl, urlsplit

import hub
from hub import BODY, CLOSE, CUT, HUB, RESET, STALL
from wire import Gone

LENGTH = b"Content-Length: %d\r\n"


class Exchange:
    def __init__(self, wire, head):
        self.wire = wire
        line, *lines = head[:-4].decode("latin-1").split("\r\n")
        self.method, target, _ = line.split(" ")
        url = urlsplit(target)
        # Through a proxy the whole URL comes: an origin behind it may say to
        # the client whatever the proxy could.
        self.name = url.path.strip("/").split("/")[0]
        self.query = dict(parse_qsl(url.query))
        self.id = self.query.get("id", "")
        self.headers = {}
        for each in lines:
            name, _, value = each.partition(":")
            self.headers[name.lower()] = value.strip()
        self.send = wire.send
        self.early = hub.is_early(hub.HTTP1, self.name)

    def body_pieces(self):
        if self.headers.get("transfer-encoding") == "chunked":
            while True:
                line = self.wire.until(b"\r\n")
                size = int(re.fullmatch(rb"([0-9A-Fa-f]+)\r\n", line)[1], 16)
                data = self.wire.exactly(size + 2)
                if size == 0:
                    return
                yield data[:-2]
        left = int(self.headers.get("content-length", "0"))
        while left > 0:
            data = self.wire.take(min(left, 65536))
            left -= len(data)
            yield data

    def has_body(self):
        return ("transfer-encoding" in self.headers
                or self.headers.get("content-length", "0") != "0")

    def read_body(self):
        if not self.has_body():
            return
        if "expect" in self.headers and not self.early:
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        check = hub.Check()
        wanted = int(self.query.get("up", "0"))
        try:
            for data in self.body_pieces():
                check.add(data)
            HUB.uploaded(self.id, check, wanted)
        except Gone:
            # Who goes in the middle has sent a part of it, and nothing else.
            if not check.right:
                HUB.uploaded(self.id, check, wanted)
            raise

    def head(self, headers=b"", status=b"200 OK"):
        self.send(b"HTTP/1.1 " + status + b"\r\n" + headers + b"\r\n")

    def answer(self, body=BODY, headers=b"", status=b"200 OK"):
        """An answer as it should be."""
        self.head(LENGTH % len(body) + headers, status)
        if self.method != "HEAD":
            self.send(body)

    def end(self, how):
        """Ends the connection as one of the words of hub says."""
        if how == CLOSE:
            self.wire.close()
        elif how == CUT:
            self.wire.cut()
            self.wire.close()
        elif how == RESET:
            # RST throws away what the client has not read yet.
            time.sleep(0.05)
            self.wire.reset()
        elif how == STALL:
            self.wire.stall()
            self.wire.reset()


def from_answer(x, answer):
    status, headers, body = answer(x.query)
    lines = b"".join(b"%s: %s\r\n" % pair for pair in headers)
    x.answer(body, lines, status)


def good(x):
    """What a request of no fault gets: who it is, and what was seen of `of`."""
    report = "good %s %s cookie %s\n" % (
        x.id, HUB.report(x.query.get("of", "")), x.headers.get("cookie", "none"))
    x.answer(report.encode())


def serve_one(x):
    name = x.name
    if name == "good":
        x.read_body()
        return good(x)
    if name == "open":
        return x.answer(b"%d\n" % HUB.open)
    if name == "ended":
        HUB.ended(x.query["of"]).wait(10)
        return x.answer()
    HUB.saw(x.id)
    try:
        misbehave(x, name)
    finally:
        x.wire.delivered()
        HUB.ended(x.id).set()


def misbehave(x, name):
    handler = hub.HTTP1.get(name)
    if not x.early:
        x.read_body()
    if handler:
        handler(x)
    elif name in hub.SAID:
        data, then = hub.SAID[name]
        x.send(data)
        x.end(then)
    elif name in hub.ANSWERS:
        from_answer(x, hub.ANSWERS[name])
    elif name in hub.HTTP2:
        # One who was told to come back with HTTP/1.1.
        x.answer()
    else:
        x.answer(b"no such fault: %s\n" % name.encode(), status=b"404 Not Found")


def serve(wire):
    """Requests, one after the other, until somebody ends the connection."""
    try:
        while not wire.ended:
            try:
                head = wire.until(b"\r\n\r\n")
            except Gone:
                return
            serve_one(Exchange(wire, head))
    except Gone:
        pass
