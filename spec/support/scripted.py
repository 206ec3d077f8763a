#!/usr/bin/python3 -B
"""An HTTP/1.1 server that answers what it is told to: scripted.py. Prints "PORT n".

    POST /script?target=T   the body is JSON, a list of answers to requests for the
                            target T; the last one repeats. What was seen is forgotten.
                            An answer: {status, headers: [[name, value], ...], body,
                            cut: true (the connection ends instead), pause: seconds,
                            promised: a Content-Length that the body does not keep,
                            pieces: a list of strings, the chunks of the body, and numbers,
                            seconds between them; then comes the end, or with cut: true the
                            connection's, or with hold: true nothing more;
                            split: the body in chunks of so many bytes}
    GET /seen?target=T      the requests for T so far, as JSON: [{method, headers}]
    GET /open               how many connections are open, this one among them
    POST /restart?pause=S   ends all connections and refuses others for so many seconds
"""
import asyncio
import json
import os
import sys
import threading
import weakref

from hostile_http import Connection, Stats


class Script:
    def __init__(self):
        self.answers = {}
        self.seen = {}
        self.stats = Stats()
        self.connections = weakref.WeakSet()
        self.server = self.reopening = None

    def connect(self):
        connection = Connection(self, self.stats)
        self.connections.add(connection)
        return connection

    async def listen(self, port=0):
        self.server = await asyncio.get_running_loop().create_server(
            self.connect, "127.0.0.1", port)
        return self.server.sockets[0].getsockname()[1]

    def get(self, path, _missing):
        """As Connection asks for a route."""
        return {"/script": (self.learn, True), "/seen": (self.tell, False),
                "/open": (self.count, False), "/restart": (self.restart, False)}.get(
                    path, (self.play, False))

    async def learn(self, x):
        text = b"".join([piece async for piece in x.body()])
        self.answers[x.text("target")] = json.loads(text)
        self.seen[x.text("target")] = []
        await x.answer(204)

    async def tell(self, x):
        await x.answer(200, json.dumps(self.seen.get(x.text("target"), [])))

    async def count(self, x):
        await x.answer(200, str(self.stats.open))

    async def restart(self, x):
        await x.answer(204)
        self.reopening = asyncio.create_task(self.reopen(x.number("pause", 0.1)))

    async def reopen(self, pause):
        port = self.server.sockets[0].getsockname()[1]
        self.server.close()
        for connection in list(self.connections):
            if connection.task:
                connection.task.cancel()
        await asyncio.sleep(pause)
        await self.listen(port)

    async def play(self, x):
        answers, seen = self.answers.get(x.target), self.seen.setdefault(x.target, [])
        if not answers:
            await x.answer(404, "nothing is scripted for %s\n" % x.target)
            return
        answer = answers[min(len(seen), len(answers) - 1)]
        headers = {}
        for name, value in x.headers:
            name = name.lower()
            headers[name] = headers[name] + ", " + value if name in headers else value
        seen.append({"method": x.method, "headers": headers})
        await asyncio.sleep(answer.get("pause", 0))
        fields = [tuple(pair) for pair in answer.get("headers", [])]
        status, body = answer.get("status", 200), answer.get("body", "body")
        if "pieces" in answer or "split" in answer:
            await self.stream(x, answer, fields)
            return
        if answer.get("cut"):
            x.keep = False
            return
        if "promised" in answer:
            x.keep = False
            await x.head(status, fields + [("Content-Length", answer["promised"])])
            await x.send(body.encode("utf-8"))
            return
        await x.answer(status, body, fields)

    async def stream(self, x, answer, fields):
        await x.head(answer.get("status", 200), fields + [("Transfer-Encoding", "chunked")])
        if "split" in answer:
            body, size = answer["body"].encode("utf-8"), answer["split"]
            pieces = [body[at:at + size] for at in range(0, len(body), size)]
        else:
            pieces = [piece.encode("utf-8") if isinstance(piece, str) else piece
                      for piece in answer["pieces"]]
        for piece in pieces:
            if isinstance(piece, bytes):
                await x.send_chunk(piece)
            else:
                await asyncio.sleep(piece)
        if answer.get("hold"):
            await x.stall()
        elif answer.get("cut"):
            x.keep = False
        else:
            await x.send(b"0\r\n\r\n")


async def main():
    port = await Script().listen()
    threading.Thread(target=end_with_stdin, daemon=True).start()
    print("PORT", port, flush=True)
    await asyncio.Event().wait()


def end_with_stdin():
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
