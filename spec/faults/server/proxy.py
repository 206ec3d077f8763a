"""The hostile server as a proxy. For http: URLs it says itself what an origin
would: see http1.py. Here is CONNECT: a proxy that tunnels as it should, and those
that do not."""
import socket
import threading

from acts import flood
from hub import ON_CONNECT
from wire import Gone

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    try:
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def relay(wire, address):
    with socket.create_connection(address) as origin:
        if wire.buffer:
            origin.sendall(wire.buffer)
        thread = threading.Thread(
            target=pump, args=(wire.sock, origin), daemon=True)
        thread.start()
        pump(origin, wire.sock)
        thread.join()


def requested(wire):
    """The address that CONNECT asks for."""
    head = wire.until(b"\r\n\r\n").split(b"\r\n", 1)[0]
    method, authority, _ = head.split(b" ")
    if method != b"CONNECT":
        raise Gone
    return "127.0.0.1", int(authority.rpartition(b":")[2])


def tunnel(wire, answer=ESTABLISHED):
    address = requested(wire)
    wire.send(answer)
    relay(wire, address)


def refuses(name, data, then="close"):
    def act(wire):
        requested(wire)
        wire.send(data)
        if then == "close":
            wire.close()
        elif then == "reset":
            wire.reset()
        else:
            wire.drain()
    ON_CONNECT["tunnel-" + name] = (act, ("tunnel",))


def establishes(name, data):
    ON_CONNECT["tunnel-" + name] = (lambda wire: tunnel(wire, data), ("tunnel",))


refuses("403", b"HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\nno!!\n")
refuses("407", b"HTTP/1.1 407 Auth\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n")
refuses("502-endless", b"HTTP/1.1 502 Bad\r\nContent-Length: 99999\r\n\r\nx", "stall")
refuses("302", b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
refuses("junk", b"\xff\xfe junk\r\n\r\n")
refuses("greeting", b"220 ftp.example ready\r\n", "stall")
refuses("close", b"")
refuses("reset", b"", "reset")
refuses("stall", b"", "stall")
refuses("head-cut", b"HTTP/1.1 200 OK\r\nVia: so")
refuses("head-stall", b"HTTP/1.1 200 OK\r\nVia: so", "stall")
refuses("head-folded", b"HTTP/1.1 200 OK\r\n folded: 1\r\n\r\n", "stall")
refuses("head-giant", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 400000 + b"\r\n\r\n", "stall")
refuses("established-close", ESTABLISHED)
refuses("established-stall", ESTABLISHED, "stall")
refuses("established-junk", ESTABLISHED + b"this is no TLS at all, is it?", "stall")
establishes("good", ESTABLISHED)
establishes("http10", b"HTTP/1.0 200 OK\r\n\r\n")
establishes("no-reason", b"HTTP/1.1 200\r\n\r\n")
establishes("299", b"HTTP/1.1 299 Odd\r\n\r\n")
establishes("interim", b"HTTP/1.1 100 Continue\r\n\r\n" + ESTABLISHED)
# RFC 9110 9.3.6: a client ignores these in a good answer to CONNECT.
establishes("length", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
establishes("chunked", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")


def endless_head(wire):
    requested(wire)
    wire.send(b"HTTP/1.1 200 OK\r\n")
    flood(wire, b"X-Fill: %s\r\n" % (b"x" * 1000) * 50)


def endless_interim(wire):
    requested(wire)
    flood(wire, b"HTTP/1.1 100 Continue\r\n\r\n" * 2000)


def endless_body(wire):
    requested(wire)
    wire.send(b"HTTP/1.1 403 Forbidden\r\n\r\n")
    flood(wire, b"x" * 50000)


ON_CONNECT["tunnel-endless-head"] = (endless_head, ("tunnel",))
ON_CONNECT["tunnel-endless-interim"] = (endless_interim, ("tunnel",))
ON_CONNECT["tunnel-endless-body"] = (endless_body, ("tunnel",))
