"""Relays datagrams to a port of this machine, and loses the first LOST that each
client sends: what is said first has to be said again. Ends with its stdin.

usage: lossy_udp.py PORT LOST"""

import selectors
import socket
import sys


def bound():
    endpoint = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    endpoint.bind(("127.0.0.1", 0))
    return endpoint


def main():
    target, lost = ("127.0.0.1", int(sys.argv[1])), int(sys.argv[2])
    front, selector = bound(), selectors.DefaultSelector()
    clients, counts = {}, {}
    selector.register(front, selectors.EVENT_READ)
    selector.register(sys.stdin, selectors.EVENT_READ)
    print(f"PORT {front.getsockname()[1]}", flush=True)
    while True:
        for key, _ in selector.select():
            if key.fileobj is sys.stdin:
                return
            datagram, address = key.fileobj.recvfrom(65536)
            if key.fileobj is not front:
                front.sendto(datagram, key.data)
                continue
            counts[address] = counts.get(address, 0) + 1
            if counts[address] <= lost:
                continue
            if address not in clients:
                clients[address] = bound()
                selector.register(clients[address], selectors.EVENT_READ, address)
            clients[address].sendto(datagram, target)


main()
