"""README and the pages of conf/: each configuration in them is right, and each command does what README says."""

import glob
import os
import re
import subprocess

import pytest

from lib import agent as agents, fault
from lib.lines import Writer
from lib.wait import wait_until
from test_traces import post, request_of, spans_at

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
PAGES = ["README.md", *sorted(os.path.relpath(page, TOP) for page in glob.glob(TOP + "/conf/*.md"))]
SECRETS = ("password", "api_key", "salt", "tenant", "token")


def blocks(page, kind):
    """The fenced blocks of that kind, in order."""
    with open(os.path.join(TOP, page), encoding="utf-8") as file:
        return re.findall(rf"^```{kind}\n(.*?)^```$", file.read(), re.M | re.S)


CONFIGURATIONS = [(page, text) for page in PAGES for text in blocks(page, "yaml")]


def with_secrets(text, folder):
    """Its secrets stand in this folder."""
    for place in (folder, folder / "oxpecker"):
        place.mkdir(exist_ok=True)
        for name in SECRETS:
            (place / name).write_text("c2VjcmV0\n")
    return text.replace("/run/secrets", str(folder))


@pytest.mark.parametrize("page, text", CONFIGURATIONS, ids=[f"{p}-{n}" for n, (p, _) in enumerate(CONFIGURATIONS)])
def test_each_configuration_is_right(tmp_path, page, text):
    path = tmp_path / "oxpecker.yaml"
    path.write_text(with_secrets(text, tmp_path))
    done = agents.run("check", path)
    assert done.returncode == 0, text + done.stderr


def typed_in(page):
    """Each command of its blocks that is one of the agent's."""
    lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
    return [line.split(" #")[0].strip() for line in lines if re.match(r"oxpecker\b", line)]


def where_everything_is(text, folder, **addresses):
    """The configuration with what is of one machine replaced; each of these must be in it. `control` is then where the
    harness looks for it."""
    for old, new in {"/var/log/app": f"{folder}/log", "/run/app": f"{folder}/run", "/var/lib/oxpecker": "${DIR}",
                     '":9464"': "127.0.0.1:${PORT}", **addresses}.items():
        assert old in text, old
        text = text.replace(old, new)
    return text + "receive: { otlp: '127.0.0.1:${OTLP_PORT}' }\n"


@pytest.fixture
def app(tmp_path, fault_server):
    """The folders of an app, with its page of metrics on a socket there."""
    for name in ("log", "run"):
        (tmp_path / name).mkdir()
    page = fault_server(unix=f"{tmp_path}/run/metrics.sock")
    page.plan(fault.ok(b"# TYPE http_requests_total counter\nhttp_requests_total 7\n", "text/plain; version=0.0.4"))
    return tmp_path


def test_the_configuration_does_all_four_jobs(oxpecker, fault_server, app):
    elastic, jaeger, needed = fault_server(), fault_server(), fault_server()
    text = where_everything_is(blocks("README.md", "yaml")[0], app, **{
        "http://elasticsearch:9200": elastic.url, "http://jaeger:4318": jaeger.url,
        "postgres:5432": f"127.0.0.1:{needed.port}", "https://api.example.com": needed.url})
    agent = oxpecker(text)
    writer = Writer(app / "log" / "a.log")
    writer.write(3)
    assert post(agent, request_of(2).SerializeToString()).status_code == 200
    numbers = lambda: [document["n"] for request in elastic.taken("/_bulk")  # noqa: E731
                       for _, document in request.documents()]
    wait_until(lambda: set(numbers()) == {0, 1, 2}, 60, "the lines are in Elasticsearch")
    wait_until(lambda: set(spans_at(jaeger)) == {1, 2}, 60, "the spans are in Jaeger")
    assert "\nhttp_requests_total 7" in agent.get("/metrics").text
    probes = re.findall(r"path: ([\w/]+), port: (\d+)", blocks("README.md", "yaml pod")[0])
    assert len(probes) == 2
    for path, port in probes:
        assert port == "9464"
        wait_until(lambda path=path: agent.get(path).status_code == 200, 60, path)


def run_typed(command, agent):
    """As a reader types it, in the folder of the configuration, behind README's `export`, and with an id where it says
    ID. The program is where conf/start.sh leaves it."""
    before, = [line for block in blocks("README.md", "sh") for line in block.splitlines() if "OXPECKER_CONFIG" in line]
    release = os.path.join(agent.folder, "build", "release")
    os.makedirs(release, exist_ok=True)
    if not os.path.exists(release + "/oxpecker"):
        os.symlink(os.path.abspath(agents.binary()), release + "/oxpecker")
    script = before + "\n" + re.sub(r"\bID\b", "1", command)
    env = {**os.environ, **{k: str(v) for k, v in agent.env.items()}}
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=60, cwd=agent.folder, env=env,
                          check=False)


def test_the_commands_do_what_is_said(oxpecker, app):
    """Without a backend, as where they stand: what came in is shown."""
    text = where_everything_is(blocks("README.md", "yaml")[0], app)
    text = "\n".join(line for line in text.splitlines() if not re.match(r"\s+(export|checks):|(health|traces):", line))
    text += "\nstore: { snapshot: 500ms }\n"
    agent = oxpecker(text)
    writer = Writer(app / "log" / "a.log")
    writer.write(1, level="warn")
    assert post(agent, request_of(1, "shop").SerializeToString()).status_code == 200
    agent.get("/metrics")
    wait_until(lambda: agent.booked("delivered") == 2, 60, "the embedded store has both")
    shown = {"oxpecker check": "fine", "oxpecker status": "tail", "oxpecker show logs": "line 0",
             "oxpecker show traces": "span 1", "oxpecker show metrics": "http_requests_total"}
    typed = typed_in("README.md")
    for beginning, text in shown.items():
        command, = [line for line in typed if line.startswith(beginning)]
        wait_until(lambda c=command, text=text: text in run_typed(c, agent).stdout, 60, command)
    assert len(typed) == len(shown) + typed.count("oxpecker")


def test_the_commands_for_parked_records_are_known(oxpecker, fault_server, tmp_path):
    elastic = fault_server()
    elastic.plan(fault.partial_bulk(every=1, code=400, kind="mapper_parsing_exception"))
    agent = oxpecker({"logs": {"collect": {"tail": f"{tmp_path}/a.log"},
                               "export": {"elasticsearch": {"url": elastic.url, "index": "logs"}}}})
    Writer(tmp_path / "a.log").write(2)
    wait_until(lambda: agent.booked("parked") == 2, 60, "both are parked")
    elastic.plan(fault.good())
    commands = typed_in("conf/README.md")
    assert [line.split()[2] for line in commands] == ["ls", "show", "replay", "drop"]
    # Records take part once the position behind them is saved, a moment later.
    for line in commands[:3]:
        wait_until(lambda line=line: run_typed(line, agent).returncode == 0, 60, line)
    wait_until(lambda: run_typed(commands[2], agent).returncode == 0 and agent.booked("parked") == 0, 60, commands[2])
    assert "no such record is parked" in run_typed(commands[3], agent).stderr
