"""The real logrotate in both of its modes."""

import shutil
import subprocess

import pytest

from lib.lines import Writer, assert_same

ROTATIONS = 6

pytestmark = pytest.mark.skipif(not shutil.which("logrotate"), reason="logrotate is not installed")


class Rotation:
    def __init__(self, folder, words):
        self.folder, self.log = folder, folder / "logs" / "app.log"
        self.log.parent.mkdir(mode=0o755)
        self.conf = folder / "rotate.conf"
        self.conf.write_text("%s {\n\tsu root root\n\trotate %d\n\t%s\n}\n" % (self.log, ROTATIONS + 1, words))
        self.conf.chmod(0o644)

    def rotate(self):
        done = subprocess.run(["logrotate", "-f", "-s", str(self.folder / "rotated"), str(self.conf)],
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def follow(oxpecker, fault_server, log):
    server = fault_server()
    agent = oxpecker({"logs": {"batch": {"age": "50ms"}, "collect": {"tail": {"paths": [str(log)]}},
                               "export": {"elasticsearch": {"url": server.url, "index": "logs"}}}})
    return server, agent


def wait_delivered(agent, count):
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") >= count, 30, f"{count} lines delivered")


def documents_of(server):
    """Every document that was taken, twice when it came under two ids."""
    found = {}
    for request in server.taken("_bulk"):
        for action, document in request.documents():
            found.setdefault(action["create"]["_id"], document)
    return list(found.values())


def test_renamed_files_come_once(oxpecker, fault_server, tmp_path):
    """The writer holds its file for some lines after it was renamed, and nobody waits for the agent."""
    rotation = Rotation(tmp_path, "create 0644 root root")
    writer = Writer(rotation.log)
    server, agent = follow(oxpecker, fault_server, rotation.log)
    for _ in range(ROTATIONS):
        writer.write(100)
        rotation.rotate()
        writer.write(20)
        writer.file.close()
        writer.file = open(writer.path, "ab", buffering=0)
        writer.write(30)
    wait_delivered(agent, len(writer.lines))
    assert_same(documents_of(server), writer)
    agent.assert_balanced()


def test_copied_and_cut_files_come_once(oxpecker, fault_server, tmp_path):
    """What was read before the cut: what was not is in the copy only, and nobody can tell."""
    rotation = Rotation(tmp_path, "copytruncate")
    writer = Writer(rotation.log)
    server, agent = follow(oxpecker, fault_server, rotation.log)
    for _ in range(ROTATIONS):
        writer.write(100)
        wait_delivered(agent, len(writer.lines))
        rotation.rotate()
    writer.write(10)
    wait_delivered(agent, len(writer.lines))
    assert_same(documents_of(server), writer)
    agent.assert_balanced()
