"""What every part needs: building, processes, ports, and this machine."""

import os
import platform
import resource
import shlex
import shutil
import socket
import subprocess
import sys

BENCH = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
ROOT = os.path.dirname(BENCH)
BUILD = os.path.join(ROOT, "build", "bench")
BODY = 1024
# Descriptors that a client needs beside its connections.
SPARE_FILES = 100


class Failure(Exception):
    """Something that the user has to know, in one line."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def run_quiet(command, environment=None):
    """Runs a command whose output matters only to us, or when it fails."""
    try:
        done = subprocess.run(command, text=True, stdout=subprocess.PIPE, env=environment,
                              stderr=subprocess.STDOUT, check=False)
    except FileNotFoundError as error:
        raise Failure(f"{command[0]} is not installed") from error
    if done.returncode:
        raise Failure(f"{shlex.join(command)}:\n{done.stdout.strip()}")
    return done.stdout


def cc_build(name, sources, packages):
    """Compiles one program into build/bench and returns its path."""
    os.makedirs(BUILD, exist_ok=True)
    output = os.path.join(BUILD, name)
    flags = []
    if packages:
        flags = run_quiet(["pkg-config", "--cflags", "--libs", *packages]).split()
    paths = [os.path.join(BENCH, source) for source in sources]
    compiler = shlex.split(os.environ.get("CC", "cc"))
    run_quiet([*compiler, "-std=gnu99", "-O2", "-g", "-Wall", "-Wextra",
               "-o", output, *paths, *flags])
    return output


def environment():
    """The environment of every client: the built tree, and no proxy."""
    names = {name: value for name, value in os.environ.items()
             if not name.lower().endswith("_proxy") and not name.startswith("LUA_INIT")
             and not name.startswith(("LUA_PATH_", "LUA_CPATH_"))}
    after = {name: ";" + names.get(name, ";") for name in ("LUA_PATH", "LUA_CPATH")}
    names["LUA_PATH"] = f"{ROOT}/lua/?.lua;{ROOT}/lua/?/init.lua" + after["LUA_PATH"]
    names["LUA_CPATH"] = f"{ROOT}/build/?.so" + after["LUA_CPATH"]
    return names


def port_free():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def pinned(core, command):
    return command if core is None else ["taskset", "-c", str(core), *command]


def process_end(process):
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def cores_choose():
    """Different cores for client and server; and a sentence that says so."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        return None, None, "Nothing is pinned: there is only one core for client and server."
    if not shutil.which("taskset"):
        return None, None, "Nothing is pinned: taskset is not installed."
    return cores[0], cores[1], (f"The client is pinned to core {cores[0]}, "
                                f"the server to core {cores[1]}.")


def files_raise():
    """As many open files as are allowed, for the clients and servers too."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def files_needed(count):
    """Why `count` connections are not possible here, or None."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit >= count + SPARE_FILES:
        return None
    return f"not possible: open files are limited to {limit}, {count + SPARE_FILES} are needed"


def version_of(package):
    try:
        return run_quiet(["pkg-config", "--modversion", package]).strip()
    except Failure:
        return "unknown"


def lua_command():
    return shlex.split(os.environ.get("LUA", "lua5.4"))


def lua_version():
    """Of the interpreter itself: 5.4.4."""
    return run_quiet([*lua_command(), "-v"]).split()[1]


def system_describe():
    model = "unknown CPU"
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return (f"{model}, {os.cpu_count()} cores, Linux {platform.release()}, "
            f"libcurl {version_of('libcurl')}, libuv {version_of('libuv')}")
