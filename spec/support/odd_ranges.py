#!/usr/bin/python3 -B
"""A server of one file, /file or /other, that gives parts of it, or does so in its own odd way.

    odd_ranges.py

Prints "PORT n" and serves until its standard input ends. /file tells what it does; what
it was asked is told by /seen?id=X, as a JSON list of [Range, If-Range] (null: none).
The bytes are those of hostile.py: at offset i, (i * 7 + seed) % 251.
"""
import asyncio
import collections
import json
import re
import threading

from hostile_http import Connection, Stats, end_with_stdin
from hostile_routes import filler

ROUTES = {}
SEEN = collections.defaultdict(list)
MODIFIED = "Wed, 01 Jan 2020 00:00:00 GMT"
NOW = "Thu, 02 Jan 2020 00:00:00 GMT"


def route(path):
    def register(handler):
        ROUTES[path] = (handler, False)
        return handler
    return register


@route("/seen")
async def seen(x):
    await x.answer(200, json.dumps(SEEN[x.text("id")]))


class File:
    """What one request is answered from."""

    def __init__(self, x, number):
        self.x, self.number = x, number
        self.mode = x.text("mode", "good")
        self.seed = x.number("seed", 0)
        self.size = x.number("size", 100000)
        etag = x.text("etag", "v1")
        change = x.number("change", 0)
        if change and number >= change:
            self.seed += 1
            etag += "-changed"
        if self.mode == "node":
            etag += "-%d" % (number % 2)
        self.etag = {"none": None, "weak": 'W/"weak"'}.get(etag, '"%s"' % etag)
        # With date=2 it has just changed, which proves nothing.
        self.modified = {0: None, 1: MODIFIED, 2: NOW}[x.number("date", 0)]

    def version(self):
        fields = [("Date", NOW)]
        if self.etag:
            fields.append(("ETag", self.etag))
        if self.modified:
            fields.append(("Last-Modified", self.modified))
        return fields

    def asked(self):
        """The part to give: (first, behind); None: all of it; "none": 416."""
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.x.header("range"))
        if self.mode in ("whole", "chunked") or not match:
            return None
        condition = self.x.header("if-range")
        if condition and self.mode == "no-if-range":
            return None
        if condition and self.mode not in ("blind", "blind-silent") \
                and condition not in (self.etag, self.modified):
            return None
        first = int(match[1])
        if self.mode == "416" or first >= self.size:
            return "none"
        last = min(int(match[2] or self.size), self.size - 1)
        return first, last + 1


async def send(x, file, first, behind, chunked=False):
    """The body, cut off after `cut` bytes, if it is that long."""
    cut, times = x.number("cut", 0), x.number("cuts", 1000000)
    end = min(behind, first + cut) if cut and file.number <= times else behind
    for offset in range(first, end, 65536):
        piece = filler(offset, min(65536, end - offset), file.seed)
        await (x.send_chunk(piece) if chunked else x.send(piece))
        await asyncio.sleep(x.number("delay", 0.0))
    if end < behind:
        x.keep = False
        if x.number("reset", 0):
            await asyncio.sleep(0.02)
            x.reset()
        return False
    return True


@route("/other")
@route("/file")
async def serve(x):
    """`size` (100000) bytes with `seed` (0), `etag` ("v1"; "none", "weak"), and with
    `date=1` a Last-Modified. Each answer is cut off after `cut` bytes, of the first `cuts`
    requests; with `reset=1` by RST. From request number `change` on it is another file.
    Request number `fail` is answered 503, to be tried after `wait` ms. The mode says what is odd:
      whole       knows no ranges            chunked     neither lengths
      no-if-range answers If-Range with all  node        one of two ETags in turn
      416         to all that ask for parts  blind       does not look at If-Range
      blind-silent  the same, without an ETag in parts
      late        a part that begins later   total       of a larger file, it says
      headless    206 without Content-Range  multipart   parts as multipart/byteranges
      short       less than it says          long        more than it says
      capped      1000 bytes of each part    star        of an unknown size"""
    seen_here = SEEN[x.text("id")]
    seen_here.append([x.header("range") or None, x.header("if-range") or None])
    file = File(x, len(seen_here))
    if file.number == x.number("fail", 0):
        wait = x.number("wait", 0)
        await x.answer(503, "busy\n", [("Retry-After-Ms", wait)] if wait else [])
        return
    part = file.asked()
    if part == "none":
        await x.answer(416, "", [("Content-Range", "bytes */%d" % file.size)])
        return
    if part is None:
        await serve_whole(x, file)
    else:
        await serve_part(x, file, *part)


async def serve_whole(x, file):
    if file.mode == "chunked":
        await x.head(200, file.version() + [("Transfer-Encoding", "chunked")])
        if await send(x, file, 0, file.size, True):
            await x.send(b"0\r\n\r\n")
        return
    await x.head(200, file.version() + [("Content-Length", file.size)])
    await send(x, file, 0, file.size)


async def serve_part(x, file, first, behind):
    mode, total = file.mode, str(file.size)
    fields = [] if mode == "blind-silent" else file.version()
    if mode == "capped":
        behind = min(behind, first + 1000)
    told, end = (first, behind), behind
    if mode == "late":
        first = min(first + 10, behind - 1)
        told = (first, behind)
    elif mode == "total":
        total = str(file.size + 10)
    elif mode == "star":
        total = "*"
    elif mode == "short":
        end = max(first + 1, behind - 10)
    if mode == "multipart":
        fields.append(("Content-Type", "multipart/byteranges; boundary=x"))
    elif mode != "headless":
        fields.append(("Content-Range", "bytes %d-%d/%s" % (told[0], told[1] - 1, total)))
    if mode == "long":
        await x.head(206, fields + [("Transfer-Encoding", "chunked")])
        if await send(x, file, first, end, True):
            await x.send(b"5\r\nextra\r\n0\r\n\r\n")
        return
    await x.head(206, fields + [("Content-Length", end - first)])
    await send(x, file, first, end)


async def main():
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(ROUTES, Stats()), "127.0.0.1", 0, backlog=4096)
    threading.Thread(target=end_with_stdin, daemon=True).start()
    print("PORT", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
