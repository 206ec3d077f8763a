"""Servers on 127.0.0.1, 127.0.0.2 and 127.0.0.3, at the same port. Each answers
with its address, the number of the connection, the Host header and the name that
TLS was asked for: "127.0.0.2 1 some.test:1234 -".

    addresses.py [CERTIFICATE KEY]

Prints "PORT n". Ends with its standard input. /to?URL redirects; to /from it answers with
the address that it was asked from."""

import socket
import ssl
import sys
import threading

context = None
names = {}
if len(sys.argv) > 1:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])

    def on_name(connection, name, _):
        names[connection] = name
    context.sni_callback = on_name


def answer(address, number, name, head, client):
    lines = head.decode("latin1").split("\r\n")
    path = lines[0].split(" ")[1]
    if path.startswith("/to?"):
        return b"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % (
            path[4:].encode())
    host = [line[6:] for line in lines if line.lower().startswith("host: ")][0]
    body = client if path == "/from" else f"{address} {number} {host} {name}"
    body = body.encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def serve(connection, address, number, client):
    name = "-"
    try:
        if context:
            connection = context.wrap_socket(connection, server_side=True)
            name = names.get(connection, "-")
        data = b""
        while True:
            more = connection.recv(65536)
            if not more:
                return
            data += more
            while b"\r\n\r\n" in data:
                head, data = data.split(b"\r\n\r\n", 1)
                connection.sendall(answer(address, number, name, head, client))
    except OSError:
        pass
    finally:
        connection.close()


def listen(listener, address):
    number = 0
    while True:
        connection, client = listener.accept()
        number += 1
        threading.Thread(target=serve, args=(connection, address, number, client[0]),
                         daemon=True).start()


def main():
    first = socket.create_server(("127.0.0.1", 0))
    port = first.getsockname()[1]
    listeners = {"127.0.0.1": first}
    for address in ("127.0.0.2", "127.0.0.3"):
        listeners[address] = socket.create_server((address, port))
    for address, listener in listeners.items():
        threading.Thread(target=listen, args=(listener, address), daemon=True).start()
    print("PORT", port, flush=True)
    sys.stdin.read()


main()
