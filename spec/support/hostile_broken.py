"""Routes of hostile.py that break something: connections that end or hang, answers
that are slow or not quite HTTP, a proxy that refuses.
"""
import asyncio
from urllib.parse import parse_qsl, urlsplit

from hostile_routes import CHUNKED, filler_pieces, route, send_filler, swallow

# Connections that end or hang where they should not.

@route("/reset", reads_body=True)
async def reset(x):
    """RST before any answer; the request's body is not read."""
    x.reset()


@route("/reset-after")
async def reset_after(x):
    """Headers and `bytes` (100) of a longer body, RST after `delay` (0.05)."""
    count = x.number("bytes", 100)
    await x.head(200, [("Content-Length", count + 1000)])
    await send_filler(x, count)
    # RST throws away what the client has not read yet: give it time.
    await asyncio.sleep(x.number("delay", 0.05))
    x.reset()


@route("/stall")
async def stall(x):
    """Reads the request and never answers."""
    await x.stall()


@route("/stall-headers")
async def stall_headers(x):
    """Half a header block, then silence."""
    await x.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Ty")
    await x.stall()


@route("/stall-body")
async def stall_body(x):
    """`bytes` (100) of a longer body, then silence."""
    count = x.number("bytes", 100)
    await x.head(200, [("Content-Length", count + 1000)])
    await send_filler(x, count)
    await x.stall()


@route("/truncate")
async def truncate(x):
    """Claims `claim` (1000) bytes, sends `bytes` (100), closes."""
    await x.head(200, [("Content-Length", x.number("claim", 1000))])
    await send_filler(x, x.number("bytes", 100))
    x.keep = False


@route("/close-idle")
async def close_idle(x):
    """Closes a kept connection right after its `count`th (1) answer, which
    does not announce it. With `next=1` it closes only when one more request
    has come, unanswered: the race a client cannot see beforehand."""
    await x.answer(200, "closing soon\n")
    x.connection.idle_closes += 1
    if x.connection.idle_closes >= x.number("count", 1):
        if x.number("next", 0):
            x.connection.doomed = True
        else:
            x.keep = False


@route("/reject-early", reads_body=True)
async def reject_early(x):
    """413 and close with the body unread, so a RST may follow the answer.
    With `linger` (0) seconds the body is swallowed for so long first."""
    x.keep = False
    await x.answer(413, "too large\n")
    linger = x.number("linger", 0.0)
    if linger:
        try:
            await asyncio.wait_for(swallow(x), linger)
        except asyncio.TimeoutError:
            pass


@route("/interim")
async def interim(x):
    """Interim answers without end."""
    while True:
        await x.raw(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 100)


@route("/expect-417", reads_body=True)
async def expect_417(x):
    """Refuses "Expect: 100-continue" with 417 after `delay` (0) seconds and keeps
    the connection, or closes it with `close=1`; any other request gets 201
    "created" after its body."""
    if x.expects:
        x.expects = False
        x.keep = not x.number("close", 0)
        await asyncio.sleep(x.number("delay", 0.0))
        await x.answer(417, b"not asked", [("X-Answer", "first")])
        return
    async for _ in x.body():
        pass
    await x.answer(201, b"created", [("X-Answer", "second")])


# A proxy: what it says to CONNECT, by the first word of the host's name.

CONNECTS = {
    "garbage": b"what?\r\n\r\n", "half": b"HTTP/1.1 2", "cut": b"HTTP/1.1 200 OK\r\nX",
    "refused": b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno",
    "folded": b"HTTP/1.1 200 OK\r\n z: y\r\n\r\n", "close": b"",
    "flood": b"HTTP/1.1 200 OK\r\n" + (b"X: " + b"y" * 4000 + b"\r\n") * 100,
    "slow": b"HTTP/1.1 200 OK\r\nX: y\r\n",
}


@route("CONNECT", reads_body=True)
async def connect(x):
    """Answers as CONNECTS says and closes; "reset", "stall" do that, "slow" stalls
    behind its status line."""
    word = x.target.split(".")[0]
    if word == "reset":
        x.reset()
    elif word == "stall":
        await x.stall()
    else:
        await x.raw(CONNECTS[word])
        x.keep = False
        if word == "slow":
            await x.stall()


# Slow answers.

@route("/late")
async def late(x):
    """Answers after `delay` (1.0) seconds with `body` ("late\\n")."""
    await asyncio.sleep(x.number("delay", 1.0))
    await x.answer(200, x.text("body", "late\n"))


@route("/trickle")
async def trickle(x):
    """`bytes` (100) in steps of `step` (1) byte each `delay` (0.01) seconds."""
    total = x.number("bytes", 100)
    delay = x.number("delay", 0.01)
    await x.head(200, [("Content-Length", total)])
    for piece in filler_pieces(total, size=x.number("step", 1)):
        await x.send(piece)
        await asyncio.sleep(delay)


# What is not quite HTTP.

@route("/bad-chunk")
async def bad_chunk(x):
    """A good chunk, then one whose size is no number."""
    await x.head(200, CHUNKED)
    await x.send_chunk(b"hello")
    await x.send(b"xyz\r\nhello\r\n0\r\n\r\n")
    x.keep = False


@route("/truncate-chunk")
async def truncate_chunk(x):
    """A good chunk, then a close without the last one."""
    await x.head(200, CHUNKED)
    await x.send_chunk(b"hello")
    x.keep = False


@route("/raw", reads_body=True)
async def raw(x):
    """Answers `text` as it is, in two parts when there is `next`; closes after it
    with `close=1`."""
    parts = dict(parse_qsl(urlsplit(x.target).query, encoding="latin-1"))
    x.keep = not x.number("close", 0)
    await x.raw(parts["text"].encode("latin-1"))
    if "next" in parts:
        await asyncio.sleep(0.02)
        await x.raw(parts["next"].encode("latin-1"))


@route("/not-http")
async def not_http(x):
    """The greeting of another protocol, or what `line` says."""
    await x.raw(x.text("line", "SSH-2.0-x").encode() + b"\r\n")
    x.keep = False


@route("/nul-header")
async def nul_header(x):
    """A NUL byte in a header value."""
    await x.answer(200, "nul\n", [("X-Nul", "a\0b")])


@route("/no-reason")
async def no_reason(x):
    """A status line without a reason phrase."""
    await x.answer(200, "no reason\n", line="HTTP/1.1 200")


@route("/http10")
async def http10(x):
    """An HTTP/1.0 answer of `n` (1000) bytes whose end is the close."""
    x.keep = False
    await x.raw(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n")
    await send_filler(x, x.number("n", 1000))


@route("/huge-headers")
async def huge_headers(x):
    """About `bytes` (100000) of headers, in fields of 1000 bytes."""
    fields = x.number("bytes", 100000) // 1000
    headers = [("X-Fill-%06d" % i, "x" * 983) for i in range(fields)]
    await x.answer(200, "huge\n", headers)


@route("/bad-gzip")
async def bad_gzip(x):
    """A gzip header, then a block of a type that does not exist."""
    body = b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + b"\xff" * 100
    await x.answer(200, body, [("Content-Encoding", "gzip")])
