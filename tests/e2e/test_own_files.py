"""What the agent writes is no telemetry of the app's: it would feed itself. `check` refuses what it can see; the rest
is known by its device and inode when it is opened."""

import json
import os

import pytest

from lib.agent import run
from lib.shipped import wait_delivered


def check(tmp_path, logs, state="state", **more):
    path = tmp_path / "oxpecker.yaml"
    path.write_text(json.dumps({"state": str(tmp_path / state), "logs": logs, **more}))
    return run("check", path)


def tails(*paths, **options):
    return {"tail": {"paths": [str(path) for path in paths], **options}}


def refused(tmp_path, logs, *wanted, **more):
    done = check(tmp_path, logs, **more)
    assert done.returncode == 1, done.stdout
    assert done.stderr.count("\n") and all(str(word) in done.stderr for word in wanted), done.stderr


def ways(folder):
    """Globs that match folder/out.log, each written otherwise."""
    os.symlink(folder, folder.parent / "link")
    return {"path": folder / "out.log", "glob": folder / "*.log", "braces": folder / "{out,in}.log",
            "deep": f"{folder.parent}/**/*.log", "dots": f"{folder}/../logs/*.log",
            "link": folder.parent / "link/*.log"}


@pytest.mark.parametrize("way", ["path", "glob", "braces", "deep", "dots", "link"])
def test_no_tail_matches_what_a_file_exporter_writes(tmp_path, way):
    folder = tmp_path / "logs"
    folder.mkdir()
    glob, out = ways(folder)[way], folder / "out.log"
    refused(tmp_path, {"collect": tails(glob), "export": {"file": str(out)}}, "logs.collect.tail.paths", out,
            "logs.export.file", "exclude")
    refused(tmp_path, {"collect": {"first": {"type": "tail", "paths": ["/nowhere/*.log"]},
                                   "second": {"type": "tail", "paths": [str(glob)]}},
                       "export": {"file": f"{tmp_path}/link/out.log" if way == "link" else str(out)}},
            "logs.collect.second.paths", "logs.export.file")
    assert check(tmp_path, {"collect": tails(glob, exclude=["out.*"]), "export": {"file": str(out)}}).returncode == 0


def test_a_tail_of_spans_is_refused_too(tmp_path):
    refused(tmp_path, {"collect": tails(tmp_path / "*.log")}, "traces.export.file", "spans.log",
            traces={"export": {"file": str(tmp_path / "spans.log")}})


def test_a_pipe_does_not_read_what_a_file_exporter_writes(tmp_path):
    fifo = str(tmp_path / "fifo")
    refused(tmp_path, {"collect": {"pipe": fifo}, "export": {"file": fifo}}, "logs.collect.pipe", "logs.export.file")


def test_a_file_has_one_exporter(tmp_path):
    out, again = str(tmp_path / "out"), f"{tmp_path}/./out"
    refused(tmp_path, {"export": {"a": {"type": "file", "path": out}, "b": {"type": "file", "path": again}}},
            "logs.export.b.path", out, "logs.export.a")
    refused(tmp_path, {"export": {"file": out}}, "traces.export.file", "logs.export.file",
            traces={"export": {"file": again}})
    assert check(tmp_path, {"export": {"file": "-"}}, traces={"export": {"file": "-"}}).returncode == 0


@pytest.mark.parametrize("name", ["state.db", "store.db-wal", "ledger", "lock"])
def test_the_files_of_the_state_are_not_touched(tmp_path, name):
    path = tmp_path / "state" / name
    refused(tmp_path, {"export": {"file": str(path)}}, "logs.export.file", name, "state")
    refused(tmp_path, {"collect": tails(path)}, "logs.collect.tail", name, "state")
    path.parent.mkdir()
    refused(tmp_path, {"collect": tails(tmp_path / "*" / "*")}, "logs.collect.tail", "state", "exclude")


def test_sums_are_of_the_state(tmp_path):
    metrics = {"collect": {"statsd": {"listen": "127.0.0.1:0"}}}
    path = tmp_path / "state" / "metrics.collect.statsd.sums"
    refused(tmp_path, {"export": {"file": str(path)}}, "logs.export.file", path, "state", metrics=metrics)
    refused(tmp_path, {"collect": tails(tmp_path / "*" / "*.sums")}, "logs.collect.tail", path, "exclude",
            metrics=metrics)
    assert check(tmp_path, {"collect": tails(tmp_path / "*" / "*.sum")}, metrics=metrics).returncode == 0


