"""HTTP/1.1 by hand for hostile.py: requests are parsed strictly, answers are
written byte for byte as a route asks, so that any rule can be broken on purpose.
"""
import asyncio
import collections
import os
import re
import socket
import struct
import sys
import traceback
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

PIECE = 65536


class Stats:
    """What the server saw. With TLS a connection counts from its handshake."""

    def __init__(self):
        self.open = 0
        self.reset()

    def reset(self):
        self.connections = 0
        self.requests = 0
        self.peak = self.open
        self.paths = collections.Counter()

    def opened(self):
        self.connections += 1
        self.open += 1
        self.peak = max(self.peak, self.open)

    def requested(self, path):
        self.requests += 1
        self.paths[path] += 1


class Exchange:
    """One request and the means to answer it."""

    def __init__(self, connection, reader, writer, head):
        self.connection = connection
        self.reader = reader
        self.writer = writer
        lines = head.decode("latin-1").split("\r\n")[:-2]
        self.method, self.target, self.version = lines[0].split(" ")
        if self.version not in ("HTTP/1.0", "HTTP/1.1"):
            raise ValueError("unknown version " + self.version)
        self.headers = []
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon or not name or name != name.strip():
                raise ValueError("bad header line " + repr(line))
            self.headers.append((name, value.strip(" \t")))
        url = urlsplit(self.target)
        self.path = url.path
        self.query = dict(parse_qsl(url.query, keep_blank_values=True))
        tokens = self.header("connection").lower()
        self.keep = ("keep-alive" in tokens if self.version == "HTTP/1.0"
                     else "close" not in tokens)
        self.expects = self.header("expect").lower() == "100-continue"
        self.started = False

    def header(self, name):
        return ", ".join(v for n, v in self.headers if n.lower() == name)

    def text(self, name, default=""):
        return self.query.get(name, default)

    def number(self, name, default):
        """A query parameter, of the default's type (int or float)."""
        value = type(default)(self.query.get(name, default))
        if value < 0:
            raise ValueError(name + " is negative")
        return value

    async def body(self):
        """Yields the request's body; asks for it first if the client waits."""
        if self.expects:
            self.expects = False
            await self.raw(b"HTTP/1.1 100 Continue\r\n\r\n")
        if self.header("transfer-encoding").lower() == "chunked":
            async for piece in self._chunked():
                yield piece
        elif self.header("transfer-encoding"):
            raise ValueError("unknown transfer coding")
        else:
            length = self.header("content-length") or "0"
            if not re.fullmatch("[0-9]+", length):
                raise ValueError("bad Content-Length " + length)
            async for piece in self._exactly(int(length)):
                yield piece

    async def _chunked(self):
        while True:
            line = await self.reader.readuntil(b"\r\n")
            size = re.fullmatch(rb"([0-9A-Fa-f]+)(;.*)?\r\n", line)
            if not size:
                raise ValueError("bad chunk size " + repr(line))
            left = int(size[1], 16)
            if left == 0:
                break
            async for piece in self._exactly(left):
                yield piece
            if await self.reader.readexactly(2) != b"\r\n":
                raise ValueError("a chunk is longer than its size")
        while await self.reader.readuntil(b"\r\n") != b"\r\n":
            pass

    async def _exactly(self, left):
        while left > 0:
            piece = await self.reader.read(min(left, PIECE))
            if not piece:
                raise asyncio.IncompleteReadError(b"", left)
            left -= len(piece)
            yield piece

    async def raw(self, data):
        """Writes bytes as they are; returns when the kernel has them all."""
        self.started = True
        self.writer.write(data)
        await self.writer.drain()

    async def head(self, status, headers=(), line=None):
        """Sends a status line and a header block."""
        if line is None:
            line = "HTTP/1.1 %d %s" % (status, reason(status))
        lines = [line] + ["%s: %s" % pair for pair in headers]
        if not self.keep:
            lines.append("Connection: close")
        await self.raw("\r\n".join(lines + ["", ""]).encode("latin-1"))

    async def send(self, data):
        """Sends a part of the body, which an answer to HEAD does not have."""
        if self.method != "HEAD":
            await self.raw(data)

    async def send_chunk(self, data):
        await self.send(b"%x\r\n%s\r\n" % (len(data), data))

    async def answer(self, status, body=b"", headers=(), line=None):
        """A well-formed answer of known length."""
        if isinstance(body, str):
            body = body.encode("utf-8")
        headers = list(headers)
        if status >= 200 and status not in (204, 304):
            headers.append(("Content-Length", len(body)))
        else:
            body = b""
        await self.head(status, headers, line)
        await self.send(body)

    async def stall(self):
        """Silence, until the client has gone: then this task is cancelled."""
        self.keep = False
        await asyncio.Event().wait()

    def reset(self):
        """Ends the connection with RST instead of FIN."""
        self.keep = False
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                        struct.pack("ii", 1, 0))
        self.writer.transport.abort()


def reason(status):
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


class Connection(asyncio.StreamReaderProtocol):
    """Reads requests one after the other and hands them to their routes."""

    def __init__(self, routes, stats):
        super().__init__(asyncio.StreamReader(limit=PIECE), self._begin)
        self.routes = routes
        self.stats = stats
        self.doomed = False     # the next request gets a close for an answer
        self.idle_closes = 0    # /close-idle answers given so far
        self.count = 0          # requests so far
        self.task = None

    def _begin(self, reader, writer):
        self.stats.opened()
        # drain() then waits until the kernel has everything: a route that
        # resets or sleeps next knows what the client can see. The TLS
        # transport would wait for less than 0 bytes, for ever.
        tls = writer.get_extra_info("sslcontext")
        writer.transport.set_write_buffer_limits(high=1 if tls else 0)
        self.task = asyncio.get_running_loop().create_task(
            self._serve(reader, writer))

    def eof_received(self):
        super().eof_received()
        # A client that half-closes has gone, for a test: closing at once
        # makes the count of open connections follow a cancelled transfer.
        return False

    def connection_lost(self, exc):
        self.stats.open -= 1
        super().connection_lost(exc)
        self.task.cancel()

    async def _serve(self, reader, writer):
        try:
            while await self._exchange(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _exchange(self, reader, writer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            exchange = Exchange(self, reader, writer, head)
        except (ValueError, asyncio.LimitOverrunError) as err:
            print("bad request:", err, file=sys.stderr, flush=True)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n"
                         b"Content-Length: 0\r\nConnection: close\r\n\r\n")
            return False
        if self.doomed:
            return False
        self.count += 1
        route = "CONNECT" if exchange.method == "CONNECT" else exchange.path
        handler, reads_body = self.routes.get(route, (missing, False))
        if not exchange.path.startswith("/stats"):
            self.stats.requested(exchange.path)
        try:
            if not reads_body:
                async for _ in exchange.body():
                    pass
            await handler(exchange)
        except (ValueError, asyncio.LimitOverrunError) as err:
            traceback.print_exc()
            exchange.keep = False
            if not exchange.started:
                await exchange.answer(400, "%s\n" % err)
        return exchange.keep


async def missing(exchange):
    await exchange.answer(404, "no such route\n")


def end_with_stdin():
    """For a thread: ends the program with its standard input."""
    while os.read(0, 4096):
        pass
    # Thousands of connections may be open: the kernel closes them fastest.
    os._exit(0)
