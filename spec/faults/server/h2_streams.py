"""Faults of HTTP/2: streams and connections that end, silences, uploads."""
import time

import hub
from http2 import DATA, END_STREAM, GOAWAY, HEADERS, frame, number
from hub import BODY, HTTP2, http2, register

HALF = BODY[:len(BODY) // 2]
LENGTH = (b"content-length", b"%d" % len(BODY))
CODES = ["no-error", "protocol-error", "internal-error", "flow-control-error",
         "settings-timeout", "stream-closed", "frame-size-error", "refused-stream",
         "cancel", "compression-error", "connect-error", "enhance-your-calm",
         "inadequate-security", "http-1-1-required", "unknown"]


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


# A few steps, one after the other: each is a function(session, stream).

def does(name, *steps, early=False):
    def act(session, stream):
        for step in steps:
            step(session, stream)
    register(HTTP2, early)(act, name)


def answer(_, stream):
    stream.answer()


def close(session, _):
    session.wire.close()


def reset(code):
    return lambda _, stream: stream.reset(code)


def goaway(session, stream):
    session.goaway(stream.key)


def goaway_before(session, stream):
    """The stream is none of those that are processed."""
    session.goaway(max(0, stream.key - 2))


def once(*steps):
    """The second time there is an answer."""
    def step(session, stream):
        for each in [answer] if hub.HUB.seen[stream.id] > 1 else steps:
            each(session, stream)
    return step


def too_large(_, stream):
    stream.answer(b"too large\n", status=b"413")


does("rst-after-answer", answer, reset(0))
does("rst-after-answer-cancel", answer, reset(8))
does("rst-twice", reset(2), reset(2))
does("refused-once", once(reset(7)))
does("goaway-unprocessed", goaway_before, close)
does("goaway-unprocessed-once", once(goaway_before, close))
does("goaway-then-answer", goaway, answer)
does("goaway-after-answer", answer, goaway, close)
does("goaway-then-close", goaway, close)
does("goaway-debug", lambda session, stream: session.goaway(
    stream.key, 11, b"\x1b[31m\0" + b"x" * 16000), close)
does("goaway-many", lambda session, _: session.wire.send(
    frame(GOAWAY, 0, 0, number(0x7fffffff) + number(0)) * 2000), answer)
does("early-413", too_large, early=True)         # and the body is read on
does("early-413-reset", too_large, reset(0), early=True)
does("early-413-cancel", too_large, reset(8), early=True)
does("early-200", answer, early=True)
does("early-reset", reset(2), early=True)
does("early-goaway", lambda session, _: session.goaway(0, 11), close, early=True)


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


# Uploads.

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
