"""Files on file systems that inotify does not tell everything about."""

import subprocess

import pytest

SWEEP = "1h"  # only asking finds what is not told


@pytest.fixture
def overlay(tmp_path):
    """A mounted overlay: its folders by name."""
    folders = {name: tmp_path / name for name in ("lower", "upper", "work", "merged")}
    for folder in folders.values():
        folder.mkdir()
    (folders["lower"] / "app.log").write_text("from below\n")
    options = "lowerdir={lower},upperdir={upper},workdir={work}".format(**folders)
    done = subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, str(folders["merged"])],
                          capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"no overlay can be mounted here: {done.stderr.strip()}")
    yield folders
    subprocess.run(["umount", "-l", str(folders["merged"])], check=True)


def append(path, line):
    with open(path, "a", encoding="ascii") as file:
        file.write(line + "\n")


def test_copied_up_files_of_an_overlay_are_asked(oxpecker, fault_server, overlay):
    """Opened below, written through the overlay, then beside it, which no watch on the overlay is told of."""
    server = fault_server()
    agent = oxpecker({"logs": {"batch": {"age": "100ms"},
                               "collect": {"tail": {"paths": [str(overlay["merged"] / "*.log")], "sweep": SWEEP}},
                               "export": {"elasticsearch": {"url": server.url, "index": "logs"}}}})

    def delivered(count):
        agent.wait_until(lambda: agent.booked("delivered", signal="logs") >= count, 20, f"{count} lines delivered")

    delivered(1)
    append(overlay["merged"] / "app.log", "copied up")
    delivered(2)
    for count in (3, 4):
        append(overlay["upper"] / "app.log", "beside it")
        delivered(count)
    agent.assert_balanced()
