#!/usr/bin/python3 -B
"""The server of bench/open.lua and bench/events.lua: holds any number of WebSockets, which it
sends back what they say, and of streams of events, each of which begins with one and gets another
for every request of /tell. /burst/N is one stream of N events. Prints "PORT n"; ends when it is killed."""
import base64
import hashlib
import re
import selectors
import socket

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
SWITCH = (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          b"Sec-WebSocket-Accept: %s\r\n\r\n")
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n\r\n"
TOLD = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
EVENT = b"event: news\ndata: hello\n\n"
# As long as those of a model's answer.
DELTA = b'id: %d\ndata: {"index":0,"delta":{"role":"assistant","content":"a word"},"logprobs":null}\n\n'
AT_ONCE = 1000

streams = set()


def accept(listener, waiting):
    try:
        while True:
            conn, _ = listener.accept()
            conn.setblocking(False)
            waiting.register(conn, selectors.EVENT_READ)
    except BlockingIOError:
        pass


def burst(conn, count):
    conn.setblocking(True)
    conn.sendall(STREAM.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    for first in range(0, count, AT_ONCE):
        conn.sendall(b"".join(DELTA % i for i in range(first, min(first + AT_ONCE, count))))
    conn.shutdown(socket.SHUT_WR)
    conn.setblocking(False)


def answer(conn, data):
    key = re.search(rb"Sec-WebSocket-Key: (\S+)", data)
    path = data.split(b" ", 2)[1]
    if key:
        conn.sendall(SWITCH % base64.b64encode(hashlib.sha1(key.group(1) + MAGIC).digest()))
    elif path == b"/tell":
        for stream in streams:
            stream.sendall(EVENT)
        conn.sendall(TOLD)
    elif path.startswith(b"/burst/"):
        burst(conn, int(path[7:]))
    else:
        streams.add(conn)
        conn.sendall(STREAM + EVENT)


def echo(conn, frame):
    size, mask = frame[1] & 127, frame[2:6]
    text = bytes(byte ^ mask[i % 4] for i, byte in enumerate(frame[6:6 + size]))
    conn.sendall(bytes([frame[0], size]) + text)


def serve(conn, waiting):
    try:
        data = conn.recv(65536)
    except OSError:
        data = b""
    if not data:
        waiting.unregister(conn)
        streams.discard(conn)
        conn.close()
    elif data.startswith(b"GET "):
        answer(conn, data)
    else:
        echo(conn, data)


def main():
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    listener.setblocking(False)
    waiting = selectors.DefaultSelector()
    waiting.register(listener, selectors.EVENT_READ)
    print("PORT", listener.getsockname()[1], flush=True)
    while True:
        for key, _ in waiting.select():
            (accept if key.fileobj is listener else serve)(key.fileobj, waiting)


if __name__ == "__main__":
    main()
