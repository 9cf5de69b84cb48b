"""Who may ask: tokens and passwords at the doors and at `listen`, beside TLS; what is said of open addresses."""

import os
import subprocess

import grpc
import pytest
import requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as OverHttp
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from lib import backends, need
from lib.agent import run
from lib.wait import free_port, wait_until
from test_tls import agent_door, ca, ship, shown, switch  # noqa: F401
from test_traces import PROTOBUF, request_of, spans_at, wait_settled

TOKEN, OTHER = "s3cret-token.1", "s3cret-token.2"
BODY = request_of(1).SerializeToString()


@pytest.fixture
def auth(tmp_path):
    """The file of credentials; auth(lines…) replaces it at once."""
    path = tmp_path / "auth"

    def write(*lines):
        new = tmp_path / "auth.new"
        new.write_text("".join(line + "\n" for line in lines))
        os.rename(new, path)
        return str(path)
    write(TOKEN, "shop:pass word")
    return write


@pytest.fixture
def door_agent(oxpecker, fault_server, auth):
    def start(**door):
        server = fault_server()
        agent = oxpecker({
            "traces": {"batch": {"age": "100ms"}, "export": {"otlp": {"endpoint": server.url, "retry_last": "1s"}}},
            "receive": {"otlp": {"http": f"127.0.0.1:{free_port()}", "grpc": f"127.0.0.1:{free_port()}",
                                 "auth": auth(TOKEN, "shop:pass word"), **door}}})
        agent.door, agent.backend = agent_door(agent), server
        return agent
    return start


def post(agent, token=None, **more):
    headers = {**PROTOBUF, **({"Authorization": f"Bearer {token}"} if token else {})}
    return requests.post(f"http://{agent.door['http']}/v1/traces", data=BODY, headers=headers, timeout=60, **more)


def call(agent, token=None):
    """The status of a call, by its name."""
    with grpc.insecure_channel(agent.door["grpc"]) as channel:
        try:
            TraceServiceStub(channel).Export(request_of(1), timeout=60,
                                             metadata=[("authorization", f"Bearer {token}")] if token else None)
        except grpc.RpcError as error:
            return error.code().name
    return "OK"


def test_only_who_may_is_taken_and_no_secret_is_told(door_agent):
    agent = door_agent()
    refused = post(agent)
    assert refused.status_code == 401 and "Bearer" in refused.headers["WWW-Authenticate"]
    assert post(agent, "wrong").status_code == 401 and post(agent, TOKEN[:-1]).status_code == 401
    assert call(agent) == call(agent, "wrong") == "UNAUTHENTICATED"
    assert requests.get(f"http://{agent.door['http']}/none", timeout=60).status_code == 401
    assert post(agent, TOKEN).status_code == 200 and call(agent, TOKEN) == "OK"
    basic = requests.post(f"http://{agent.door['http']}/v1/traces", data=BODY, headers=PROTOBUF,
                          auth=("shop", "pass word"), timeout=60)
    assert basic.status_code == 200
    wait_settled(agent)
    assert agent.booked("received", signal="traces") == 3
    assert agent.metric("oxpecker_refused_unauthorized_total", component="receive.otlp") == 6
    told = agent.err() + str(agent.status()) + agent.get("/metrics").text
    assert TOKEN not in told and "pass word" not in told and "wrong" + TOKEN not in told
    assert "a request for /v1/traces is answered 401: it has no credentials" in told


def test_the_sdk_sends_its_token(door_agent):
    agent = door_agent()
    ship(OverHttp(endpoint=f"http://{agent.door['http']}/v1/traces", headers={"authorization": f"Bearer {TOKEN}"}),
         "told", 3)
    wait_settled(agent)
    assert len(set(spans_at(agent.backend))) == 3


def test_a_rotation_loses_nothing(door_agent, auth):
    """Both are taken while both are there; the old one is refused when it is out; a broken file changes nothing."""
    agent = door_agent()
    assert post(agent, TOKEN).status_code == 200
    auth(TOKEN, OTHER)
    wait_until(lambda: post(agent, OTHER).status_code == 200, 60, "the new token is taken")
    assert post(agent, TOKEN).status_code == 200 and call(agent, OTHER) == "OK"
    auth(OTHER)
    wait_until(lambda: post(agent, TOKEN).status_code == 401, 60, "the old token is refused")
    os.unlink(auth(OTHER))
    wait_until(lambda: "stay in force" in agent.err(), 60, "the file is missed")
    assert post(agent, OTHER).status_code == 200
    auth("two words")
    wait_until(lambda: agent.err().count("stay in force") == 2, 60, "the file is no list")
    assert post(agent, OTHER).status_code == 200 and post(agent, "two words").status_code == 401


def test_a_unix_socket_is_a_matter_of_its_mode(door_agent, tmp_path):
    path = tmp_path / "otlp.sock"
    agent = door_agent(http=["unix:" + str(path)], grpc=[])
    done = subprocess.run([need.program("curl"), "-s", "-o", os.devnull, "-w", "%{http_code}", "--unix-socket", path,
                           "-H", "Content-Type: application/json", "-d", "{}", "http://x/v1/traces"],
                          capture_output=True, text=True, timeout=60)
    assert done.stdout == "200" and agent.metric("oxpecker_refused_unauthorized_total") == 0


