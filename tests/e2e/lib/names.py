"""A name server (dnsmasq) on an address of the loopback of its own, and the agent with a resolv.conf that names it."""

import os
import random
import shlex
import shutil
import socket
import subprocess

from . import need
from .process import Process


def free_address():
    """An address of the loopback on which nobody has port 53."""
    while True:
        address = "127." + ".".join(str(random.randrange(1, 255)) for _ in range(3))
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.bind((address, 53))
            return address
        except PermissionError:
            need.missing("port 53 needs root")
        except OSError:
            continue


class NameServer:
    """`records`: options of dnsmasq without their dashes. What is not there under .test is not there at all."""

    def __init__(self, folder, records):
        self.folder, self.address, self.process = folder, free_address(), None
        self.start(records)

    def start(self, records):
        folders = os.environ["PATH"] + ":/usr/sbin"
        program = shutil.which("dnsmasq", path=folders) or need.missing("dnsmasq is not installed")
        options = ["keep-in-foreground", "no-resolv", "no-hosts", "conf-file=/dev/null", "bind-interfaces", "user=root",
                   "pid-file=", "local=/test/", f"listen-address={self.address}", *records]
        self.process = Process("dnsmasq", [program, *("--" + option for option in options)], self.folder)
        self.process.wait_until(self.answers, 60, "an open port")

    def answers(self):
        try:
            socket.create_connection((self.address, 53), 1).close()
            return True
        except OSError:
            return False

    def close(self):
        self.process.kill9()


def with_resolv_conf(program, resolv_conf, folder):
    """A script that is the program, with that file in the place of /etc/resolv.conf, which it alone sees."""
    if subprocess.run(["unshare", "-m", "true"], stderr=subprocess.DEVNULL).returncode:
        need.missing("no file can be mounted here")
    script = os.path.join(str(folder), "with-resolv-conf.sh")
    inner = f'mount --bind {shlex.quote(str(resolv_conf))} /etc/resolv.conf && exec {shlex.quote(program)} "$@"'
    with open(script, "w", encoding="utf-8") as file:
        file.write(f'#!/bin/sh\nexec unshare -m sh -c {shlex.quote(inner)} sh "$@"\n')
    os.chmod(script, 0o755)
    return script
