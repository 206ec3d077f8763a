#!/usr/bin/python3 -B
"""A WebSocket server that sends what it is told, right or wrong: raw_websocket.py
[CERT KEY]. Prints "PORT n". Each path but /seen answers the handshake, then sends, then
ends, as its query says:

    accept=TEXT       in place of the right Sec-WebSocket-Accept; "" leaves it out
    upgrade=, connection=, status=      likewise
    header=LINE       one more header line (may be repeated)
    send=HEX          bytes, in pieces that come apart at each "."
    repeat=N          sends them so often
    endless=1         sends them until the client has gone
    late=SECONDS      waits before it answers the handshake; "slow=1" sends it byte by byte
    then=wait         reads until the client closes (the default)
         close reset  ends the connection at once
         half         ends its own direction alone
         deaf         reads nothing, for ever
    cork=1            all that it sends comes at once, also the end of the connection
    echo=1            answers a close with the same, and closes
    id=NAME           for /seen

/seen?id=NAME waits until that one has ended, and tells the frames that the client sent, a
line each: opcode, "fin" or "more", "masked" or "bare", the mask, the payload, all in hex.
"""
import base64
import hashlib
import os
import socket
import ssl
import struct
import sys
import threading
import time
from urllib.parse import parse_qs, urlsplit

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
SEEN, ENDED = {}, {}
LOCK = threading.Condition()


def read_exactly(stream, count):
    data = stream.read(count)
    if len(data) < count:
        raise EOFError
    return data


def read_frame(stream):
    first, second = read_exactly(stream, 2)
    size = second & 127
    if size > 125:
        size = int.from_bytes(read_exactly(stream, 2 if size == 126 else 8), "big")
    mask = read_exactly(stream, 4) if second & 128 else b""
    data = read_exactly(stream, size)
    if mask:
        whole = (mask * (size // 4 + 1))[:size]
        data = (int.from_bytes(data, "big") ^ int.from_bytes(whole, "big")).to_bytes(size, "big")
    return first & 15, bool(first & 128), mask, data


def answer(headers, query):
    key = headers.get("sec-websocket-key", "").encode()
    right = base64.b64encode(hashlib.sha1(key + MAGIC).digest()).decode()
    lines = ["HTTP/1.1 " + query.get("status", ["101 Switching Protocols"])[0]]
    for name, usual in (("Upgrade", "websocket"), ("Connection", "Upgrade"),
                        ("Sec-WebSocket-Accept", right)):
        value = query.get(name.lower().split("-")[-1], [usual])[0]
        if value:
            lines.append(name + ": " + value)
    lines += query.get("header", [])
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def hard_close(conn):
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    conn.close()


def send(conn, query):
    pieces = [bytes.fromhex(piece) for piece in query.get("send", [""])[0].split(".")]
    endless = "endless" in query
    count = int(query.get("repeat", ["1"])[0])
    while endless or count > 0:
        for piece in pieces:
            conn.sendall(piece)
            if len(pieces) > 1:
                time.sleep(0.002)
        count -= 1


def receive(conn, stream, query, seen):
    while True:
        opcode, fin, mask, data = read_frame(stream)
        seen.append("%x %s %s %s %s" % (opcode, "fin" if fin else "more",
                                        "masked" if mask else "bare", mask.hex(), data.hex()))
        if opcode == 8 and "echo" in query:
            conn.sendall(bytes([0x88, len(data)]) + data)
            return


def talk(conn, stream, query, seen):
    send(conn, query)
    then = query.get("then", ["wait"])[0]
    if then == "reset":
        hard_close(conn)
    elif then == "half":
        conn.shutdown(socket.SHUT_WR)
        receive(conn, stream, query, seen)
    elif then == "deaf":
        time.sleep(3600)
    elif then != "close":
        receive(conn, stream, query, seen)


def tell_seen(conn, query):
    name = query["id"][0]
    with LOCK:
        LOCK.wait_for(lambda: name in ENDED, 5)
        text = "\n".join(SEEN.get(name, ["not seen"])).encode()
    conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
                 % (len(text), text))


def serve(conn, context):
    if context:
        conn = context.wrap_socket(conn, server_side=True)
    conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream = conn.makefile("rb")
    url = urlsplit(stream.readline().split()[1].decode())
    headers = {}
    while True:
        line = stream.readline().strip().decode()
        if not line:
            break
        name, value = line.split(":", 1)
        headers[name.lower()] = value.strip()
    query = parse_qs(url.query, keep_blank_values=True)
    if url.path == "/seen":
        tell_seen(conn, query)
        return
    name = query.get("id", ["-"])[0]
    seen = SEEN[name] = ["%s: %s" % pair for pair in headers.items()] + [""]
    try:
        time.sleep(float(query.get("late", ["0"])[0]))
        bytes_ = answer(headers, query)
        if "cork" in query:
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        for i in range(0, len(bytes_), 1 if "slow" in query else len(bytes_)):
            conn.sendall(bytes_[i:i + (1 if "slow" in query else len(bytes_))])
        talk(conn, stream, query, seen)
    finally:
        with LOCK:
            ENDED[name] = True
            LOCK.notify_all()


def run(conn, context):
    try:
        serve(conn, context)
    except (OSError, EOFError, ValueError, IndexError):
        pass
    finally:
        conn.close()


def end_with_stdin():
    while os.read(0, 4096):
        pass
    os._exit(0)


def main(certificate=None, key=None):
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
    threading.Thread(target=end_with_stdin, daemon=True).start()
    listener = socket.create_server(("127.0.0.1", 0), backlog=200)
    print("PORT", listener.getsockname()[1], flush=True)
    while True:
        conn, _ = listener.accept()
        threading.Thread(target=run, args=(conn, context), daemon=True).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
