"""conf/compose and conf/app.md: the file is one of the Compose specification, opens nothing to other machines and keeps
secrets in files; what it says runs, as processes, and what the app says arrives; and the app as it was without a
sidecar is taken back by the lines that the page shows, and does the same."""

import json
import os
import re
import stat
import subprocess
import uuid

import pytest
import requests
import yaml

import compose
from lib import agent, need
from lib.authority import Authority
from lib.fixtures import Closing
from lib.wait import free_port, wait_until

COUNT = 20


@pytest.fixture(scope="module")
def project():
    status, project, said = compose.load()
    assert status == 0, said
    return project


@pytest.fixture(scope="module")
def stand(tmp_path_factory, opensearch, jaeger):
    closing = Closing()
    try:
        folder = tmp_path_factory.mktemp("compose")
        yield compose.Stand(closing, folder, opensearch, jaeger, Authority(folder))
    finally:
        closing.close()


WRONG = {"a word that nobody knows": lambda all_: all_["services"]["app"].update(volume=[]),
         "a port that is none": lambda all_: all_["services"]["jaeger"].update(ports=["127.0.0.1:x:16686"]),
         "a secret that is nowhere": lambda all_: all_["secrets"].pop("redis_password"),
         "a volume that is nowhere": lambda all_: all_["volumes"].pop("sockets"),
         "a service that is nowhere": lambda all_: all_["services"].pop("postgres")}


@pytest.mark.parametrize("spoil", WRONG.values(), ids=WRONG)
def test_what_is_wrong_would_be_found(tmp_path, spoil):
    with open(compose.FILE, encoding="utf-8") as file:
        whole = yaml.safe_load(file)
    path = tmp_path / "compose.yaml"
    path.write_text(json.dumps(whole))
    assert compose.load(str(path))[0] == 0
    spoil(whole)
    path.write_text(json.dumps(whole))
    status, _, said = compose.load(str(path))
    assert status == 1 and said


def test_every_port_is_one_of_this_machine_alone(project):
    ports = [port for service in project["services"].values() for port in service.get("ports", [])]
    assert {port["host_ip"] for port in ports} == {"127.0.0.1"}
    published = [port["published"] for port in ports]
    assert len(published) == len(set(published)) == 8
    assert {service.get("network_mode") for service in project["services"].values()} == {None, "service:app"}
    assert not [name for name, service in project["services"].items() if service.get("privileged")]


def test_secrets_stand_in_files(project, tmp_path):
    for name, service in project["services"].items():
        for variable, value in (service.get("environment") or {}).items():
            if re.search("PASSWORD|SECRET|TOKEN|KEY", variable):
                assert value == "" or variable.endswith("_FILE") and value.startswith("/run/secrets/"), (name, variable)
        assert not re.search(r"//[^/@\s]*:[^/@\s]+@", json.dumps(service)), f"{name} has a password in a URL"
    folder = tmp_path / "secrets"
    make = lambda: subprocess.run(["sh", os.path.join(compose.FOLDER, "secrets.sh"), folder], check=True)  # noqa: E731
    make()
    made = {path.name: path.read_text() for path in folder.iterdir()}
    assert set(made) == set(project["secrets"]) and len(set(made.values())) == len(made)
    assert all(re.fullmatch("[0-9a-f]{48}", secret) for secret in made.values())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    make()
    assert {path.name: path.read_text() for path in folder.iterdir()} == made


def test_nobody_else_is_shown_the_folder_of_secrets(project):
    """No service mounts it, git does not keep it, and images are made without it."""
    where = os.path.join(compose.FOLDER, "secrets")
    assert {os.path.dirname(secret["file"]) for secret in project["secrets"].values()} == {where}
    mounted = [volume["source"] for service in project["services"].values() for volume in service.get("volumes", [])
               if volume["type"] == "bind"]
    assert mounted and all(os.path.exists(source) for source in mounted)
    assert not [source for source in mounted if os.path.commonpath([source, where]) == source]
    with open(os.path.join(compose.TOP, ".gitignore"), encoding="utf-8") as file:
        assert "/conf/compose/secrets/" in file.read().split("\n")
    with open(os.path.join(compose.TOP, "conf", "image", "Dockerfile.dockerignore"), encoding="utf-8") as file:
        assert file.read().split("\n").index("conf/compose/secrets") > 0
    contexts = {service["build"]["context"] for service in project["services"].values() if "build" in service}
    assert contexts == {compose.TOP, compose.SHOP}


def orders(app, count):
    """Asked for in the app, each with an id of its own; the ids."""
    ids = [str(uuid.uuid4()) for _ in range(count)]
    for each in ids:
        made = requests.post(f"http://127.0.0.1:{app.port}/orders", json={"product": 7}, headers={"x-request-id": each},
                             timeout=60)
        assert made.status_code == 201, made.text
    return ids


def wait_spans(stand, service, traces):
    """Jaeger has a server's span of each trace."""
    def found():
        return {span["traceID"] for span in stand.jaeger.spans(service) if
                span["attributes"].get("span.kind") == "server"}
    wait_until(lambda: traces <= found(), 60, f"the spans of {service} are in Jaeger")


def documents(stand, index, member, ids):
    """Those with one of these ids, which stand where `member` finds them."""
    if not stand.opensearch.count(index):
        return []
    return [each for each in stand.opensearch.documents(index).values() if member(each) in ids]


