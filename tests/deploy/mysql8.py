"""As much of a MySQL 8 as a login needs: it asks for caching_sha2_password, and says OK to every command of whoever
knows the password. Debian has no such server. (MySQL Internals, "Connection Phase", protocol 10)"""

import hashlib
import socketserver
import struct
import threading

NONCE = b"twenty bytes, no NUL"
PLUGIN = b"caching_sha2_password\0"
CAPABILITIES = 0x1 | 0x8 | 0x200 | 0x8000 | 0x80000  # MySQL's own, a database, protocol 4.1, 20 bytes, plugins
OK = b"\0\0\0\2\0\0\0"
FAST = b"\1\3"  # the server had the password in its cache
DENIED = b"\xff" + struct.pack("<H", 1045) + b"#28000Access denied"


def scramble(password):
    digest = lambda data: hashlib.sha256(data).digest()  # noqa: E731
    once = digest(password.encode())
    return bytes(a ^ b for a, b in zip(once, digest(digest(once) + NONCE)))


class Session(socketserver.StreamRequestHandler):
    def send(self, number, data):
        self.wfile.write(struct.pack("<I", len(data))[:3] + bytes([number]) + data)

    def receive(self):
        """The next packet, or b"" at the end."""
        head = self.rfile.read(4)
        return self.rfile.read(int.from_bytes(head[:3], "little")) if len(head) == 4 else b""

    def handle(self):
        low, high = CAPABILITIES & 0xFFFF, CAPABILITIES >> 16
        self.send(0, b"\x0a8.4.0\0" + struct.pack("<I", 1) + NONCE[:8] + b"\0"
                  + struct.pack("<HBHHB", low, 45, 2, high, 21) + bytes(10) + NONCE[8:] + b"\0" + PLUGIN)
        login = self.receive()
        if scramble(self.server.password) not in login:
            self.send(2, DENIED)
            return
        self.send(2, FAST)
        self.send(3, OK)
        while self.receive()[:1] not in (b"", b"\1"):  # COM_QUIT
            self.send(1, OK)


class MySQL8:
    def __init__(self, password):
        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session)
        self.server.password = password
        self.url = f"mysql://app:{password}@127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
