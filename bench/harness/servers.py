"""The servers that the clients are measured against, on the loopback."""

import os
import pwd
import resource
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request

from .common import BODY, Failure, cc_build, pinned, port_free, process_end, run_quiet

GIB = 1 << 30


class Folder:
    """A temporary folder with a certificate, for as long as a case runs."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="bench-")
        os.chmod(self.path, 0o755)

    def certificate(self):
        cert, key = os.path.join(self.path, "cert.pem"), os.path.join(self.path, "key.pem")
        if not os.path.exists(cert):
            run_quiet(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                       "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert,
                       "-days", "2", "-subj", "/CN=127.0.0.1",
                       "-addext", "subjectAltName=IP:127.0.0.1"])
        return cert, key

    def close(self):
        shutil.rmtree(self.path, ignore_errors=True)


class Nginx:
    """nginx with one worker, plain and TLS, on ports that were free."""

    CONFIG = """
daemon off;
{user}
worker_processes 1;
worker_rlimit_nofile {files};
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections {connections}; }}
http {{
  access_log off;
  default_type application/octet-stream;
  sendfile on;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  keepalive_time 24h;
  open_file_cache max=16 inactive=1h;
  open_file_cache_valid 1h;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
{upstream}
  server {{
    listen 127.0.0.1:{plain} backlog=4096;
    listen 127.0.0.1:{tls} ssl http2 backlog=4096;
    ssl_certificate {folder}/cert.pem;
    ssl_certificate_key {folder}/key.pem;
    root {folder}/www;
    # What nginx writes by itself has five headers, four over HTTP/2.
    location /headers-5 {{ return 200 "{body}"; }}
    location /headers-30 {{
{headers}
      return 200 "{body}";
    }}
{proxied}
  }}
}}
"""

    PROXIED = """
    location /slow/ {{
      proxy_pass http://slow;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }}
"""
    UPSTREAM = "  upstream slow {{ server {address}; keepalive 500; }}"

    def __init__(self, folder, core, proxied=None):
        """`proxied`: a Slow that it asks for what is below /slow/."""
        self.proxied = proxied
        # Where Debian puts it, which is not in every user's PATH.
        self.program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
        if not self.program:
            raise Failure("nginx is not installed")
        self.folder, self.core = folder, core
        folder.certificate()
        www = os.path.join(folder.path, "www")
        os.makedirs(www, exist_ok=True)
        with open(os.path.join(www, "1k"), "wb") as file:
            file.write(b"x" * BODY)
        # Sparse: it takes no room on the disk.
        with open(os.path.join(www, "1g"), "wb") as file:
            file.truncate(GIB)
        for _ in range(5):
            if self.start():
                return
        with open(os.path.join(folder.path, "nginx.out"), encoding="utf-8") as file:
            raise Failure("nginx does not start: " + file.read().strip())

    def start(self):
        """Another program may take a port that was free: then False."""
        self.plain, self.tls = port_free(), port_free()
        files = min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 65536)
        # A worker of root changes to another user, who may not read the folder.
        user = f"user {pwd.getpwuid(0).pw_name};" if os.geteuid() == 0 else ""
        config = os.path.join(self.folder.path, "nginx.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write(self.CONFIG.format(
                folder=self.folder.path, user=user, plain=self.plain, tls=self.tls,
                files=files, connections=files - 64, body="x" * BODY,
                proxied=self.PROXIED.format() if self.proxied else "",
                upstream=self.UPSTREAM.format(address=self.proxied.address)
                if self.proxied else "",
                headers="\n".join(f"      add_header X-Header-{i} 'value number {i}';"
                                  for i in range(5, 30))))
        with open(os.path.join(self.folder.path, "nginx.out"), "wb") as output:
            self.process = subprocess.Popen(
                pinned(self.core, [self.program, "-c", config, "-p", self.folder.path]),
                stdout=output, stderr=output)
        deadline = time.monotonic() + 5
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.plain), 1).close()
                return True
            except ConnectionRefusedError:
                time.sleep(0.02)
        process_end(self.process)
        return False

    def url(self, tls, path):
        if tls:
            return f"https://127.0.0.1:{self.tls}/{path}"
        return f"http://127.0.0.1:{self.plain}/{path}"

    def close(self):
        process_end(self.process)


def port_read(process, name):
    words = process.stdout.readline().split()
    if len(words) != 2 or words[0] != "PORT":
        process_end(process)
        raise Failure(f"the server {name} does not start")
    return int(words[1])


def arguments_of(options):
    return [word for name, value in options.items()
            for word in (f"--{name.replace('_', '-')}", str(value))]


class Slow:
    """server/slow.c, HTTP/1.1: answers late and knows its own peak."""

    def __init__(self, core, delay_ms, **options):
        command = [cc_build("slow", ["server/slow.c"], []), "--delay-ms", str(delay_ms),
                   "--body", str(BODY), "--port", "0", *arguments_of(options)]
        self.process = subprocess.Popen(pinned(core, command), stdout=subprocess.PIPE, text=True)
        self.address = f"127.0.0.1:{port_read(self.process, 'slow')}"
        self.base = "http://" + self.address
        # urllib would ask the proxy of the environment for this address.
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def peak(self, reset=False):
        """The most requests that waited at once, since the last reset."""
        path = "peak-reset" if reset else "peak"
        with self.opener.open(f"{self.base}/{path}", timeout=30) as answer:
            return int(answer.read())

    def close(self):
        process_end(self.process)
        self.process.stdout.close()


class H2Slow:
    """server/h2slow.c, HTTP/2 over TLS: counts streams and connections."""

    def __init__(self, folder, core, **options):
        try:
            program = cc_build("h2slow", ["server/h2slow.c", "server/h2slow_streams.c"],
                               ["libnghttp2", "libssl", "libcrypto"])
        except Failure as failure:
            raise Failure("the HTTP/2 server cannot be built: apt-get install libnghttp2-dev "
                          f"libssl-dev ({failure})") from failure
        cert, key = folder.certificate()
        command = [program, "--cert", cert, "--key", key, "--body", str(BODY)]
        command += arguments_of(options)
        self.process = subprocess.Popen(pinned(core, command), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.base = f"https://127.0.0.1:{port_read(self.process, 'h2slow')}"

    def counts(self):
        """Peak of streams, connections and requests served since the last call."""
        if self.process.poll() is not None:
            raise Failure(f"the HTTP/2 server ended with status {self.process.returncode}")
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        words = self.process.stdout.readline().split()
        return dict(zip(words[::2], map(int, words[1::2])))

    def close(self):
        process_end(self.process)
        self.process.stdin.close()
        self.process.stdout.close()
