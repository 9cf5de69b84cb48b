"""Logging libraries of Node, Python, Go and Java write the files, the agent ships them into a data stream: each
document is the line, each line says what was logged, and `@timestamp` is the moment that the library wrote down. With
the steps `filter` and `ecs`, what each library calls a level, a message and a time is known by the names of ECS."""

import datetime
import json
import os
import random
import subprocess
import time

import pytest

from lib import need
from lib.lines import as_written, whole_lines
from lib.shipped import documents_of, wait_delivered

COUNT = 400
TEXTS = ["plain", "", "umlaut ü, euro €, 😀", 'quotes " and \\ and \\n', "a\nb\r\n\tc", "\u2028\u2029\x7f", "\x01\x1f",
         "{\"not\":\"nested\"}", "x" * 10_000, "日本語 " * 50]


def records(seed):
    chance = random.Random(seed)
    for n in range(COUNT):
        nested = {"a": {"b": [{"c": chance.choice(TEXTS)}], "flag": chance.random() < 0.5}, "ratio": n + 0.25}
        yield {"n": n, "level": chance.choice(["debug", "info", "warn", "error"]), "nested": nested,
               "message": f"{n}: {chance.choice(TEXTS)}", "fail": chance.random() < 0.2}


def moment(text):
    """Seconds since 1970 of an RFC 3339 text, which may have more digits than Python reads."""
    whole, _, rest = text.partition(".")
    digits = rest.rstrip("Z").split("+")[0]
    return datetime.datetime.fromisoformat(whole.rstrip("Z") + "+00:00").timestamp() + float("0." + (digits or "0"))


def epoch(member, unit=1):
    return lambda d: d[member] / unit


def written(member):
    return lambda d: moment(d[member])


def instant(d):
    return d["instant"]["epochSecond"] + d["instant"]["nanoOfSecond"] / 1e9


# As they are spelt.
LEVELS = {"warn": "warn", "warning": "warn", "WARN": "warn", "WARNING": "warn", "error": "error", "ERROR": "error"}

# Of each library: how it is run, where the message stands, the moment, what tells of an exception.
LIBRARIES = {
    "pino": ("node", "msg", epoch("time", 1000), lambda d: d["err"]["stack"]),
    "winston": ("node", "message", written("timestamp"), lambda d: d["error"]),
    "structlog": ("python", "event", written("timestamp"), lambda d: d["exception"][0]["exc_value"]),
    "json_logger": ("python", "message", written("timestamp"), lambda d: d["exc_info"]),
    "slog": ("go", "msg", written("time"), lambda d: d["err"] + d["stack"]),
    "zap": ("go", "msg", epoch("ts"), lambda d: d["error"] + d["stack"]),
    "log4j2": ("java", "message", instant, lambda d: d["thrown"]["message"]),
    "logback": ("java", "message", written("@timestamp"), lambda d: d["stack_trace"]),
}


def command(how, library, source, target):
    home, app = need.built("loggers"), os.path.join(need.TESTS, "hosts", "loggers")
    if how == "node":
        return [need.program("node"), app + "/log.js", library, source, target], {"NODE_PATH": home + "/node_modules"}
    if how == "python":
        return [home + "/bin/python", app + "/log.py", library, source, target], {}
    if how == "go":
        return [home + "/loggers", library, source, target], {}
    return [need.program("java"), "-Dfile.encoding=UTF-8", f"-DLOG_FILE={target}", "-cp",
            f"{app}:{home}/classes:{home}/lib/*", "Loggers", library, source], {}


def log(library, wanted, path):
    """The library writes the records into the file; when it began and when it was done."""
    source = path.parent / "records"
    source.write_text("".join(json.dumps(record) + "\n" for record in wanted))
    words, env = command(LIBRARIES[library][0], library, str(source), str(path))
    started = time.time()
    done = subprocess.run(words, env={**os.environ, **env}, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
    return started, time.time()


def assert_logged(document, record, library):
    _, message, when, failure = LIBRARIES[library]
    number = int(document["contextMap"]["n"]) if library == "log4j2" else document["n"]
    assert (number, document[message]) == (record["n"], record["message"])
    assert library == "log4j2" or document["nested"] == record["nested"]
    if record["fail"]:
        assert "failed: " + record["message"] in failure(document)
    assert abs(moment(document["@timestamp"]) - when(document)) < 0.000_001


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_a_library_writes_is_what_arrives(oxpecker, opensearch, tmp_path, library):
    stream, path, wanted = opensearch.index("app"), tmp_path / "app.log", list(records(library))
    opensearch.create_data_stream(stream)
    agent = oxpecker({"logs": {"batch": {"age": "50ms"}, "collect": {"tail": {"paths": [str(path)]}},
                               "export": {"elasticsearch": {"url": opensearch.url, "data_stream": stream}}}})
    started, ended = log(library, wanted, path)
    wait_delivered(agent, COUNT)
    documents = opensearch.documents(stream)
    found = [documents[name] for name in sorted(documents)]  # ids ascend with the lines
    lines = [json.loads(line) for line in whole_lines(path)]
    assert len(found) == len(lines) == COUNT
    for document, line, record in zip(map(as_written, found), lines, wanted):
        assert {**document, **line} == document and not document.keys() - line.keys() - {"@timestamp"}
        assert_logged(document, record, library)
        assert started - 0.001 <= moment(document["@timestamp"]) <= ended
    assert agent.metric("oxpecker_not_json_total") == 0
    agent.assert_balanced()


@pytest.mark.parametrize("library", LIBRARIES)
def test_levels_are_filtered_and_named_as_ecs_does(oxpecker, fault_server, tmp_path, library):
    """Of real output: below warn nothing is left but a count, and the rest says level, message and moment."""
    server, path, wanted = fault_server(), tmp_path / "app.log", list(records(library))
    kept = [record for record in wanted if record["level"] in ("warn", "error")]
    agent = oxpecker({"logs": {"batch": {"age": "50ms"}, "collect": {"tail": {"paths": [str(path)]}},
                               "steps": [{"filter": "warn"}, "ecs"],
                               "export": {"elasticsearch": {"url": server.url}}}})
    log(library, wanted, path)
    wait_delivered(agent, len(kept))
    agent.wait_until(lambda: agent.booked("received", signal="logs") == COUNT, 60, "every line read")
    agent.wait_until(lambda: agent.booked("held", signal="logs") == 0, 60, "every line through its steps")
    row, = agent.ledger(signal="logs", source="logs.collect.tail")
    assert {reason: part["records"] for reason, part in row["dropped"].items()} == {"step": COUNT - len(kept)}
    documents = documents_of(server)
    lines = [line for line, record in zip(map(json.loads, whole_lines(path)), wanted) if record in kept]
    assert len(documents) == len(kept) > 100
    for name, line, record in zip(sorted(documents), lines, kept):
        document = documents[name]
        assert document["message"] == record["message"]
        assert LEVELS[document["log.level"]] == record["level"]
        assert abs(moment(document["@timestamp"]) - LIBRARIES[library][2](line)) < 0.000_001
    agent.assert_balanced()
