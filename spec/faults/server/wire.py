"""One connection, seen from the server: plain TCP, or TLS over it by hand, so
that both can be broken in the middle. Everything blocks; each connection has a
thread of its own.
"""
import ctypes
import fcntl
import os
import socket
import ssl
import struct
import sys
import termios
import time

LIBC = ctypes.CDLL(None)
# Seconds after which a connection is given up: longer than the client waits, however
# slow the tool is that it runs under.
PATIENCE = 20 * float(os.environ.get("MULTISOCK_TIME_SCALE", "1"))

# A state of TCP_INFO.
TCP_CLOSE = 7


class Gone(Exception):
    """The client has closed, or nothing came for too long."""


class Wire:
    alpn = None

    def __init__(self, sock):
        self.sock = sock
        self.buffer = bytearray()
        self.ended = False
        sock.settimeout(PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    # Reading

    def receive(self):
        """More bytes, b"" at the end."""
        try:
            return self.sock.recv(65536)
        except OSError as err:
            raise Gone from err

    def fill(self):
        data = self.receive()
        if not data:
            raise Gone
        self.buffer += data

    def take(self, count):
        """At most count bytes, at least one."""
        if not self.buffer:
            self.fill()
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        return data

    def exactly(self, count):
        while len(self.buffer) < count:
            self.fill()
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        return data

    def until(self, mark):
        start = 0
        while True:
            at = self.buffer.find(mark, start)
            if at >= 0:
                return self.exactly(at + len(mark))
            start = max(0, len(self.buffer) - len(mark))
            self.fill()

    def drain(self, seconds=PATIENCE):
        """Takes what comes off the socket, past TLS, and forgets it, until the
        client has gone, or for so long."""
        deadline = time.monotonic() + seconds
        try:
            while (left := deadline - time.monotonic()) > 0:
                self.sock.settimeout(left)
                if not self.sock.recv(65536):
                    break
        except OSError:
            pass
        finally:
            if self.sock.fileno() >= 0:
                self.sock.settimeout(PATIENCE)

    # Writing and ending

    def delivered(self, seconds=2):
        """Waits until the other side's system has all that was sent, or has reset
        the connection: on a busy machine bytes arrive after who sent them has
        gone on."""
        deadline = time.monotonic() + seconds
        left = bytearray(4)
        try:
            while time.monotonic() < deadline and not self.dead():
                fcntl.ioctl(self.sock.fileno(), termios.TIOCOUTQ, left)
                if not int.from_bytes(left, sys.byteorder):
                    break
                time.sleep(0.001)
        except (OSError, ValueError):
            pass                        # closed

    def dead(self):
        """Whether TCP has given it up: what it had to send counts as unsent then."""
        return self.sock.getsockopt(
            socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == TCP_CLOSE

    def send(self, *pieces):
        try:
            for piece in pieces:
                self.write(piece)
        except OSError as err:
            raise Gone from err

    def write(self, data):
        self.sock.sendall(data)

    def cut(self):
        """FIN, with TLS not announced."""
        self.ended = True
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        """FIN, announced with TLS; then what the client still says is read, as
        a socket that is closed unread would send RST."""
        if not self.ended:
            self.cut()
        self.drain(5)
        self.sock.close()

    def reset(self):
        self.ended = True
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             struct.pack("ii", 1, 0))
        self.sock.close()

    def abort(self):
        """RST at once, from any thread: connect(2) to AF_UNSPEC. Who closes what
        another thread reads from gives it the next connection's number."""
        LIBC.connect(self.sock.fileno(), bytes(16), 16)

    def stall(self):
        """Silence until the client goes."""
        self.drain()


class TlsWire(Wire):
    def __init__(self, sock, context):
        super().__init__(sock)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(
            self.incoming, self.outgoing, server_side=True)

    def flush(self):
        data = self.outgoing.read()
        if data:
            self.sock.sendall(data)

    def feed(self):
        data = self.sock.recv(65536)
        if data:
            self.incoming.write(data)
        else:
            self.incoming.write_eof()
        return data

    def handshake(self):
        try:
            while True:
                try:
                    self.tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    self.flush()
                    if not self.feed():
                        raise Gone from None
            self.flush()
        except (OSError, ssl.SSLError) as err:
            try:
                self.flush()
            except OSError:
                pass
            raise Gone from err
        self.alpn = self.tls.selected_alpn_protocol()

    def receive(self):
        try:
            while True:
                try:
                    return self.tls.read(65536)
                except ssl.SSLWantReadError:
                    self.flush()
                    if not self.feed():
                        return b""
        except ssl.SSLZeroReturnError:
            return b""
        except (OSError, ssl.SSLError) as err:
            raise Gone from err

    def write(self, data):
        data = memoryview(data)
        for start in range(0, len(data), 65536):
            self.tls.write(data[start:start + 65536])
            self.flush()

    def raw(self, data):
        """Past TLS."""
        self.sock.sendall(data)

    def notify(self):
        """Tells that this end says no more (close_notify)."""
        try:
            self.tls.unwrap()
        except ssl.SSLError:
            pass
        try:
            self.flush()
        except OSError:
            pass

    def close(self):
        if not self.ended:
            self.notify()
        super().close()