def test_pages_are_of_the_state(tmp_path):
    metrics = {"collect": {"push": {"http": "127.0.0.1:0"}}}
    path = tmp_path / "state" / "metrics.collect.push.pages"
    refused(tmp_path, {"export": {"file": str(path)}}, "logs.export.file", path, "state", metrics=metrics)
    refused(tmp_path, {"collect": tails(tmp_path / "*" / "*.pages")}, "logs.collect.tail", path, "exclude",
            metrics=metrics)
    assert check(tmp_path, {"collect": tails(tmp_path / "*" / "*.page")}, metrics=metrics).returncode == 0


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/random", "block"])
def test_a_device_that_keeps_nothing_is_no_file(tmp_path, device):
    if device == "block":
        device = str(tmp_path / "disk")
        try:
            os.mknod(device, 0o60600, os.makedev(7, 250))
        except PermissionError:
            pytest.skip("only root makes devices")
    refused(tmp_path, {"export": {"file": device}}, "logs.export.file", device, "device", "expected")
    os.symlink(device, tmp_path / "later")
    refused(tmp_path, {"export": {"file": str(tmp_path / "later")}}, "logs.export.file", "device", "expected")


@pytest.mark.parametrize("device", ["/dev/null", "/dev/full", "/dev/stdout", "/dev/stderr"])
def test_devices_that_say_what_they_do_are_fine(tmp_path, device):
    assert check(tmp_path, {"export": {"file": device}}).returncode == 0


def troubles(agent):
    return {os.path.basename(t["file"]): t["why"] for s in agent.status()["sources"] for t in s.get("troubles", [])}


def runs_on_its_own(oxpecker, tmp_path, globs, state=None, **export):
    """With a line of the app's beside whatever else the globs match."""
    (tmp_path / "app.log").write_text('{"n":1}\n')
    agent = oxpecker({**({"state": state} if state else {}),
                      "logs": {"batch": {"age": "50ms"}, "export": export or {"file": str(tmp_path / "out.jsonl")},
                               "collect": tails(tmp_path / "app.log", *globs, sweep="100ms", links=["any"])}})
    wait_delivered(agent, 1)
    return agent


def sweep_again(agent, times=5):
    before = agent.metric("oxpecker_scans_total")
    agent.wait_until(lambda: agent.metric("oxpecker_scans_total") >= before + times)


def assert_refused(agent, name):
    agent.wait_until(lambda: name in troubles(agent), what="it is told")
    sweep_again(agent)
    assert "own" in troubles(agent)[name] and "exclude" in troubles(agent)[name]
    assert agent.booked("received") == 1 and agent.err().count(f"/{name}: ") == 1


@pytest.mark.parametrize("way", ["link", "folder", "later", "renamed"])
def test_its_own_output_is_known_by_its_inode(oxpecker, tmp_path, way):
    folder, out, name = tmp_path / "logs", tmp_path / "out.jsonl", "seen.log"
    folder.mkdir()
    if way == "link":
        os.symlink(out, folder / name)
    if way == "folder":
        os.symlink(tmp_path, folder / "inner")
        name = "out.jsonl"
    agent = runs_on_its_own(oxpecker, tmp_path, [folder / "*" / "out.jsonl" if way == "folder" else folder / "*.log"],
                            file={"path": str(out)})
    if way == "later":
        os.symlink(out, folder / name)
    if way == "renamed":
        os.rename(out, folder / name)
    assert_refused(agent, name)


def test_its_own_log_is_written_by_no_exporter(oxpecker):
    agent = oxpecker({"logs": {"export": {"file": "oxpecker.err"}}}, start=False).launch()
    agent.process.wait()
    agent.expected_exit = {1}
    assert "cannot open oxpecker.err" in agent.err() and "expected" in agent.err()


def test_its_own_log_is_known_by_its_inode(oxpecker, fault_server, tmp_path):
    agent = runs_on_its_own(oxpecker, tmp_path, [tmp_path / "*.log"],
                            elasticsearch={"url": fault_server().url, "index": "a"})
    os.symlink(agent.process.err_path, tmp_path / "seen.log")
    assert_refused(agent, "seen.log")


@pytest.mark.parametrize("name", ["state.db-wal", "metrics.collect.statsd.sums", "a.sums.corrupt-1",
                                  "metrics.collect.push.pages"])
def test_its_own_state_is_known_by_its_folder(oxpecker, tmp_path, name):
    (tmp_path / "state").mkdir()
    if "sums" in name or "pages" in name:
        (tmp_path / "state" / name).write_text("of an earlier run\n")
    os.symlink(tmp_path / "state", tmp_path / "link")
    os.symlink(name, tmp_path / "state" / "seen.log")
    agent = runs_on_its_own(oxpecker, tmp_path, [tmp_path / "link" / "*.log"], state=str(tmp_path / "state"))
    assert_refused(agent, "seen.log")
