"""Two servers of HTTPS on 127.0.0.1, which tell what they get: they ask for a client's
certificate, and answer with JSON, {"cert": its name or null, "headers": {name: value},
"target": "/path?query"}.

    witness.py CERTIFICATES

Prints "PORTS n m". GET /to?URL redirects. Ends with its standard input."""

import json
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        certificate = self.connection.getpeercert()
        name = certificate and dict(part[0] for part in certificate["subject"])["commonName"]
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = json.dumps({"cert": name or None, "headers": headers, "target": self.path}).encode()
        self.send_response(302 if self.path.startswith("/to?") else 200)
        if self.path.startswith("/to?"):
            self.send_header("Location", self.path[4:])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def start(context):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True,
                                        do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def main():
    folder = sys.argv[1]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder + "/server.crt", folder + "/server.key")
    context.load_verify_locations(folder + "/ca.crt")
    context.verify_mode = ssl.CERT_OPTIONAL
    print("PORTS", start(context), start(context), flush=True)
    sys.stdin.read()


main()
