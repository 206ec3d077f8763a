#!/usr/bin/python3 -B
"""An HTTP/1.1 server that answers what it is told to: scripted.py. Prints "PORT n".

    POST /script?target=T   the body is JSON, a list of answers to requests for the
                            target T; the last one repeats. What was seen is forgotten.
                            An answer: {status, headers: [[name, value], ...], body,
                            cut: true (the connection ends instead), pause: seconds,
                            promised: a Content-Length that the body does not keep}
    GET /seen?target=T      the requests for T so far, as JSON: [{method, headers}]
"""
import asyncio
import json
import os
import sys
import threading

from hostile_http import Connection, Stats


class Script:
    def __init__(self):
        self.answers = {}
        self.seen = {}

    def get(self, path, _missing):
        """As Connection asks for a route."""
        return {"/script": (self.learn, True), "/seen": (self.tell, False)}.get(
            path, (self.play, False))

    async def learn(self, x):
        text = b"".join([piece async for piece in x.body()])
        self.answers[x.text("target")] = json.loads(text)
        self.seen[x.text("target")] = []
        await x.answer(204)

    async def tell(self, x):
        await x.answer(200, json.dumps(self.seen.get(x.text("target"), [])))

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
        if answer.get("cut"):
            x.keep = False
            return
        fields = [tuple(pair) for pair in answer.get("headers", [])]
        status, body = answer.get("status", 200), answer.get("body", "body")
        if "promised" in answer:
            x.keep = False
            await x.head(status, fields + [("Content-Length", answer["promised"])])
            await x.send(body.encode("utf-8"))
            return
        await x.answer(status, body, fields)


async def main():
    script = Script()
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(script, Stats()), "127.0.0.1", 0)
    threading.Thread(target=end_with_stdin, daemon=True).start()
    print("PORT", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def end_with_stdin():
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
