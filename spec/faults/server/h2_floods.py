"""Faults of HTTP/2: floods of frames."""
import time

from http2 import (DATA, END_HEADERS, END_STREAM, HEADERS, MORE, PING, PRIORITY,
                   PUSH, RST, SETTINGS, WINDOW, frame, number)
from hub import BODY, http2


def give(session, data, seconds=8, rate=25e6, stream=None):
    """A flood: the same frames until the client has enough. What it says is heard
    only if there is a stream whose end is looked for."""
    start, sent = time.monotonic(), 0
    pause = session.rest if stream else time.sleep
    while time.monotonic() - start < seconds and not (stream and stream.gone):
        session.wire.send(data)
        sent += len(data)
        pause(max(0.001, sent / rate - (time.monotonic() - start)))


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
    give(session, frame(MORE, 0, stream.key, b"\0\3x-a\x64" + b"b" * 100) * 500,
         stream=stream)


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
    give(session, frame(HEADERS, END_HEADERS, stream.key, block) * 50,
         stream=stream)


@http2()
def flood_trailers(session, stream):
    """Trailers without end."""
    stream.head()
    stream.data(BODY)
    session.frame(HEADERS, END_STREAM, stream.key, b"\0\3x-a\1b")
    give(session, frame(MORE, 0, stream.key, b"\0\3x-a\x64" + b"b" * 100) * 500,
         stream=stream)


@http2()
def endless_body(session, stream):
    stream.head()
    start = time.monotonic()
    sent = 0
    while not stream.gone and time.monotonic() - start < 15:
        stream.data(BODY * 10)
        sent += len(BODY) * 10
        session.rest(max(0, sent / 25e6 - (time.monotonic() - start)))
