"""Pages of targets, judged by Prometheus' own parsers: what is shown is always taken by them, and what they take is
shown."""

import itertools
import pathlib
import random
import re

import pytest

from lib import fault, parsers
from lib.parsers import OPENMETRICS, SCHEMES, TEXT

TESTS = pathlib.Path(__file__).parent.parent


def text(*lines):
    return TEXT, "".join(line + "\n" for line in lines).encode()


def openmetrics(*lines):
    return OPENMETRICS, "".join(line + "\n" for line in (*lines, "# EOF")).encode()


# Prometheus takes each sample of these pages.
TAKEN = {
    "labels": text("a{" + ",".join(f'l{n}="{n}"' for n in range(65)) + "} 1", "b 2"),
    "value": text('a{x="' + "v" * 70000 + '"} 1', "b 2"),
    "digits": text("a 0." + "3" * 400, "b 2"),
    "words": text("a NaN", "b +Inf", "c -inf", "d 1e-320", "e .5", "f 5.", "g +5", "h -0"),
    "times": text("a 1 0", "b 2 1395066363000", "c 3 9007199254740992"),
    "seconds": openmetrics("a 1 0", "b 2 1395066363.123", "c 3 1.5e9"),
    "control": text('a{x="\\n\\\\\\"\r\0\x7f"} 1', "# HELP a \r\0\\n\\\\ \\x", "b 2"),
    "blanks": text("a { x = \"y\" , }\t1  ", "", "#", "# a comment", "#TYPE b gauge", "b 2"),
    "counter": openmetrics("# TYPE a_s counter", "# UNIT a_s s", "a_s_total 1", "a_s_created 2", "# TYPE b counter",
                           "b_total 1"),
    "kinds": openmetrics("# TYPE a info", 'a_info{v="1"} 1', "# TYPE b stateset", 'b{b="x"} 1',
                         "# TYPE c gaugehistogram", 'c_bucket{le="1.0"} 1', 'c_bucket{le="+Inf"} 2', "c_gsum 3",
                         "c_gcount 2", "# TYPE d unknown", "d 1"),
    "histogram": text("# TYPE a histogram", 'a_bucket{le="0.1"} 1', 'a_bucket{le="+Inf"} 2', "a_sum 3", "a_count 2",
                      "# TYPE b summary", 'b{quantile="0.5"} 1', "b_sum 3", "b_count 2"),
    "exemplar": openmetrics("# TYPE a histogram", 'a_bucket{le="1"} 1 # {trace_id="1"} 0.5', 'a_bucket{le="+Inf"} 2',
                            "a_count 2", "a_sum 3"),
    "one name when escaped": text('{"a.b"} 1', "a_b 2", 'a{"x.y"="1"} 3', 'a{x_y="1"} 4', 'c{"x.y"="1","x_y"="2"} 1'),
    "names in UTF-8": text('{"héllo wörld", "ключ"="1"} 1', "# TYPE \"d.e\" histogram", '{"d.e_bucket",le="+Inf"} 1',
                           '{"d.e_sum"} 2', '{"d.e_count"} 1', '{"\\"\\n\\\\","\\"\\n="="}{,\\n\\""} 3'),
    "exemplars": openmetrics("# TYPE a counter", 'a_total{n="1"} 1 # {trace_id="1",span_id="\\"\\n"} 0.5 1.5e9',
                             'a_total{n="2"} 2 # {} 1', 'a_total{n="3"} 3 1.5 # {a="' + "é" * 127 + '"} -1 0.001'),
    "counters in UTF-8": openmetrics('# TYPE "a.b" counter', '# HELP "a.b" Some', '{"a.b_total","ключ"="1"} 1',
                                     '{"a.b_created","ключ"="1"} 2'),
}

