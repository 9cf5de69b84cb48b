"""TLS at the listeners, as clients see it: curl, openssl, Python's ssl, the OpenTelemetry SDK over HTTP and gRPC."""

import contextlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading

import grpc
import pytest
import requests
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as OverGrpc
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as OverHttp
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from lib import authority, need
from lib.agent import run
from lib.wait import free_port, wait_until
from test_traces import PROTOBUF, request_of, spans_at, wait_settled

URI = "spiffe://test/ns/shop/sa/app"
CLIENT = authority.CLIENT + f"subjectAltName=URI:{URI}\n"


@pytest.fixture
def ca(tmp_path, monkeypatch):
    """An authority of the test; `server` and `client` are pairs of files."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # which requests prefers to what a session is told
        monkeypatch.delenv(name, raising=False)
    one = authority.Authority(tmp_path)
    one.server_pair = one.signed("server", authority.SERVER)
    one.client_pair = one.signed("client", CLIENT)
    return one


@pytest.fixture
def tls_agent(oxpecker, fault_server, ca):
    """An agent whose OTLP door speaks TLS, and a backend that takes everything."""
    def start(**door):
        server = fault_server()
        agent = oxpecker({
            "traces": {"batch": {"age": "100ms"}, "export": {"otlp": {"endpoint": server.url, "retry_last": "1s"}}},
            "receive": {"otlp": {"http": f"127.0.0.1:{free_port()}", "grpc": f"127.0.0.1:{free_port()}",
                                 "cert": ca.server_pair[0], "key": ca.server_pair[1], **door}}})
        agent.door = agent_door(agent)
        agent.backend = server
        return agent
    return start


def agent_door(agent):
    with open(agent.config_path, encoding="utf-8") as file:
        return json.load(file)["receive"]["otlp"]


def handshakes(agent, reason=None):
    name = "oxpecker_tls_handshakes_failed_total" if reason else "oxpecker_tls_handshakes_total"
    labels = {"component": "receive.otlp", **({"reason": reason} if reason else {})}
    return agent.metric(name, **labels)


def ship(exporter, name, count=1):
    """Spans of the SDK, each in a request of its own."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    for _ in range(count):
        provider.get_tracer("test").start_span(name).end()
    provider.shutdown()


def test_the_sdk_ships_over_https_and_grpc_with_certificates(tls_agent, ca):
    agent = tls_agent(client_ca=ca.cert, client_names=[URI])
    cert, key = ca.client_pair
    ship(OverHttp(endpoint=f"https://{agent.door['http']}/v1/traces", certificate_file=ca.cert,
                  client_certificate_file=cert, client_key_file=key), "http", 5)
    with open(ca.cert, "rb") as roots, open(cert, "rb") as chain, open(key, "rb") as private:
        credentials = grpc.ssl_channel_credentials(roots.read(), private.read(), chain.read())
    ship(OverGrpc(endpoint=f"https://{agent.door['grpc']}", credentials=credentials), "grpc", 5)
    wait_settled(agent)
    assert len(set(spans_at(agent.backend))) == 10
    assert handshakes(agent) >= 2 and handshakes(agent, "client") == 0


def test_strangers_are_not_let_in(tls_agent, ca, tmp_path):
    """Without a certificate, with another's name, with another authority's; one that does not trust us is told of."""
    agent = tls_agent(client_ca=ca.cert, client_names=[URI])
    url = f"https://{agent.door['http']}/v1/traces"
    (tmp_path / "others").mkdir()
    others = authority.Authority(tmp_path / "others", "others")
    body = request_of(1).SerializeToString()
    for pair in (None, ca.signed("other", authority.CLIENT + "subjectAltName=URI:spiffe://test/ns/other\n"),
                 others.signed("stranger", CLIENT)):
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.post(url, data=body, headers=PROTOBUF, verify=ca.cert, cert=pair, timeout=60)
    agent.wait_until(lambda: handshakes(agent, "client") == 3)
    with pytest.raises(requests.exceptions.SSLError):
        requests.post(url, data=body, headers=PROTOBUF, verify=others.cert, cert=ca.client_pair, timeout=60)
    agent.wait_until(lambda: handshakes(agent, "declined") == 1)
    assert requests.post(url, data=body, headers=PROTOBUF, verify=ca.cert, cert=ca.client_pair,
                         timeout=60).status_code == 200
    assert "a TLS handshake with 127.0.0.1 failed: its certificate is not one that is let in" in agent.err()


