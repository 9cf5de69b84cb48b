"""Web pages of others: what a browser sends for them is refused at every door that speaks HTTP, unless an option lets
them in; programs and people are served as before."""

import json

import pytest
import requests

from lib.agent import run
from lib.wait import free_port
from test_traces import PROTOBUF, request_of

EVIL = "http://evil.example"
BULK = '{"create":{}}\n{"n":1}\n'
TEXT = {"Content-Type": "text/plain;charset=UTF-8"}


def doors(agent, control, bulk):
    """Each door's name with a request that it serves: method, URL, body, headers."""
    return {"listen": ("GET", agent.url + "/metrics", None, {}),
            "health": ("GET", agent.url + "/health/delivery", None, {}),
            "control": ("GET", f"http://127.0.0.1:{control}/status", None, {}),
            "otlp": ("POST", agent.otlp_url + "/v1/traces", request_of(1).SerializeToString(), PROTOBUF),
            "bulk": ("POST", f"http://127.0.0.1:{bulk}/_bulk", BULK, {"Content-Type": "application/x-ndjson"})}


@pytest.fixture
def served(oxpecker, fault_server):
    def start(**options):
        control, bulk = free_port(), free_port()
        server = fault_server()
        listed = options.get("origins")
        agent = oxpecker({"control": f"127.0.0.1:{control}", **({"origins": listed} if listed else {}),
                          "logs": {"collect": {"bulk": {"http": f"127.0.0.1:{bulk}", **options}},
                                   "export": {"elasticsearch": {"url": server.url}}},
                          "traces": {"export": {"otlp": {"endpoint": server.url}}},
                          "receive": {"otlp": {"http": ["127.0.0.1:${OTLP_PORT}"], **options}}})
        return agent, doors(agent, control, bulk)

    return start


def ask(door, **headers):
    method, url, body, own = door
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.request(method, url, data=body, headers={**own, **named}, timeout=60)


def received(all_doors, signal):
    rows = ask(all_doors["control"]).json()["ledger"]
    return sum(row["received"]["records"] for row in rows if row["signal"] == signal)


FOREIGN = {"origin": {"Origin": EVIL}, "sandboxed": {"Origin": "null"}, "an image": {"Sec_Fetch_Site": "cross-site"},
           "another port": {"Sec_Fetch_Site": "same-site", "Origin": "http://localhost:3000"},
           "rebound": {"Host": "evil.example:9200"},
           "rebound, told": {"Host": "evil.example:9200", "Origin": "http://evil.example:9200"}}
FINE = {"a program": {}, "by another name": {"Host": "otel.default.svc.cluster.local:4318"},
        "docker": {"Host": "host.docker.internal:4318"}, "a container": {"Host": "sidecar:9200"},
        "localhost": {"Host": "localhost:1"}, "Node": {"Sec_Fetch_Mode": "cors"}, "the address bar":
        {"Sec_Fetch_Site": "none", "Sec_Fetch_Mode": "navigate"}}


def test_every_door_refuses_pages_of_others_and_serves_programs(served):
    agent, all_doors = served()
    for name, door in all_doors.items():
        for what, headers in FOREIGN.items():
            answer = ask(door, **headers)
            assert answer.status_code == 403, (name, what)
            assert "no option allows it" in answer.text if name == "control" else "origins`" in answer.text, answer.text
            assert "Access-Control-Allow-Origin" not in answer.headers
        for what, headers in FINE.items():
            assert ask(door, **headers).status_code == 200, (name, what)
    assert received(all_doors, "logs") == received(all_doors, "traces") == len(FINE)
    assert agent.metric("oxpecker_refused_origin_total", component="receive.otlp") == len(FOREIGN)
    assert agent.metric("oxpecker_refused_origin_total", component="logs.collect.bulk") == len(FOREIGN)
    assert agent.err().count("further ones are counted") == 4  # one for each door and reason


def test_a_preflight_gets_no_permission(served):
    _, all_doors = served()
    for _, url, _, _ in all_doors.values():
        answer = requests.options(url, timeout=60, headers={"Origin": EVIL, "Access-Control-Request-Method": "POST"})
        assert answer.status_code == 403
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]


PAGE = "https://app.example"
PREFLIGHT = {"Origin": PAGE, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors",
             "Access-Control-Request-Method": "POST",
             "Access-Control-Request-Headers": "content-encoding,content-type,traceparent"}


