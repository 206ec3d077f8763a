#!/usr/bin/python3 -B
"""An FTP server whose answer to EPSV comes before the question, together with
the answer to PWD: hasty_ftp.py. Prints "PORT n". Every file is "hasty"."""
import os
import socketserver
import socket
import threading


class Session(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.replace("\n", "\r\n").encode())

    def handle(self):
        with socket.create_server(("127.0.0.1", 0)) as data:
            self.say("220 ready\n")
            for line in self.rfile:
                self.answer(line.split()[0].decode().upper(), data)

    def answer(self, command, data):
        if command == "PWD":
            self.say('257 "/"\n229 passive (|||%d|)\n' % data.getsockname()[1])
        elif command == "RETR":
            with data.accept()[0] as peer:
                self.say("150 now\n")
                peer.sendall(b"hasty")
            self.say("226 done\n")
        elif command != "EPSV":
            self.say({"USER": "230 welcome\n", "TYPE": "200 type\n",
                      "SIZE": "213 5\n"}.get(command, "500 what?\n"))


def end_with_stdin():
    while os.read(0, 4096):
        pass
    os._exit(0)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128


if __name__ == "__main__":
    with Server(("127.0.0.1", 0), Session) as server:
        threading.Thread(target=end_with_stdin, daemon=True).start()
        print("PORT", server.server_address[1], flush=True)
        server.serve_forever()
