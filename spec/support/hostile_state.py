"""Routes of hostile.py that answer by what came before: scripts, tokens, pages,
cookies.
"""
import asyncio
import collections
import json
import re
from urllib.parse import parse_qsl

from hostile_routes import answer_json, digest, route, swallow

# Answers that change from one request to the next.

SCRIPTS = {}


@route("/script", reads_body=True)
async def script(x):
    """Its requests with the same `key` get the next of `words` (200) each, the last
    for ever: a status, "reset" (before the body is read), "close" (behind it),
    "stall", "half" (503 whose body is cut), "cut" (a 200 like it), "hang" (a 200
    that falls silent in its body) or "early" (503 at the body's first byte). What is no 2xx has the lines of `head`. The body of 2xx tells what
    came: "time", "method", "headers", "length", "sha256" of each."""
    seen = SCRIPTS.setdefault(x.text("key"), [])
    words = x.text("words", "200").split(",")
    word = words[min(len(seen), len(words) - 1)]
    seen.append({"time": asyncio.get_running_loop().time(), "method": x.method,
                 "headers": {name.lower(): value for name, value in x.headers}})
    head = [tuple(line.split(": ")) for line in x.text("head").splitlines()]
    if word == "reset":
        return x.reset()
    if word == "early":
        async for _ in x.body():
            break
        x.keep = False
        await x.answer(503, "early\n", head)
        # Closing now would send a RST, which may overtake the answer.
        return await asyncio.wait_for(swallow(x), 5)
    seen[-1].update(await digest(x))
    if word == "stall":
        await x.stall()
    elif word in ("half", "cut", "hang"):
        x.keep = False
        await x.head(503 if word == "half" else 200, head + [("Content-Length", 100)])
        await x.send(b"half")
        if word == "hang":
            await x.stall()
    elif word == "close":
        x.keep = False
    elif word.startswith("2"):
        await x.answer(int(word), json.dumps(seen))
    else:
        await x.answer(int(word), "no\n", head)


@route("/script-log")
async def script_log(x):
    """What /script has seen for `key`."""
    await answer_json(x, SCRIPTS.get(x.text("key"), []))


# Tokens, as of RFC 6749.

TOKENS = collections.defaultdict(list)


@route("/token", reads_body=True)
async def token(x):
    """For each `key` the next of t1, t2, ..., good for `expires` (3600) seconds, after `wait`
    (0); `status` (200) and `text` in its place. Notes what it was asked."""
    form = dict(parse_qsl(b"".join([p async for p in x.body()]).decode()))
    seen = TOKENS[x.text("key")]
    seen.append({"form": form, "headers": {k.lower(): v for k, v in x.headers}})
    await asyncio.sleep(x.number("wait", 0.0))
    answer = {"access_token": "t%d" % len(seen), "token_type": "Bearer",
              "expires_in": x.number("expires", 3600)}
    if form["grant_type"] == "refresh_token":
        answer["refresh_token"] = "r%d" % len(seen)
    await x.answer(x.number("status", 200), x.text("text") or json.dumps(answer))


@route("/token-log")
async def token_log(x):
    """What /token was asked for `key`."""
    await answer_json(x, TOKENS[x.text("key")])


@route("/guarded", reads_body=True)
async def guarded(x):
    """401 unless the token is t`at` (0) or a later one; else the token and what was sent."""
    body = b"".join([p async for p in x.body()]).decode()
    came = re.fullmatch(r"Bearer t([0-9]+)", x.header("authorization"))
    if came and int(came[1]) >= x.number("at", 0):
        await x.answer(200, "t" + came[1] + body)
    else:
        await x.answer(401, "who?", [("WWW-Authenticate", "Bearer")])


# Pages.

BUSY = set()


@route("/pages")
async def pages(x):
    """Page `n` (1) of `last` (3): what came, as JSON, and a Link to the next one, at `base`
    where there is one. With `busy` each page is 503 for the first who asks with that."""
    n, last, busy = x.number("n", 1), x.number("last", 3), x.text("busy")
    head = []
    if busy and (busy, n) not in BUSY:
        BUSY.add((busy, n))
        return await x.answer(503, "busy\n", [("retry-after-ms", "1")])
    if n < last:
        head.append(("Link", '<%s/pages?n=%d&last=%d&busy=%s>; rel="next"'
                     % (x.text("base"), n + 1, last, busy)))
    await x.answer(200, json.dumps({
        "page": n, "query": x.query, "headers": {k.lower(): v for k, v in x.headers}}), head)


# Cookies.

@route("/cookies", reads_body=True)
async def cookies(x):
    """`status` (200), to `to` where there is one, with a Set-Cookie for each line of
    `set`; the body is the Cookie header that came."""
    head = [("Set-Cookie", line) for line in x.text("set").split("\n") if line]
    if "to" in x.query:
        head.append(("Location", x.text("to")))
    async for _ in x.body():
        pass
    await x.answer(x.number("status", 200), x.header("cookie"), head)


@route("/login", reads_body=True)
async def login(x):
    """303 to /private with a session, whatever the body says."""
    async for _ in x.body():
        pass
    await x.answer(303, "", [("Location", "/private"),
                             ("Set-Cookie", "sid=secret; Path=/; HttpOnly")])


@route("/private")
async def private(x):
    """401 without the session of /login."""
    known = "sid=secret" in x.header("cookie").split("; ")
    await x.answer(200 if known else 401, "private\n" if known else "who?\n")
