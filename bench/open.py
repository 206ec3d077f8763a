#!/usr/bin/python3 -B
"""A WebSocket server for bench/websockets.lua: holds any number of connections, and sends
short messages back. Prints "PORT n"; ends when it is killed."""
import base64
import hashlib
import re
import selectors
import socket

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
ANSWER = (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          b"Sec-WebSocket-Accept: %s\r\n\r\n")


def accept(listener, waiting):
    try:
        while True:
            conn, _ = listener.accept()
            conn.setblocking(False)
            waiting.register(conn, selectors.EVENT_READ)
    except BlockingIOError:
        pass


def serve(conn, waiting):
    try:
        data = conn.recv(65536)
    except OSError:
        data = b""
    if not data:
        waiting.unregister(conn)
        conn.close()
        return
    key = re.search(rb"Sec-WebSocket-Key: (\S+)", data)
    if key:
        conn.sendall(ANSWER % base64.b64encode(hashlib.sha1(key.group(1) + MAGIC).digest()))
    else:
        size, mask = data[1] & 127, data[2:6]
        text = bytes(byte ^ mask[i % 4] for i, byte in enumerate(data[6:6 + size]))
        conn.sendall(bytes([data[0], size]) + text)


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
