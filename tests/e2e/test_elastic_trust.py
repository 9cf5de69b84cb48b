"""Who we are to Elasticsearch, and whom we trust: credentials, certificates, and that secrets are shown nowhere."""

import base64
import json
import os
import re
import shlex
import ssl
import subprocess

import pytest

from lib import authority, fault, need
from lib.agent import HURRIED, run
from lib.lines import Writer, assert_same
from lib.shipped import documents_of, wait_delivered
from lib.wait import free_port
from test_elastic import destination, elasticsearch


def refusal(tmp_path, **options):
    """What `oxpecker check` says of the options."""
    path = tmp_path / "refused.yaml"
    whole = elasticsearch(tmp_path / "*.log", **{"url": "http://127.0.0.1:9200", **options})
    path.write_text(json.dumps({**whole, "state": {"path": str(tmp_path / "state")}}))
    done = run("check", path)
    assert done.returncode != 0, done.stdout
    return done.stdout + done.stderr


SECRET = "s3cret-Words-1234"


@pytest.mark.parametrize("options, header", [
    ({"user": "app", "password": SECRET}, "Basic " + base64.b64encode(b"app:" + SECRET.encode()).decode()),
    ({"api_key": SECRET}, "ApiKey " + SECRET),
    ({"bearer": SECRET}, "Bearer " + SECRET),
], ids=["basic", "api_key", "bearer"])
def test_every_request_says_who_we_are_and_nothing_else_does(oxpecker, fault_server, tmp_path, options, header):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    server.plan(fault.good(), fault.status(401), then=fault.good())
    writer.write(10)
    agent = oxpecker(elasticsearch(tmp_path / "*.log", server.url, template=True, **options))
    wait_delivered(agent, 10)
    assert {request.headers.get("Authorization") for request in server.taken()} == {header}
    told = json.dumps(agent.status()) + agent.err() + agent.get("/metrics").text
    told += run("check", agent.config_path, "--print").stdout
    assert SECRET not in told and header.split()[1] not in told


def quoting(answer):
    """A server, or a proxy before it, that says again in its answers who somebody said to be."""
    def behave(handler, request):
        said = "who is " + request.headers.get("Authorization", "that")
        if answer == "items":
            bad = {"create": {"status": 400, "error": {"type": said, "reason": said}}}
            items = [bad] * len(request.documents()) if "_bulk" in request.path else [bad]
            return handler.answer(200, json.dumps({"items": items}).encode(), "application/json", {})
        code, kind = answer
        body = json.dumps({"error": {"type": "x", "reason": said}, "status": code}) if kind == "json" else said
        return handler.answer(code, body.encode(), "application/json" if kind == "json" else "text/plain", {})

    return behave


@pytest.mark.parametrize("answer", [(401, "text"), (403, "json"), (400, "json"), (400, "text"), (500, "text"),
                                    (429, "json"), "items"])
@pytest.mark.parametrize("how", ["basic", "api_key", "url"])
def test_what_a_server_quotes_of_who_we_are_is_not_shown(oxpecker, fault_server, tmp_path, answer, how):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    server.plan(quoting(answer))
    writer.write(1)
    url = server.url.replace("//", f"//app:{SECRET}@") if how == "url" else server.url
    options = {"basic": {"user": "app", "password": SECRET}, "api_key": {"api_key": SECRET}, "url": {}}[how]
    agent = oxpecker(elasticsearch(tmp_path / "*.log", url, template=True, **options))
    row = lambda: next(r for r in agent.status()["destinations"] if r["name"].startswith("logs."))  # noqa: E731
    agent.wait_until(lambda: "who is" in row()["error"] and "who is" in agent.err(), 60, "told")
    told = json.dumps(agent.status()) + agent.err() + agent.get("/health/delivery").text
    told += run("parked", "show", "--config", agent.config_path).stdout
    assert "***" in told
    for secret in (SECRET, base64.b64encode(b"app:" + SECRET.encode()).decode()):
        assert secret[:8] not in told
    server.plan(fault.good())


class Token:
    """A server that knows one token at a time, and the file that the agent has it from."""

    def __init__(self, server, path):
        self.path, self.valid, self.refused = path, "", 0
        server.plan(self.behave)

    def behave(self, handler, request):
        if request.headers.get("Authorization") != "ApiKey " + self.valid:
            self.refused += 1
            return fault.status(401, body=b"who is that?")(handler, request)
        return fault.good()(handler, request)

    def write(self, text):
        """As Kubernetes and Vault do: another file under the name."""
        fresh = self.path.with_suffix(".new")
        fresh.write_text(text)
        fresh.rename(self.path)


