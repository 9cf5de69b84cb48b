"""What Grafana takes of a dashboard, held strictly: there is no Grafana here that could say so."""

import itertools
import re

SCHEMA = 39
DASHBOARD = {"uid", "title", "description", "tags", "schemaVersion", "version", "editable", "graphTooltip", "refresh",
             "timezone", "time", "links", "annotations", "templating", "panels"}
PANEL = {"id", "type", "title", "description", "datasource", "gridPos", "fieldConfig", "options", "targets"}
ROW = {"id", "type", "title", "collapsed", "gridPos", "panels"}
TYPES = {"timeseries", "stat", "table", "heatmap", "bargauge", "logs", "traces"}
UNITS = {"none", "short", "percentunit", "ms", "s", "reqps", "cps", "bytes", "Bps"}
COLORS = {"green", "yellow", "orange", "red", "blue", "transparent"}
PROPERTIES = {"unit", "color", "thresholds", "mappings", "custom.cellOptions", "custom.fillOpacity"}
TARGET = {"prometheus": {"refId", "datasource", "expr", "legendFormat", "editorMode", "instant", "range"},
          "elasticsearch": {"refId", "datasource", "query", "alias", "metrics", "bucketAggs", "timeField"},
          "jaeger": {"refId", "datasource"}}
MORE = {"prometheus": {"format", "exemplar"}, "elasticsearch": set(),
        "jaeger": {"queryType", "service", "limit", "query"}}
VARIABLE = {"query": {"datasource", "query", "definition", "refresh", "sort", "regex", "multi", "includeAll"},
            "custom": {"query", "multi", "includeAll", "options"}, "textbox": {"query", "options"},
            "datasource": {"query", "regex"}}
COMMON = {"type", "name", "label", "hide", "current"}
BUILT_IN = {"__rate_interval", "__range", "__interval"}
USE = re.compile(r"\$\{?(\w+)")
WORDS = {"and", "or", "unless", "bool", "offset", "inf", "nan", "by", "without", "on", "ignoring", "group_left",
         "group_right"}


