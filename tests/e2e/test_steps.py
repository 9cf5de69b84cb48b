"""Steps: what happens to log lines between file and destination, with the real program."""

import json
import os
import socket
import time

import pytest
import requests

from lib import agent as agents, fault
from lib.agent import HURRIED
from lib.lines import Writer
from lib.shipped import documents_of, sent_to, wait_delivered
from lib.wait import free_port

CARD, MAIL, TOKEN, SECRET = "4111 1111 1111 1111", "bob@example.com", "Bearer s3cr3t.t0ken", "hunter2-hunter2"


def config(path, url, *steps):
    return {"logs": {"batch": {"age": "50ms"}, "collect": {"tail": {"paths": [str(path)]}}, "steps": list(steps),
                     "export": {"elasticsearch": {"url": url}}}}


def bytes_under(folder):
    found = b""
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    found += file.read()
    return found


def ended(agent):
    """Records that are not held any more."""
    return agent.booked("received", signal="logs") - agent.booked("held", signal="logs")


def secret_line(number):
    return {"n": number, "message": f"pay {CARD} by {MAIL} from 10.1.2.3 with {TOKEN}",
            "user": {"Password": SECRET, "hops": ["::1", {"authorization": SECRET}]}, "escaped": f"\"{MAIL}\""}


def test_redacted_bytes_leave_by_no_door(oxpecker, fault_server, tmp_path):
    """Delivered, refused and parked, or kept by the state: what is redacted is nowhere."""
    server, path = fault_server(), tmp_path / "app.log"
    server.plan(fault.partial_bulk(every=3, code=400, kind="mapper_parsing_exception"))
    redact = {"redact": {"keys": ["password", "authorization"], "detect": ["card", "bearer", "email", "ip"]}}
    settings = config(path, server.url, redact)
    settings["logs"]["collect"]["tail"]["line_max"] = "1KiB"
    agent = oxpecker(settings)
    path.write_text("".join(json.dumps(secret_line(n)) + "\n" for n in range(30)) + '{"n":30,"plain":true}\n'
                    + f"no JSON but {MAIL}\n" + f"user bob, password={SECRET}; authorization: Basic {SECRET}\n"
                    + json.dumps({"n": 31, "body": json.dumps({"password": SECRET})}) + "\n"
                    + json.dumps({"n": 32, "password": SECRET, "cut": "x" * 2000}) + "\n"
                    + f"run --password={SECRET} -v; user[password]={SECRET}\nAuthorization: Token {SECRET}\n"
                    + json.dumps({"n": 33, "db.password": SECRET}) + "\n")
    agent.wait_until(lambda: ended(agent) == 38, 60, "every line settled")
    agent.assert_balanced()
    taken = sent_to(server)
    assert {"n": 30, "plain": True} in taken and {"message": "no JSON but ***"} in taken
    assert {"message": "user bob, password=***; authorization: ***"} in taken
    assert {"n": 1, "message": "pay *** by *** from *** with Bearer ***", "escaped": '"***"',
            "user": {"Password": "***", "hops": ["***", {"authorization": "***"}]}} in taken
    assert agent.stop() == 0
    kept = bytes_under(os.path.join(agent.folder, "state"))
    assert kept
    kept += b"".join(request.body for request in server.requests)
    assert_nothing_secret(kept)


def assert_nothing_secret(kept):
    assert b"Password" in kept, "what is left of the lines is not there either"
    for secret in (CARD, MAIL, TOKEN, SECRET, "10.1.2.3", "::1"):
        assert secret.encode() not in kept, secret


def into_bulk(door, lines):
    body = "".join('{"create":{}}\n' + line for line in lines if line.startswith("{"))
    text = [json.dumps({"message": line}) + "\n" for line in lines if not line.startswith("{")]
    body += "".join('{"create":{}}\n' + line for line in text)
    assert requests.post(f"http://{door}/_bulk", data=body, headers={"Content-Type": "application/x-ndjson"},
                         timeout=60).json()["errors"] is False