def test_curl_agrees_on_the_protocol_of_each_door(tls_agent, ca):
    agent, curl = tls_agent(), need.program("curl")
    for door, version in (("http", "1.1"), ("grpc", "2")):
        done = subprocess.run([curl, "-s", "-o", os.devnull, "-w", "%{http_version} %{http_code}", "--cacert", ca.cert,
                               f"https://{agent.door[door]}/none"], capture_output=True, text=True, timeout=60)
        assert done.stdout.split()[0] == version and done.returncode == 0, done
    plain = requests.get(f"http://{agent.door['http']}/v1/traces", timeout=60)
    assert plain.status_code == 400 and plain.text == "this port speaks TLS: use https\n"
    agent.wait_until(lambda: handshakes(agent, "plain") == 1)


OFFERED = [("-tls1_3", "TLS_AES_128_GCM_SHA256"), ("-tls1_3", "TLS_AES_256_GCM_SHA384"),
           ("-tls1_3", "TLS_CHACHA20_POLY1305_SHA256"), ("-tls1_2", "ECDHE-ECDSA-AES128-GCM-SHA256"),
           ("-tls1_2", "ECDHE-ECDSA-AES256-GCM-SHA384"), ("-tls1_2", "ECDHE-ECDSA-CHACHA20-POLY1305")]


