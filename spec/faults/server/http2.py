"""HTTP/2 of the hostile server: frames are written by hand, so that each of them
can be wrong; only the coding of header blocks is python3-h2's."""
import select
import time
from urllib.parse import parse_qsl, urlsplit

import hpack

import hub
from hub import BODY, HUB
from wire import Gone

DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, MORE = range(10)
END_STREAM, ACK, END_HEADERS = 1, 1, 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def number(value, size=4):
    return value.to_bytes(size, "big")


def frame(kind, flags, stream, payload=b"", length=None):
    length = len(payload) if length is None else length
    return number(length, 3) + bytes([kind, flags]) + number(stream) + payload


class Stream:
    def __init__(self, session, key, headers):
        self.session, self.key = session, key
        url = urlsplit(dict(headers)[":path"])
        self.method = dict(headers)[":method"]
        self.name = url.path.strip("/").split("/")[0]
        self.query = dict(parse_qsl(url.query))
        self.id = self.query.get("id", "")
        self.cookie = dict(headers).get("cookie", "none")
        self.check = hub.Check()
        self.ended = False
        self.gone = False          # the client has reset it

    # What a stream says.

    def head(self, headers=(), status=b"200", end=False):
        fields = [(b":status", status)] if status else []
        self.fields(fields + list(headers), end)

    def fields(self, fields, end=False, flags=END_HEADERS):
        block = self.session.encoder.encode(fields, huffman=False)
        self.block(block, end, flags)

    def block(self, block, end=False, flags=END_HEADERS):
        """A block that is too large for one frame goes on in others."""
        first, rest = block[:16384], block[16384:]
        self.session.frame(HEADERS, (END_STREAM if end else 0)
                           | (0 if rest else flags), self.key, first)
        while rest:
            first, rest = rest[:16384], rest[16384:]
            self.session.frame(MORE, 0 if rest else flags, self.key, first)

    def data(self, data, end=False):
        self.session.data(self, data, end)

    def answer(self, body=BODY, headers=(), status=b"200"):
        length = [(b"content-length", b"%d" % len(body))]
        self.head(length + list(headers), status, end=self.method == "HEAD")
        if self.method != "HEAD":
            self.data(body, True)

    def reset(self, code):
        self.session.frame(RST, 0, self.key, number(code))


class Session:
    settings = b""

    def __init__(self, wire):
        self.wire = wire
        self.decoder, self.encoder = hpack.Decoder(), hpack.Encoder()
        self.decoder.max_header_list_size = 1 << 24
        self.streams = {}
        self.window, self.initial = 65535, 65535
        self.windows = {}
        self.ready = []
        self.generous = True       # gives the window back that uploads take

    def frame(self, *arguments, **named):
        self.wire.send(frame(*arguments, **named))

    def data(self, stream, data, end):
        """As much as the client's windows allow at a time."""
        while not stream.gone:
            room = min(self.window, self.windows[stream.key], 16384)
            if len(data) > 0 and room <= 0:
                self.read_frame()
                continue
            piece, data = data[:room], data[room:]
            self.window -= len(piece)
            self.windows[stream.key] -= len(piece)
            last = end and not data
            self.frame(DATA, END_STREAM if last else 0, stream.key, piece)
            if not data:
                return

    def rest(self, seconds):
        """Says nothing for so long, but hears."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if self.wire.buffer or select.select([self.wire.sock], [], [], left)[0]:
                self.read_frame()

    def goaway(self, last, code=0, debug=b""):
        self.frame(GOAWAY, 0, 0, number(last) + number(code) + debug)

    # What the client says.

    def read_frame(self):
        head = self.wire.exactly(9)
        kind, flags = head[3], head[4]
        key = int.from_bytes(head[5:9], "big") & 0x7fffffff
        payload = self.wire.exactly(int.from_bytes(head[:3], "big"))
        if kind == HEADERS:
            self.read_headers(key, flags, payload)
        elif kind == DATA:
            self.read_data(key, flags, payload)
        elif kind == SETTINGS and not flags & ACK:
            self.read_settings(payload)
        elif kind == PING and not flags & ACK:
            self.frame(PING, ACK, 0, payload)
        elif kind == WINDOW:
            step = int.from_bytes(payload, "big") & 0x7fffffff
            if key == 0:
                self.window += step
            else:
                self.windows[key] = self.windows.get(key, self.initial) + step
        elif kind == RST and key in self.streams:
            self.streams[key].gone = True
        elif kind == GOAWAY:
            raise Gone

    def read_settings(self, payload):
        for start in range(0, len(payload), 6):
            name = int.from_bytes(payload[start:start + 2], "big")
            value = int.from_bytes(payload[start + 2:start + 6], "big")
            if name == 4:
                step = value - self.initial
                self.initial = value
                for key in self.windows:
                    self.windows[key] += step
        self.frame(SETTINGS, ACK, 0)

    def read_headers(self, key, flags, payload):
        if flags & 8:
            payload = payload[1:len(payload) - payload[0]]
        if flags & 32:
            payload = payload[5:]
        while not flags & END_HEADERS:
            head = self.wire.exactly(9)
            flags |= head[4] & END_HEADERS
            payload += self.wire.exactly(int.from_bytes(head[:3], "big"))
        stream = Stream(self, key, self.decoder.decode(payload))
        self.windows.setdefault(key, self.initial)
        self.streams[key] = stream
        stream.ended = bool(flags & END_STREAM)
        if stream.name not in ("good", "open"):
            HUB.saw(stream.id)
        if stream.ended or hub.is_early(hub.HTTP2, stream.name):
            self.ready.append(stream)

    def read_data(self, key, flags, payload):
        if self.generous and payload:
            for each in 0, key:
                self.frame(WINDOW, 0, each, number(len(payload)))
        stream = self.streams.get(key)
        if stream is None:
            return
        stream.check.add(payload)
        if flags & END_STREAM and not stream.ended:
            stream.ended = True
            HUB.uploaded(stream.id, stream.check,
                         int(stream.query.get("up", "0")))
            if not hub.is_early(hub.HTTP2, stream.name):
                self.ready.append(stream)

    # Answers.

    def serve_one(self, stream):
        handler = hub.HTTP2.get(stream.name)
        if stream.name == "good":
            report = "good %s %s cookie %s\n" % (
                stream.id, HUB.report(stream.query.get("of", "")), stream.cookie)
            stream.answer(report.encode())
        elif handler:
            try:
                handler(self, stream)
            finally:
                self.wire.delivered()
                HUB.ended(stream.id).set()
        elif stream.name in hub.ANSWERS:
            status, headers, body = hub.ANSWERS[stream.name](stream.query)
            stream.answer(body, [(name.lower(), value.strip(b" \t"))
                                 for name, value in headers], status[:3])
        else:
            stream.answer(b"no such fault: %s\n" % stream.name.encode(), status=b"404")

    def begin(self):
        if self.wire.exactly(len(PREFACE)) != PREFACE:
            raise Gone
        self.frame(SETTINGS, 0, 0, self.settings)

    def serve(self):
        try:
            self.begin()
            while not self.wire.ended:
                self.read_frame()
                while self.ready and not self.wire.ended:
                    self.serve_one(self.ready.pop(0))
        except Gone:
            pass