def into_pipe(path, lines):
    with open(path, "w", encoding="utf-8") as file:
        file.write("".join(lines))


def into_socket(path, lines):
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(path)
        peer.sendall("".join((f"<14>app[1]: {line}" if n % 2 else line) for n, line in enumerate(lines)).encode())


@pytest.mark.parametrize("kind", ["bulk", "pipe", "socket"])
def test_what_comes_in_by_a_door_is_redacted_before_it_is_kept(oxpecker, fault_server, tmp_path, kind):
    """While it is held, spooled at SIGTERM with the backend away, taken from there and parked: on no disk."""
    server, place = fault_server(), str(tmp_path / "door")
    place, write, option = {"bulk": (f"127.0.0.1:{free_port()}", into_bulk, "{}"), "pipe": (place, into_pipe, "{}"),
                            "socket": (place, into_socket, "unix:{}")}[kind]
    server.refuse()
    redact = {"redact": {"keys": ["password", "authorization"], "detect": ["card", "bearer", "email", "ip"]}}
    agent = oxpecker({"logs": {"batch": {"age": "50ms"}, "collect": {kind: option.format(place)}, "steps": [redact],
                               "export": {"elasticsearch": {"url": server.url}}}, "exit": HURRIED})
    state = os.path.join(agent.folder, "state")
    lines = [json.dumps(secret_line(n)) + "\n" for n in range(30)]
    lines += [f"no JSON but {MAIL}\n", f"user bob, password={SECRET}; authorization: Basic {SECRET}\n",
              json.dumps({"n": 31, "body": json.dumps({"password": SECRET})}) + "\n"]
    write(place, lines)
    agent.wait_until(lambda: agent.booked("held", signal="logs") == len(lines), 60, "every line held")
    assert agent.stop() == 0
    assert_nothing_secret(bytes_under(state))
    server.listen()
    server.plan(fault.partial_bulk(every=1, code=400, kind="mapper_parsing_exception"))
    agent.start()
    agent.wait_until(lambda: agent.booked("parked", signal="logs") == len(lines), 60, "every line parked")
    agent.assert_balanced()
    assert_nothing_secret(bytes_under(state))
    assert agent.stop() == 0
    assert_nothing_secret(bytes_under(agent.folder))
    assert_nothing_secret(b"".join(request.body for request in server.requests))


def test_redacted_bytes_are_not_in_the_store(oxpecker, tmp_path):
    path = tmp_path / "app.log"
    path.write_text("".join(json.dumps(secret_line(n)) + "\n" for n in range(20)))
    agent = oxpecker({"logs": {"batch": {"age": "50ms"}, "collect": {"tail": str(path)},
                               "steps": [{"redact": {"keys": ["password", "authorization"], "detect": ["email"]}}]}})
    wait_delivered(agent, 20)
    assert agent.stop() == 0
    kept = bytes_under(os.path.join(agent.folder, "state"))
    assert b"Password" in kept and SECRET.encode() not in kept and MAIL.encode() not in kept


def test_hashes_correlate_and_removing_leaves_nothing(oxpecker, fault_server, tmp_path):
    server, path = fault_server(), tmp_path / "app.log"
    agent = oxpecker(config(path, server.url, {"redact": {"keys": ["mail"], "with": "hash", "salt": "pepper"}},
                            {"redact": {"keys": ["gone"], "detect": ["ip"], "with": "remove"}}))
    path.write_text('{"n":1,"mail":"a@b.cd"}\n{"n":2,"mail":"a\\u0040b.cd"}\n{"n":3,"mail":"x","gone":{"a":1}}\n'
                    '{"n":4,"m":"at 10.0.0.1."}\n')
    wait_delivered(agent, 4)
    found = {document["n"]: document for document in documents_of(server).values()}
    assert found[1]["mail"] == found[2]["mail"] != found[3]["mail"] and len(found[1]["mail"]) == 32
    assert "gone" not in found[3] and found[4]["m"] == "at ."