def openssl_connects(agent, ca, *words):
    done = subprocess.run([need.program("openssl"), "s_client", "-connect", agent.door["http"], "-CAfile", ca.cert,
                           "-verify_return_error", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60)
    return done.returncode == 0 and "Cipher is (NONE)" not in done.stdout, done.stdout


def test_openssl_finds_what_is_offered_and_nothing_else(tls_agent, ca):
    """Every cipher that OpenSSL has, one by one, also those it would not propose by itself."""
    agent, openssl, found = tls_agent(), need.program("openssl"), []
    for version in ("-tls1", "-tls1_1", "-tls1_2", "-tls1_3"):
        listed = subprocess.run([openssl, "ciphers", "-s", version, "ALL:@SECLEVEL=0"], capture_output=True, text=True)
        for cipher in listed.stdout.strip().split(":") if listed.returncode == 0 else []:
            name = "-ciphersuites" if version == "-tls1_3" else "-cipher"
            value = cipher if version == "-tls1_3" else cipher + ":@SECLEVEL=0"
            if cipher and openssl_connects(agent, ca, version, name, value)[0]:
                found.append((version, cipher))
    assert sorted(found) == sorted(OFFERED)
    fine, said = openssl_connects(agent, ca, "-tls1_2")
    assert fine and "Compression: NONE" in said and "Secure Renegotiation IS supported" in said
    assert "ticket" not in said.lower()


def test_a_client_does_not_renegotiate(tls_agent, ca):
    agent = tls_agent()
    done = subprocess.run([need.program("openssl"), "s_client", "-connect", agent.door["http"], "-CAfile", ca.cert,
                           "-tls1_2"], input="R\n", capture_output=True, text=True, timeout=60)
    assert "RENEGOTIATING" in done.stdout + done.stderr and "error" in (done.stdout + done.stderr).lower()


def shown(agent, ca):
    """The number of the certificate that a new connection is shown."""
    context = ssl.create_default_context(cafile=ca.cert)
    host, port = agent.door["http"].split(":")
    with socket.create_connection((host, int(port)), timeout=60) as peer, \
            context.wrap_socket(peer, server_hostname=host) as tls:
        return tls.getpeercert()["serialNumber"]


def switch(folder, name, pair):
    """As the kubelet renews a Secret: a new folder, and a link that is switched."""
    new = folder / name
    new.mkdir()
    shutil.copy(pair[0], new / "tls.crt")
    shutil.copy(pair[1], new / "tls.key")
    os.symlink(name, folder / "..data_tmp")
    os.rename(folder / "..data_tmp", folder / "..data")


def test_renewals_under_load_lose_no_batch(tls_agent, ca, tmp_path):
    """Ten renewals while clients send without a pause, over connections that they keep and over new ones."""
    secret = tmp_path / "secret"
    secret.mkdir()
    switch(secret, "..0", ca.server_pair)
    agent = tls_agent(cert=str(secret / "..data" / "tls.crt"), key=str(secret / "..data" / "tls.key"))
    url, over, sent, wrong = f"https://{agent.door['http']}/v1/traces", threading.Event(), [], []

    def send(keeps, first):
        with requests.Session() as session:
            while not over.is_set():
                try:
                    done = (session if keeps else requests).post(
                        url, data=request_of(1, first=first + len(sent) * 2).SerializeToString(), headers=PROTOBUF,
                        verify=ca.cert, timeout=60)
                    (sent if done.status_code == 200 else wrong).append(done.status_code)
                except requests.RequestException as error:
                    wrong.append(error)
    threads = [threading.Thread(target=send, args=(keeps, 1 + keeps)) for keeps in (False, True)]
    for thread in threads:
        thread.start()
    try:
        numbers = {shown(agent, ca)}
        for number in range(1, 11):
            before = len(sent)
            switch(secret, f"..{number}", ca.signed(f"server{number}", authority.SERVER))
            numbers.add(shown(agent, ca))  # the very next handshake
            assert len(numbers) == number + 1
            wait_until(lambda: len(sent) > before + 4 or wrong, 60, "requests after a renewal")
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert not wrong
    wait_settled(agent)
    assert agent.booked("received", signal="traces") == len(sent) == agent.booked("delivered", signal="traces")


def test_half_a_renewal_changes_nothing_and_is_told(tls_agent, ca, tmp_path):
    cert, key = tmp_path / "half.crt", tmp_path / "half.key"
    shutil.copy(ca.server_pair[0], cert)
    shutil.copy(ca.server_pair[1], key)
    agent = tls_agent(cert=str(cert), key=str(key))
    first, pair = shown(agent, ca), ca.signed("next", authority.SERVER)
    shutil.copy(pair[0], tmp_path / "new")
    os.rename(tmp_path / "new", cert)
    assert shown(agent, ca) == first == shown(agent, ca)
    troubles = [row for source in agent.status()["sources"] for row in source.get("troubles", [])]
    assert any("does not belong to the certificate" in row["why"] and row["file"] == str(cert) for row in troubles)
    assert agent.err().count("stays in use") == 1
    shutil.copy(pair[1], tmp_path / "new")
    os.rename(tmp_path / "new", key)
    assert shown(agent, ca) != first
    assert not [row for source in agent.status()["sources"] for row in source.get("troubles", [])]


def test_what_does_not_fit_together_does_not_start(ca, tmp_path):
    def refusal(**options):
        path = tmp_path / "refused.yaml"
        path.write_text(json.dumps({"receive": {"otlp": options}, "state": {"path": str(tmp_path / "state")}}))
        done = run("check", path)
        assert done.returncode != 0, done.stdout
        return done.stdout + done.stderr
    cert, key = ca.server_pair
    assert "cert and key go together" in refusal(cert=cert)
    assert "client_ca without cert" in refusal(client_ca=ca.cert)
    assert "client_names without client_ca" in refusal(cert=cert, key=key, client_names=["a"])
    assert "tls_min" in refusal(cert=cert, key=key, tls_min="1.1")


def test_a_wrong_file_is_named_at_the_start(tls_agent, ca, tmp_path, oxpecker):
    for options in ({"cert": str(tmp_path / "none.pem")}, {"key": ca.client_pair[1]}, {"client_ca": ca.key}):
        whole = {"cert": ca.server_pair[0], "key": ca.server_pair[1], **options}
        agent = oxpecker({"receive": {"otlp": {"http": "127.0.0.1:0", "grpc": "127.0.0.1:0", **whole}}}, start=False)
        agent.expected_exit = {1}
        done = run("--config", agent.config_path)
        assert done.returncode == 1 and list(options.values())[0] in done.stderr + done.stdout


def test_endless_handshakes_harm_nobody(tls_agent, ca):
    """More of them than there are seats, silent, or in the middle of a hello; a client gets in beside them."""
    agent = tls_agent(connections=16)
    host, port = agent.door["http"].split(":")
    body = request_of(1).SerializeToString()
    with contextlib.ExitStack() as stack:
        for number in range(64):
            peer = stack.enter_context(socket.create_connection((host, int(port)), timeout=60))
            with contextlib.suppress(OSError):
                peer.sendall(b"\x16\x03\x01\x02\x00\x01\x00"[:number % 8])
            if number % 16 == 15:
                assert requests.post(f"https://{agent.door['http']}/v1/traces", data=body, headers=PROTOBUF,
                                     verify=ca.cert, timeout=60).status_code == 200
        assert agent.get("/health/liveness").status_code == 200
    agent.wait_until(lambda: handshakes(agent, "late") > 0)
