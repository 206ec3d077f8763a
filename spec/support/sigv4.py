"""A server that checks AWS Signature Version 4, written from AWS's description of it.

    sigv4.py

The secret key is SECRET. Prints its port. Answers 200 with the names of the signed
headers, or 403 with what it would have signed; /to?URL redirects. GET /seen: the
Authorization headers so far, each on a line. Ends with its standard input."""

import hashlib
import hmac
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, unquote

seen = []


def encode(text, safe=""):
    return quote(text, safe=safe + "-_.~")


def canonical(method, target, headers, signed, service, body):
    path, _, query = target.partition("?")
    fields = [field.partition("=")[::2] for field in query.split("&") if field]
    fields = sorted((encode(unquote(name)), encode(unquote(value))) for name, value in fields)
    payload = headers["x-amz-content-sha256"]
    if payload != "UNSIGNED-PAYLOAD" and payload != hashlib.sha256(body).hexdigest():
        raise ValueError("the body is another one")
    return "\n".join([
        method, encode(unquote(path) if service == "s3" else path, "/"),
        "&".join(name + "=" + value for name, value in fields),
        "".join(name + ":" + " ".join(headers[name].split()) + "\n" for name in signed.split(";")),
        signed, payload])


def signature(text, date, day, region, service):
    key = b"AWS4SECRET"
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    scope = "/".join([day, region, service, "aws4_request"])
    to_sign = "\n".join(["AWS4-HMAC-SHA256", date, scope, hashlib.sha256(text.encode()).hexdigest()])
    return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def check(self, body):
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen.append(headers.get("authorization", "-"))
        fields = dict(re.findall(r"(\w+)=([^,\s]+)", headers.get("authorization", "")))
        if not fields:
            return 403, "no signature"
        _, day, region, service, _ = fields["Credential"].split("/")
        signed = fields["SignedHeaders"]
        missing = {"host", "x-amz-date"} | {name for name in headers if name.startswith("x-amz-")}
        missing -= set(signed.split(";"))
        if missing:
            return 403, "not signed: " + ", ".join(missing)
        text = canonical(self.command, self.path, headers, signed, service, body)
        good = signature(text, headers["x-amz-date"], day, region, service)
        return (200, signed) if good == fields["Signature"] else (403, text)

    def read(self):
        if self.headers.get("transfer-encoding", "") == "chunked":
            body = b""
            while True:
                size = int(self.rfile.readline(), 16)
                body += self.rfile.read(size)
                self.rfile.readline()
                if size == 0:
                    return body
        return self.rfile.read(int(self.headers.get("content-length", 0)))

    def answer(self):
        body = self.read()
        if self.path == "/seen":
            status, text = 200, "\n".join(seen)
        elif self.path.startswith("/to?"):
            self.send_response(307)
            self.send_header("Location", self.path[4:])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        else:
            status, text = self.check(body)
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text.encode())

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