def test_a_token_that_was_renewed_is_read_again(oxpecker, fault_server, tmp_path):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    token = Token(server, tmp_path / "token")
    token.write("first\n")
    token.valid = "first"
    agent = oxpecker(elasticsearch(tmp_path / "*.log", server.url, api_key="${file:%s}" % token.path))
    for number, next_one in enumerate(["second-" + SECRET, "third-" + SECRET], 1):
        writer.write(10)
        wait_delivered(agent, 20 * number - 10)
        token.valid, before = next_one, token.refused
        writer.write(10)
        agent.wait_until(lambda: token.refused > before + 1, 60, "refused")
        token.path.unlink()  # in the midst of being replaced
        agent.wait_until(lambda: "the old credentials stay in use" in agent.err(), 60, "told")
        token.write(next_one + "\n")
        wait_delivered(agent, 20 * number)
    assert_same(list(documents_of(server).values()), writer)
    agent.assert_balanced()
    told = json.dumps(agent.status()) + agent.err() + agent.get("/metrics").text
    assert SECRET not in told and "have new credentials" in agent.err()


def test_a_password_in_the_url_is_not_shown(oxpecker, fault_server, tmp_path):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    server.plan(fault.close_at_once(), then=fault.good())
    writer.write(10)
    agent = oxpecker(elasticsearch(tmp_path / "*.log", server.url.replace("//", f"//app:{SECRET}@")))
    wait_delivered(agent, 10)
    assert server.taken()[0].headers["Authorization"].startswith("Basic ")
    assert SECRET not in json.dumps(agent.status()) + agent.err()


@pytest.mark.parametrize("options, word", [
    ({"user": "a", "api_key": SECRET}, "three ways"), ({"api_key": SECRET, "bearer": SECRET}, "three ways"),
    ({"password": SECRET}, "without user"), ({"cert": "/c"}, "go together"), ({"bearer": SECRET + "\n"}, "bearer"),
    ({"index": "Logs"}, "upper-case"), ({"index": "logs-%{+YYYY}"}, "yyyy"), ({"index": "logs-%{yyyy}"}, "index"),
    ({"index": ""}, "empty"), ({"data_stream": "a%{+yyyy}"}, "data_stream"),
    ({"data_stream": "a", "index": "b"}, "one of them"), ({"url": []}, "URL"), ({"url": ["nonsense"]}, "url"),
    ({"url": "http://x/?a=b"}, "?"), ({"ca": "/ca", "verify": False}, "anyone"),
])
def test_options_that_do_not_go_together(tmp_path, options, word):
    said = refusal(tmp_path, **options)
    assert word in said and SECRET not in said


def test_a_server_that_our_authority_signed(oxpecker, fault_server, tmp_path):
    ca, writer = authority.Authority(tmp_path), Writer(tmp_path / "app.log")
    server = fault_server(tls=ca.server())
    writer.write(10)
    agent = oxpecker(elasticsearch(tmp_path / "*.log", server.url, ca=ca.cert, template=True))
    wait_delivered(agent, 10)
    assert_same(list(documents_of(server).values()), writer)


@pytest.mark.parametrize("wrong", ["another authority", "no authority", "another name"])
def test_a_server_that_is_not_who_it_says_gets_nothing(oxpecker, fault_server, tmp_path, wrong):
    ca, writer = authority.Authority(tmp_path), Writer(tmp_path / "app.log")
    trusted = authority.Authority(tmp_path, "other") if wrong == "another authority" else ca
    kind = authority.OTHER_NAME if wrong == "another name" else authority.SERVER
    server = fault_server(tls=ca.server(extensions=kind))
    options = {} if wrong == "no authority" else {"ca": trusted.cert}
    writer.write(10)
    agent = oxpecker({**elasticsearch(tmp_path / "*.log", server.url, **options), "exit": HURRIED})
    agent.wait_until(lambda: destination(agent)["retries"] > 1)
    assert not server.taken() and re.search("certificat|SSL", destination(agent)["error"])
    assert agent.stop() == 0
    agent.write_config(elasticsearch(tmp_path / "*.log", server.url, verify=False))
    agent.start()
    wait_delivered(agent, 10)
    assert "verify is false" in agent.err()