def test_steps_run_in_their_order(oxpecker, fault_server, tmp_path):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    agent = oxpecker({"service": {"name": "api", "version": "1.10"},
                      **config(tmp_path / "app.log", server.url, {"filter": "info"},
                               {"rename": {"fields": {"msg": "m"}}}, {"drop": "message"},
                               {"add": {"fields": {"m": "never", "team": 'a "b"'}, "service": True}},
                               {"sample": {"levels": {"warn": 0}}})},
                     env={"POD_NAME": "api-7", "POD_NAMESPACE": "shop", "NODE_NAME": "n1",
                          "POD_UID": "", "POD_IP": "", "CONTAINER_NAME": "app",
                          "OTEL_RESOURCE_ATTRIBUTES": "service.name=other,owner=a%2Cb"})
    writer.write(3, msg="hello")
    writer.write(2, level="debug")
    writer.write(1, level="warn")
    agent.wait_until(lambda: ended(agent) == 6, 60, "every line settled")
    first = next(document for document in documents_of(server).values() if document["n"] == 0)
    assert first.pop("host.name")
    assert first == {"n": 0, "level": "info", "m": "hello", "team": 'a "b"', "service.name": "api",
                     "service.version": "1.10", "kubernetes.pod.name": "api-7", "kubernetes.namespace": "shop",
                     "kubernetes.node.name": "n1", "kubernetes.container.name": "app", "owner": "a,b"}
    assert len(documents_of(server)) == 3
    assert agent.booked("dropped", signal="logs") == 3
    assert agent.metric("oxpecker_step_dropped_records_total", component="logs.steps.filter") == 2
    assert agent.metric("oxpecker_step_dropped_records_total", component="logs.steps.sample") == 1
    agent.assert_balanced()


def test_a_file_that_is_all_dropped_moves_its_position(oxpecker, fault_server, tmp_path):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    writer.write(500, level="debug")
    agent = oxpecker(config(tmp_path / "app.log", server.url, {"filter": {"min_level": "warn"}}))
    agent.wait_until(lambda: agent.booked("dropped", signal="logs") == 500, 60, "all dropped")
    assert agent.stop() == 0
    agent.start()
    writer.write(1, level="error")
    wait_delivered(agent, 1)
    assert agent.booked("received", signal="logs") == 501 and agent.booked("dropped", signal="logs") == 500
    assert agent.metric("oxpecker_step_dropped_records_total") == 0  # not one was read again
    assert [document["n"] for document in documents_of(server).values()] == [500]
    agent.assert_balanced()


def test_ids_stay_across_a_kill(oxpecker, fault_server, tmp_path):
    """Lines that are read again get the same ids and meet the same answers of `sample`."""
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    server.plan(fault.hang())
    agent = oxpecker(config(tmp_path / "app.log", server.url, {"sample": {"levels": {"info": 0.5}}},
                            {"redact": {"keys": ["message"]}}))
    writer.write(200)
    server.wait_requests(1)
    agent.kill9()
    before = {action["create"]["_id"] for action, _ in server.requests[0].documents()}
    server.plan(fault.good())
    agent.start()
    agent.wait_until(lambda: ended(agent) == 200, 60, "every line settled")
    after = documents_of(server)
    assert before and before <= after.keys() and 50 < len(after) < 150
    assert {document["message"] for document in after.values()} == {"***"}
    agent.assert_balanced()


def test_a_full_pipeline_loses_and_doubles_nothing(oxpecker, fault_server, tmp_path):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    server.refuse()
    writer.write(20000, padding="x" * 300, password=SECRET)
    agent = oxpecker({"memory": "2MiB", **config(tmp_path / "app.log", server.url, {"redact": ["password"]})})
    agent.wait_until(lambda: agent.booked("held", "bytes", signal="logs") > 1 << 19, 60, "memory filled")
    assert 0 < agent.booked("held", signal="logs") < 20000
    server.listen()
    wait_delivered(agent, 20000)
    documents = documents_of(server)
    assert sorted(document["n"] for document in documents.values()) == list(range(20000))
    assert {document["password"] for document in documents.values()} == {"***"}
    agent.assert_balanced()


