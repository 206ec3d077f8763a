"""Routes of hostile.py that are right: answers that are rare or large, redirects,
what the server has seen.
"""
import asyncio
import base64
import hashlib
import zlib

from hostile_routes import CHUNKED, STATS, answer_json, filler_pieces, route, send_filler

# Correct answers that are rare or large.

@route("/bytes")
async def send_bytes(x):
    """`n` (1000) bytes from `seed` (0), with their length."""
    total = x.number("n", 1000)
    await x.head(200, [("Content-Length", total)])
    await send_filler(x, total, x.number("seed", 0))


@route("/stream")
async def stream(x):
    """The same `n` bytes chunked, `chunk` (16384) each, `delay` (0) apart."""
    delay = x.number("delay", 0.0)
    await x.head(200, CHUNKED)
    for piece in filler_pieces(x.number("n", 1000), x.number("seed", 0),
                               x.number("chunk", 16384)):
        await x.send_chunk(piece)
        if delay:
            await asyncio.sleep(delay)
    await x.send(b"0\r\n\r\n")


@route("/gzip")
async def gzip_zeros(x):
    """`n` (1000000) zeros, gzip-coded: small to send, large to hold."""
    left = x.number("n", 1000000)
    coder = zlib.compressobj(9, zlib.DEFLATED, 31)
    await x.head(200, CHUNKED + [("Content-Encoding", "gzip")])
    while left > 0:
        count = min(left, 1 << 20)
        left -= count
        data = coder.compress(bytes(count))
        if data:
            await x.send_chunk(data)
        await asyncio.sleep(0)
    await x.send_chunk(coder.flush())
    await x.send(b"0\r\n\r\n")


@route("/coded")
async def coded(x):
    """The bytes of `hex`, `times` (1) over, in a Content-Encoding of `coding`
    (gzip). `framing`: "length", "chunked" or "close"; in pieces of `piece` bytes,
    `delay` (0) apart. `status` (200), `head`: more of the header block."""
    body = bytes.fromhex(x.text("hex")) * x.number("times", 1)
    framing = x.text("framing", "length")
    headers = [("Content-Encoding", x.text("coding", "gzip"))]
    if framing == "chunked":
        headers += CHUNKED
    elif framing == "length":
        headers.append(("Content-Length", len(body)))
    x.keep = framing != "close"
    headers += [tuple(line.split(": ")) for line in x.text("head").splitlines()]
    await x.head(x.number("status", 200), headers)
    size = x.number("piece", 0) or len(body) or 1
    for at in range(0, len(body), size):
        piece = body[at:at + size]
        await (x.send_chunk if framing == "chunked" else x.send)(piece)
        if x.number("delay", 0.0):
            await asyncio.sleep(x.number("delay", 0.0))
    if framing == "chunked":
        await x.send(b"0\r\n\r\n")


@route("/trailers")
async def trailers(x):
    """Chunked, with two trailers after the body."""
    await x.head(200, CHUNKED + [("Trailer", "X-Checksum, X-Count")])
    await x.send_chunk(b"hello")
    await x.send(b"0\r\nX-Checksum: %s\r\nX-Count: 5\r\n\r\n"
                 % hashlib.sha256(b"hello").hexdigest().encode())


@route("/early-hints")
async def early_hints(x):
    """103 with a Link header `count` times (1), each after `delay` (0), then 200."""
    for _ in range(x.number("count", 1)):
        await asyncio.sleep(x.number("delay", 0.0))
        await x.raw(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; "
                    b"rel=preload\r\n\r\n")
    await asyncio.sleep(x.number("delay", 0.0))
    await x.answer(200, "hinted\n")


@route("/duplicate-headers")
async def duplicate_headers(x):
    """Set-Cookie twice, X-Twice in two spellings."""
    await x.answer(200, "twice\n", [
        ("Set-Cookie", "a=1"), ("X-Twice", "one"),
        ("Set-Cookie", "b=2; Path=/"), ("x-twice", "two")])


@route("/status")
async def status(x):
    """Answers with `code` (200)."""
    code = x.number("code", 200)
    await x.answer(code, "status %d\n" % code)


@route("/basic")
async def basic(x):
    """401 unless Basic credentials are `user` (user), `password` (secret)."""
    pair = x.text("user", "user") + ":" + x.text("password", "secret")
    wanted = "Basic " + base64.b64encode(pair.encode()).decode()
    if x.header("authorization") == wanted:
        await x.answer(200, "welcome\n")
    else:
        await x.answer(401, "who are you?\n",
                       [("WWW-Authenticate", 'Basic realm="hostile"')])


# Redirects.

@route("/redirect")
async def redirect(x):
    """Sends the client `to` (/bytes) with `status` (302), after `delay` (0) seconds."""
    await asyncio.sleep(x.number("delay", 0.0))
    await x.answer(x.number("status", 302), "elsewhere\n",
                   [("Location", x.text("to", "/bytes"))])


@route("/redirect-loop")
async def redirect_loop(x):
    """302 to itself."""
    await x.answer(302, "", [("Location", "/redirect-loop")])


@route("/redirect-chain")
async def redirect_chain(x):
    """`n` (3) redirects, then 200."""
    left = x.number("n", 3)
    if left:
        to = "/redirect-chain?n=%d" % (left - 1)
        await x.answer(302, "", [("Location", to)])
    else:
        await x.answer(200, "end of the chain\n")


# What the server has seen. The asking connection counts, its request does not.

@route("/stats")
async def stats(x):
    """Counts since the start or the last /stats-reset."""
    await answer_json(x, {
        "connections": STATS.connections, "requests": STATS.requests,
        "open": STATS.open, "peak": STATS.peak, "paths": STATS.paths})


@route("/stats-reset")
async def stats_reset(x):
    """Sets the counts to 0, and the peak to what is open now."""
    STATS.reset()
    await x.answer(204)