@pytest.mark.parametrize("origins", [[PAGE, "http://other.example"], "*"])
def test_a_page_that_is_let_in_sends_as_browsers_do(served, origins):
    """The preflight, then the request, whose answer the page may read."""
    agent, all_doors = served(origins=origins)
    for name in ("otlp", "bulk"):
        asked = requests.options(all_doors[name][1], timeout=60, headers=PREFLIGHT)
        assert asked.status_code == 204 and not asked.content
        assert asked.headers["Access-Control-Allow-Origin"] == PAGE
        assert "POST" in asked.headers["Access-Control-Allow-Methods"].split(", ")
        assert asked.headers["Access-Control-Allow-Headers"] == "content-encoding, content-type, traceparent"
        assert int(asked.headers["Access-Control-Max-Age"]) > 0 and asked.headers["Vary"] == "Origin"
        sent = ask(all_doors[name], Origin=PAGE, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="cors")
        assert sent.status_code == 200 and sent.headers["Access-Control-Allow-Origin"] == PAGE
        assert sent.headers["Vary"] == "Origin" and "Access-Control-Allow-Credentials" not in sent.headers
    wrong = ask(all_doors["otlp"], Origin=PAGE, Content_Type="text/plain")
    assert wrong.status_code == 415 and wrong.headers["Access-Control-Allow-Origin"] == PAGE
    assert received(all_doors, "logs") == received(all_doors, "traces") == 1
    assert agent.metric("oxpecker_unserved_total", component="receive.otlp") == 0


@pytest.mark.parametrize("origin", [EVIL, "null", PAGE + ".evil.example", PAGE + " " + EVIL])
def test_a_list_gives_others_no_permission(served, origin):
    _, all_doors = served(origins=[PAGE])
    for name in ("listen", "otlp", "bulk"):
        answer = requests.options(all_doors[name][1], timeout=60, headers={**PREFLIGHT, "Origin": origin})
        assert answer.status_code == 403
        assert not [header for header in answer.headers if header.lower().startswith("access-control")]


def test_what_a_preflight_asks_for_adds_no_line_to_the_answer(served):
    _, all_doors = served(origins=[PAGE])
    asked = 'x-a: b,content-type,"c",Set-Cookie%0d%0aX-D: 1,host,cookie,sec-fetch-site,' + "y" * 2000
    answer = requests.options(all_doors["otlp"][1], timeout=60,
                              headers={**PREFLIGHT, "Access-Control-Request-Headers": asked})
    assert answer.status_code == 204 and answer.headers["Access-Control-Allow-Headers"] == "content-type"
    bare = requests.options(all_doors["otlp"][1], timeout=60, headers={**PREFLIGHT,
                            "Access-Control-Request-Headers": "host"})
    assert bare.status_code == 204 and "Access-Control-Allow-Headers" not in bare.headers


def test_a_link_to_a_page_may_be_followed(served):
    """As on Prometheus's page of targets; the page that has the link does not see where it leads."""
    _, all_doors = served()
    follow = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}
    assert ask(all_doors["listen"], **follow).status_code == 200
    assert ask(all_doors["otlp"], **follow).status_code == 403  # a form that is sent


def test_listed_origins_are_let_in(served):
    _, all_doors = served(origins=["https://app.example", "http://metrics.corp.example:9464"])
    for name in ("listen", "otlp", "bulk"):
        assert ask(all_doors[name], Origin="https://app.example", Sec_Fetch_Site="cross-site").status_code == 200
        assert ask(all_doors[name], Host="metrics.corp.example:9464").status_code == 200
        assert ask(all_doors[name], Origin=EVIL).status_code == 403
    assert ask(all_doors["control"], Origin="https://app.example").status_code == 403


def test_a_star_lets_all_in(served):
    _, all_doors = served(origins="*")
    for name in ("listen", "otlp", "bulk"):
        for headers in FOREIGN.values():
            assert ask(all_doors[name], **headers).status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_bodies_of_forms_are_no_telemetry(served, kind):
    """What a page may send without asking first, also where it is let in."""
    _, all_doors = served(origins="*")
    assert ask(all_doors["bulk"], Content_Type=kind).status_code == 406
    assert ask(all_doors["otlp"], Content_Type=kind).status_code == 415
    assert received(all_doors, "logs") == received(all_doors, "traces") == 0


