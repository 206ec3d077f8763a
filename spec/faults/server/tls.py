"""TLS of the hostile server: how it is broken, at the handshake and later."""
import ssl
import time

from hub import BODY, HTTP1, HTTP2, ON_CONNECT, PATTERN
from said import CHUNKED, OK, REST, chunk

HALF = BODY[:len(BODY) // 2]
ALERT = b"\x15\x03\x03\x00\x02"


def context(certificate, key, protocols):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate, key)
    made.set_alpn_protocols(protocols)
    return made


# In the handshake: these get the socket before TLS is spoken.

def handshake(name, data, then):
    def act(wire):
        wire.fill()                  # the client's hello
        if data:
            wire.send(data)
        if then == "close":
            wire.close()
        elif then == "reset":
            wire.reset()
        else:
            wire.drain()
    ON_CONNECT["handshake-" + name] = (act, ("tls-raw",))


handshake("close", b"", "close")
handshake("reset", b"", "reset")
handshake("stall", b"", "stall")
handshake("plain-http", b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "close")
handshake("junk", bytes(range(256)), "close")
handshake("alert", ALERT + b"\x02\x28", "close")
handshake("warning", ALERT + b"\x01\x70", "stall")
handshake("cut-record", b"\x16\x03\x03\x40\x00\x02\x00", "close")
handshake("huge-record", b"\x16\x03\x03\xff\xff" + bytes(65535), "stall")
handshake("wrong-message", b"\x16\x03\x03\x00\x04\x0b\0\0\0", "stall")
handshake("old-version", b"\x16\x02\x00\x00\x04\x02\0\0\0", "stall")


# After it. What is no TLS is written beside it: for HTTP/1.1, and as a part of
# an HTTP/2 body.

def broken(name, data, then, before=OK + REST[:-1600]):
    def act(x):
        x.send(before)
        x.wire.raw(data)
        x.end(then)

    def act2(session, stream):
        stream.head()
        stream.data(HALF)
        session.wire.raw(data)
        if then == "cut":
            session.wire.cut()
        session.wire.stall()

    HTTP1["record-" + name] = act
    HTTP2["record-" + name] = act2


broken("alert", ALERT + b"\x02\x50", "cut")
broken("junk", b"no record at all", "stall")
broken("bad-mac", b"\x17\x03\x03\x00\x40" + PATTERN[:64], "stall")
broken("huge", b"\x17\x03\x03\xff\xff" + PATTERN[:65535], "stall")
broken("cut", b"\x17\x03\x03\x40\x00" + PATTERN[:100], "cut")


def records_of_one_byte(x):
    for i in range(len(OK + REST)):
        x.wire.tls.write((OK + REST)[i:i + 1])
    x.wire.flush()


def notify_then_more(x):
    """close_notify, and then more of the body, past the end."""
    x.send(CHUNKED + chunk(HALF))
    x.wire.notify()
    x.wire.raw(b"\x17\x03\x03\x00\x40" + PATTERN[:64])
    x.end("cut")


def notify_half_closed(x):
    """Ends its side with a whole answer, and waits for the client's."""
    x.answer()
    x.wire.notify()
    time.sleep(0.1)
    x.wire.close()


HTTP1["records-of-one-byte"] = records_of_one_byte
HTTP1["notify-then-more"] = notify_then_more
HTTP1["notify-half-closed"] = notify_half_closed
