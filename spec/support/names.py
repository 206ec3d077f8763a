"""A name server and a web server for names, in a network namespace of their own.

    names.py FOLDER COMMAND...

Runs COMMAND with the name server on 127.0.0.1:53. By the first label of a name:
dead* is never answered, nx* does not exist, two* is 127.0.0.1 and 127.0.0.2, any other is
127.0.0.1. Port 80
answers GET /NAME with how often that name was asked for (type A); GET /: that in Host."""

import collections
import os
import socket
import subprocess
import sys
import threading

asked = collections.Counter()


def answer(query):
    at, labels = 12, []
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode())
        at += 1 + query[at]
    name, kind = ".".join(labels).lower(), query[at + 2]
    asked[name] += kind == 1
    question = query[12:at + 5]
    if name.startswith("dead"):
        return None
    if name.startswith("nx"):
        return query[:2] + b"\x81\x83\0\1\0\0\0\0\0\0" + question
    if kind != 1:
        return query[:2] + b"\x81\x80\0\1\0\0\0\0\0\0" + question
    hosts = b"\1\2" if name.startswith("two") else b"\1"
    return query[:2] + b"\x81\x80\0\1\0%c\0\0\0\0" % len(hosts) + question + b"".join(
        b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4\x7f\0\0%c" % host for host in hosts)


def serve_names(server):
    while True:
        query, address = server.recvfrom(4096)
        reply = answer(query)
        if reply:
            server.sendto(reply, address)


def serve(connection):
    data = b""
    while True:
        more = connection.recv(65536)
        if not more:
            return
        data += more
        while b"\r\n\r\n" in data:
            head, data = data.split(b"\r\n\r\n", 1)
            path = head.split(b" ")[1].decode()
            host = [line[6:] for line in head.decode().split("\r\n")
                    if line.lower().startswith("host: ")][0]
            body = str(asked[path[1:] or host]).encode()
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
                               % (len(body), body))


def serve_web(listener):
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


def main():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    path = os.path.join(sys.argv[1], "resolv.conf")
    with open(path, "w") as file:
        file.write("nameserver 127.0.0.1\noptions timeout:2 attempts:1\n")
    subprocess.run(["mount", "--bind", path, "/etc/resolv.conf"], check=True)
    names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    names.bind(("127.0.0.1", 53))
    threading.Thread(target=serve_names, args=(names,), daemon=True).start()
    web = socket.create_server(("127.0.0.1", 80), backlog=1000)
    threading.Thread(target=serve_web, args=(web,), daemon=True).start()
    sys.exit(subprocess.run(sys.argv[2:]).returncode)


main()
