#!/usr/bin/python3 -B
"""An HTTP/2 server (cleartext is not spoken: TLS with ALPN) that ends streams
and connections as it is told: hostile_h2.py CERT KEY. Prints "PORT n". Who
asks for HTTP/1.1 gets "over 1.1" for every answer.

    /ok            200, "ok"
    /refuse?n=N    the first N requests with this URL: RST_STREAM with
                   REFUSED_STREAM; later ones are answered
    /h1-required   RST_STREAM with HTTP_1_1_REQUIRED
    /h1-late       the same after headers and half of the body
    /h1-headers    the same after headers
    /goaway        GOAWAY that says this request was not processed, and a close
    /goaway-later?n=N  the first N times: answers, and GOAWAY after it
    /reset-body    headers, half of the body, RST_STREAM with INTERNAL_ERROR
    /cut?how=WORD  headers without a length, a part of the body without its
                   end, and after 50 ms one of CUTS, or a close
    /garbage       bytes that are no frames
    /abort?n=N     the first N times: the connection ends without a word, with a reset
                   when `rst` is there
    /hold?n=N      no answer before N requests with this URL wait, on whatever
                   connections; then "held" for all
    /stall         nothing
    /upload        200 with the request's body, of a long one with its length,
                   when it has ended
    /refuse-upload?n=N  the same, but for the first N times: RST_STREAM with
                   REFUSED_STREAM when `after` bytes (1) of the body have come
    /goaway-upload?n=N  the same with a GOAWAY that says that it was not
                   processed, and a close
    /early?status=S  S (200) at once, "early" (`bytes` bytes of it) without a
                   Content-Length unless `length` is 1; then the body is read
                   on, or, with `reset` 1, ended by RST_STREAM with NO_ERROR
    /echo-live?status=S  S (200) at once, then each piece of the body as it comes, in
                   capitals
    /count         how often each path was asked for, as lines "path count"
"""
import asyncio
import collections
import contextlib
import os
import socket
import ssl
import struct
import sys
import threading
from urllib.parse import parse_qs, urlsplit

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

COUNT = collections.Counter()
HELD = collections.defaultdict(list)
LATE_ERRORS = {
    "/reset-body": h2.errors.ErrorCodes.INTERNAL_ERROR,
    "/h1-late": h2.errors.ErrorCodes.HTTP_1_1_REQUIRED,
    "/h1-headers": h2.errors.ErrorCodes.HTTP_1_1_REQUIRED,
}


def frame(kind, flags, stream, payload=b""):
    return (len(payload).to_bytes(3, "big") + bytes([kind, flags]) +
            stream.to_bytes(4, "big") + payload)


# What cuts a body off: none of these is its end.
CUTS = {
    "reset-cancel": lambda i: frame(3, 0, i, b"\0\0\0\x08"),
    "reset-internal": lambda i: frame(3, 0, i, b"\0\0\0\x02"),
    "data-on-stream-0": lambda i: frame(0, 0, 0, b"x"),
    "short-settings": lambda i: frame(4, 0, 0, b"12345"),
    "short-ping": lambda i: frame(6, 0, 0, b"x"),
    "large-frame": lambda i: frame(0, 0, i, b"x" * 20000),
    "bad-padding": lambda i: frame(0, 8, i, b"\xff" + b"\0" * 10),
    "push": lambda i: frame(5, 4, i, b"\0\0\0\x02\x82\x86\x84"),
    "window": lambda i: frame(8, 0, 0, b"\x7f\xff\xff\xff"),
    "http1": lambda i: b"HTTP/1.1 500 upstream died\r\n\r\n",
    "goaway": lambda i: frame(7, 0, 0, i.to_bytes(4, "big") + b"\0\0\0\x02"),
    "close": lambda i: b"",
}


class Upload:
    """A request whose body is read. It ends the first tries of its URL."""
    def __init__(self, path, query, first):
        def number(name, default):
            return int(query.get(name, [default])[0])
        self.body = b""
        self.refusal = path if first else None
        self.after = number("after", 1)
        self.answered = path == "/early"
        self.status = number("status", 200)
        self.count = number("bytes", 5)
        self.length = number("length", 0)
        self.reset = number("reset", 0)