# Of these a sample, or all, are refused: by us, by Prometheus or by both.
OTHERS = {
    "zero time of Go": text("a 1 -62135596800000", "b 2"),
    "before 1970": openmetrics("a 1 -0.5", "b 2"),
    "beyond time": openmetrics("a 1 9e15", "b 2"),
    "labels without end": text("a{" + ",".join(f'l{n}="{n}"' for n in range(1000)) + "} 1", "b 2"),
    "value without end": text('a{x="' + "v" * (1 << 20) + '"} 1', "b 2"),
    "digits without end": text("a 0." + "3" * 5000, "b 2"),
    "name without end": text("a" * 5000 + " 1", "b 2"),
    "twice": text("a 1", "a 2", "b 2"),
    "two types": text("# TYPE a gauge", "# TYPE a counter", "a 1", "b 2"),
    "type behind": text("a 1", "# TYPE a counter", "a{x=\"1\"} 2", "b 2"),
    "apart": text("# TYPE a gauge", "a 1", "b 2", 'a{x="1"} 3'),
    "ours": text("oxpecker_memory_used_bytes 5", 'oxpecker_target_up{target="app"} 7', "b 2"),
    "empty": text(),
    "too large a number": text("a 1e400", "b 2"),
    "hexadecimal": text("a 0x1p3", "b 2"),
    "bad UTF-8": (TEXT, b'a{x="\xff"} 1\nb 2\n'),
    "another type": ("application/json", b"{}"),
    "help of quotes": openmetrics("# TYPE a gauge", '# HELP a \\"x\\" \\n \\\\ "', "a 1"),
    "names": text('{"\\"\\n"} 1', '{"", x="1"} 1', "b 2"),
    "exemplars": openmetrics("# TYPE a counter", 'a_total 1 # {a="b"} NaN', 'a_total{n="1"} 1 # {a="b"} 1 Inf',
                             'a_total{n="2"} 1 # {a="b"} -Inf -1', 'a_total{n="3"} 1 # {a="' + "x" * 500 + '"} 1',
                             'a_total{n="4"} 1 # {a="b"} 1 1e300', "# TYPE b gauge", 'b 1 # {a="b"} 1'),
    "exemplars in UTF-8": openmetrics("# TYPE a counter", 'a_total 1 # {"b.c"="d"} 1', "# TYPE b gauge", "b 1"),
    "clashes": text('{"a.b"} 1', "a_b 2", '{"a-b"} 3', 'c{"x.y"="1"} 4', 'c{"x-y"="1"} 5', 'c{x_y="1"} 6', "b 2",
                    'd{"x.y"="1","x-y"="2"} 7', '{"e_count"} 8', "# TYPE \"e\" summary", '{"e_sum"} 9', '{"e.sum"} 10'),
}

PARTS = ("a", "b_total", "c_bucket", "d.e", "f g", "_", ":", "9", '"', "\\", "\\n", "{", "}", "=", ",", " ", "\t", "#",
         'le="1"', 'x="y"', "# TYPE a counter", "# HELP a b", "# EOF", "1", "-1", "1e5", "NaN", "+Inf", "0x1", "\n",
         "\r", "\0", "é", "1395066363000", " # {a=\"b\"} 1")


def made_up(seed):
    """Lines that are good, with something put in, taken out or doubled anywhere."""
    rng = random.Random(seed)
    page = "".join(rng.choice(("a 1\n", 'b{x="1",le="2"} 2 3\n', "# TYPE c counter\nc_total 4\n", "# HELP a some\\n\n",
                               'd_bucket{le="1"} 1\nd_sum 2\nd_count 1\n', '{"e.f","g.h"="i"} 1\n', "c_created 5\n"))
                   for _ in range(rng.randrange(1, 8)))
    for _ in range(rng.randrange(3)):
        at = rng.randrange(len(page) + 1)
        page = page[:at] + rng.choice(PARTS) * rng.randrange(2) + page[at + rng.randrange(3):]
    kind = rng.choice((TEXT, OPENMETRICS))
    return kind, (page + ("# EOF\n" if kind == OPENMETRICS and rng.random() < 0.8 else "")).encode()


def of_files():
    """The pages that other tests have."""
    for path in sorted((TESTS / "golden" / "exposition").glob("*")):
        yield OPENMETRICS if "openmetrics" in path.name else TEXT, path.read_bytes()
    for path in sorted((TESTS / "fuzz" / "corpus" / "exposition").glob("*")):
        data = path.read_bytes()
        yield OPENMETRICS if data[0] & 1 else TEXT, data[1:]


@pytest.fixture
def shown(oxpecker, fault_server, tmp_path):
    """Scrapes a page and gives what is shown then, [(Content-Type, bytes)], in each format that is asked for."""
    server = fault_server(unix=str(tmp_path / "app.sock"))
    agent = oxpecker({"store": {"snapshot": "off"}, "metrics": {"collect": {  # no other page is made
        "app": {"type": "scrape", "target": f"unix:{tmp_path}/app.sock", "timeout": "60s"}}}})

    def show(page, kinds):
        server.plan(fault.ok(page[1], page[0]))
        answers = [agent.get("/metrics", headers={"Accept": kind}) for kind in kinds]
        return [(answer.headers["Content-Type"], answer.content) for answer in answers]

    show.agent = agent
    return show


def of_the_target(read):
    return {key: value for key, value in read.samples.items() if not key[0].startswith("oxpecker_")}