def families(page):
    return set(re.findall(r"^# TYPE (\w+) ", page, re.M)) - {"nodejs_active_requests"}


def test_what_the_app_says_arrives(stand):
    ids = orders(stand.app, COUNT)
    of_ours = lambda: documents(stand, stand.data_stream, lambda each: each.get("requestId"), ids)  # noqa: E731
    wait_until(lambda: len(of_ours()) >= COUNT, 60, "the lines are in OpenSearch")
    stand.sidecar.wait_until(lambda: stand.sidecar.booked("held", signal="logs") == 0, 60, "none is on its way")
    lines = of_ours()
    assert sorted(each["requestId"] for each in lines) == sorted(ids)
    assert {(each["message"], each["log.level"], each["status"]) for each in lines} == {("POST /orders", "info", 201)}
    wait_spans(stand, "shop", {each["trace.id"] for each in lines})
    query = 'http_requests_total{job="shop",route="/orders",status="201"}'
    wait_until(lambda: (stand.prometheus.value(query) or 0) >= COUNT, 90, "the app's metrics are in Prometheus")
    wait_until(lambda: stand.prometheus.value('count(oxpecker_destination_up{job="shop"} == 1)') == 2, 90,
               "the sidecar's are, too")
    stand.sidecar.assert_balanced()


def test_the_image_would_be_healthy_and_the_app_alive(stand):
    """What HEALTHCHECK of the image asks, and the app's own probe."""
    stand.wait_ready()
    done = agent.run("health", "--config", stand.sidecar.config_path, env=stand.sidecar.env)
    assert done.returncode == 0, done.stdout + done.stderr
    wait_until(lambda: stand.sidecar.ask("/health/app")[0] == 200, 60, "the app lives")


def answers_of(stand, ask):
    """Of readiness while all is well, while Redis is away, and when it is back."""
    said = []
    for before, status in (((), 200), ((stand.redis.stop,), 503), ((stand.redis.start,), 200)):
        for step in before:
            step()
        wait_until(lambda status=status: ask()[0] == status, 90, f"readiness is {status}")
        said.append(ask())
    return said


def assert_arrived(stand, name, index, ids):
    """What an app that ships by itself said, as its transport writes it."""
    found = lambda: documents(stand, index, lambda each: each["fields"].get("requestId"), ids)  # noqa: E731
    wait_until(lambda: len(found()) >= len(ids), 60, "its lines are in OpenSearch")
    assert sorted(each["fields"]["requestId"] for each in found()) == sorted(ids)
    wait_spans(stand, name, {each["fields"]["trace_id"] for each in found()})


def test_the_app_as_it_was_does_the_same(stand):
    """Without a sidecar, beside the same backends: as many lines and traces, the same metrics, and the same answers of
    readiness, byte by byte."""
    index = stand.opensearch.index("logs-direct")
    direct = stand.direct_app("direct", stand.opensearch.url, stand.jaeger.thrift_http, index)
    url = f"http://127.0.0.1:{direct.port}"
    ids = orders(direct, COUNT)
    orders(stand.app, 1)
    assert_arrived(stand, "direct", index, ids)
    page = requests.get(url + "/metrics", timeout=60).text
    assert families(page) and families(page) <= families(stand.sidecar.page())

    def asked():
        answer = requests.get(url + "/health/readiness", timeout=60)
        return answer.status_code, answer.text
    assert answers_of(stand, lambda: stand.sidecar.ask("/health/readiness")) == answers_of(stand, asked)
    direct.stop()


def test_the_app_can_stay_as_it_is_at_first(stand, oxpecker):
    """The doors for its Elasticsearch client and its Jaeger exporter: only two addresses change."""
    index, doors = stand.opensearch.index("logs-doors"), [f"127.0.0.1:{free_port()}" for _ in range(2)]
    agent_ = oxpecker({"receive": {"jaeger": {"http": doors[1], "compact": [], "binary": []}},
                       "logs": {"collect": {"bulk": doors[0]},
                                "export": {"elasticsearch": {"url": stand.opensearch.url, "index": index}}},
                       "traces": {"export": {"otlp": stand.jaeger.otlp_http}}})
    app = stand.direct_app("doors", "http://" + doors[0], f"http://{doors[1]}/api/traces", "any")
    ids = orders(app, COUNT)
    assert_arrived(stand, "doors", index, ids)
    app.stop()
    agent_.assert_balanced()


def test_the_app_ends_well(stand):
    """What it logged and traced last arrives, and the socket's page is gone with it."""
    ids = orders(stand.app, 3)
    stand.app.stop()
    found = lambda: documents(stand, stand.data_stream, lambda each: each.get("requestId"), ids)  # noqa: E731
    wait_until(lambda: len(found()) == 3, 60, "the last lines are in OpenSearch")
    wait_until(lambda: stand.sidecar.ask("/health/app")[0] == 503, 60, "the probe of the app fails")


def test_packages_that_go_are_those_that_the_page_names():
    with open(os.path.join(compose.SHOP, "package.json"), encoding="utf-8") as file:
        gone = set(json.load(file)["devDependencies"])
    with open(os.path.join(compose.TOP, "conf", "app.md"), encoding="utf-8") as file:
        named, = re.findall(r"`npm uninstall ([^`]+)`", file.read())
    assert set(named.split()) == gone
    assert need.built("shop")
