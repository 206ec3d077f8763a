"""A web server on addresses of all kinds, in a network namespace of its own.

    every_address.py ADDRESS,ADDRESS,... COMMAND...

Runs COMMAND with these addresses at home here, and the server on port 80 of all of
them: it answers with its address and how manieth its connection is, GET /to?URL
redirects. Port 81 answers GET /ADDRESS with how many connections to that have come
to port 80, GET / with those of all, GET /requests with how many were answered there."""

import collections
import socket
import subprocess
import sys
import threading

accepted = collections.Counter()
requests = 0


def answer(path, address, number, counted):
    global requests
    requests += counted
    if path.startswith("/to?"):
        return b"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % (
            path[4:].encode())
    body = f"{address} {number}"
    if not counted:
        body = str(requests if path == "/requests" else
                   accepted[path[1:]] if path != "/" else sum(accepted.values()))
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body.encode())


def serve(connection, counted):
    address = connection.getsockname()[0].split("%")[0].replace("::ffff:", "")
    if counted:
        accepted[address] += 1
    number, data = sum(accepted.values()), b""
    while True:
        try:
            more = connection.recv(65536)
        except OSError:
            return
        if not more:
            return
        data += more
        while b"\r\n\r\n" in data:
            head, data = data.split(b"\r\n\r\n", 1)
            path = head.split(b" ")[1].decode()
            connection.sendall(answer(path, address, number, counted))


def accept(port, counted):
    listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True,
                                    backlog=1000)

    def run():
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0], counted),
                             daemon=True).start()
    threading.Thread(target=run, daemon=True).start()


def main():
    lines = ["link set lo up"]
    for address in filter(None, sys.argv[1].split(",")):
        lines.append(f"address add {address}/{128 if ':' in address else 32} dev lo"
                     + (" nodad" if ":" in address else ""))
    subprocess.run(["ip", "-force", "-batch", "-"], input="\n".join(lines) + "\n", text=True,
                   stderr=subprocess.DEVNULL, check=False)
    accept(80, True)
    accept(81, False)
    sys.exit(subprocess.run(sys.argv[2:]).returncode)


main()
