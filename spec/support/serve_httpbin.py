"""Runs Debian's httpbin on a free port of the loopback, which it prints."""

import socketserver
import sys
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from httpbin import app


class Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Handler(WSGIRequestHandler):
    def log_message(self, *_):
        pass


server = make_server("127.0.0.1", 0, app, Server, Handler)
print(server.server_port)
sys.stdout.flush()
server.serve_forever()
