"""PostgreSQL, MariaDB and Redis, each with a password and TLS, on a folder of the test: started, frozen, stopped."""

import os
import shutil
import signal
import subprocess

from . import need
from .process import Process
from .wait import answers, free_port, wait_until

PASSWORD = "hunter2/of@the#test"  # a URL may have it as it is


class Database:
    """A server at `port`; `cert` and `key` are of its TLS."""

    name, scheme, user, password = "", "", "", PASSWORD

    def __init__(self, folder, cert, key):
        self.home, self.folder, self.port = need.built("databases"), str(folder), free_port()
        self.cert, self.key, self.process = cert, key, None
        self.prepare()
        self.start()

    def prepare(self):
        """Makes the data."""

    def path(self, *names):
        return os.path.join(self.home, *names)

    def start(self):
        self.process = Process(self.name, self.command(), self.folder)
        self.process.wait_until(lambda: answers(self.port), 60, "it to listen")

    def url(self, password=PASSWORD, scheme=None, rest=""):
        return f"{scheme or self.scheme}://{self.user}:{password}@127.0.0.1:{self.port}{rest}"

    def freeze(self):
        self.process.signal(signal.SIGSTOP)

    def thaw(self):
        self.process.signal(signal.SIGCONT)

    def stop(self):
        self.thaw()
        self.process.signal(signal.SIGTERM)
        self.process.wait(60)
        wait_until(lambda: not answers(self.port), 60, "the port to be closed")

    def close(self):
        self.thaw()
        self.process.signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        finally:
            self.process.kill9()


class Postgres(Database):
    name, scheme, user = "postgres", "postgresql", "postgres"

    def prepare(self):
        """It does not run as root: in a namespace of its own it is somebody else, and may read what we may."""
        self.under = []
        if os.getuid() == 0:
            self.under = ["unshare", "--user", "--map-user=1000"]
            if subprocess.run([*self.under, "true"], capture_output=True, check=False).returncode:
                need.missing("namespaces of users are not allowed here")
        self.bin = self.path("usr", "lib", "postgresql", "15", "bin")
        secret = os.path.join(self.folder, "password")
        with open(secret, "w", encoding="ascii") as file:
            file.write(self.password)
        subprocess.run([*self.under, os.path.join(self.bin, "initdb"), "-D", os.path.join(self.folder, "pg"), "-U",
                        self.user, "--auth=scram-sha-256", "--pwfile=" + secret, "--no-sync", "-E", "UTF8",
                        "--locale=C"], check=True, capture_output=True)

    def command(self):
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off", "ssl": "on",
                    "ssl_cert_file": self.cert, "ssl_key_file": self.key}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [*self.under, os.path.join(self.bin, "postgres"), "-D", os.path.join(self.folder, "pg"), "-p",
                self.port, *options]

    def stop(self):
        """At once, whoever is connected."""
        self.process.signal(signal.SIGINT)
        super().stop()


class MariaDB(Database):
    name, scheme, user = "mariadb", "mysql", "app"

    def prepare(self):
        shutil.copytree(self.path("mariadb"), os.path.join(self.folder, "my"))
        with open(os.path.join(self.folder, "users.sql"), "w", encoding="ascii") as file:
            file.write(f"CREATE USER IF NOT EXISTS app@127.0.0.1 IDENTIFIED BY '{PASSWORD}';\n")

    def command(self):
        at = lambda name: os.path.join(self.folder, name)  # noqa: E731
        return [self.path("usr", "sbin", "mariadbd"), "--no-defaults", f"--basedir={self.path('usr')}",
                f"--datadir={at('my')}", f"--port={self.port}", "--bind-address=127.0.0.1",
                f"--socket={at('my.sock')}", f"--pid-file={at('my.pid')}", f"--init-file={at('users.sql')}",
                f"--ssl-cert={self.cert}", f"--ssl-key={self.key}", "--innodb-log-file-size=4M",
                "--innodb-flush-log-at-trx-commit=0", "--skip-name-resolve", f"--user={os.getuid()}"]


class Redis(Database):
    name, scheme, user = "redis", "redis", ""

    def __init__(self, folder, cert, key):
        self.tls_port = free_port()
        super().__init__(folder, cert, key)

    def command(self):
        return [self.path("usr", "bin", "redis-server"), "--bind", "127.0.0.1", "--port", self.port, "--tls-port",
                self.tls_port, "--tls-cert-file", self.cert, "--tls-key-file", self.key, "--tls-auth-clients", "no",
                "--requirepass", PASSWORD, "--dir", self.folder, "--save", ""]

    def tls_url(self):
        return f"rediss://:{PASSWORD}@127.0.0.1:{self.tls_port}/0"
