"""The dashboards' queries, asked of Prometheus, Elasticsearch and Jaeger as Grafana asks them.

draw.py makes pictures from the answers, and the tests require that there are some. It needs nothing but python3.
"""

import json
import os
import re
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
VARIABLE = re.compile(r"\$(?:\{(\w+)(?::\w+)?\}|(\w+))")


def dashboards():
    """{name: dashboard}, by the names of their files without .json."""
    folder = os.path.join(HERE, "dashboards")
    found = {}
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            found[name.removesuffix(".json")] = json.load(file)
    return found


def panels(dashboard):
    """Those that show something, rows left out."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def get(url, **parameters):
    """What is answered in JSON."""
    query = "?" + urllib.parse.urlencode(parameters) if parameters else ""
    with urllib.request.urlopen(url + query, timeout=60) as answer:
        return json.load(answer)


class Sources:
    """Where the data is. `given` are values of variables in place of the dashboard's, `interval` is that of scrapes."""

    def __init__(self, prometheus, elasticsearch=None, jaeger=None, given=None, interval=15):
        self.prometheus, self.elasticsearch, self.jaeger = prometheus, elasticsearch, jaeger
        self.given, self.interval = given or {}, interval

    def label_values(self, selector, label):
        series = get(self.prometheus + "/api/v1/series", **{"match[]": selector})["data"]
        return sorted({labels[label] for labels in series if label in labels})

    def variables(self, dashboard):
        """{name: value} as they are when the dashboard is opened: the first value, or all."""
        values = {}
        for variable in dashboard["templating"]["list"]:
            name, current = variable["name"], variable["current"]["value"]
            if name in self.given:
                values[name] = self.given[name]
            elif variable["type"] == "query" and not variable["multi"]:
                selector, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["definition"]).groups()
                found = self.label_values(replaced(selector, values), label)
                values[name] = found[0] if found else ""
            else:
                values[name] = variable["allValue"] if current == ["$__all"] else current
        return values


class Span:
    """The shown time, and the distance of its points, in seconds."""

    def __init__(self, start, end, points=200, interval=15):
        self.start, self.end = start, end
        self.step = max(1, round((end - start) / points), interval if end - start > 600 * interval else 1)
        self.rate = max(4 * interval, self.step + interval)

    def values(self):
        return {"__rate_interval": f"{self.rate}s", "__range": f"{max(1, round(self.end - self.start))}s",
                "__interval": f"{self.step}s"}


def replaced(text, values):
    """The text with its variables, $name or ${name}, replaced; those that are not known stay."""
    return VARIABLE.sub(lambda m: str(values.get(m[1] or m[2], m[0])), text)


def legend(template, labels):
    """What {{label}} stands for. Without a template, the labels."""
    if not template:
        return ", ".join(f"{k}={v}" for k, v in labels.items()) or "value"
    return re.sub(r"\{\{\s*(\w[\w.]*)\s*\}\}", lambda m: labels.get(m[1], ""), template)


def ask_prometheus(target, values, sources, span):
    """[(name, labels, [(time, value)])]; of an instant query one point each."""
    values = {**values, **span.values()}
    expression = replaced(target["expr"], values)
    if target["instant"]:
        answer = get(sources.prometheus + "/api/v1/query", query=expression, time=span.end)
        rows = [(row["metric"], [row["value"]]) for row in answer["data"]["result"]]
    else:
        answer = get(sources.prometheus + "/api/v1/query_range", query=expression, start=span.start, end=span.end,
                     step=span.step)
        rows = [(row["metric"], row["values"]) for row in answer["data"]["result"]]
    template = replaced(target["legendFormat"], values)
    return [(legend(template, labels), labels, [(float(at), float(value)) for at, value in points])
            for labels, points in rows]


def search_body(target, values, span):
    """The body of _search for one target, as Grafana's data source makes it."""
    at = target["timeField"]
    span_of_time = {"gte": int(span.start * 1000), "lte": int(span.end * 1000), "format": "epoch_millis"}
    text = {"query_string": {"analyze_wildcard": True, "query": replaced(target["query"], values)}}
    body = {"size": 0, "query": {"bool": {"filter": [{"range": {at: span_of_time}}, text]}}}
    inner = body
    for bucket in target["bucketAggs"]:
        settings = {"field": bucket["field"], "min_doc_count": int(bucket["settings"]["min_doc_count"])}
        if bucket["type"] == "terms":
            settings["size"] = int(bucket["settings"]["size"])
        else:
            settings["fixed_interval"] = f"{max(1, round((span.end - span.start) / 100))}s"
        inner["aggs"] = {"of": {bucket["type"]: settings}}
        inner = inner["aggs"]["of"]
    if not target["bucketAggs"]:
        body.update(size=int(target["metrics"][0]["settings"]["limit"]), sort=[{at: "desc"}])
    return body


def ask_elasticsearch(target, values, sources, span):
    """Of counts, as ask_prometheus(); of lines [("lines", document, [])]."""
    data = json.dumps(search_body(target, values, span)).encode()
    request = urllib.request.Request(sources.elasticsearch + "/_search", data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        found = json.load(answer)
    if not target["bucketAggs"]:
        return [("lines", hit["_source"], []) for hit in found["hits"]["hits"]]
    return [(str(group["key"]), {}, [(bucket["key"] / 1000, bucket["doc_count"]) for bucket in group["of"]["buckets"]])
            for group in found["aggregations"]["of"]["buckets"]]


def ask_jaeger(target, values, sources, span):
    """[("traces", trace, [])], as Jaeger's API has them."""
    if target.get("queryType") == "search":
        found = get(sources.jaeger + "/api/traces", service=replaced(target["service"], values), limit=target["limit"],
                    start=int(span.start * 1e6), end=int(span.end * 1e6))
    else:
        trace = replaced(target["query"], values)
        found = get(f"{sources.jaeger}/api/traces/{trace}") if trace else {"data": []}
    return [("traces", trace, []) for trace in found["data"]]


ASK = {"prometheus": ask_prometheus, "elasticsearch": ask_elasticsearch, "jaeger": ask_jaeger}


def ask(panel, values, sources, span):
    """For each target of the panel its answer; None if there is no such source."""
    kind = panel["datasource"]["type"]
    if not getattr(sources, kind):
        return None
    return [ASK[kind](target, values, sources, span) for target in panel["targets"]]