class Connection(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        self.uploads, self.live = {}, {}
        tls = transport.get_extra_info("ssl_object")
        self.h2 = None
        if tls.selected_alpn_protocol() != "h2":
            return
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False))
        self.h2.initiate_connection()
        self.flush()

    def flush(self):
        self.transport.write(self.h2.data_to_send())

    def data_received(self, data):
        if self.h2 is None:
            # No request here has a body, so what comes is a request.
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n"
                                 b"\r\nover 1.1")
            return
        try:
            events = self.h2.receive_data(data)
        except h2.exceptions.ProtocolError:
            self.flush()
            self.transport.close()
            return
        for event in events:
            if isinstance(event, h2.events.RequestReceived):
                self.request(event.stream_id, dict(event.headers))
            elif isinstance(event, h2.events.DataReceived):
                with contextlib.suppress(h2.exceptions.StreamClosedError):
                    self.h2.acknowledge_received_data(
                        event.flow_controlled_length, event.stream_id)
                self.upload_data(event.stream_id, event.data)
            elif isinstance(event, h2.events.StreamEnded):
                self.upload_end(event.stream_id)
            elif isinstance(event, h2.events.StreamReset):
                self.uploads.pop(event.stream_id, None)
                self.live.pop(event.stream_id, None)
            if self.transport.is_closing():
                return
        if not self.transport.is_closing():
            self.flush()

    def request(self, stream, headers):
        target = headers[b":path"].decode()
        url = urlsplit(target)
        number = int(parse_qs(url.query).get("n", ["0"])[0])
        COUNT[target] += 1
        first = COUNT[target] <= number
        if url.path == "/refuse" and first:
            self.h2.reset_stream(stream, h2.errors.ErrorCodes.REFUSED_STREAM)
        elif url.path == "/h1-required":
            self.h2.reset_stream(
                stream, h2.errors.ErrorCodes.HTTP_1_1_REQUIRED)
        elif url.path == "/goaway":
            self.go_away(stream - 2)
        elif url.path == "/goaway-later" and first:
            self.answer(stream, "last\n")
            self.go_away(stream)
        elif url.path in LATE_ERRORS:
            self.h2.send_headers(stream, [
                (":status", "200"), ("content-length", "10")])
            if url.path != "/h1-headers":
                self.h2.send_data(stream, b"12345")
            self.flush()
            self.h2.reset_stream(stream, LATE_ERRORS[url.path])
        elif url.path == "/cut":
            how = parse_qs(url.query)["how"][0]
            self.h2.send_headers(stream, [(":status", "200")])
            self.h2.send_data(stream, b"x" * 1000)
            asyncio.get_running_loop().call_later(0.05, self.cut, stream, how)
        elif url.path == "/garbage":
            self.transport.write(b"\xff" * 100)
        elif url.path == "/abort" and first:
            if "rst=" in url.query:
                self.transport.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
        elif url.path == "/hold":
            HELD[target].append((self, stream))
            if len(HELD[target]) == number:
                release(HELD.pop(target))
        elif url.path in ("/upload", "/refuse-upload", "/goaway-upload"):
            self.uploads[stream] = Upload(url.path, parse_qs(url.query), first)
        elif url.path == "/early":
            self.early(stream, Upload(url.path, parse_qs(url.query), False))
        elif url.path == "/echo-live":
            self.live[stream] = True
            self.h2.send_headers(stream, [
                (":status", parse_qs(url.query).get("status", ["200"])[0])])
        elif url.path == "/count":
            self.answer(stream, "".join(
                "%s %d\n" % pair for pair in COUNT.items()))
        elif url.path != "/stall":
            self.answer(stream, "ok")

    def early(self, stream, upload):
        # Who stops sending ends the stream early. That is an error of the
        # stream, which has its answer; h2 would end the connection.
        self.h2.streams[stream]._expected_content_length = None
        head = [(":status", str(upload.status))]
        if upload.length:
            head.append(("content-length", str(upload.count)))
        self.h2.send_headers(stream, head)
        body = (b"early" * upload.count)[:upload.count]
        for at in range(0, len(body), 16384):
            self.h2.send_data(stream, body[at:at + 16384],
                              end_stream=at + 16384 >= len(body))
        if upload.reset:
            # It has ended already when all of the body has come, too.
            with contextlib.suppress(h2.exceptions.StreamClosedError):
                self.h2.reset_stream(stream, h2.errors.ErrorCodes.NO_ERROR)
        else:
            self.uploads[stream] = upload

    def cut(self, stream, how):
        self.transport.write(CUTS[how](stream))
        if how in ("close", "goaway"):
            self.transport.close()

    def upload_data(self, stream, data):
        if stream in self.live and data:
            self.h2.send_data(stream, data.upper())
            return
        upload = self.uploads.get(stream)
        if upload is None:
            return
        upload.body += data
        if upload.refusal is None or len(upload.body) < upload.after:
            return
        del self.uploads[stream]
        if upload.refusal == "/refuse-upload":
            self.h2.reset_stream(stream, h2.errors.ErrorCodes.REFUSED_STREAM)
        else:
            self.go_away(stream - 2)

    def upload_end(self, stream):
        if self.live.pop(stream, None):
            self.h2.end_stream(stream)
        upload = self.uploads.pop(stream, None)
        if upload is not None and not upload.answered:
            body = upload.body.decode("latin-1")
            self.answer(stream, body if len(body) < 1000 else str(len(body)))

    def answer(self, stream, body):
        self.h2.send_headers(stream, [
            (":status", "200"), ("content-length", str(len(body)))])
        self.h2.send_data(stream, body.encode(), end_stream=True)

    def go_away(self, last):
        self.h2.close_connection(last_stream_id=max(last, 0))
        self.flush()
        self.transport.close()


def release(held):
    for connection, stream in held:
        connection.answer(stream, "held")
        connection.flush()


def end_with_stdin():
    while os.read(0, 4096):
        pass
    os._exit(0)


async def main(certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["h2", "http/1.1"])
    server = await asyncio.get_running_loop().create_server(
        Connection, "127.0.0.1", 0, backlog=1024, ssl=context)
    threading.Thread(target=end_with_stdin, daemon=True).start()
    print("PORT", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
