"""Relabel rules, judged by Prometheus' own package: what it makes of a sample is what the page has."""

import json
import os
import random
import socket
import subprocess

from lib import agent, need, parsers, unix_http
from lib.parsers import TEXT
from lib.wait import wait_until
from test_otlp_metrics import request_of_sum
from test_traces import PROTOBUF

TARGETS, SAMPLES, REFUSALS = 100, 50, 40
NAMES = ("http_requests_total", "go_gc", "go_threads", "a", "A_b", "node:rate", "my.metric", "zeit_größe")
LABELS = ("path", "code", "le", "Method", "pod", "t", "a", "_x", "exported_t", "k8s.pod", "schlüssel")
VALUES = ("200", "404", "/api/v1/users", "GET", "get", "", "a;b", "pod-17", "Größe Ñandú ǅ ß ı Ωmega", 'q"\\\n$1',
          "1", "x", "http_requests_total", "path")
REGEXES = ("(.*)", "", ".*", "go_.*", "(go|node)[_:](.+)", "a|A_b", "(?i:GET)", "(\\w+)-(\\d+)", "/api/(v\\d+)/(.*)",
           "(?P<first>[a-z]+)_?(?P<rest>.*)", "[^;]*;(.*)", ".+", "4..|5..", "(x)?(.*)", "(.*?)(o?)", "p(a|o)(.*)",
           "\\pL+", "[[:alpha:]]+", "t|le", "(.)(.).*", "^a$", "a)|(?:b", "ö?.{3,5}", "\\bget\\b", "(?s).*\n.*",
           "_.*|[a-d].*")
TEXTS = ("$1", "${1}", "$2-$1", "x", "", "${first}_$rest", "$1x", "${1}x", "$$1", "$", "${", "a$", "$0", "${01}",
         "exported_$1", "${nobody}", "$1.$2", "größe", "$-", "${1}${2}", "new_$1", "__name__")
CASES = ("lowercase", "uppercase")
EQUALS = ("keepequal", "dropequal")
NAMED = ("labeldrop", "labelkeep")


def made_up_rule(rng):
    action = rng.choice(("replace",) * 3 + ("keep", "drop", "hashmod", "labelmap", *CASES, *EQUALS, *NAMED))
    rule = {} if action == "replace" and rng.random() < 0.5 else {"action": action}
    if action in ("keep", "drop") and rng.random() < 0.6:
        rule["regex"] = rng.choice((".+", ".*", "[^g].*", "nobody")) if action == "keep" else "nobody|go_gc|404"
    elif action not in (*EQUALS, *CASES, "hashmod") and rng.random() < 0.9:
        rule["regex"] = rng.choice(REGEXES)
    if action == "labelkeep":
        rule["regex"] = "__name__|" + rng.choice(("path|code|t", ".*e.*", "[A-Z].*|pod|le"))
    if action not in NAMED and action != "labelmap":
        rule["source_labels"] = [rng.choice((*LABELS, "__name__", "nobody")) for _ in range(rng.randrange(4))]
        if action not in EQUALS and rng.random() < 0.3:
            rule["separator"] = rng.choice(("", "-", "@;", "ü"))
    if action in ("replace", "hashmod", *CASES, *EQUALS):
        rule["target_label"] = rng.choice((*LABELS, "new", "__name__"))
    if action == "replace" and rng.random() < 0.25:
        rule["target_label"] = rng.choice(TEXTS[:1] + TEXTS[2:4] + TEXTS[5:])
    if action == "hashmod":
        rule["modulus"] = rng.choice((1, 7, 1000, 2**64 - 1))
    if action in ("replace", "labelmap") and rng.random() < 0.7:
        rule["replacement"] = rng.choice(TEXTS)
    return rule


def made_up_sample(rng, number):
    names = rng.sample(LABELS, rng.randrange(6))
    return {"__name__": rng.choice(NAMES), "n": str(number), **{name: rng.choice(VALUES) for name in names}}


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def line_of(sample, value):
    """All names in quotes, which any name may be."""
    labels = [f"{quoted(name)}={quoted(text)}" for name, text in sample.items() if name != "__name__"]
    return "{" + ",".join([quoted(sample["__name__"]), *labels]) + f"}} {value}\n"


def with_target(sample, target):
    """As a scrape joins them: what the sample has steps aside, an empty label is none."""
    joined, asides = {name: text for name, text in sample.items() if text}, []
    for name, text in target.items():
        asides += [(name, joined.pop(name))] if name in joined else []
        joined[name] = text
    for name, text in sorted(asides, key=lambda aside: len(aside[0])):
        while name in joined:
            name = "exported_" + name
        joined[name] = text
    return joined


