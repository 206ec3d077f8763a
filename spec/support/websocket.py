#!/usr/bin/python3 -B
"""A WebSocket server: websocket.py [CERT KEY]. Prints "PORT n".

    /echo          every message comes back as it is
    /count?n=N     N text messages "message 1" ..., then a close
    /stream        binary messages of 4,096 bytes until the client has gone
    /refuse        no upgrade: status 403
    /silent        nothing
    /deaf          reads no message
    /ping          says how long a ping took, after it has come
    /headers       the headers of the handshake, as a text message
    /parts         one message of three fragments, with a ping between them
    /close?code=N&reason=TEXT
"""
import asyncio
import http
import os
import ssl
import sys
import threading
from urllib.parse import parse_qs, urlsplit

import websockets


async def serve(socket):
    # Version 14 of the package has a request, earlier ones a path.
    request = getattr(socket, "request", None)
    url = urlsplit(request.path if request else socket.path)
    if url.path == "/count":
        for i in range(int(parse_qs(url.query)["n"][0])):
            await socket.send("message %d" % (i + 1))
    elif url.path == "/stream":
        while True:
            await socket.send(b"x" * 4096)
    elif url.path == "/headers":
        headers = request.headers if request else socket.request_headers
        await socket.send("".join("%s: %s\n" % pair for pair in headers.raw_items()))
    elif url.path == "/ping":
        await (await socket.ping(b"there?"))
        await socket.send("pong")
    elif url.path == "/deaf":
        await asyncio.sleep(3600)
    elif url.path == "/close":
        query = parse_qs(url.query, keep_blank_values=True)
        await socket.close(int(query["code"][0]), query["reason"][0])
    elif url.path == "/parts":
        async def parts():
            yield "one "
            await socket.ping()
            yield "tw"
            yield "o"
        await socket.send(parts())
        await socket.wait_closed()
    elif url.path == "/silent":
        await socket.wait_closed()
    else:
        async for message in socket:
            await socket.send(message)


def refuse(first, second):
    # Version 14 of the package hands over (connection, request), earlier ones
    # (path, headers).
    if isinstance(first, str):
        return ((http.HTTPStatus.FORBIDDEN, [], b"refused\n")
                if first == "/refuse" else None)
    return first.respond(403, "refused\n") if second.path == "/refuse" else None


def choose(first, second):
    # Likewise (connection, offered) or (offered, ours).
    offered = first if isinstance(first, (list, tuple)) else second
    return "chat.v1" if "chat.v1" in offered else None


def end_with_stdin():
    while os.read(0, 4096):
        pass
    os._exit(0)


async def main(certificate=None, key=None):
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
    async with websockets.serve(serve, "127.0.0.1", 0, ssl=context,
                                max_size=None, close_timeout=1, max_queue=4,
                                subprotocols=["chat.v1"], select_subprotocol=choose,
                                process_request=refuse) as server:
        threading.Thread(target=end_with_stdin, daemon=True).start()
        print("PORT", next(iter(server.sockets)).getsockname()[1], flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
