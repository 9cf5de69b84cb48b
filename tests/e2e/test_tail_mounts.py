"""Files on file systems that inotify does not tell everything about."""

import shlex
import subprocess

import pytest

from lib import agent as agents, need
from lib.shipped import documents_of, wait_delivered

SWEEP = "1h"  # only asking finds what is not told


@pytest.fixture
def overlay(tmp_path):
    """A mounted overlay: its folders by name."""
    folders = {name: tmp_path / name for name in ("lower", "upper", "work", "merged")}
    for folder in folders.values():
        folder.mkdir()
    (folders["lower"] / "app.log").write_text("from below\n")
    done = mount_overlay(folders)
    if done.returncode != 0:
        need.missing(f"no overlay can be mounted here: {done.stderr.strip()}")
    yield folders
    subprocess.run(["umount", "-l", str(folders["merged"])], check=True)


def mount_overlay(folders):
    options = "lowerdir={lower},upperdir={upper},workdir={work}".format(**folders)
    return subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, str(folders["merged"])],
                          capture_output=True, text=True)


def mount_again(folders):
    """As another device: its number is somebody else's meanwhile."""
    before, other = folders["merged"].stat().st_dev, folders["work"].parent / "other"
    other.mkdir()
    subprocess.run(["umount", str(folders["merged"])], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(other)], check=True)
    try:
        assert mount_overlay(folders).returncode == 0
    finally:
        subprocess.run(["umount", str(other)], check=True)
    assert folders["merged"].stat().st_dev != before


def config(paths, url):
    return {"logs": {"batch": {"age": "100ms"}, "collect": {"tail": {"paths": [str(paths)], "sweep": SWEEP}},
                     "export": {"elasticsearch": {"url": url, "index": "logs"}}}}


def append(path, line):
    with open(path, "a", encoding="ascii") as file:
        file.write(line + "\n")


def test_copied_up_files_of_an_overlay_are_asked(oxpecker, fault_server, overlay):
    """Opened below, written through the overlay, then beside it, which no watch on the overlay is told of."""
    server = fault_server()
    agent = oxpecker(config(overlay["merged"] / "*.log", server.url))
    wait_delivered(agent, 1)
    append(overlay["merged"] / "app.log", "copied up")
    wait_delivered(agent, 2)
    for count in (3, 4):
        append(overlay["upper"] / "app.log", "beside it")
        wait_delivered(agent, count)
    assert agent.stop() == 0
    agent.start()
    append(overlay["merged"] / "app.log", "the next run")
    wait_delivered(agent, 5)
    assert agent.booked("received", signal="logs") == 5
    agent.assert_balanced()


def test_what_is_mounted_again_is_read_on(oxpecker, fault_server, overlay):
    server = fault_server()
    append(overlay["upper"] / "other.log", "above")
    agent = oxpecker(config(overlay["merged"] / "*.log", server.url))
    wait_delivered(agent, 2)
    assert agent.stop() == 0
    mount_again(overlay)
    agent.start()
    for name in ("app.log", "other.log"):
        append(overlay["merged"] / name, "more")
    wait_delivered(agent, 4)
    assert agent.booked("received", signal="logs") == 4
    agent.assert_balanced()


@pytest.fixture
def volume(tmp_path):
    """A folder that is mounted elsewhere, too, and the word that mounts it again or not."""
    real, at = tmp_path / "real", tmp_path / "volume"
    for folder in (real, at):
        folder.mkdir()

    def mount(on=True):
        words = ["mount", "--bind", str(real), str(at)] if on else ["umount", "-l", str(at)]
        done = subprocess.run(words, capture_output=True, text=True)
        if on and done.returncode != 0:
            need.missing(f"nothing can be mounted here: {done.stderr.strip()}")

    mount()
    yield at, mount
    mount(False)


def test_a_volume_that_is_not_there_at_a_start_is_read_on(oxpecker, fault_server, volume):
    """Its folder is: it is where the volume is mounted later."""
    (folder, mount), server = volume, fault_server()
    append(folder / "app.log", "one")
    agent = oxpecker(config(folder / "*.log", server.url))
    wait_delivered(agent, 1)
    assert agent.stop() == 0
    mount(False)
    agent.start()
    agent.wait_metric(1, "oxpecker_vanished_files_total")
    agent.kill9()
    mount()
    append(folder / "app.log", "two")
    agent.start()
    wait_delivered(agent, 2)
    assert len(documents_of(server)) == 2


@pytest.mark.parametrize("limit", ["instances", "watches"])
def test_what_inotify_does_not_give_is_told_and_done_without(oxpecker, fault_server, tmp_path, monkeypatch, limit):
    """Others of the same user have it all: here nobody has any, in a namespace of its own."""
    wrapper = tmp_path / "wrapper.sh"
    within = f'echo 0 > /proc/sys/user/max_inotify_{limit} && exec {shlex.quote(agents.binary())} "$@"'
    wrapper.write_text(f"#!/bin/sh\nexec unshare -Ur sh -c {shlex.quote(within)} sh \"$@\"\n")
    wrapper.chmod(0o755)
    if subprocess.run([wrapper, "--version"], capture_output=True).returncode != 0:
        need.missing("no namespace of one's own can be had here")
    monkeypatch.setenv("OXPECKER_BIN", str(wrapper))
    server, log = fault_server(), tmp_path / "app.log"
    append(log, "one")
    agent = oxpecker({"logs": {"batch": {"age": "100ms"},
                               "collect": {"tail": {"paths": [str(log)], "sweep": "500ms"}},
                               "export": {"elasticsearch": {"url": server.url, "index": "logs"}}}})
    append(log, "two")
    wait_delivered(agent, 2)
    assert f"fs.inotify.max_user_{limit}" in agent.err()
    agent.assert_balanced()


@pytest.fixture
def fuse(tmp_path):
    """A folder, and the same one mounted by a program: (beside, mounted)."""
    beside, mounted = tmp_path / "beside", tmp_path / "mounted"
    beside.mkdir(), mounted.mkdir()
    done = subprocess.run([need.program("bindfs"), str(beside), str(mounted)], capture_output=True, text=True)
    if done.returncode != 0:
        need.missing(f"no FUSE can be mounted here: {done.stderr.strip()}")
    yield beside, mounted
    subprocess.run(["umount", "-l", str(mounted)], check=True)


def test_files_of_fuse_are_asked(oxpecker, fault_server, fuse):
    """Written through the mount, of which inotify tells, and behind it, of which it does not; and over a rotation."""
    server, (beside, mounted) = fault_server(), fuse
    append(beside / "app.log", "0")
    agent = oxpecker(config(mounted / "*.log", server.url))
    wait_delivered(agent, 1)
    for number in range(1, 7):
        append((beside if number % 2 else mounted) / "app.log", str(number))
        wait_delivered(agent, number + 1)
    (mounted / "app.log").rename(mounted / "app.log.1")
    append(beside / "app.log.1", "7")
    append(mounted / "app.log", "8")
    wait_delivered(agent, 9)
    assert sorted(d["message"] for d in documents_of(server).values()) == [str(n) for n in range(9)]
    agent.assert_balanced()
