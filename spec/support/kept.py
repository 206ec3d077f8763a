#!/usr/bin/python3 -B
"""An HTTP/1.1 server that keeps connections, and what it does to them while they
are idle or when the next request is there: kept.py [CERT KEY]. Prints "PORT n", and listens on the
Unix socket kept.sock in its folder, too.
It answers whole URLs, too, as a proxy does.

    /ok            200, the method and the path for a body
    /idle?say=WHAT the same, and when `after` (0.05) seconds have passed:
                   "answer" 408, "second" another 200, "text" bytes, "crlf" a line,
                   "endless" bytes until the other side has gone, each of them
                   with the end of the connection when `end` is there; "fin" and
                   "rst" nothing but the end. `status` (200) is that of the answer
    /dies?how=HOW  the same; the next request on this connection is read whole and
                   "fin" ends it without an answer, "rst" by a reset, "half" after
                   half of the answer's first line
    /sleepy        an answer once all that wait are `n`
    /log?key=KEY   "METHOD path" for each request that had ?key=KEY, as lines

All connections of one key are counted: /connections?key=KEY. Whenever all has been said
on one of them, and has arrived, the file said-KEY in its folder grows by a byte.
"""
import collections
import fcntl
import os
import socket
import ssl
import struct
import sys
import termios
import threading
import time
from urllib.parse import parse_qs, urlsplit

TCP_CLOSE = 7                   # of the kernel's states

LOG = collections.defaultdict(list)
CONNECTIONS = collections.defaultdict(set)
WAITING = {}
LOCK = threading.Lock()
# Its output is a file in its folder.
FOLDER = os.path.dirname(os.readlink("/proc/self/fd/1"))
WORDS = {
    "answer": b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 4\r\n\r\nslow",
    "second": b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond",
    "text": b"x" * 100000,
    "crlf": b"\r\n",
}


def answer(body, status=200):
    return (b"HTTP/1.1 %d OK\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
            + body)


class Connection:
    def __init__(self, plain, context):
        self.is_tcp = plain.family == socket.AF_INET
        if self.is_tcp:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.plain = plain
        self.socket = context.wrap_socket(plain, server_side=True) if context else plain
        self.file = self.socket.makefile("rb")
        self.how = None
        self.says_for = None

    def reset(self):
        # The file object would keep the descriptor.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                               struct.pack("ii", 1, 0))
        self.file.close()
        self.socket.close()

    def request(self):
        """Method and target, once the body has been read; None at the end."""
        line = self.file.readline()
        if not line:
            return None
        method, target, _ = line.decode("latin-1").split(" ", 2)
        length, chunked = 0, False
        while True:
            line = self.file.readline()
            if line in (b"\r\n", b""):
                break
            name, value = line.decode("latin-1").split(":", 1)
            length = int(value) if name.lower() == "content-length" else length
            chunked = chunked or name.lower() == "transfer-encoding"
        self.file.read(length)
        while chunked:
            size = int(self.file.readline(), 16)
            self.file.read(size)
            self.file.readline()
            chunked = size > 0
        return method, target

    def serve(self):
        while True:
            request = self.request()
            if request is None:
                return
            method, target = request
            url = urlsplit(target)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            with LOCK:
                LOG[query.get("key")].append("%s %s" % (method, url.path))
                CONNECTIONS[query.get("key")].add(self)
            if not self.respond(method, url.path, query):
                return

    def respond(self, method, path, query):
        if self.how == "half":
            self.socket.sendall(b"HTTP/1.1 2")
        if self.how == "rst":
            self.reset()
        if self.how:
            return False
        body = ("%s %s" % (method, path)).encode()
        if path == "/log":
            body = "\n".join(LOG[query["key"]][:-1]).encode()
        elif path == "/connections":
            body = b"%d" % len(CONNECTIONS[query["key"]] - {self})
        elif path == "/sleepy":
            with LOCK:
                barrier = WAITING.setdefault(
                    query["key"], threading.Barrier(int(query["n"])))
            barrier.wait(20)
        status = int(query.get("status", "200"))
        whole = answer(body, status)
        if method == "HEAD" or status in (204, 304):
            whole = whole[:whole.index(b"\r\n\r\n") + 4]
        self.socket.sendall(whole)
        self.how = query.get("how")
        return path != "/idle" or self.idle(query)

    def delivered(self):
        """Waits until the other side's system has all that was sent, or has reset
        the connection: on a busy machine bytes arrive after who sent them has gone
        on. What a connection that was reset had to send counts as unsent for ever."""
        left = bytearray(4)
        while self.is_tcp and not self.dead() \
                and fcntl.ioctl(self.socket, termios.TIOCOUTQ, left) == 0 and any(left):
            time.sleep(0.001)

    def dead(self):
        return self.socket.getsockopt(
            socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == TCP_CLOSE

    def has_said(self):
        if self.says_for:
            with open("%s/said-%s" % (FOLDER, self.says_for), "ab") as file:
                file.write(b".")
        self.says_for = None

    def idle(self, query):
        say = query["say"]
        self.says_for = query.get("key")
        time.sleep(float(query.get("after", "0.05")))
        if say == "rst":
            self.reset()
        elif say == "endless":
            while True:
                self.socket.sendall(WORDS["text"])
        elif say in WORDS:
            self.socket.sendall(WORDS[say])
            self.delivered()
        if say in WORDS and "end" not in query:
            self.has_said()
            return True
        return False


def serve(plain, context):
    connection = None
    try:
        connection = Connection(plain, context)
        connection.serve()
        connection.file.close()
        connection.socket.close()
    except (OSError, ValueError, threading.BrokenBarrierError):
        plain.close()
    if connection:
        connection.has_said()


def main():
    context = None
    if len(sys.argv) > 1:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[1], sys.argv[2])
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(300)
    local = socket.socket(socket.AF_UNIX)
    local.bind(FOLDER + "/kept.sock")
    local.listen(300)
    print("PORT %d" % listener.getsockname()[1], flush=True)

    def accept(listener):
        while True:
            plain, _ = listener.accept()
            threading.Thread(target=serve, args=(plain, context), daemon=True).start()

    for each in (listener, local):
        threading.Thread(target=accept, args=(each,), daemon=True).start()
    sys.stdin.read()
    os._exit(0)


main()
