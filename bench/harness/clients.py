"""The clients: what each is, what it can do, and the command that runs it."""

import os
import shutil
import subprocess

from .common import BENCH, ROOT, Failure, cc_build, environment, lua_command, run_quiet

C_COMMON = ["clients/options.c", "clients/kinds.c", "clients/load.c", "clients/tally.c"]
# What a case may need of a client.
ALL = {"h1", "tls", "h2", "stream", "save", "inflight", "numbered", "samples", "fresh", "kinds"}

DEBIAN = "apt-get install --no-install-recommends "


def build_c(name, *sources):
    return [cc_build(name, [f"clients/{source}" for source in sources] + C_COMMON,
                     ["libcurl", "libuv"])]


def build_book():
    return build_c("book", "book.c")


def build_best():
    return build_c("best", "best.c", "admission.c")


def script(name):
    return os.path.join(BENCH, "clients", name)


def try_out(command, variables=None):
    """Runs what shows that a client is there; raises Failure when not."""
    try:
        subprocess.run(command, env={**environment(), **(variables or {})}, text=True,
                       capture_output=True, check=True)
    except FileNotFoundError as error:
        raise Failure(f"{command[0]} is not installed") from error
    except subprocess.CalledProcessError as error:
        lines = (error.stderr.strip() or "it does not start").splitlines()
        raise Failure(lines[-1] if "Error" in lines[-1] else lines[0]) from error


def build_multisock():
    lua = lua_command()
    if not os.path.exists(os.path.join(ROOT, "build", "multisock", "core.so")):
        raise Failure("build/multisock/core.so is not there: script/build")
    try_out([*lua, "-e", "require 'multisock'"])
    return [*lua, script("multisock.lua")]


def build_bulk():
    return [*build_multisock()[:-1], script("bulk.lua")]


def lua_peer(name, *modules):
    def build():
        lua = lua_command()
        for module in modules:
            try_out([*lua, "-e", f"require '{module}'"])
        return [*lua, script(name)]
    return build


def lcurl_peer(name, *modules):
    """Lua-cURLv3, and not what multisock has in its place: that one is loaded
    where LUA_PATH names this tree's lcurl/, or its rock is installed."""
    build = lua_peer(name, "cURL", *modules)

    def build_original():
        command = build()
        try_out([*lua_command(), "-e", "require 'cURL' if package.loaded['multisock.core'] then "
                 "error('Error: the module cURL is that of multisock: LUA_PATH', 0) end"])
        return command
    return build_original


# Debian has some pure Lua modules only in the folders of older versions; they
# run on any.
OLDER = ("package.path = package.path .. ';/usr/share/lua/5.3/?.lua;/usr/share/lua/5.3/?/init.lua"
         ";/usr/share/lua/5.1/?.lua;/usr/share/lua/5.1/?/init.lua'")


def older_peer(name, *modules):
    def build():
        lua = lua_command()
        try_out([*lua, "-e", OLDER + "".join(f" require '{module}'" for module in modules)])
        return [*lua, "-e", OLDER, script(name)]
    return build


def build_undici():
    folder = os.path.join(ROOT, "build", "bench", "node")
    if not os.path.isdir(os.path.join(folder, "node_modules", "undici")):
        raise Failure("undici is not there")
    node = shutil.which("node") or "node"
    try_out([node, "--version"])
    return [node, script("undici.mjs"), "--modules", folder]


def build_fetch():
    node = shutil.which("node") or "node"
    try_out([node, "-e", "if (!globalThis.fetch) throw new Error('this node has no fetch')"])
    return [node, script("fetch.mjs")]


def python_peer(name, *modules):
    def build():
        # Debian's modules are those of Debian's interpreter.
        python = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else "python3"
        for module in modules:
            try_out([python, "-c", f"import {module}"])
        return [python, script(name)]
    return build


def build_curl():
    if "parallel" not in run_quiet(["curl", "--help", "all"]):
        raise Failure("this curl has no --parallel")
    return ["python3", script("curl_parallel.py")]


# Name: what it is, how it is built, what it can do, what to install.
CLIENTS = {
    "book": ("C, as curl's documented libuv example does it", build_book, ALL, ""),
    "best": ("C, every trick", build_best, ALL, ""),
    "multisock": ("Lua", build_multisock, ALL | {"parked"}, ""),
    "bulk": ("multisock, client:each and client:map over a list of URLs", build_bulk,
             {"h1", "tls", "h2", "inflight", "numbered"}, ""),
    "lcurl": ("Lua-cURLv3, its perform and wait", lcurl_peer("lcurl.lua"),
              {"h1", "tls", "h2", "inflight", "stream", "save", "kinds"},
              "luarocks --lua-version 5.4 install lua-curl"),
    "lcurl-luv": ("Lua-cURLv3 on luv", lcurl_peer("lcurl_luv.lua", "luv"),
                  {"h1", "tls", "h2", "inflight", "stream", "save", "kinds"},
                  "luarocks --lua-version 5.4 install lua-curl; " + DEBIAN + "lua-luv"),
    "lua-http": ("lua-http on cqueues, connections kept", older_peer("lua_http.lua", "http.client"),
                 {"h1", "tls", "h2", "inflight"}, DEBIAN + "lua-http"),
    "copas": ("luasocket on copas, a connection for each request", older_peer("copas.lua", "copas", "socket.http"),
              {"h1"}, DEBIAN + "lua-copas lua-socket"),
    "undici": ("node, undici's Pool", build_undici, {"h1", "tls", "inflight", "stream", "save"},
               "npm install --prefix build/bench/node undici"),
    "fetch": ("node, its own fetch", build_fetch, {"h1", "tls", "inflight", "stream", "save"},
              DEBIAN + "nodejs (18 or newer)"),
    "aiohttp": ("Python", python_peer("aiohttp_client.py", "aiohttp"),
                {"h1", "tls", "inflight", "stream", "save"}, DEBIAN + "python3-aiohttp"),
    "tornado": ("Python, tornado's client on pycurl",
                python_peer("tornado_client.py", "tornado.curl_httpclient", "pycurl"),
                {"h1", "tls", "h2", "inflight", "stream", "save"},
                DEBIAN + "python3-tornado python3-pycurl"),
    "curl": ("the curl command, --parallel (at most 300)", build_curl,
             {"h1", "tls", "h2", "stream", "save"}, DEBIAN + "curl"),
}
OWN = ("book", "best", "multisock", "bulk")
KINDLY = tuple(name for name in CLIENTS if "kinds" in CLIENTS[name][2])
PEERS = tuple(name for name in CLIENTS if name not in OWN)


def about(name):
    return CLIENTS[name][0]


def can(name, needs):
    return needs <= CLIENTS[name][2]


def clients_build(names):
    """The commands of those that are there, and why the others are not."""
    commands, absent = {}, {}
    for name in names:
        try:
            commands[name] = CLIENTS[name][1]()
        except Failure as failure:
            hint = CLIENTS[name][3]
            absent[name] = str(failure).splitlines()[0] + (f" ({hint})" if hint else "")
    return commands, absent