@pytest.fixture
def trusted_by_the_system(tmp_path, monkeypatch):
    """An authority in place of those of the system, for agents that start from here on."""
    ca, wrapper = authority.Authority(tmp_path, "system"), tmp_path / "wrapper.sh"
    within = 'mount --bind "$0" /etc/ssl/certs/ca-certificates.crt && exec "$@"'
    words = ["unshare", "--mount", "sh", "-c", within, ca.cert]
    if subprocess.run([*words, "true"], capture_output=True).returncode != 0:
        need.missing("no file of the system can be covered by another one here")
    wrapper.write_text(f'#!/bin/sh\nexec {shlex.join([*words, os.environ["OXPECKER_BIN"]])} "$@"\n', encoding="ascii")
    wrapper.chmod(0o755)
    monkeypatch.setenv("OXPECKER_BIN", str(wrapper))
    return ca


def test_an_authority_that_is_named_replaces_those_of_the_system(oxpecker, fault_server, tmp_path,
                                                                 trusted_by_the_system):
    ours, writer = authority.Authority(tmp_path), Writer(tmp_path / "app.log")
    theirs, mine = fault_server(tls=trusted_by_the_system.server("theirs")), fault_server(tls=ours.server("mine"))
    writer.write(10)
    for server, options in ((theirs, {"ca": ours.cert}), (mine, {})):
        agent = oxpecker({**elasticsearch(tmp_path / "*.log", server.url, **options), "exit": HURRIED})
        agent.wait_until(lambda: destination(agent)["retries"] > 1)  # noqa: B023
        assert not server.taken() and re.search("certificat|SSL", destination(agent)["error"])
    for server, options in ((theirs, {}), (mine, {"ca": ours.cert})):
        agent = oxpecker(elasticsearch(tmp_path / "*.log", server.url, **options))
        wait_delivered(agent, 10)


def test_a_server_that_asks_who_we_are(oxpecker, fault_server, tmp_path):
    ca, writer = authority.Authority(tmp_path), Writer(tmp_path / "app.log")
    server = fault_server(tls=ca.server(clients=True))
    cert, key = ca.signed("agent", authority.CLIENT)
    writer.write(10)
    agent = oxpecker({**elasticsearch(tmp_path / "*.log", server.url, ca=ca.cert), "exit": HURRIED})
    agent.wait_until(lambda: destination(agent)["retries"] > 1)
    assert not server.taken()
    assert agent.stop() == 0
    agent.write_config(elasticsearch(tmp_path / "*.log", server.url, ca=ca.cert, cert=cert, key=key))
    agent.start()
    wait_delivered(agent, 10)
    assert_same(list(documents_of(server).values()), writer)


def test_certificates_that_were_renewed_are_used_without_a_restart(oxpecker, fault_server, tmp_path):
    """All of them are another authority's from one moment on, and our files follow a little later."""
    old, new, writer = authority.Authority(tmp_path), authority.Authority(tmp_path, "new"), Writer(tmp_path / "app.log")
    server = fault_server(tls=old.server(clients=True))
    files = dict(zip(("ca", "cert", "key"), (old.cert, *old.signed("agent", authority.CLIENT))))
    writer.write(10)
    agent = oxpecker(elasticsearch(tmp_path / "*.log", server.url, **files))
    wait_delivered(agent, 10)
    server.refuse()
    server.tls = new.server("new-server", clients=True)
    fresh = (new.cert, *new.signed("new-agent", authority.CLIENT))
    server.listen()
    writer.write(10)
    agent.wait_until(lambda: re.search("certificat|SSL", destination(agent)["error"]), 60, "nothing for a stranger")
    assert len(documents_of(server)) == 10
    for path, name in zip(fresh, files.values()):
        os.replace(path, name)
    wait_delivered(agent, 20)
    assert_same(list(documents_of(server).values()), writer)
    agent.assert_balanced()


