"""What most cases share: the command line, and the servers around a run."""

from .common import BODY
from .servers import Folder, Nginx


def base_arguments(settings, case, url, length=BODY):
    arguments = ["--url", url, "--length", str(length)]
    if case.get("tls"):
        arguments.append("--insecure")
    if case.get("http2"):
        arguments.append("--http2")
    if settings.bare:
        arguments.append("--bare")
    return arguments


def with_folder(run):
    folder = Folder()
    try:
        return run(folder)
    finally:
        folder.close()


def with_nginx(settings, run, **options):
    def inside(folder):
        nginx = Nginx(folder, settings.server_core, **options)
        try:
            return run(nginx)
        finally:
            nginx.close()
    return with_folder(inside)
