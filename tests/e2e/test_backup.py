"""`oxpecker state`: a backup that is made while the agent runs under load, put back after the state was lost."""

import json
import os
import shutil
import subprocess
import threading

import pytest
import requests

from lib import agent as agents, fault
from lib.disk import Disk
from lib.lines import Writer, assert_same
from lib.wait import free_port, wait_until
from test_traces import PROTOBUF, request_of

FILES = {"state.db", "ledger", "manifest"}


def config(paths, url, index="logs"):
    return {"logs": {"batch": {"age": "20ms"}, "collect": {"tail": {"paths": [str(paths)], "origin": False}},
                     "export": {"elasticsearch": {"url": url, "index": index}}}}


def run_state(agent, *words, status=0):
    done = agents.run("state", *words, "--config", agent.config_path, env=agent.env)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def verified(agent, folder=None, status=0):
    return json.loads(run_state(agent, "verify", *([folder] if folder else []), "--json", status=status))


class Load:
    """Lines that are written all the while, in a `with`."""

    def __init__(self, writer):
        self.writer, self.ends = writer, threading.Event()
        self.thread = threading.Thread(target=self.write)

    def write(self):
        while not self.ends.wait(0.002):
            self.writer.write(20)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.ends.set()
        self.thread.join()


def lose_state(agent):
    shutil.rmtree(os.path.join(agent.folder, "state"))


def delivered(search, index, count, deadline=120):
    wait_until(lambda: search.count(index) >= count, deadline, f"{count} documents")


def test_lines_are_there_once_after_a_restore(oxpecker, opensearch, tmp_path):
    """The backup is older than what was delivered: that goes out again, under the same ids."""
    writer, index = Writer(tmp_path / "app.log"), opensearch.index()
    opensearch.create_index(index, {"n": {"type": "long"}})
    agent = oxpecker(config(tmp_path / "*.log", opensearch.url, index))
    backups = [tmp_path / f"backup{i}" for i in range(5)]
    with Load(writer):
        agent.wait_until(lambda: agent.booked("delivered", signal="logs") > 100, 60, "the first lines delivered")
        for backup in backups:
            assert "of state" in run_state(agent, "backup", backup)
    for backup in backups:
        report = verified(agent, backup)
        assert report["whole"] and report["kind"] == "backup" and report["positions"] > 0
        subprocess.run(["sha256sum", "--quiet", "-c", "manifest"], cwd=backup, check=True)
        assert FILES <= set(os.listdir(backup)) and verified(agent)["state"] == report["state"]
    writer.write(100)
    delivered(opensearch, index, len(writer.lines))
    agent.assert_balanced()

    assert "in use by a running agent" in run_state(agent, "restore", backups[2], "--replace", status=2)
    agent.kill9()
    assert "--replace" in run_state(agent, "restore", backups[2], status=2)
    lose_state(agent)
    run_state(agent, "restore", backups[2])
    writer.write(100)
    agent.start()
    agent.wait_until(lambda: agent.booked("delivered", "bytes", signal="logs") == writer.size, 120, "all delivered")
    assert "copy" not in agent.err() and verified(agent)["state"] == verified(agent, backups[2])["state"]
    agent.assert_balanced()
    assert_same(list(opensearch.documents(index).values()), writer)


def test_a_file_that_came_after_the_backup_has_no_number_of_another(oxpecker, opensearch, tmp_path):
    """Else its lines would have the ids of lines that are there already, and be lost."""
    index, lines = opensearch.index(), tmp_path / "a.log"
    opensearch.create_index(index, {"n": {"type": "long"}})
    lines.write_text('{"n":1}\n')
    agent = oxpecker(config(tmp_path / "*.log", opensearch.url, index))
    delivered(opensearch, index, 1)
    agent.stop()
    run_state(agent, "backup", tmp_path / "backup")
    (tmp_path / "b.log").write_text('{"n":2}\n')
    agent.start()
    delivered(opensearch, index, 2)
    agent.stop()
    (tmp_path / "b.log").unlink()
    run_state(agent, "restore", tmp_path / "backup", "--replace")
    (tmp_path / "c.log").write_text('{"n":3}\n')
    agent.start()
    delivered(opensearch, index, 3)
    assert sorted(document["n"] for document in opensearch.documents(index).values()) == [1, 2, 3]


