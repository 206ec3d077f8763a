#!/usr/bin/env python3
"""The server that the test suite of Lua-cURLv3 talks to: /get, /post and
/bytes/N on 127.0.0.1:7090, which the suite has written into it. Writes a line
when it listens and ends when its standard input does."""
import json
import os
import random
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 15

    def log_message(self, *arguments):
        pass

    def read_chunks(self):
        body = b""
        while True:
            size = int(self.rfile.readline().split(b";")[0] or b"0", 16)
            if size == 0:
                break
            body += self.rfile.read(size)
            self.rfile.readline()
        trailers = {}
        while True:
            line = self.rfile.readline().decode("latin-1").strip()
            if not line:
                return body, trailers
            name, _, value = line.partition(":")
            trailers[name] = value.strip()

    def read_body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            return self.read_chunks()
        return self.rfile.read(int(self.headers.get("Content-Length", 0))), {}

    def answer(self, kind, body, close=False):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if close:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body)

    def describe(self):
        split = urlsplit(self.path)
        return {
            "args": dict(parse_qsl(split.query)),
            "headers": dict(self.headers.items()),
            "origin": self.client_address[0],
            "url": "http://%s%s" % (self.headers.get("Host"), split.path),
        }

    def answer_json(self, result):
        self.answer("application/json", json.dumps(result).encode())

    def do_GET(self):
        size = re.match(r"/bytes/(\d+)$", self.path)
        body, _ = self.read_body()
        if size:
            data = bytes(random.randrange(254) for _ in range(int(size[1])))
            self.answer("application/octet-stream", data, close=True)
        elif self.path.startswith("/get"):
            result = self.describe()
            result["body"] = body.decode("latin-1")
            self.answer_json(result)
        else:
            self.answer("text/plain", b"hello")

    def do_POST(self):
        body, trailers = self.read_body()
        text = body.decode("latin-1")
        result = self.describe()
        result["headers"].update(trailers)
        field = re.search(r'name="(.*?)".*?\r\n\r\n(.*?)\r\n', text, re.S)
        if field:
            result["form"] = {field[1]: field[2]}
        else:
            result["form"] = dict(parse_qsl(text))
        self.answer_json(result)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request, client_address):
        pass                       # transfers that the suite aborts


server = Server(("127.0.0.1", 7090), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print("listening", flush=True)
sys.stdin.read()
os._exit(0)