def test_limit_counts_what_it_leaves_out(oxpecker, fault_server, tmp_path):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    began, agent = time.monotonic(), oxpecker(config(tmp_path / "app.log", server.url,
                                                     {"limit": {"rate": 1, "burst": 10}}))
    writer.write(1000)
    agent.wait_until(lambda: ended(agent) == 1000, 60, "every line settled")
    assert 10 <= agent.booked("delivered", signal="logs") < 40 + time.monotonic() - began
    agent.assert_balanced()


def test_one_noisy_file_is_limited_alone(oxpecker, fault_server, tmp_path):
    server, noisy, quiet = fault_server(), Writer(tmp_path / "a.log"), Writer(tmp_path / "b.log")
    noisy.write(500, of="noisy")
    quiet.write(20, of="quiet")
    began, agent = time.monotonic(), oxpecker(config(tmp_path / "*.log", server.url,
                                                     {"limit": {"rate": 1, "burst": 20}}))
    agent.wait_until(lambda: ended(agent) == 520, 60, "every line settled")
    taken = [document["of"] for document in documents_of(server).values()]
    assert taken.count("quiet") == 20 and 20 <= taken.count("noisy") < 60 + time.monotonic() - began
    agent.assert_balanced()


def test_a_flood_of_one_line_is_folded(oxpecker, fault_server, tmp_path):
    """Every line is counted once, whatever pieces the file was read in."""
    server, path = fault_server(), tmp_path / "app.log"
    lines = [{"time": f"2026-11-23T04:45:06.{n % 1000:03}Z", "msg": "lost connection"} for n in range(5000)]
    lines += [{"msg": "back"}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    agent = oxpecker(config(path, server.url, "fold"))
    agent.wait_until(lambda: ended(agent) == 5001, 60, "every line settled")
    *floods, last = sorted(documents_of(server).values(), key=lambda document: document["msg"], reverse=True)
    assert last == {"msg": "back"} and len(floods) < 50
    assert sum(document.get("oxpecker.repeated", {"count": 1})["count"] for document in floods) == 5000
    assert all(repeated["last"] >= "2026" for document in floods if (repeated := document.get("oxpecker.repeated")))
    assert agent.booked("merged") == 5000 - len(floods)
    agent.assert_balanced()


@pytest.mark.parametrize("step,word", [({"redact": {"detect": ["cards"]}}, "card"), ("redact", "keys"),
                                       ({"redact": {"keys": ["a"], "with": "hash"}}, "salt"),
                                       ({"sample": {"levels": {"info": "2"}}}, "levels"), ({"filtre": {}}, "filter")])
def test_steps_that_make_no_sense_end_the_start(oxpecker, tmp_path, step, word):
    agent = oxpecker(config(tmp_path / "app.log", "http://127.0.0.1:9", step), start=False).launch()
    agent.expected_exit = {1}
    agent.process.child.wait(60)
    assert word in agent.err()


def test_what_the_apps_variables_say_too_much_of_stops_no_start(oxpecker, fault_server, tmp_path):
    """OTEL_RESOURCE_ATTRIBUTES is there for the app's SDK, which shares the pod's environment."""
    server, path = fault_server(), tmp_path / "app.log"
    many = {f"field{number}": "x" for number in range(60)}
    env = {"OTEL_RESOURCE_ATTRIBUTES": ",".join(f"key{number}=value" for number in range(20))}
    agent = oxpecker(config(path, server.url, {"add": {"fields": many, "service": True}}), env=env)
    path.write_text('{"n":1}\n')
    wait_delivered(agent, 1)
    document, = documents_of(server).values()
    assert document["field59"] == "x" and document["key3"] == "value" and "key16" not in document
    assert "OTEL_RESOURCE_ATTRIBUTES has more than 16 attributes" in agent.err()
    assert "beside so many fields, key4 and what is behind it have no room" in agent.err()
    done = agents.run("check", agent.config_path, env=agent.env)
    assert done.returncode == 0 and "OTEL_RESOURCE_ATTRIBUTES has more than 16" in done.stderr