def test_spans_that_were_answered_for_are_in_the_backup(oxpecker, fault_server, tmp_path):
    """With `ack: disk`, and the backend away."""
    server = fault_server()
    server.plan(then=fault.reset())
    otlp = {"http": [f"127.0.0.1:{free_port()}"], "ack": "disk"}
    agent = oxpecker({"receive": {"otlp": otlp}, "traces": {"export": {"otlp": server.url}}, "exit": agents.HURRIED})
    answer = requests.post(f"http://{otlp['http'][0]}/v1/traces", data=request_of(7).SerializeToString(),
                           headers=PROTOBUF, timeout=60)
    assert answer.status_code == 200
    run_state(agent, "backup", tmp_path / "backup")
    assert verified(agent, tmp_path / "backup")["spooled"] == 1
    agent.kill9()
    lose_state(agent)
    run_state(agent, "restore", tmp_path / "backup")
    server.plan(then=fault.good())
    agent.start()
    agent.wait_until(lambda: agent.booked("delivered", signal="traces") == 7, 60, "the spans delivered")
    agent.assert_balanced()
    assert agent.booked("dropped", signal="traces") == 0


def backup_that_is_killed(agent, folder, after):
    child = agents.start("state", "backup", folder, "--config", agent.config_path, env=agent.env)
    try:
        child.wait(after)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def test_a_backup_that_is_killed_has_no_name(oxpecker, fault_server, tmp_path):
    """At times that are spread over what one takes: whatever has the name is whole."""
    writer, seen = Writer(tmp_path / "app.log"), 0
    agent = oxpecker(config(tmp_path / "*.log", fault_server().url))
    with Load(writer):
        for i in range(12):
            folder = tmp_path / f"killed{i}"
            backup_that_is_killed(agent, folder, 0.02 * i)
            if folder.exists():
                assert verified(agent, folder)["whole"]
            else:
                seen += 1
            run_state(agent, "backup", tmp_path / f"after{i}")
    assert seen > 0
    assert verified(agent, tmp_path / "after11")["whole"]


def test_a_full_disk_leaves_no_backup(oxpecker, fault_server, closing, tmp_path):
    disk = closing.keep(Disk(tmp_path / "small", 1 << 20))
    Writer(tmp_path / "app.log").write(1000)
    agent = oxpecker(config(tmp_path / "*.log", fault_server().url))
    disk.fill()
    assert "No space left" in run_state(agent, "backup", disk.path + "/backup", status=2)
    assert os.listdir(disk.path) == ["filler"]
    disk.make_room()
    run_state(agent, "backup", disk.path + "/backup")
    agent.stop()
    disk.fill()
    folder = disk.path + "/state"
    assert "No space left" in run_state(agent, "restore", disk.path + "/backup", "--set", f"state.path={folder}",
                                        status=2)
    assert not os.path.exists(folder + "/state.db") and not os.path.exists(folder + "/restore.ready")


@pytest.mark.parametrize("name", ["state.db", "ledger", "manifest"])
def test_people_are_told_what_is_wrong(oxpecker, fault_server, tmp_path, name):
    agent = oxpecker(config(tmp_path / "*.log", fault_server().url))
    backup = tmp_path / "backup"
    run_state(agent, "backup", backup)
    shown = run_state(agent, "verify", backup)
    assert "a backup, whole" in shown and max(map(len, shown.splitlines())) <= 80
    with open(backup / name, "r+b") as file:
        file.seek(100)
        byte = file.read(1)
        file.seek(100)
        file.write(bytes([byte[0] ^ 1]))
    shown = run_state(agent, "verify", backup, status=2 if name == "manifest" else 1)
    assert name in shown and "it is damaged" in shown
    assert "damaged" in run_state(agent, "restore", backup, "--set", f"state.path={tmp_path}/other", status=2)
    assert run_state(agent, "verify", tmp_path, status=2).endswith("holds neither a state nor a backup\n")
    assert "expected backup, restore or verify" in run_state(agent, "list", status=2)
