#!/usr/bin/python3 -B
"""The hostile server of the fault matrix: main.py CERTIFICATES

CERTIFICATES is a folder as spec/support/certificates.sh makes it. Listens on free
ports of 127.0.0.1, prints "FAULT TRANSPORT PORT" for each and "READY", and serves
until its standard input ends. FAULT is "good" for the ports where the fault is
named in the path, /FAULT?id=ID, and the fault itself where it begins with the
connection. /good?id=ID&of=OTHER tells what was seen of OTHER, /open how many
connections stand, /ended?of=OTHER when the server has done all that it does to OTHER.
"""
import os
import socket
import sys
import threading
import time
import traceback

import hub
from hub import HUB, ON_CONNECT

# Each fills the registries.
import said, acts, answers, h2_floods, h2_frames, h2_streams, tls, proxy  # noqa: E401
import http1
import http2
from wire import Gone, TlsWire, Wire

assert said and acts and answers and h2_floods and h2_frames and h2_streams


class Listener:
    def __init__(self, wrap, serve):
        self.wrap, self.serve = wrap, serve
        self.wires = set()
        self.sock = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.sock.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                sock = self.sock.accept()[0]
            except OSError:
                return
            threading.Thread(
                target=self.run, args=(sock,), daemon=True).start()

    def run(self, sock):
        HUB.opened(1)
        try:
            wire = self.wrap(sock)
            wire.listener = self
            self.wires.add(wire)
            try:
                if isinstance(wire, TlsWire):
                    wire.handshake()
                self.serve(wire)
            finally:
                self.wires.discard(wire)
        except (Gone, OSError):
            pass
        except Exception:
            traceback.print_exc()
        finally:
            # A connection that a fault has left open is one that the client
            # must get rid of.
            sock.close()
            HUB.opened(-1)

    def restart(self):
        """Everything goes; new connections are refused for a moment."""
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        for wire in list(self.wires):
            wire.abort()
        time.sleep(0.1)
        self.sock = socket.create_server(("127.0.0.1", self.port), backlog=256)
        threading.Thread(target=self.accept, daemon=True).start()


def main(folder):
    server = folder + "/server.crt", folder + "/server.key"
    one = tls.context(*server, ["http/1.1"])
    two = tls.context(*server, ["h2", "http/1.1"])
    strangers = {
        "certificate-unknown": tls.context(
            folder + "/unknown.crt", folder + "/unknown.key", ["http/1.1"]),
        "certificate-other-host": tls.context(
            folder + "/wrong.crt", folder + "/wrong.key", ["http/1.1"]),
    }
    wraps = {
        "http": Wire, "proxy": Wire, "tunnel": Wire, "tls-raw": Wire,
        "tls": lambda sock: TlsWire(sock, one),
        "h2": lambda sock: TlsWire(sock, two),
    }

    def either(wire):
        # Who does not offer h2 gets HTTP/1.1.
        if wire.alpn == "h2":
            http2.Session(wire).serve()
        else:
            http1.serve(wire)

    serves = {"http": http1.serve, "proxy": http1.serve, "tls": http1.serve,
              "h2": either, "tunnel": proxy.tunnel}
    hub.RESTART = lambda wire: wire.listener.restart()
    lines = []

    def listen(fault, transport, wrap, serve):
        lines.append("%s %s %d" % (fault, transport, Listener(wrap, serve).port))

    for transport, serve in serves.items():
        listen("good", transport, wraps[transport], serve)
    for fault, context in strangers.items():
        listen(fault, "tls", lambda sock, context=context: TlsWire(sock, context),
               http1.serve)
    for fault, (act, transports) in ON_CONNECT.items():
        for transport in transports:
            listen(fault, transport.replace("-raw", ""), wraps[transport], act)
    names = set(hub.HTTP1) | set(hub.SAID) | set(hub.ANSWERS)
    lines += ["1 %s -" % name for name in sorted(names)]
    lines += ["2 %s -" % name for name in sorted(set(hub.HTTP2) | set(hub.ANSWERS))]
    print("\n".join(lines + ["READY"]), flush=True)
    while os.read(0, 4096):
        pass
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
