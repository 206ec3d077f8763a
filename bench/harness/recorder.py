"""A server that keeps what it was asked, to compare what the clients send."""

import json
import re
import socketserver
import threading

from .common import BODY


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        while True:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                line = self.rfile.readline()
                if not line:
                    return
                head += line
            length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            body = self.rfile.read(int(length.group(1))) if length else b""
            self.server.requests.append(comparable(head.decode(), body.decode()))
            self.wfile.write(self.server.answer)


def comparable(head, body):
    """What has to be the same for all: not the order of the headers, nor that of
    the names in JSON, nor who asks."""
    first, *lines = head.strip().split("\r\n")
    headers = []
    for line in lines:
        name, _, value = line.partition(":")
        value = value.strip()
        if name.lower() == "user-agent":
            value = len(value)
        elif name.lower() == "host":
            value = "the server"
        headers.append((name.lower(), value))
    try:
        body = json.loads(body)
    except ValueError:
        pass
    return first, sorted(headers, key=str), body


class Recorder(socketserver.ThreadingTCPServer):
    """Answers everything with 200; `status_text` and `headers` are the answer's."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, status_text="OK", headers="Content-Type: text/plain\r\n"):
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests = []
        self.answer = (f"HTTP/1.1 200 {status_text}\r\n{headers}Content-Length: {BODY}\r\n\r\n"
                       + "x" * BODY).encode()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def taken(self):
        """What was asked since the last call."""
        requests, self.requests = self.requests, []
        return requests

    def close(self):
        self.shutdown()
        self.server_close()
