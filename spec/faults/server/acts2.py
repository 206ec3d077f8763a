"""Faults of HTTP/2."""
import time

import hub
from http2 import (DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, MORE, PING,
                   PRIORITY, PUSH, RST, SETTINGS, WINDOW, Session, frame, number)
from hub import BODY, HTTP2, http2, on_connect

HALF = BODY[:len(BODY) // 2]
LENGTH = (b"content-length", b"%d" % len(BODY))
CODES = ["no-error", "protocol-error", "internal-error", "flow-control-error",
         "settings-timeout", "stream-closed", "frame-size-error", "refused-stream",
         "cancel", "compression-error", "connect-error", "enhance-your-calm",
         "inadequate-security", "http-1-1-required", "unknown"]


def give(session, data, seconds=8, rate=25e6):
    """A flood: the same frames until the client has enough."""
    start, sent = time.monotonic(), 0
    while time.monotonic() - start < seconds:
        session.wire.send(data)
        sent += len(data)
        time.sleep(max(0, sent / rate - (time.monotonic() - start)))


# RST_STREAM and GOAWAY, of each code and at each place.

def make(code, name):
    def before(_, stream):
        stream.reset(code)

    def in_body(_, stream):
        stream.head()
        stream.data(HALF)
        stream.reset(code)

    def in_length(_, stream):
        stream.head([LENGTH])
        stream.data(HALF)
        stream.reset(code)

    def goaway(session, stream):
        stream.head()
        stream.data(HALF)
        session.goaway(stream.key, code)
        session.wire.close()

    HTTP2["rst-before-" + name] = before
    HTTP2["rst-in-body-" + name] = in_body
    HTTP2["goaway-in-body-" + name] = goaway
    if code == 0:
        HTTP2["rst-in-length-" + name] = in_length


for index, label in enumerate(CODES):
    make(index if label != "unknown" else 0xfffffff0, label)


@http2()
def rst_after_answer(_, stream):
    stream.answer()
    stream.reset(0)


@http2()
def rst_after_answer_cancel(_, stream):
    stream.answer()
    stream.reset(8)


@http2()
def rst_twice(_, stream):
    stream.reset(2)
    stream.reset(2)


@http2()
def refused_once(_, stream):
    if hub.HUB.seen[stream.id] > 1:
        stream.answer()
    else:
        stream.reset(7)


@http2()
def goaway_unprocessed(session, stream):
    session.goaway(max(0, stream.key - 2))
    session.wire.close()


@http2()
def goaway_unprocessed_once(session, stream):
    if hub.HUB.seen[stream.id] > 1:
        stream.answer()
    else:
        session.goaway(max(0, stream.key - 2))
        session.wire.close()


@http2()
def goaway_then_answer(session, stream):
    session.goaway(stream.key)
    stream.answer()


@http2()
def goaway_after_answer(session, stream):
    stream.answer()
    session.goaway(stream.key)
    session.wire.close()


@http2()
def goaway_then_close(session, stream):
    session.goaway(stream.key)
    session.wire.close()


@http2()
def goaway_debug(session, stream):
    session.goaway(stream.key, 11, b"\x1b[31m\0" + b"x" * 16000)
    session.wire.close()


@http2()
def goaway_many(session, stream):
    session.wire.send(frame(GOAWAY, 0, 0, number(0x7fffffff) + number(0)) * 2000)
    stream.answer()


# Ends and silences.

def ends(name, before, how):
    def act(session, stream):
        before(stream)
        if how == "close":
            session.wire.close()
        elif how == "cut":
            session.wire.cut()
            session.wire.close()
        elif how == "reset":
            time.sleep(0.05)
            session.wire.reset()
    HTTP2[how + "-" + name] = act


def nothing(_):
    pass


def after_head(stream):
    stream.head()


def half(stream):
    stream.head()
    stream.data(HALF)


def half_of_length(stream):
    stream.head([LENGTH])
    stream.data(HALF)


def in_frame(stream):
    stream.head()
    stream.session.wire.send(frame(DATA, END_STREAM, stream.key, HALF, len(BODY)))


def in_block(stream):
    block = stream.session.encoder.encode([(b":status", b"200"), (b"a", b"b")])
    stream.session.frame(HEADERS, 0, stream.key, block)


def unended(stream):
    """All of the body, but the end is not said."""
    stream.head()
    stream.data(BODY)


for how in "close", "reset", "stall", "cut":
    for label, before in {
            "before": nothing, "in-block": in_block, "after-head": after_head,
            "in-body": half, "in-length": half_of_length, "in-frame": in_frame,
            "unended": unended}.items():
        ends(label, before, how)


@http2()
def trickle(_, stream):
    stream.head([LENGTH])
    for start in range(0, len(BODY), 40):
        time.sleep(0.002)
        stream.data(BODY[start:start + 40], start + 40 >= len(BODY))


@http2()
def late_answer(_, stream):
    time.sleep(0.2)
    stream.answer()


@http2()
def late_body(_, stream):
    stream.head([LENGTH])
    time.sleep(0.1)
    stream.data(BODY[:1600])
    time.sleep(0.1)
    stream.data(BODY[1600:], True)


@http2()
def slow_body(session, stream):
    stream.head()
    for i in range(200):
        if not stream.gone:
            stream.data(BODY[i:i + 1])
            session.rest(0.05)


# Floods. Each is followed by an answer where the client is to live through it.

@http2()
def flood_settings(session, stream):
    give(session, frame(SETTINGS, 0, 0, b"\0\3\0\0\0\x64") * 1000, 0.5)
    stream.answer()


@http2()
def flood_ping(session, stream):
    give(session, frame(PING, 0, 0, b"12345678") * 1000, 0.5)
    stream.answer()


@http2()
def flood_ack(session, stream):
    session.wire.send((frame(PING, 1, 0, b"12345678")
                       + frame(SETTINGS, 1, 0)) * 5000)
    stream.answer()


@http2()
def flood_window(session, stream):
    session.wire.send((frame(WINDOW, 0, 0, number(1))
                       + frame(WINDOW, 0, stream.key, number(1))) * 10000)
    stream.answer()


@http2()
def flood_priority(session, stream):
    session.wire.send(b"".join(
        frame(PRIORITY, 0, key, number(0) + b"\x10")
        for key in range(1001, 41001, 2)))
    stream.answer()


@http2()
def flood_empty_data(session, stream):
    stream.head()
    give(session, frame(DATA, 0, stream.key) * 2000, 0.5)
    stream.data(BODY, True)


@http2()
def flood_padding(session, stream):
    """Data frames of padding alone: they take of the window, too."""
    stream.head()
    give(session, frame(DATA, 8, stream.key, b"\xff" + bytes(255)) * 100, 0.5)
    stream.data(BODY, True)


@http2()
def flood_rst(session, stream):
    session.wire.send(frame(RST, 0, stream.key, number(2)) * 10000)


@http2()
def flood_unknown(session, stream):
    session.wire.send(frame(0xfa, 0xff, stream.key, b"?" * 100) * 10000)
    stream.answer()


@http2()
def flood_continuation(session, stream):
    """A header block that never ends."""
    block = session.encoder.encode([(b":status", b"200")])
    session.frame(HEADERS, 0, stream.key, block)
    give(session, frame(MORE, 0, stream.key, b"\0\3x-a\x64" + b"b" * 100) * 500)


@http2()
def flood_empty_continuation(session, stream):
    block = session.encoder.encode([(b":status", b"200")])
    session.frame(HEADERS, 0, stream.key, block)
    give(session, frame(MORE, 0, stream.key) * 2000)


@http2()
def flood_push(session, stream):
    """Nobody has allowed pushes (SETTINGS_ENABLE_PUSH is 0)."""
    block = session.encoder.encode([
        (b":method", b"GET"), (b":scheme", b"https"),
        (b":authority", b"localhost"), (b":path", b"/pushed")])
    for key in range(2, 2002, 2):
        session.frame(PUSH, END_HEADERS, stream.key, number(key) + block)
    stream.answer()


@http2()
def flood_interim(session, stream):
    """1xx without end."""
    block = session.encoder.encode([(b":status", b"103"), (b"x-a", b"b" * 1000)])
    give(session, frame(HEADERS, END_HEADERS, stream.key, block) * 50)


@http2()
def flood_trailers(session, stream):
    """Trailers without end."""
    stream.head()
    stream.data(BODY)
    session.frame(HEADERS, END_STREAM, stream.key, b"\0\3x-a\1b")
    give(session, frame(MORE, 0, stream.key, b"\0\3x-a\x64" + b"b" * 100) * 500)


@http2()
def endless_body(session, stream):
    stream.head()
    start = time.monotonic()
    sent = 0
    while not stream.gone and time.monotonic() - start < 15:
        stream.data(BODY * 10)
        sent += len(BODY) * 10
        session.rest(max(0, sent / 25e6 - (time.monotonic() - start)))


# Frames and blocks that break the rules.

def breaks(name, act):
    HTTP2["bad-" + name] = act


def raw(*arguments, answer=True, **named):
    def act(session, stream):
        values = [stream.key if each == "stream" else each for each in arguments]
        session.wire.send(frame(*values, **named))
        if answer:
            stream.answer()
    return act


breaks("frame-size", raw(DATA, 0, "stream", bytes(20000)))
breaks("data-on-0", raw(DATA, 0, 0, b"x"))
breaks("data-before-head", raw(DATA, END_STREAM, "stream", BODY, answer=False))
breaks("data-on-idle", raw(DATA, 0, 99999, b"x"))
breaks("data-padding", raw(DATA, 8, "stream", b"\xff" + b"x" * 9, answer=False))
breaks("headers-on-idle", raw(HEADERS, END_HEADERS, 99999, b"\x88"))
breaks("headers-on-even", raw(HEADERS, END_HEADERS, 2, b"\x88"))
breaks("continuation-alone", raw(MORE, END_HEADERS, "stream", b"\x88"))
breaks("settings-size", raw(SETTINGS, 0, 0, b"12345"))
breaks("settings-on-stream", raw(SETTINGS, 0, "stream", b""))
breaks("settings-window", raw(SETTINGS, 0, 0, b"\0\4\x80\0\0\0"))
breaks("settings-frame", raw(SETTINGS, 0, 0, b"\0\5\0\0\0\0"))
breaks("settings-push", raw(SETTINGS, 0, 0, b"\0\2\0\0\0\1"))
breaks("settings-ack-size", raw(SETTINGS, 1, 0, b"123456"))
breaks("ping-size", raw(PING, 0, 0, b"1"))
breaks("window-0", raw(WINDOW, 0, 0, number(0)))
breaks("window-overflow", raw(WINDOW, 0, 0, number(0x7fffffff)))
breaks("rst-on-0", raw(RST, 0, 0, number(0)))
breaks("rst-on-idle", raw(RST, 0, 99999, number(0)))
breaks("rst-size", raw(RST, 0, "stream", b"x", answer=False))
breaks("goaway-size", raw(GOAWAY, 0, 0, b"1234"))
breaks("unknown-frame", raw(0x77, 0xff, "stream", b"odd"))
breaks("hpack-index", raw(HEADERS, END_HEADERS, "stream", b"\x88\xff\xff\xff\x01", answer=False))
breaks("hpack-cut", raw(HEADERS, END_HEADERS, "stream", b"\x88\x00\x7f", answer=False))
breaks("hpack-huffman", raw(HEADERS, END_HEADERS, "stream", b"\x88\0\x81\xff\1a", answer=False))
breaks("hpack-table", raw(HEADERS, END_HEADERS, "stream", b"\x3f\xff\xff\xff\x0f\x88", answer=False))
breaks("block-mixed", lambda session, stream: session.wire.send(
    frame(HEADERS, 0, stream.key, b"\x88") + frame(PING, 0, 0, b"12345678")))
breaks("bytes", lambda session, _: session.wire.send(b"\xff" * 100))
breaks("http1", lambda session, _: session.wire.send(
    b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"))


def fields(name, *pairs, end=True, status=b"200"):
    def act(_, stream):
        stream.head(pairs, status)
        stream.data(BODY, end)
    HTTP2["field-" + name] = act


fields("no-status", status=None)
fields("status-twice", (b":status", b"200"))
fields("status-words", status=b"abc")
fields("status-099", status=b"099")
fields("status-long", status=b"2000")
fields("status-empty", status=b"")
fields("pseudo-late", (b"a", b"b"), (b":odd", b"1"))
fields("pseudo-request", (b":path", b"/"))
fields("upper-case", (b"X-Upper", b"1"))
fields("connection", (b"connection", b"close"))
fields("transfer", (b"transfer-encoding", b"chunked"))
fields("name-empty", (b"", b"1"))
fields("name-blank", (b"a b", b"1"))
fields("name-cr", (b"a\r\nb", b"1"))
fields("name-colon", (b"a:b", b"1"))
fields("value-nul", (b"a", b"b\0c"))
fields("value-crlf", (b"a", b"b\r\nset-cookie: evil=1"))
fields("value-cr", (b"a", b"b\rc"))
fields("value-blanks", (b"a", b"b" + b" " * 60000 + b"c"))
fields("value-90k", (b"a", b"x" * 90000))
fields("value-400k", (b"a", b"x" * 400000))
fields("400", *[(b"x-%d" % i, b"x" * 990) for i in range(400)])
fields("4000", *[(b"x-%d" % i, b"1") for i in range(4000)])
fields("length-more", (b"content-length", b"99999"))
fields("length-less", (b"content-length", b"5"))
fields("length-words", (b"content-length", b"many"))
fields("length-twice", LENGTH, (b"content-length", b"5"))
fields("length-negative", (b"content-length", b"-1"))


@http2()
def field_bomb(session, stream):
    """A long field once, and then its number, of one byte, 16,000 times."""
    block = (session.encoder.encode([(b":status", b"200")])
             + b"\x40\3x-a\x7f" + bytes([0xa1, 0x1e]) + b"b" * 4000)
    stream.block(block + b"\xbe" * 16000)
    stream.data(BODY, True)


# What is allowed, and seldom seen.

@http2()
def trailer(_, stream):
    stream.head()
    stream.data(BODY)
    stream.fields([(b"x-check", b"right")], end=True)


@http2()
def trailer_status(_, stream):
    stream.head()
    stream.data(BODY)
    stream.fields([(b":status", b"200")], end=True)


@http2()
def trailer_unended(_, stream):
    """Trailers that are not the end: RFC 9113 8.1 calls that malformed."""
    stream.head()
    stream.data(BODY)
    stream.fields([(b"x-check", b"right")])


@http2()
def interim_103(_, stream):
    stream.fields([(b":status", b"103"), (b"link", b"</a>")])
    stream.answer()


@http2()
def interim_20(_, stream):
    for _ in range(20):
        stream.fields([(b":status", b"100")])
    stream.answer()


@http2()
def interim_end(_, stream):
    stream.fields([(b":status", b"103")], end=True)


@http2()
def switch_unasked(_, stream):
    """HTTP/2 has no 101 (RFC 9113 8.6)."""
    stream.fields([(b":status", b"101")])
    stream.answer()


@http2()
def empty_answer(_, stream):
    stream.head(end=True)


@http2()
def empty_frames(_, stream):
    stream.head()
    stream.data(b"")
    stream.data(BODY)
    stream.data(b"")
    stream.data(b"", True)


@http2()
def padded(session, stream):
    stream.head()
    session.frame(DATA, 8 | END_STREAM, stream.key, b"\x40" + BODY + bytes(64))


@http2()
def _204_with_body(_, stream):
    stream.head(status=b"204")
    stream.data(BODY, True)


@http2()
def _304_with_body(_, stream):
    stream.head(status=b"304")
    stream.data(BODY, True)


@http2()
def head_with_body(_, stream):
    stream.head([LENGTH])
    stream.data(BODY, True)


@http2()
def data_after_end(session, stream):
    stream.answer()
    session.frame(DATA, END_STREAM, stream.key, b"evil")


@http2()
def headers_after_end(session, stream):
    stream.answer()
    block = session.encoder.encode([(b":status", b"500")])
    session.frame(HEADERS, END_STREAM | END_HEADERS, stream.key, block)


@http2()
def idle_frames(session, stream):
    """Speaks while nobody asks, as it may."""
    stream.answer()
    for _ in range(3):
        time.sleep(0.02)
        session.frame(PING, 0, 0, b"12345678")
        session.frame(SETTINGS, 0, 0, b"\0\3\0\0\0\x64")


@http2()
def idle_close(session, stream):
    stream.answer()
    session.wire.close()


@http2()
def idle_goaway(session, stream):
    """As servers do that have waited long enough."""
    stream.answer()
    time.sleep(0.05)
    session.goaway(stream.key)
    session.wire.close()


@http2()
def idle_reset(session, stream):
    stream.answer()
    time.sleep(0.05)
    session.wire.reset()


@http2()
def idle_bytes(session, stream):
    stream.answer()
    time.sleep(0.05)
    session.wire.send(b"\xff" * 100)


# Uploads.

@http2(early=True)
def early_413(_, stream):
    """A whole answer, and the body is read on."""
    stream.answer(b"too large\n", status=b"413")


@http2(early=True)
def early_413_reset(_, stream):
    stream.answer(b"too large\n", status=b"413")
    stream.reset(0)


@http2(early=True)
def early_413_cancel(_, stream):
    stream.answer(b"too large\n", status=b"413")
    stream.reset(8)


@http2(early=True)
def early_200(_, stream):
    stream.answer()


@http2(early=True)
def early_reset(_, stream):
    stream.reset(2)


@http2(early=True)
def early_goaway(session, stream):
    session.goaway(0, 11)
    session.wire.close()


@http2(early=True)
def unread(session, _):
    """The window is never given back."""
    session.generous = False


@http2(early=True)
def half_answer_while_sending(session, stream):
    stream.head([LENGTH])
    stream.data(BODY[:300])
    while not stream.ended:
        session.read_frame()
    stream.data(BODY[300:], True)


@http2()
def restart(session, _):
    hub.RESTART(session.wire)


# What begins with the connection.

def opening(data=None, settings=b"", then=None):
    def act(wire):
        session = Session(wire)
        session.settings = settings
        if data is not None:
            wire.send(data)
        if then:
            then(session)
        else:
            session.serve()
    return act


def connects(name, act):
    hub.ON_CONNECT[name] = (act, ("h2",))


def silent(session):
    session.wire.drain()


connects("preface-none", opening(frame(PING, 0, 0, b"12345678")))
connects("preface-http1", opening(
    b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", then=silent))
connects("preface-junk", opening(b"\0" * 100, then=silent))
connects("preface-stall", opening(then=silent))
connects("preface-goaway", opening(
    frame(SETTINGS, 0, 0) + frame(GOAWAY, 0, 0, number(0) + number(11)), then=silent))
connects("no-streams", opening(settings=b"\0\3\0\0\0\0"))
connects("one-stream", opening(settings=b"\0\3\0\0\0\1"))
connects("window-none", opening(settings=b"\0\4\0\0\0\0"))
connects("window-tiny", opening(settings=b"\0\4\0\0\0\1"))
connects("table-none", opening(settings=b"\0\1\0\0\0\0"))
connects("settings-unknown", opening(settings=b"\x77\x77\0\0\0\1" * 30))


@on_connect("h2")
def settings_unacknowledged(wire):
    session = Session(wire)
    session.read_settings = lambda payload: None
    session.serve()