def test_a_list_that_is_none_is_an_error_at_the_start(oxpecker, auth, tmp_path):
    for path, why in ((auth("two words"), "neither a bearer token nor"), (str(tmp_path / "none"), "No such file")):
        agent = oxpecker({"receive": {"otlp": {"http": "127.0.0.1:0", "grpc": [], "auth": path}}}, start=False)
        done = run("--config", agent.config_path)
        assert done.returncode == 1 and why in done.stderr + done.stdout and path in done.stderr + done.stdout


# `listen`.

@pytest.fixture
def guarded(oxpecker, ca):  # noqa: F811
    """An agent whose `listen` speaks TLS; it is ready when it has said so in its log."""
    def start(**access):
        cert, key = ca.server_pair
        agent = oxpecker({"access": {"cert": cert, "key": key, **access}}, start=False)
        agent.secure_url = f"https://127.0.0.1:{agent.port}"
        agent.launch()
        wait_until(lambda: is_ready(agent, ca), 120, "the agent is ready")
        return agent
    return start


def ask(agent, ca, path, token=None, **more):  # noqa: F811
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.get(agent.secure_url + path, headers=headers, verify=ca.cert, timeout=60, **more)


def is_ready(agent, ca):  # noqa: F811
    try:
        return ask(agent, ca, "/health/readiness").status_code == 200
    except requests.ConnectionError:
        return False


@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
def test_prometheus_scrapes_with_tls_and_a_token_while_the_kubelet_probes(
        guarded, prometheus, ca, auth, tmp_path, monkeypatch):  # noqa: F811
    agent = guarded(auth=auth(TOKEN), client_ca=ca.cert)
    token, client = tmp_path / "token", ca.client_pair
    token.write_text(TOKEN + "\n")
    assert ask(agent, ca, "/metrics").status_code == 401
    assert ask(agent, ca, "/metrics", TOKEN).status_code == 401  # no certificate
    assert ask(agent, ca, "/metrics", cert=client).status_code == 401  # no token
    assert ask(agent, ca, "/health/delivery").status_code == 401
    for path in ("/health", "/health/liveness", "/health/readiness", "/health/startup"):
        # As the kubelet asks: without a certificate, and without checking ours.
        probe = requests.get(agent.secure_url + path, verify=False, timeout=60)
        assert probe.status_code == 200
    assert ask(agent, ca, "/metrics", TOKEN, cert=client).status_code == 200
    monkeypatch.setattr(backends.Prometheus, "job", {
        "scheme": "https", "authorization": {"credentials_file": str(token)},
        "tls_config": {"ca_file": ca.cert, "cert_file": client[0], "key_file": client[1]}})
    server = prometheus([f"127.0.0.1:{agent.port}"])
    wait_until(lambda: server.value("up") == 1, 60, "Prometheus scrapes")
    wait_until(lambda: server.value('oxpecker_refused_unauthorized_total{component="listen"}') == 4, 60, "a sample")


def test_probes_may_be_closed_and_the_command_asks_all_the_same(oxpecker, ca, auth):  # noqa: F811
    cert, key = ca.server_pair
    agent = oxpecker({"access": {"cert": cert, "key": key, "auth": auth(TOKEN), "open_probes": False}}, start=False)
    agent.secure_url = f"https://127.0.0.1:{agent.port}"
    agent.launch()
    wait_until(lambda: run("health", "--config", agent.config_path).returncode == 0, 120, "the command says so")
    assert ask(agent, ca, "/health/liveness").status_code == 401
    assert ask(agent, ca, "/health/liveness", TOKEN).status_code == 200


def test_listen_shows_a_renewed_certificate(guarded, ca, tmp_path):  # noqa: F811
    secret = tmp_path / "secret"
    secret.mkdir()
    switch(secret, "..0", ca.server_pair)
    agent = guarded(cert=str(secret / "..data" / "tls.crt"), key=str(secret / "..data" / "tls.key"))
    agent.door = {"http": f"127.0.0.1:{agent.port}"}
    first = shown(agent, ca)
    switch(secret, "..1", ca.signed("renewed", "subjectAltName=IP:127.0.0.1\n"))
    assert shown(agent, ca) != first


def test_what_is_open_is_said_at_the_start(oxpecker, ca, auth):  # noqa: F811
    cert, key = ca.server_pair
    ports = [free_port() for _ in range(3)]
    agent = oxpecker({"receive": {
        "otlp": {"http": f"0.0.0.0:{ports[0]}", "grpc": [], "cert": cert, "key": key, "auth": auth(TOKEN)},
        "zipkin": {"http": f"0.0.0.0:{ports[1]}", "cert": cert, "key": key, "client_ca": ca.cert},
        "jaeger": {"http": f"0.0.0.0:{ports[2]}", "compact": [], "binary": []}}})
    said = agent.err()
    assert f"0.0.0.0:{ports[0]} (receive.otlp.http, TLS, credentials)" in said
    assert f"0.0.0.0:{ports[1]} (receive.zipkin.http, TLS with certificates of clients)" in said
    warned = [line for line in said.splitlines() if "in the clear and without credentials" in line]
    assert len(warned) == 1 and f"0.0.0.0:{ports[2]} (receive.jaeger.http)" in warned[0]
    assert str(ports[0]) not in warned[0] and str(ports[1]) not in warned[0]