def test_fifos_in_the_place_of_certificates_hold_nobody_up(oxpecker, fault_server, tmp_path):
    """Whoever may write to their folder puts them there; the next connection opens these files."""
    ca, writer = authority.Authority(tmp_path), Writer(tmp_path / "app.log")
    server = fault_server(tls=ca.server(clients=True))
    files = dict(zip(("ca", "cert", "key"), (ca.cert, *ca.signed("agent", authority.CLIENT))))
    writer.write(10)
    agent = oxpecker(elasticsearch(tmp_path / "*.log", server.url, **files))
    wait_delivered(agent, 10)
    server.refuse()
    for path in files.values():
        os.unlink(path)
        os.mkfifo(path)
    writer.write(10)
    agent.wait_until(lambda: destination(agent)["retries"] > 1, 60, "it has no connection")
    server.listen()
    wait_delivered(agent, 20)
    assert all(f"{files[name]}: it is not a regular file; the file that was there" in agent.err() for name in files)
    assert_same(list(documents_of(server).values()), writer)


@pytest.mark.parametrize("words", [["-tls1_2", "-cipher", "DHE", "-dhparam", "group.pem"],
                                   ["-tls1_3", "-groups", "ffdhe2048"]], ids=["1.2", "1.3"])
def test_a_server_does_not_choose_how_long_we_compute(oxpecker, tmp_path, words):
    """It could name a group of 8,192 bits; so none of these groups is taken, of whatever size."""
    ca, port = authority.Authority(tmp_path), free_port()
    ca.new_key = lambda path: ["-newkey", "rsa:2048", "-nodes", "-keyout", path]
    cert, key = ca.signed("server", authority.SERVER)
    ca.run("genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048", "-out", ca.path("group.pem"))
    Writer(tmp_path / "app.log").write(1)
    server = subprocess.Popen([ca.openssl, "s_server", "-accept", f"127.0.0.1:{port}", "-cert", cert, "-key", key,
                               "-www", *words], cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    try:
        agent = oxpecker({**elasticsearch(tmp_path / "*.log", f"https://127.0.0.1:{port}", ca=ca.cert),
                          "exit": HURRIED})
        agent.wait_until(lambda: "handshake" in (destination(agent)["error"] or ""), 60, "no handshake comes about")
    finally:
        server.kill()
        server.wait()


@pytest.mark.parametrize("certificates, fine", [(4, True), (60, False)])
def test_a_server_does_not_choose_how_many_certificates_we_read(oxpecker, fault_server, tmp_path, certificates, fine):
    """60 of them took 11 ms of each connection, a hundred are what OpenSSL takes."""
    ca, chain = authority.Authority(tmp_path), tmp_path / "chain.pem"
    cert, key = ca.signed("server", authority.SERVER)
    others = [open(ca.signed(f"other{n}", authority.SERVER)[0], encoding="ascii").read() for n in range(3)]
    chain.write_text(open(cert, encoding="ascii").read() + "".join(others[n % 3] for n in range(certificates - 1)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    writer = Writer(tmp_path / "app.log")
    writer.write(1)
    server = fault_server(tls=context)
    agent = oxpecker(elasticsearch(tmp_path / "*.log", server.url, ca=ca.cert))
    if fine:
        wait_delivered(agent, 1)
    else:
        agent.wait_until(lambda: "excessive message size" in (destination(agent)["error"] or ""), 60, "is refused")


SYSTEMS = "/etc/ssl/certs/ca-certificates.crt"


@pytest.mark.skipif(not os.path.exists(SYSTEMS), reason="needs ca-certificates")
@pytest.mark.parametrize("named", [{}, {"ca": SYSTEMS}], ids=["system", "named"])
def test_authorities_are_not_read_for_each_connection(oxpecker, fault_server, tmp_path, named):
    """With sanitizers, reading them takes well over 50 ms. The first connection may."""
    Writer(tmp_path / "app.log").write(1)
    server = fault_server(tls=authority.Authority(tmp_path).server())
    agent = oxpecker({**elasticsearch(tmp_path / "*.log", server.url, **named), "exit": HURRIED})
    agent.wait_until(lambda: destination(agent)["retries"] >= 5, 60, "five connections that trust nobody")
    page = agent.get("/metrics").text
    slices = {float(b): int(n) for b, n in re.findall(r'slice_seconds_bucket{le="([^"]+)"} (\d+)', page)}
    assert slices[float("inf")] - slices[0.05] <= 1, slices


def test_a_file_of_tls_that_is_not_there_ends_the_start(oxpecker, tmp_path):
    agent = oxpecker(elasticsearch(tmp_path / "*.log", "https://127.0.0.1:1", ca=str(tmp_path / "missing.pem")),
                     start=False)
    agent.launch()
    agent.expected_exit = {1}
    agent.process.child.wait(60)
    assert "missing.pem" in agent.err()
