"""What all parts of the hostile server share: the registries of faults, the
body that answers have, and what was seen of each request.

A fault is a function or some bytes under a name that the tables in Lua use, too.
"""
import collections
import functools
import threading

# The body of answers. The tables know it, too: spec/faults/cells.lua.
BODY = b"".join(b"%04d of the body of this answer\n" % i for i in range(100))

KEEP, CLOSE, RESET, STALL, CUT = "keep", "close", "reset", "stall", "cut"

# name -> fn(exchange): faults of HTTP/1.1, after the request was read.
HTTP1 = {}
# name -> fn(session, stream)
HTTP2 = {}
# name -> fn(query) -> (status line or number, headers, body): whole answers that
# are the same in both.
ANSWERS = {}
# name -> (bytes, what then): HTTP/1.1, written as it stands.
SAID = {}
# name -> fn(wire): begins before a request; each has a port of its own.
ON_CONNECT = {}
# Names of those that do not wait for the request's body.
EARLY = set()


def register(table, early=False):
    def add(function, name=None):
        name = name or function.__name__.strip("_").replace("_", "-")
        table[name] = function
        if early:
            EARLY.add((id(table), name))
        return function
    return add


def is_early(table, name):
    return (id(table), name) in EARLY


http1 = functools.partial(register, HTTP1)
http2 = functools.partial(register, HTTP2)
answers = functools.partial(register, ANSWERS)


def on_connect(*transports):
    """The fault is spoken on these: "http", "tls", "h2", "proxy"."""
    def add(function):
        name = function.__name__.strip("_").replace("_", "-")
        ON_CONNECT[name] = (function, transports)
        return function
    return add


def said(name, data, then=KEEP):
    SAID[name] = (data, then)


class Hub:
    """What was seen, by the id that each request carries."""

    def __init__(self):
        self.lock = threading.Lock()
        self.done = collections.defaultdict(threading.Event)
        self.seen = collections.Counter()
        self.uploads = {}
        self.open = 0

    def saw(self, key):
        with self.lock:
            self.done[key].clear()     # it may be one that comes again
            self.seen[key] += 1
            return self.seen[key]

    def uploaded(self, key, check, wanted):
        """An upload has ended: with the bytes that were promised, or others."""
        right = check.right and check.length == wanted
        with self.lock:
            self.uploads[key] = "right" if right else "wrong-%s-%d-of-%d" % (
                "bytes" if not check.right else "length", check.length, wanted)

    def ended(self, key):
        """Who serves this request says so when it has done all that it does."""
        with self.lock:
            return self.done[key]

    def opened(self, step):
        with self.lock:
            self.open += step

    def report(self, key):
        with self.lock:
            return "seen %d upload %s" % (
                self.seen[key], self.uploads.get(key, "none"))


HUB = Hub()

PERIOD = bytes((i * 7) % 251 for i in range(251))
PATTERN = PERIOD * (65536 // 251 + 2)


class Check:
    """Compares what is uploaded with the bytes that the tables send: the one at
    offset i is (i * 7) % 251."""

    def __init__(self):
        self.length, self.right = 0, True

    def add(self, data):
        for start in range(0, len(data), 65536):
            piece = data[start:start + 65536]
            offset = self.length % 251
            if PATTERN[offset:offset + len(piece)] != piece:
                self.right = False
            self.length += len(piece)
