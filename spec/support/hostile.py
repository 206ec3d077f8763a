#!/usr/bin/python3 -B
"""A hostile HTTP/1.1 server for the specs: it resets, stalls, truncates, lies.

    hostile.py [--tls CERT KEY]

Listens on a free port of 127.0.0.1, prints "PORT n", and serves until its
standard input ends, so that it never outlives the test that started it.
Its routes are in hostile_broken.py, hostile_answers.py, hostile_state.py and
hostile_uploads.py: each tells what it does and which query parameters tune it.

The bytes of /bytes, /stream and every other filler body repeat with a period
of 251: the byte at offset i (from 0) is (i * 7 + seed) % 251. A part of a body
can be checked by its offset alone, and as 251 is prime, a lost or doubled
buffer of any usual size shows.
"""
import asyncio
import resource
import ssl
import sys
import threading

import hostile_answers, hostile_broken, hostile_state, hostile_uploads  # noqa: E401, F401
from hostile_http import Connection, end_with_stdin
from hostile_routes import ROUTES, STATS


def tls_context(certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["http/1.1"])
    return context


async def main(arguments):
    context = None
    if arguments:
        if len(arguments) != 3 or arguments[0] != "--tls":
            sys.exit("usage: hostile.py [--tls CERT KEY]")
        context = tls_context(arguments[1], arguments[2])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(ROUTES, STATS), "127.0.0.1", 0,
        backlog=4096, ssl=context)
    threading.Thread(target=end_with_stdin, daemon=True).start()
    print("PORT", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
