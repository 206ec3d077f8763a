"""Faults of HTTP/1.1 that take doing: slowness, floods, bytes while idle,
answers that do not wait."""
import time

import hub
from hub import BODY, CUT, HTTP1, RESET, http1, on_connect
from said import CHUNKED, END, LAST, OK, REST, chunk

SECOND = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"


def whole(body=BODY, status=b"200 OK", headers=b""):
    return (b"HTTP/1.1 " + status + b"\r\nContent-Length: %d\r\n" % len(body)
            + headers + b"\r\n" + body)


def flood(x, piece, seconds=15, rate=25e6):
    """The same bytes again and again until the client has enough, at a rate
    that leaves the machine to others."""
    start, sent = time.monotonic(), 0
    while time.monotonic() - start < seconds:
        x.send(piece)
        sent += len(piece)
        time.sleep(max(0, sent / rate - (time.monotonic() - start)))


# Slowly.

def drip(name, data, size):
    def act(x):
        for start in range(0, len(data), size):
            x.send(data[start:start + size])
            time.sleep(0.002)
    HTTP1[name] = act


drip("trickle", whole(), 40)
drip("trickle-chunks", CHUNKED + chunk(BODY) + LAST, 41)


@http1()
def trickle_head(x):
    """A byte at a time, in the header block alone."""
    for i in OK + b"X: 1\r\n":
        x.send(bytes([i]))
        time.sleep(0.003)
    x.send(REST)


def slow(name, before, piece):
    """Never done with what stands before the body."""
    def act(x):
        x.send(before)
        for _ in range(200):
            x.send(piece)
            time.sleep(0.05)
    HTTP1["slow-" + name] = act


slow("head", OK + b"X-Slow: ", b"x")
slow("lines", OK, b"X-Slow: 1\r\n")
slow("interim", b"", b"HTTP/1.1 102 Processing\r\n\r\n")


@http1()
def slow_body(x):
    x.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    for i in range(200):
        x.send(BODY[i:i + 1])
        time.sleep(0.05)


@http1()
def late_answer(x):
    time.sleep(0.2)
    x.answer()


@http1()
def late_body(x):
    """The body comes in two halves, some time after the headers."""
    x.head(b"Content-Length: %d\r\n" % len(BODY))
    for half in BODY[:1600], BODY[1600:]:
        time.sleep(0.1)
        x.send(half)


# Without end.

def endless(name, before, piece, rate=25e6):
    def act(x):
        x.send(before)
        flood(x, piece, rate=rate)
    HTTP1["endless-" + name] = act


FIELDS = b"X-Fill: %s\r\n" % (b"x" * 1000) * 50
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: <%s>\r\n\r\n" % (b"x" * 1000) * 50

endless("head", OK, FIELDS)
endless("line", OK + b"X-Long: ", b"x" * 50000)
endless("status", b"HTTP/1.1 200 ", b"x" * 50000)
endless("interim", b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2000)
endless("hints", b"", HINTS)
endless("blank-lines", b"", b"\r\n" * 20000)
endless("junk", b"", b"\0\xff" * 20000)
endless("body", OK + b"\r\n", BODY * 80)
endless("chunks", CHUNKED, chunk(BODY * 80))
endless("tiny-chunks", CHUNKED, b"1\r\n0\r\n" * 8000, rate=5e6)
endless("extension", CHUNKED + b"5;a=", b"x" * 50000)
endless("size", CHUNKED, b"0" * 50000)
endless("trailers", END, FIELDS)
endless("trailer", END + b"X-Long: ", b"x" * 50000)


# On a connection where nobody asked.

def idle(name, then):
    def act(x):
        x.answer()
        time.sleep(0.05)
        then(x)
    HTTP1["idle-" + name] = act


TIMEOUT = whole(b"late\n", b"408 Request Timeout", b"Connection: close\r\n")

idle("answer", lambda x: x.send(SECOND))
idle("408", lambda x: (x.send(TIMEOUT), x.wire.close()))
idle("junk", lambda x: x.send(b"\0"))
idle("crlf", lambda x: x.send(b"\r\n"))
idle("close", lambda x: x.wire.close())
idle("cut", lambda x: x.end(CUT))


@http1()
def idle_reset(x):
    x.answer()
    x.end(RESET)


@http1()
def idle_after_204(x):
    x.send(b"HTTP/1.1 204 No Content\r\n\r\n")
    time.sleep(0.05)
    x.send(SECOND)


@http1()
def half_closed(x):
    """A whole answer and FIN, but what the client says is read on."""
    x.answer()
    x.end(CUT)


@http1()
def dies_at_reuse(x):
    """The next request on this connection is read and gets nothing."""
    x.answer()
    x.wire.until(b"\r\n\r\n")
    x.end(RESET)


@on_connect("http", "tls", "proxy")
def answer_before_request(wire):
    """An answer as soon as the connection stands, another to the request."""
    wire.send(whole(b"before\n"))
    wire.until(b"\r\n\r\n")
    wire.send(whole())
    wire.close()


@on_connect("http", "tls", "proxy")
def greeting_before_request(wire):
    wire.send(b"220 mail.example ESMTP\r\n")
    wire.drain(5)


@on_connect("http", "tls", "h2", "proxy")
def closed_at_connect(wire):
    wire.close()


@on_connect("http", "tls", "h2", "proxy")
def reset_at_connect(wire):
    wire.reset()


# Uploads that are not waited for.

@http1(early=True)
def early_413_close(x):
    """Answers and closes with the body unread: RST may pass the answer."""
    x.answer(b"too large\n", b"Connection: close\r\n", b"413 Content Too Large")
    x.wire.cut()
    x.wire.reset()


@http1(early=True)
def early_413_linger(x):
    x.answer(b"too large\n", b"Connection: close\r\n", b"413 Content Too Large")
    x.wire.close()


@http1(early=True)
def early_413_keep(x):
    """Answers, and takes the rest of the body later."""
    x.answer(b"too large\n", b"", b"413 Content Too Large")
    x.read_body()


@http1(early=True)
def early_200(x):
    x.answer()
    x.read_body()


@http1(early=True)
def early_reset(x):
    x.end(RESET)


@http1(early=True)
def early_reset_in_body(x):
    if x.has_body():
        x.wire.take(1000)
    x.end(RESET)


@http1(early=True)
def early_close(x):
    x.wire.ended = True
    x.wire.sock.close()


@http1(early=True)
def early_redirect(x):
    x.answer(b"", b"Location: /good?id=moved\r\nConnection: close\r\n", b"303 See Other")
    x.wire.close()


@http1(early=True)
def unread(x):
    """Neither read nor answered."""
    # What fills the buffers keeps the client's end from coming through.
    time.sleep(1.3)
    x.wire.drain()


@http1(early=True)
def slow_reader(x):
    if x.has_body():
        time.sleep(0.2)
    x.read_body()
    x.answer()


@http1(early=True)
def half_answer_while_sending(x):
    """Half of the answer before the body, half after it."""
    data = whole()
    x.send(data[:300])
    x.read_body()
    x.send(data[300:])


@http1()
def restart(x):
    """The server goes, with all connections, and is back a little later."""
    hub.RESTART(x.wire)