def texts(value):
    """Each text in it, and names of members left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts(inner)


def keys(what, has, needed, optional=()):
    for name in sorted(needed - set(has)):
        yield f"{what} has no {name}"
    for name in sorted(set(has) - needed - set(optional)):
        yield f"{what}: nobody knows {name}"


def of_variables(dashboard, uids):
    known, names = dashboard["templating"]["list"], [v["name"] for v in dashboard["templating"]["list"]]
    for name in {name for name in names if names.count(name) > 1}:
        yield f"${name} is there twice"
    for at, variable in enumerate(known):
        what = "$" + variable["name"]
        yield from keys(what, variable, COMMON | VARIABLE[variable["type"]], {"description", "allValue"})
        if variable["type"] == "datasource" and uids.get(variable["current"]["value"]) != variable["query"]:
            yield f"{what}: no {variable['query']} is provisioned as {variable['current']['value']}"
        if variable["type"] == "query" and not re.fullmatch(r"label_values\(.+, \w+\)", variable["definition"]):
            yield f"{what}: {variable['definition']} is not label_values(selector, label)"
        if variable["type"] == "query" and variable["query"]["query"] != variable["definition"]:
            yield f"{what}: its query is not its definition"
        used = {name for text in texts(variable.get("datasource", {})) for name in USE.findall(text)}
        used |= set(USE.findall(variable.get("definition", "")))
        for name in used - set(names[:at]):
            yield f"{what} uses ${name}, which does not come before it"
    everywhere = [text for text in texts([dashboard["panels"], known]) if "$" in text]
    used = {name for text in everywhere for name in USE.findall(text)}
    for name in sorted(used - set(names) - BUILT_IN - {"__all"}):
        yield f"${name} is used and not defined"
    for name in sorted(set(names) - used):
        yield f"${name} is defined and not used"


def of_source(what, source, dashboard, uids):
    """A datasource by uid, or by a variable that stands for one."""
    if set(source) != {"type", "uid"}:
        yield f"{what}: a datasource has a type and a uid"
        return
    kinds = {"${" + v["name"] + "}": v["query"] for v in dashboard["templating"]["list"] if v["type"] == "datasource"}
    if {**uids, **kinds}.get(source["uid"]) != source["type"]:
        yield f"{what}: no {source['type']} is called {source['uid']}"


def of_thresholds(what, thresholds):
    limits = [step["value"] for step in thresholds["steps"]]
    if limits[0] is not None or any(a >= b for a, b in itertools.pairwise(limits[1:])):
        yield f"{what}: thresholds begin with null and ascend"
    for color in {step["color"] for step in thresholds["steps"]} - COLORS:
        yield f"{what}: nobody knows the color {color}"


def of_fields(what, panel):
    defaults = panel["fieldConfig"]["defaults"]
    if panel["type"] in ("timeseries", "stat", "bargauge") and "unit" not in defaults:
        yield f"{what} has no unit"
    if panel["type"] in ("timeseries", "bargauge") and "min" not in defaults:
        yield f"{what} has no min"
    units = [defaults.get("unit", "none"), panel["options"].get("yAxis", {}).get("unit", "none")]
    if "thresholds" in defaults:
        yield from of_thresholds(what, defaults["thresholds"])
    for rule in panel["fieldConfig"]["overrides"]:
        if rule["matcher"]["id"] not in ("byName", "byRegexp"):
            yield f"{what}: nobody knows the matcher {rule['matcher']['id']}"
        for each in rule["properties"]:
            if each["id"] not in PROPERTIES:
                yield f"{what}: nobody knows the property {each['id']}"
            units += [each["value"]] if each["id"] == "unit" else []
            yield from of_thresholds(what, each["value"]) if each["id"] == "thresholds" else ()
    for unit in set(units) - UNITS:
        yield f"{what}: nobody knows the unit {unit}"


def of_targets(what, panel, dashboard, uids):
    kind = panel["datasource"]["type"]
    refs = [target["refId"] for target in panel["targets"]]
    if not refs or len(refs) != len(set(refs)):
        yield f"{what}: each target has a refId of its own, and there is one"
    for target in panel["targets"]:
        yield from keys(f"{what} {target['refId']}", target, TARGET[kind], MORE[kind])
        if target["datasource"] != panel["datasource"]:
            yield f"{what}: a target has another datasource"
        if kind == "prometheus" and target["instant"] == target["range"]:
            yield f"{what}: a target is either instant or a range"
        if panel["type"] == "table" and kind == "prometheus" and (target.get("format") != "table" or target["range"]):
            yield f"{what}: a table is made of instant queries in the format table"
        if panel["type"] == "timeseries" and kind == "prometheus" and not target["legendFormat"]:
            yield f"{what}: a line has no name"


def of_places(dashboard):
    taken = {}
    for panel in dashboard["panels"]:
        pos = panel["gridPos"]
        if pos["x"] < 0 or pos["x"] + pos["w"] > 24 or pos["w"] < 1 or pos["h"] < 1:
            yield f"{panel['title']}: it does not fit into 24 columns"
        for cell in itertools.product(range(pos["x"], pos["x"] + pos["w"]), range(pos["y"], pos["y"] + pos["h"])):
            if cell in taken:
                yield f"{panel['title']}: it overlaps {taken[cell]}"
                break
            taken[cell] = panel["title"]


def complaints(dashboard, uids):
    """What is wrong with a dashboard; `uids` are the provisioned data sources, {uid: type}."""
    yield from keys("the dashboard", dashboard, DASHBOARD)
    if dashboard["schemaVersion"] != SCHEMA:
        yield f"schemaVersion is {dashboard['schemaVersion']}, not {SCHEMA}"
    ids = [panel["id"] for panel in dashboard["panels"]]
    yield from (f"the id {each} is there twice" for each in {each for each in ids if ids.count(each) > 1})
    yield from of_variables(dashboard, uids)
    yield from of_places(dashboard)
    if dashboard["panels"][0]["type"] != "row":
        yield "the first panel is no row"
    for panel in dashboard["panels"]:
        what = panel["title"]
        if panel["type"] == "row":
            yield from keys(what, panel, ROW)
            continue
        yield from keys(what, panel, PANEL, {"transformations"})
        if panel["type"] not in TYPES:
            yield f"{what}: nobody knows the panel {panel['type']}"
        if not panel["description"]:
            yield f"{what} has no description"
        yield from of_source(what, panel["datasource"], dashboard, uids)
        yield from of_fields(what, panel)
        yield from of_targets(what, panel, dashboard, uids)


def metrics_of(expression):
    """The names of metrics in PromQL: what is no function, no word of the language, no label."""
    plain = re.sub(r'"(?:\\.|[^"\\])*"', "", expression)
    plain = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", plain)
    plain = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", "", plain)
    names = re.findall(r"(?<![\w.:])([a-zA-Z_:][\w:]*)(?!\w)(?!\s*\()", plain)
    return {name for name in names if name.lower() not in WORDS}