@pytest.mark.parametrize("kind", [None, "application/json", "application/json; charset=utf-8",
                                  "Application/X-NDJSON", "application/vnd.elasticsearch+x-ndjson; compatible-with=8",
                                  "application/vnd.elasticsearch+json;compatible-with=9"])
def test_types_that_clients_of_elasticsearch_send(served, kind):
    _, all_doors = served()
    assert ask(all_doors["bulk"], Content_Type=kind).status_code == 200


@pytest.mark.parametrize("place", ["listen", "otlp", "bulk"])
def test_what_is_no_origin_is_told_when_it_is_read(tmp_path, place):
    wrong = ["https://app.example/page"]
    config = {"listen": {"origins": wrong}, "otlp": {"receive": {"otlp": {"origins": wrong}}},
              "bulk": {"logs": {"collect": {"bulk": {"origins": wrong}}}}}[place]
    (tmp_path / "c.yaml").write_text(json.dumps(config))
    done = run("check", tmp_path / "c.yaml")
    assert done.returncode != 0 and "https://app.example/page" in done.stdout + done.stderr


def test_what_is_not_served_is_told_counted_and_logged_once(served):
    agent, all_doors = served()
    for _ in range(3):
        answer = requests.post(agent.otlp_url + "/v1/profiles", data=b"", headers=PROTOBUF, timeout=60)
        assert answer.status_code == 404 and "POST /v1/traces" in answer.text
    answer = requests.get(agent.otlp_url + "/v1/traces", timeout=60)
    assert answer.status_code == 405 and answer.headers["Allow"] == "POST" and "POST /v1/traces" in answer.text
    assert agent.metric("oxpecker_unserved_total", component="receive.otlp") == 4
    assert agent.err().count("a request for /v1/profiles is answered 404: nothing is served at this path; served here: "
                             "POST /v1/traces; POST /v1/logs; POST /v1/metrics; further ones are counted") == 1
    assert requests.get(agent.otlp_url + "/v1/traces", timeout=60).status_code == 405
    assert agent.err().count("a request for /v1/traces is answered 405: ") == 1
    bulk = all_doors["bulk"][1].removesuffix("/_bulk")
    for path in ("/logs/_search", "/_search", "/logs/_doc/1"):
        answer = requests.get(bulk + path, timeout=60)
        assert answer.status_code == 404 and "/INDEX/_bulk" in answer.json()["error"]["reason"]
    assert requests.patch(bulk + "/_bulk", timeout=60).status_code == 405
    assert agent.metric("oxpecker_unserved_total", component="logs.collect.bulk") == 4
    assert agent.err().count("/INDEX/_bulk") == 1
    for path in ("/", "/health/nothing"):
        answer = requests.get(agent.url + path, timeout=60)
        assert answer.status_code == 404 and "/metrics" in answer.text and "/health/readiness" in answer.text


def test_a_strangers_request_does_not_keep_the_apps_from_the_log(served):
    agent, all_doors = served()
    bulk = all_doors["bulk"][1].removesuffix("/_bulk")
    otlp = agent.otlp_url
    for door, wrong in ((otlp + "/v1/traces", otlp + "/v1/profiles"), (bulk + "/", bulk + "/_search")):
        assert requests.options(door, timeout=60).status_code == 405
        assert requests.post(wrong, data=b"", headers=PROTOBUF, timeout=60).status_code == 404
        path = "/" + wrong.split("/", 3)[3]
        for headers in ({"Origin": "https://page.example"}, {"Host": "app.example"}):
            assert requests.post(wrong, data=b"", headers={**PROTOBUF, **headers}, timeout=60).status_code == 403
        assert agent.err().count(f"a request for {path} is answered 404: ") == 1
    assert agent.err().count("from a web page of another origin") == 2
    assert agent.err().count("Host must be an address") == 2


def test_a_path_in_the_log_is_one_line(served):
    agent, _ = served()
    requests.get(agent.otlp_url + "/a%0aERROR%20all%20is%20lost%1b[2J", timeout=60)
    told = [line for line in agent.err().splitlines() if "all is lost" in line]
    assert len(told) == 1 and "answered 404" in told[0] and "\x1b" not in told[0]
