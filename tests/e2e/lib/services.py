"""The end of a service manager: the socket to which sd_notify(3) goes."""

import select
import socket
import threading


class Manager:
    """systemd binds a path, or an abstract name where /run cannot be shared ("@name"). It reads all the time, as the
    kernel holds no more than ten datagrams."""

    def __init__(self, name):
        self.socket, self.heard, self.ended = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), [], threading.Event()
        self.socket.bind("\0" + name[1:] if name[0] == "@" else name)
        self.name = name
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        """Until it is ended and nothing is left."""
        while True:
            ended = self.ended.is_set()
            if select.select([self.socket], [], [], 0.05)[0]:
                self.heard.extend(self.socket.recv(4096).decode().split("\n"))
            elif ended:
                return

    def hears(self, line):
        """How often it was told that so far."""
        return self.heard.count(line)

    def variables(self, **more):
        return {"NOTIFY_SOCKET": self.name, **more}

    def close(self):
        """What was sent before is heard."""
        self.ended.set()
        self.reader.join()
        self.socket.close()