def judge(cases):
    """Of [(rules, label sets)]: (error, results)."""
    asked = "".join(json.dumps({"relabel": rules, "labels": sets}) + "\n" for rules, sets in cases)
    program = os.path.join(need.built("prometheus_parsers"), "prometheus_parsers")
    done = subprocess.run([program], input=asked, capture_output=True, text=True, check=True)
    return [(answer["error"], answer["results"]) for answer in map(json.loads, done.stdout.splitlines())]


def valid_rules(rng):
    """Some that Prometheus takes, as one list."""
    rules = [made_up_rule(rng) for _ in range(12)]
    fine = [rule for rule, (error, _) in zip(rules, judge([([rule], []) for rule in rules])) if not error]
    return fine[:rng.randrange(1, 5)]


def key_of(labels):
    return tuple(sorted(labels.items()))


def pull(running, kind=TEXT.replace("0.0.4", "1.0.0") + "; escaping=allow-utf-8"):
    answer = running.get("/metrics", headers={"Accept": kind, "X-Prometheus-Scrape-Timeout-Seconds": "60"}, timeout=120)
    read = parsers.read(answer.headers["Content-Type"], answer.content)
    assert not read.error, (kind, read.error)
    return read


def pull_all(running):
    """Once all targets were up."""
    reads = []

    def all_up():
        reads.append(pull(running))
        return reads[-1].samples["oxpecker_targets_down", ()][0] == "0"

    wait_until(all_up, 120, "all targets up")
    return shown_of(reads[-1])


def shown_of(read):
    """What targets have on the page: {labels: value}."""
    return {key_of({"__name__": name, **dict(labels)}): value for (name, labels), (value, _) in read.samples.items()
            if not name.startswith("oxpecker_")}


def pages(served):
    def behave(handler, request):
        handler.answer(200, served[request.path].encode(), TEXT, {})

    return behave


def scrape(unix, path, **more):
    return {"type": "scrape", "target": f"unix:{unix}", "path": path, "timeout": "60s", **more}