def as_protobuf(samples):
    """Times of creation are told with what was created, and Prometheus takes the time 0 for none."""
    return {key: (value, at or None) for key, (value, at) in samples.items() if not key[0].endswith("_created")}


def unescaped(exemplars):
    """Prometheus' parser of OpenMetrics leaves the escapes of their labels as they are."""
    escapes = {"\\\\": "\\", "\\n": "\n", '\\"': '"'}
    return [dict(exemplar, labels={name: re.sub(r'\\[\\n"]', lambda found: escapes[found[0]], value)
                                   for name, value in exemplar["labels"].items()}) for exemplar in exemplars]


def test_what_prometheus_takes_is_shown(shown):
    """In each format, with each way to escape names: these are as they came only with allow-utf-8."""
    pages = list(TAKEN.values())
    served = [page for source in pages for page in shown(source, parsers.ALL)]
    assert [kind for kind, _ in served] == parsers.ALL * len(pages)
    wanted, got = parsers.read_all(pages), iter(parsers.read_all(served))
    for name, source in zip(TAKEN, wanted):
        for kind in parsers.ALL:
            read = next(got)
            assert not source.error and not read.error, (name, kind, source.error, read.error)
            if kind.endswith("allow-utf-8") or "UTF-8" not in name and "escaped" not in name:
                wanted_samples = as_protobuf(source.samples) if "protobuf" in kind else source.samples
                assert of_the_target(read) == wanted_samples, (name, kind)
            if not kind.startswith("text"):
                assert read.exemplars.keys() == source.exemplars.keys() or "UTF-8" in name, (name, kind)
                exemplars = [*source.exemplars.values()]
                wanted_exemplars = unescaped(exemplars) if "protobuf" in kind else exemplars
                assert [*read.exemplars.values()] == wanted_exemplars, (name, kind)
            if "UTF-8" in name and not kind.endswith("allow-utf-8"):
                assert len(of_the_target(read)) == len(source.samples), (name, kind)


def test_native_histograms_pass_through(shown):
    """As Go's client has them: whole in protobuf, in text as classic ones, with one bucket if they have no others."""
    page = parsers.page_of_go()
    source = parsers.read(*page)
    natives = {key for key, (value, _) in source.samples.items() if value.startswith("{count:")}
    assert {name for name, _ in natives} == {"native", "both", "unused"} and not source.error
    for kind in parsers.ALL:
        read = parsers.read(*shown(page, [kind])[0])
        assert not read.error, kind
        got = of_the_target(read)
        if "protobuf" in kind:
            assert got == source.samples and read.exemplars == source.exemplars and read.created == source.created
            continue
        got = {key: value for key, value in got.items() if not key[0].endswith("_created")}
        assert all(got.pop(key) == value for key, value in source.samples.items() if key not in natives), kind
        assert got == {("unused_bucket", (("le", "+Inf"),)): ("0", None), ("unused_sum", ()): ("0", None),
                       ("unused_count", ()): ("0", None)}, kind
    shown.agent.assert_balanced()


def test_times_of_creation_and_units_are_told_in_protobuf(shown):
    """Of counters, histograms and summaries, each label set its own."""
    page = openmetrics("# TYPE a_s counter", "# UNIT a_s s", 'a_s_total{n="1"} 1', 'a_s_created{n="1"} 1.5e9',
                       'a_s_total{n="2"} 2', "# TYPE h histogram", 'h_bucket{le="1.0"} 1', 'h_bucket{le="+Inf"} 2',
                       "h_sum 3", "h_count 2", "h_created 1.25", "# TYPE s summary", "s_count 1", "s_sum 2",
                       "s_created 0.001")
    kind, answer = shown(page, [parsers.PROTOBUF + "; escaping=allow-utf-8"])[0]
    read = parsers.read(kind, answer)
    one, = (key for key in read.created if key[0] == "a_s_total")
    assert one == ("a_s_total", (("n", "1"),)) and read.created[one] == 1500000000000
    assert {name: at for (name, _), at in read.created.items() if name != "a_s_total"} == {
        "h_bucket": 1250, "h_sum": 1250, "h_count": 1250, "s_sum": 1, "s_count": 1}
    assert read.types["a_s_total"] == "counter" and b"\x2a\x01s" in answer  # field 5: the unit


