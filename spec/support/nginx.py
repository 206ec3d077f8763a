#!/usr/bin/python3 -B
"""Becomes nginx, listening on free ports of 127.0.0.1; servers.lua starts it.

    nginx.py NGINX TEMPLATE DIR CERTS

Fills in the template as DIR/nginx.conf and prints "NAME_PORT n" for each port
it names. nginx inherits the bound sockets, as it does from its former self
when it is upgraded: no other process can take a port in between.
"""
import os
import re
import resource
import socket
import sys


def main(nginx, template, directory, certificates):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard == resource.RLIM_INFINITY:
        hard = 65536
    values = {"DIR": directory, "CERTS": certificates,
              "CONNECTIONS": min(hard, 65536)}
    with open(template, encoding="utf-8") as file:
        text = file.read()
    inherited = []
    for name in re.findall("@([A-Z_]+_PORT)@", text):
        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
        # nginx keeps this backlog, as its template names none.
        sock.listen(4096)
        # nginx sets neither on a socket that it inherits.
        sock.setblocking(False)
        sock.set_inheritable(True)
        inherited.append(sock)
        values[name] = sock.getsockname()[1]
        print(name, values[name], flush=True)
    text = re.sub("@([A-Z_]+)@", lambda match: str(values[match[1]]), text)
    path = os.path.join(directory, "nginx.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.environ["NGINX"] = "".join("%d;" % s.fileno() for s in inherited)
    os.execv(nginx, [nginx, "-p", directory, "-c", path])


if __name__ == "__main__":
    main(*sys.argv[1:])