def test_rules_do_what_prometheus_does(oxpecker, fault_server, tmp_path):
    """Each target has rules of its own, and its samples values of their own. Two that become one series: either."""
    rng, path = random.Random(14), str(tmp_path / "app.sock")
    rules = [valid_rules(rng) for _ in range(TARGETS)]
    samples = [[made_up_sample(rng, t * SAMPLES + n) for n in range(SAMPLES)] for t in range(TARGETS)]
    served = {f"/{t}": "".join(line_of(s, t * SAMPLES + n) for n, s in enumerate(samples[t])) for t in range(TARGETS)}
    labels = [{"t": str(t)} if t % 3 else {} for t in range(TARGETS)]
    judged = judge([(rules[t], [with_target(s, labels[t]) for s in samples[t]]) for t in range(TARGETS)])
    wanted, dropped = {}, 0
    for t, (error, results) in enumerate(judged):
        assert not error, (rules[t], error)
        dropped += results.count(None)
        for n, result in enumerate(results):
            if result is not None:
                wanted.setdefault(key_of(result), set()).add(str(t * SAMPLES + n))
    assert len(wanted) > TARGETS * SAMPLES / 3 and dropped > TARGETS

    server = fault_server(unix=path)
    server.plan(pages(served))
    running = oxpecker({"metrics": {"collect": {f"t{t}": scrape(path, f"/{t}", labels=labels[t], relabel=rules[t])
                                                for t in range(TARGETS)}}})
    shown = pull_all(running)
    for t in range(TARGETS):
        missing = [(rules[t], key) for key, values in wanted.items()
                   if key not in shown and any(int(value) // SAMPLES == t for value in values)]
        assert not missing, missing[0]
    for key, value in shown.items():
        assert value in wanted.get(key, ()), (key, value, wanted.get(key), rules[int(float(value)) // SAMPLES])
    assert sum(row["relabel"]["dropped"] for row in running.status()["sources"] if "relabel" in row) == dropped
    running.assert_balanced()


def test_check_refuses_what_prometheus_refuses(tmp_path):
    """And takes what it takes, but for what only RE2 has."""
    rng = random.Random(15)
    rules = [{**made_up_rule(rng), **rng.choice(SPOILS)} for _ in range(REFUSALS)]
    path, judged = tmp_path / "oxpecker.yaml", judge([([rule], []) for rule in rules])
    assert 5 < sum(bool(error) for error, _ in judged) < REFUSALS
    for rule, (error, _) in zip(rules, judged):
        path.write_text(json.dumps({"metrics": {"collect": {"scrape": {"target": "127.0.0.1:1", "relabel": [rule]}}}}))
        done = agent.run("check", str(path))
        assert (done.returncode == 0) == (not error), (rule, error, done.stdout, done.stderr)
        assert not error or "oxpecker.yaml:1:" in done.stdout + done.stderr, done


SPOILS = ({}, {"action": "replaces"}, {"regex": "a("}, {"regex": "["}, {"modulus": 0}, {"modulus": 3},
          {"target_label": ""}, {"replacement": ""}, {"replacement": "x"}, {"separator": "-"}, {"source_labels": ["a"]},
          {"regex": ".*"}, {"target_label": "x"}, {"nobody": "x"}, {"source_labels": [""]})


def test_metadata_outlives_what_rules_do(oxpecker, fault_server, tmp_path):
    """A family that is renamed, cut or dropped leaves a page that Prometheus takes, in each format."""
    path = str(tmp_path / "app.sock")
    page = "".join(f"# HELP {name} Some.\n# TYPE {name} {kind}\n{samples}" for name, kind, samples in (
        ("a", "counter", 'a{x="1"} 1\na{x="2"} 2\n'), ("b", "gauge", "b 1\n"), ("e", "gauge", "e 5\n"),
        ("c", "summary", 'c{quantile="0.5"} 1\nc_sum 2\nc_count 1\n'),
        ("d", "histogram", 'd_bucket{le="1"} 1\nd_bucket{le="+Inf"} 2\nd_sum 3\nd_count 2\n')))
    server = fault_server(unix=path)
    server.plan(pages({"/metrics": page}))
    running = oxpecker({"store": {"snapshot": "off"}, "metrics": {"collect": {"app": scrape(path, "/metrics", relabel=[
        {"source_labels": ["__name__"], "regex": "b|a", "target_label": "__name__", "replacement": "new_$0"},
        {"source_labels": ["__name__", "le"], "regex": "d_bucket;1", "action": "drop"},
        {"source_labels": ["__name__"], "regex": "c", "action": "drop"},
        {"source_labels": ["__name__"], "regex": "e", "target_label": "__name__", "replacement": "d_count"},
    ])}}})
    for kind in parsers.ALL:
        read = pull(running, kind)
        names = sorted(name for name, _ in read.samples if not name.startswith("oxpecker_"))
        assert names == ["c_count", "c_sum", "d_bucket", "d_count", "d_sum", "new_a", "new_a", "new_b"], (kind, names)
    row, = (row for row in running.status()["sources"] if row.get("relabel"))
    assert row["relabel"] == {"rules": 4, "dropped": 2, "nameless": 0, "overruns": 0}
    row, = running.ledger(signal="metrics", source="metrics.collect.app")
    assert row["received"]["records"] == 11 * len(parsers.ALL) and row["merged"]["records"] == 8 * len(parsers.ALL)
    assert row["dropped"]["step"]["records"] == 2 * row["dropped"]["clash"]["records"] == 2 * len(parsers.ALL)
    running.assert_balanced()


def test_whatever_is_pushed_has_rules_too(oxpecker, tmp_path):
    """Rules see the labels of the group, and those of the configuration; of workers they see the sum."""
    push, statsd, otlp = (str(tmp_path / f"{name}.sock") for name in ("push", "statsd", "otlp"))
    rules = [{"source_labels": ["job", "part"], "target_label": "from"}, {"regex": "job|part", "action": "labeldrop"},
             {"source_labels": ["__name__"], "regex": "push_.*|(secret|target).*", "action": "drop"}]
    running = oxpecker({"metrics": {"collect": {
        "push": {"http": f"unix:{push}", "relabel": rules},
        "statsd": {"listen": f"unix:{statsd}", "labels": {"part": "w"}, "relabel": rules}}},
        "receive": {"otlp": {"http": "unix:" + otlp, "relabel": rules}}})
    status, _, body = unix_http.request(push, "PUT", "/metrics/job/backup", body=b"bytes{job=\"x\"} 7\nsecret 1\n")
    assert status == 200, body
    for worker in ("a", "b"):
        page = b"# TYPE jobs counter\njobs{job=\"x\"} 2\nsecret 1\n"
        status, _, body = unix_http.request(push, "POST", "/push", page, {"X-Oxpecker-Worker": worker})
        assert status == 200, body
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as peer:
        peer.sendto(b"hits:3|c\nsecret:1|g\nwait:2|ms", statsd)
    for name in ("made", "secret"):
        message = request_of_sum(5, name=name, service="shop").SerializeToString()
        status, _, body = unix_http.request(otlp, "POST", "/v1/metrics", message, PROTOBUF)
        assert status == 200, body
    wait_until(lambda: "hits" in running.page(), 60, "what was pushed")
    shown = shown_of(pull(running))
    assert shown[key_of({"__name__": "bytes", "from": "backup;"})] == "7"
    assert shown[key_of({"__name__": "jobs", "from": "x;"})] == "4"
    assert shown[key_of({"__name__": "hits", "from": ";w"})] == "3"
    assert shown[key_of({"__name__": "made_total", "from": "shop;"})] == "5"
    assert shown[key_of({"__name__": "wait_count", "from": ";w"})] == "1"
    assert not any("secret" in str(key) or "push_" in str(key) or "backup" in dict(key).get("job", "") for key in shown)
    running.assert_balanced()