def test_what_is_no_whole_metric_comes_as_its_samples_in_protobuf(shown):
    """Where it is not whole, Prometheus would make up a count, a sum or a metric that stands twice."""
    sets = [f'x="{n}"' for n in range(9)]
    lines = [f'h_bucket{{le="{le}",{labels}}} {n}' for n, le in enumerate(("0.5", "1.0", "+Inf")) for labels in sets]
    ends = [f"h_{end}{{{labels}}} 2" for end in ("sum", "count") for labels in sets]
    for page in (openmetrics("# TYPE h histogram", *lines, *ends),  # in the order of le, as of a sorted page
                 openmetrics("# TYPE h histogram", *lines, *ends[:9]),
                 openmetrics("# TYPE h histogram", *lines, *ends[9:], "h_created{x=\"1\"} 5"),
                 openmetrics("# TYPE h gaugehistogram", *lines, 'h_gsum{x="1"} 7', 'h_gcount{x="1"} 7'),
                 text("# TYPE h summary", *(f's{{quantile="{q}"}} 1' for q in (0.5, 0.9)), "s_sum 7"),
                 text("# TYPE h histogram", *lines, *ends, "h 1", 'h{x="1"} 2', "h_max 3")):
        read = parsers.read(*shown(page, [parsers.PROTOBUF])[0])
        assert not read.error and of_the_target(read) == parsers.read(*page).samples, page


def test_what_is_shown_prometheus_takes(shown):
    """Whatever a target sends, its page or ours is not lost to the others."""
    sources = [*OTHERS.values(), *of_files(), *map(made_up, range(150))]
    kinds = [[f"{kind}; escaping={scheme}" for kind in (source[0], parsers.PROTOBUF)]
             for source, scheme in zip(sources, itertools.cycle(SCHEMES))]
    served = [page for source, asked in zip(sources, kinds) for page in shown(source, asked)]
    for source, read in zip((source for source in sources for _ in range(2)), parsers.read_all(served)):
        assert not read.error, (source, read.error)
        assert ("oxpecker_target_up", (("target", "app"),)) in read.samples
    shown.agent.assert_balanced()


def test_a_sample_that_is_refused_costs_itself(shown):
    """And what was refused is on /status by its name."""
    for name in ("zero time of Go", "before 1970", "beyond time", "labels without end", "value without end",
                 "digits without end", "name without end", "twice"):
        read = parsers.read(*shown(OTHERS[name], [TEXT])[0])
        assert of_the_target(read).get(("b", ())) == ("2", None), name
        row, = (row for row in shown.agent.status()["sources"] if row.get("dropped"))
        assert sum(drop["samples"] for drop in row["dropped"]) == 1, name
        assert row["dropped"][0]["first"][:1] in ("a", '"', "") and row["dropped"][0]["why"]
    shown.agent.assert_balanced()


def test_names_that_clash_when_they_are_escaped_are_told(shown):
    """Each reader gets what its names allow, nothing twice under one name. The log and a metric say what not."""
    lost = {}
    for kind in parsers.ALL:
        read = parsers.read(*shown(OTHERS["clashes"], [kind])[0])
        assert not read.error, kind
        names = [key for key in of_the_target(read) if not key[0].startswith("oxpecker")]
        scheme = kind.rsplit("=")[-1]
        lost.setdefault(scheme, 11 - len(names))
        assert lost[scheme] == 11 - len(names) and ("b", ()) in names
        again = parsers.read(*shown(OTHERS["clashes"], [kind])[0])
        clashes = again.samples["oxpecker_metrics_name_clashes", ()][0]
        assert scheme == "allow-utf-8" or clashes == str(lost[scheme]), kind
    assert lost == {"underscores": 6, "dots": 0, "values": 0, "allow-utf-8": 0}
    said = [line for line in shown.agent.err().splitlines() if "where names are escaped" in line]
    assert len(said) == 1 and "6 samples are not shown where names are escaped with underscores" in said[0], said


def test_what_clashes_in_one_format_is_told_once(shown):
    """In OpenMetrics a counter is called by its stem, which another has then. Readers of two formats take turns."""
    kinds = [kind for kind in parsers.ALL if kind.endswith("underscores")]
    page = text('# TYPE "a.b_total" counter', '{"a.b_total"} 1', '{"a~b"} 2')
    for _ in range(3):
        counts = {len([key for key in of_the_target(parsers.read(*served)) if key[0].startswith("a_b")])
                  for served in shown(page, kinds)}
        assert counts == {1, 2}
    said = [line for line in shown.agent.err().splitlines() if "where names are escaped" in line]
    assert len(said) == 1 and "not shown" in said[0], said
    for _ in range(2):
        shown(text('{"a~b"} 2'), kinds)
    said = [line for line in shown.agent.err().splitlines() if "where names are escaped" in line]
    assert len(said) == 2 and "shown again" in said[1], said
