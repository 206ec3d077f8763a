"""Faults of HTTP/2: frames, header fields, settings and windows that break the
rules, and what is allowed but seldom seen."""
import time

import hub
from http2 import (DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, MORE, PING, RST,
                   SETTINGS, WINDOW, Session, frame, number)
from hub import BODY, HTTP2, http2, on_connect

LENGTH = (b"content-length", b"%d" % len(BODY))


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


def with_body(name, *pairs, end=True, status=b"200"):
    def act(_, stream):
        stream.head(pairs, status)
        stream.data(BODY, end)
    HTTP2[name] = act


def fields(name, *pairs, **named):
    with_body("field-" + name, *pairs, **named)


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

def trailers(name, field, end=True):
    def act(_, stream):
        stream.head()
        stream.data(BODY)
        stream.fields([field], end=end)
    HTTP2[name] = act


trailers("trailer", (b"x-check", b"right"))
trailers("trailer-status", (b":status", b"200"))
# RFC 9113 8.1 calls trailers that are not the end malformed.
trailers("trailer-unended", (b"x-check", b"right"), end=False)


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


with_body("204-with-body", status=b"204")
with_body("304-with-body", status=b"304")
with_body("head-with-body", LENGTH)


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


def idle(name, then):
    def act(session, stream):
        stream.answer()
        time.sleep(0.05)
        then(session, stream)
    HTTP2["idle-" + name] = act


def goaway(session, stream):
    """As servers do that have waited long enough."""
    session.goaway(stream.key)
    session.wire.close()


idle("goaway", goaway)
idle("reset", lambda session, _: session.wire.reset())
idle("bytes", lambda session, _: session.wire.send(b"\xff" * 100))


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
