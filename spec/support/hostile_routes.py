"""What the routes of hostile.py share: how one is registered, the bytes of filler
bodies, answers in JSON.
"""
import asyncio
import functools
import hashlib
import json

from hostile_http import PIECE, Stats

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


async def swallow(x):
    while await x.reader.read(PIECE):
        pass


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
