"""Routes of hostile.py that look at what was sent.
"""
import email
import email.policy
import hashlib
import socket

from hostile_http import PIECE
from hostile_routes import CHUNKED, answer_json, digest, route

# Uploads.

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


# Both ways at once.

@route("/echo-live", reads_body=True)
async def echo_live(x):
    """`status` (200) at once, then each piece of the body as it comes, in capitals.
    With `until` (a text) the piece that has it is the last one that is read."""
    until = x.text("until").encode()
    await x.head(x.number("status", 200), CHUNKED)
    async for piece in x.body():
        await x.send_chunk(piece.upper())
        if until and until in piece:
            x.keep = False
            break
    await x.send(b"0\r\n\r\n")


@route("/moved", reads_body=True)
async def moved(x):
    """Sends the client `to` with `status`, before its body, and closes."""
    x.keep = False
    await x.answer(x.number("status", 307), "", [("Location", x.text("to"))])


ANSWERED = {}


@route("/answer-first", reads_body=True)
async def answer_first(x):
    """All of an answer of 200 before the body, whose length is kept for /answered."""
    await x.answer(200, "first")
    ANSWERED[x.text("key")] = sum([len(piece) async for piece in x.body()])


@route("/answered")
async def answered(x):
    """How long the body for `key` was at /answer-first; nothing while it comes."""
    await x.answer(200, str(ANSWERED.get(x.text("key"), "")))
