#!/usr/bin/python3 -B
"""socket_options.py PID PORT: of each connection that PID has to that port of
127.0.0.1 a line "keepalive idle interval count user_timeout"; "denied" where one
process may not look at the descriptors of another."""
import ctypes
import os
import socket
import sys

PIDFD_GETFD = 438
TCP_USER_TIMEOUT = 18

pid, port = int(sys.argv[1]), int(sys.argv[2])
libc = ctypes.CDLL(None, use_errno=True)
pidfd = os.pidfd_open(pid)
for name in os.listdir("/proc/%d/fd" % pid):
    try:
        if not os.readlink("/proc/%d/fd/%s" % (pid, name)).startswith("socket:"):
            continue
    except OSError:
        continue
    fd = libc.syscall(PIDFD_GETFD, pidfd, int(name), 0)
    if fd < 0:
        print("denied")
        break
    with socket.socket(fileno=fd) as other:
        try:
            if other.getpeername()[1] != port:
                continue
        except (OSError, IndexError):
            continue
        tcp = [other.getsockopt(socket.IPPROTO_TCP, option) for option in (
            socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, TCP_USER_TIMEOUT)]
        print(other.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE), *tcp)
