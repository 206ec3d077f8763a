#!/usr/bin/python3 -B
"""Starts a server that cannot inherit its sockets; packaged.lua calls it.

    launch.py DIR COMMAND...

Every @NAME_PORT@ in the files DIR/*.in and in COMMAND becomes a free port of
127.0.0.1 (TCP and UDP), @DIR@ becomes DIR; the filled-in files lose their
".in". Prints "NAME_PORT n" for each port once all of them accept connections.
The names of UDP ports begin with UDP_: nobody can ask whether they listen.
The server, and all that it has started, end with this process.
"""
import ctypes
import glob
import os
import re
import signal
import socket
import subprocess
import sys
import time

START_SECONDS = 8
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
PORT = re.compile("@([A-Z0-9_]+_PORT)@")


def free_port():
    """A port that is free for both kinds. Somebody may take it before the
    server does: then it ends, and another one is tried."""
    while True:
        with socket.socket() as tcp, \
                socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            try:
                udp.bind(tcp.getsockname())
            except OSError:
                continue
            return tcp.getsockname()[1]


def fill(text, values):
    return re.sub("@([A-Z0-9_]+)@",
                  lambda match: str(values.get(match[1], match[0])), text)


def prepare(directory, command):
    """Fills in files and command; returns the ports and the command."""
    texts = {}
    for path in glob.glob(os.path.join(directory, "*.in")):
        with open(path, encoding="utf-8") as file:
            texts[path[:-3]] = file.read()
    names = set(PORT.findall("\n".join([*texts.values(), *command])))
    ports = {name: free_port() for name in sorted(names)}
    values = {"DIR": directory, **ports}
    for path, text in texts.items():
        with open(path, "w", encoding="utf-8") as file:
            file.write(fill(text, values))
    return ports, [fill(word, values) for word in command]


def accepts(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def in_child():
    os.setpgid(0, 0)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def children():
    """Processes whose parent this is: what the server leaves is ours, too."""
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path, encoding="latin-1") as file:
                pid, rest = file.read().split(" (", 1)
        except OSError:
            continue
        if int(rest.rpartition(") ")[2].split()[1]) == os.getpid():
            yield int(pid)


def end(child):
    """Ends the server and its sessions, which may be groups of their own. Those
    come to be ours when their parents have ended, so there may be more to end."""
    pids = [child.pid]
    while True:
        for pid in pids:
            for kill in os.killpg, os.kill:
                try:
                    kill(pid, signal.SIGKILL)
                except OSError:
                    pass
        try:
            while os.waitpid(-1, os.WNOHANG)[0] != 0:
                pass
        except ChildProcessError:
            return
        time.sleep(0.005)
        pids = list(children())


def start(directory, command):
    """Returns the running server and its ports, or None when it has ended."""
    ports, filled = prepare(directory, command)
    # A sanitizer that is loaded into Lua has nothing to look for in a server.
    environment = {name: value for name, value in os.environ.items()
                   if name != "LD_PRELOAD"}
    child = subprocess.Popen(
        filled, preexec_fn=in_child, cwd=directory, env=environment,
        stdin=subprocess.DEVNULL, stdout=sys.stderr)
    wanted = [n for name, n in ports.items() if not name.startswith("UDP_")]
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if all(accepts(port) for port in wanted):
            return child, ports
        if child.poll() is not None:
            break
        time.sleep(0.02)
    end(child)
    return None, ports


def main(directory, *command):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    for _ in range(2):
        child, ports = start(directory, command)
        if child:
            break
    else:
        sys.exit("the server did not accept connections")
    try:
        for name, port in ports.items():
            print(name, port)
        print("READY", flush=True)
        # Orphans of the server come here, and are waited for.
        while os.waitpid(-1, 0)[0] != child.pid:
            pass
        sys.exit("the server has ended")
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        end(child)


if __name__ == "__main__":
    main(*sys.argv[1:])
