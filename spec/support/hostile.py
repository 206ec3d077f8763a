#!/usr/bin/python3 -B
"""A hostile HTTP/1.1 server for the specs: it resets, stalls, truncates, lies.

    hostile.py [--tls CERT KEY]

Listens on a free port of 127.0.0.1, prints "PORT n", and serves until its
standard input ends, so that it never outlives the test that started it.
Each route below tells what it does and which query parameters tune it.

The bytes of /bytes, /stream and every other filler body repeat with a period
of 251: the byte at offset i (from 0) is (i * 7 + seed) % 251. A part of a body
can be checked by its offset alone, and as 251 is prime, a lost or doubled
buffer of any usual size shows.
"""
import asyncio
import base64
import collections
import email
import email.policy
import functools
import hashlib
import json
import os
import re
import resource
import socket
import ssl
import sys
import threading
import zlib
from urllib.parse import parse_qsl, urlsplit

from hostile_http import PIECE, Connection, Stats

ROUTES = {}
STATS = Stats()
CHUNKED = [("Transfer-Encoding", "chunked")]


def route(path, reads_body=False):
    """Registers a handler; its request body is read first unless it does."""
    def register(handler):
        ROUTES[path] = (handler, reads_body)
        return handler
    return register


@functools.lru_cache(maxsize=256)
def pattern(seed):
    period = bytes((i * 7 + seed) % 251 for i in range(251))
    return period * (PIECE // 251 + 2)


def filler(offset, count, seed=0):
    """At most PIECE bytes of the repeating body."""
    start = offset % 251
    return pattern(seed % 251)[start:start + count]


def filler_pieces(total, seed=0, size=PIECE):
    size = max(1, min(size, PIECE))
    for offset in range(0, total, size):
        yield filler(offset, min(size, total - offset), seed)


async def send_filler(x, total, seed=0):
    for piece in filler_pieces(total, seed):
        await x.send(piece)


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


async def swallow(x):
    while await x.reader.read(PIECE):
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


# Answers that change from one request to the next.

SCRIPTS = {}


@route("/script", reads_body=True)
async def script(x):
    """Its requests with the same `key` get the next of `words` (200) each, the last
    for ever: a status, "reset" (before the body is read), "close" (behind it),
    "stall", "half" (503 whose body is cut), "cut" (a 200 like it), "hang" (a 200
    that falls silent in its body) or "early" (503 at the body's first byte). What is no 2xx has the lines of `head`. The body of 2xx tells what
    came: "time", "method", "headers", "length", "sha256" of each."""
    seen = SCRIPTS.setdefault(x.text("key"), [])
    words = x.text("words", "200").split(",")
    word = words[min(len(seen), len(words) - 1)]
    seen.append({"time": asyncio.get_running_loop().time(), "method": x.method,
                 "headers": {name.lower(): value for name, value in x.headers}})
    head = [tuple(line.split(": ")) for line in x.text("head").splitlines()]
    if word == "reset":
        return x.reset()
    if word == "early":
        async for _ in x.body():
            break
        x.keep = False
        await x.answer(503, "early\n", head)
        # Closing now would send a RST, which may overtake the answer.
        return await asyncio.wait_for(swallow(x), 5)
    seen[-1].update(await digest(x))
    if word == "stall":
        await x.stall()
    elif word in ("half", "cut", "hang"):
        x.keep = False
        await x.head(503 if word == "half" else 200, head + [("Content-Length", 100)])
        await x.send(b"half")
        if word == "hang":
            await x.stall()
    elif word == "close":
        x.keep = False
    elif word.startswith("2"):
        await x.answer(int(word), json.dumps(seen))
    else:
        await x.answer(int(word), "no\n", head)


@route("/script-log")
async def script_log(x):
    """What /script has seen for `key`."""
    await answer_json(x, SCRIPTS.get(x.text("key"), []))


# Redirects.

@route("/redirect")
async def redirect(x):
    """Sends the client `to` (/bytes) with `status` (302)."""
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


# Tokens, as of RFC 6749.

TOKENS = collections.defaultdict(list)


@route("/token", reads_body=True)
async def token(x):
    """For each `key` the next of t1, t2, ..., good for `expires` (3600) seconds, after `wait`
    (0); `status` (200) and `text` in its place. Notes what it was asked."""
    form = dict(parse_qsl(b"".join([p async for p in x.body()]).decode()))
    seen = TOKENS[x.text("key")]
    seen.append({"form": form, "headers": {k.lower(): v for k, v in x.headers}})
    await asyncio.sleep(x.number("wait", 0.0))
    answer = {"access_token": "t%d" % len(seen), "token_type": "Bearer",
              "expires_in": x.number("expires", 3600)}
    if form["grant_type"] == "refresh_token":
        answer["refresh_token"] = "r%d" % len(seen)
    await x.answer(x.number("status", 200), x.text("text") or json.dumps(answer))


@route("/token-log")
async def token_log(x):
    """What /token was asked for `key`."""
    await answer_json(x, TOKENS[x.text("key")])


@route("/guarded", reads_body=True)
async def guarded(x):
    """401 unless the token is t`at` (0) or a later one; else the token and what was sent."""
    body = b"".join([p async for p in x.body()]).decode()
    came = re.fullmatch(r"Bearer t([0-9]+)", x.header("authorization"))
    if came and int(came[1]) >= x.number("at", 0):
        await x.answer(200, "t" + came[1] + body)
    else:
        await x.answer(401, "who?", [("WWW-Authenticate", "Bearer")])


# Pages.

BUSY = set()


@route("/pages")
async def pages(x):
    """Page `n` (1) of `last` (3): what came, as JSON, and a Link to the next one, at `base`
    where there is one. With `busy` each page is 503 for the first who asks with that."""
    n, last, busy = x.number("n", 1), x.number("last", 3), x.text("busy")
    head = []
    if busy and (busy, n) not in BUSY:
        BUSY.add((busy, n))
        return await x.answer(503, "busy\n", [("retry-after-ms", "1")])
    if n < last:
        head.append(("Link", '<%s/pages?n=%d&last=%d&busy=%s>; rel="next"'
                     % (x.text("base"), n + 1, last, busy)))
    await x.answer(200, json.dumps({
        "page": n, "query": x.query, "headers": {k.lower(): v for k, v in x.headers}}), head)


# Cookies.

@route("/cookies", reads_body=True)
async def cookies(x):
    """`status` (200), to `to` where there is one, with a Set-Cookie for each line of
    `set`; the body is the Cookie header that came."""
    head = [("Set-Cookie", line) for line in x.text("set").split("\n") if line]
    if "to" in x.query:
        head.append(("Location", x.text("to")))
    async for _ in x.body():
        pass
    await x.answer(x.number("status", 200), x.header("cookie"), head)


@route("/login", reads_body=True)
async def login(x):
    """303 to /private with a session, whatever the body says."""
    async for _ in x.body():
        pass
    await x.answer(303, "", [("Location", "/private"),
                             ("Set-Cookie", "sid=secret; Path=/; HttpOnly")])


@route("/private")
async def private(x):
    """401 without the session of /login."""
    known = "sid=secret" in x.header("cookie").split("; ")
    await x.answer(200 if known else 401, "private\n" if known else "who?\n")


# Uploads.

async def digest(x, rate=0):
    """Length and SHA-256 of the body, read at most `rate` bytes a second."""
    length, sha256 = 0, hashlib.sha256()
    start = asyncio.get_running_loop().time()
    async for piece in x.body():
        length += len(piece)
        sha256.update(piece)
        if rate:
            due = start + length / rate
            await asyncio.sleep(due - asyncio.get_running_loop().time())
    return {"length": length, "sha256": sha256.hexdigest()}


async def answer_json(x, value):
    await x.answer(200, json.dumps(value) + "\n",
                   [("Content-Type", "application/json")])


@route("/echo", reads_body=True)
async def echo(x):
    """The request as received, as JSON."""
    seen = {"method": x.method, "path": x.target, "version": x.version,
            "headers": x.headers}
    await answer_json(x, {**seen, **await digest(x)})


@route("/received", reads_body=True)
async def received(x):
    """As /echo, with the body's bytes as hexadecimal digits."""
    body = b"".join([piece async for piece in x.body()])
    await answer_json(x, {"line": "%s %s %s" % (x.method, x.target, x.version),
                          "headers": x.headers, "body": body.hex()})


@route("/form", reads_body=True)
async def form(x):
    """What python's parser of mails finds in a body of several parts: "name",
    "filename", "type", "own" (X-Own), "length", "sha256", and the "text" of short
    ones."""
    body = b"".join([piece async for piece in x.body()])
    head = "Content-Type: %s\r\n\r\n" % x.header("content-type")
    mail = email.message_from_bytes(head.encode() + body, policy=email.policy.HTTP)
    parts = []
    for part in mail.iter_parts():
        content = part.get_payload(decode=True)
        parts.append({
            "name": part.get_param("name", header="content-disposition"),
            "filename": part.get_filename(), "own": part["X-Own"],
            "type": part["Content-Type"] and part.get_content_type(),
            "length": len(content), "sha256": hashlib.sha256(content).hexdigest(),
            "text": content.decode("utf-8", "replace") if len(content) < 1000 else None})
    await answer_json(x, parts)


@route("/answer", reads_body=True)
async def answer(x):
    """The bytes of the request's body, as the whole answer; `close` (0) ends
    the connection then."""
    x.keep = x.number("close", 0) == 0
    await x.raw(b"".join([piece async for piece in x.body()]))


@route("/digest", reads_body=True)
async def ask_for_digest(x):
    """401 with a challenge, which is not checked, before the body (`early` 1) or
    after it; then as /upload."""
    if x.header("authorization").startswith("Digest "):
        await upload(x)
        return
    challenge = [("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth"')]
    if x.number("early", 0):
        await x.answer(401, "who are you?\n", challenge)
    async for _ in x.body():
        pass
    if not x.started:
        await x.answer(401, "who are you?\n", challenge)


@route("/dies-kept", reads_body=True)
async def dies_kept(x):
    """As /upload, for the first request of a connection; RST after `after` (1)
    bytes of the body of a later one."""
    left = x.number("after", 1)
    if x.connection.count == 1:
        await upload(x)
        return
    async for piece in x.body():
        left -= len(piece)
        if left <= 0:
            break
    x.reset()


@route("/connection")
async def connection(x):
    """The client's port, on a connection that is kept whatever it says."""
    x.keep = True
    await x.answer(200, str(x.writer.get_extra_info("peername")[1]))


@route("/old", reads_body=True)
async def old(x):
    """The body's length, as a server of HTTP/1.0 that keeps its connection."""
    length = (await digest(x))["length"]
    await x.answer(200, "%d" % length, [("Connection", "keep-alive")],
                   "HTTP/1.0 200 OK")


@route("/upload", reads_body=True)
async def upload(x):
    """Reads the body; answers its length and SHA-256."""
    await answer_json(x, await digest(x))


@route("/upload-slow", reads_body=True)
async def upload_slow(x):
    """The same at `rate` (65536) bytes a second."""
    # Without this the kernel takes megabytes that were never read here.
    x.writer.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_RCVBUF, PIECE)
    await answer_json(x, await digest(x, x.number("rate", 65536)))


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


def end_with_stdin():
    while os.read(0, 4096):
        pass
    # Thousands of connections may be open: the kernel closes them fastest.
    os._exit(0)


def tls_context(certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["http/1.1"])
    return context


async def main(arguments):
    context = None
    if arguments:
        if len(arguments) != 3 or arguments[0] != "--tls":
            sys.exit("usage: hostile.py [--tls CERT KEY]")
        context = tls_context(arguments[1], arguments[2])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(ROUTES, STATS), "127.0.0.1", 0,
        backlog=4096, ssl=context)
    threading.Thread(target=end_with_stdin, daemon=True).start()
    print("PORT", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
