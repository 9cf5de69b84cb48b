#!/usr/bin/env python3
"""Draws the dashboards as pictures (SVG) from their own queries: what Grafana would show, to look at without one.

  python3 conf/grafana/draw.py --prometheus http://127.0.0.1:9090 --minutes 30 --to /tmp/pictures [service fleet …]
"""

import argparse
import html
import math
import os
import re
import time

import queries

WIDTH, CELL, GAP, TOP = 1560, 34, 8, 60
COLORS = ["#56A64B", "#E0B400", "#3274D9", "#FF780A", "#8F3BB8", "#E02F44", "#37872D", "#1F60C4", "#C4162A", "#96D98D"]
NAMED = {"green": "#37872D", "yellow": "#E0B400", "orange": "#FA6400", "red": "#C4162A", "blue": "#1F60C4",
         "transparent": "none"}
GRAY, INK, LINE = "#6b7280", "#1f2328", "#d8dce1"


def scaled(value, base, units):
    at = 0
    while abs(value) >= base and at < len(units) - 1:
        value, at = value / base, at + 1
    return f"{number(value)}{units[at]}"


def number(value, decimals=None):
    if decimals is not None:
        return f"{value:.{decimals}f}"
    digits = 0 if abs(value) >= 100 or value == int(value) else 1 if abs(value) >= 10 else 2
    return f"{value:.{digits}f}"


def seconds(value):
    if value == 0:
        return "0 s"
    for limit, factor, unit in ((1e-3, 1e6, "µs"), (1, 1e3, "ms"), (120, 1, "s"), (7200, 1 / 60, "min")):
        if abs(value) < limit:
            return f"{number(value * factor)} {unit}"
    return f"{number(value / 3600)} h"


UNITS = {
    "none": number,
    "short": lambda v, d=None: number(v, d) if d is not None else scaled(v, 1000, ["", " K", " M", " G"]),
    "percentunit": lambda v, d=None: number(v * 100, d) + " %",
    "ms": lambda v, d=None: seconds(v / 1000), "s": lambda v, d=None: seconds(v),
    "reqps": lambda v, d=None: number(v, d) + " req/s",
    "cps": lambda v, d=None: scaled(v, 1000, ["", " K", " M"]) + "/s",
    "bytes": lambda v, d=None: scaled(v, 1024, [" B", " KiB", " MiB", " GiB"]),
    "Bps": lambda v, d=None: scaled(v, 1000, [" B/s", " kB/s", " MB/s", " GB/s"]),
}


def shown(value, defaults):
    """As Grafana writes it, with its unit."""
    for mapping in defaults.get("mappings", []):
        option = mapping["options"].get(f"{value:g}")
        if option:
            return option["text"]
    if math.isnan(value):
        return "–"
    return UNITS[defaults.get("unit", "none")](value, defaults.get("decimals"))


def threshold_color(value, defaults):
    color = "green"
    for step in defaults["thresholds"]["steps"]:
        if step["value"] is None or value >= step["value"]:
            color = step["color"]
    return NAMED[color]


class Picture:
    """SVG, written from top to bottom."""

    def __init__(self):
        self.parts = []

    def rect(self, x, y, w, h, fill, stroke="", radius=0):
        more = (f' stroke="{stroke}"' if stroke else "") + (f' rx="{radius}"' if radius else "")
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(w, 0):.1f}" height="{max(h, 0):.1f}" '
                          f'fill="{fill}"{more}/>')

    def text(self, x, y, words, size=12, fill=INK, anchor="start", weight="normal"):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{fill}" text-anchor="{anchor}" '
                          f'font-weight="{weight}">{html.escape(words)}</text>')

    def line(self, points, color, width=1.4, fill="none", dash=""):
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(f'<polyline points="{places}" fill="none" stroke="{color}" stroke-width="{width}"'
                          + (f' stroke-dasharray="{dash}"' if dash else "") + "/>")

    def area(self, points, color, opacity):
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(f'<polygon points="{places}" fill="{color}" fill-opacity="{opacity}"/>')

    def whole(self, width, height):
        head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
                f'height="{height}" font-family="Inter, Helvetica, Arial, sans-serif">')
        return "\n".join([head, *self.parts, "</svg>"]) + "\n"


def cut(words, width, size=12):
    room = max(3, int(width / (size * 0.56)))
    return words if len(words) <= room else words[:room - 1] + "…"


class Box:
    """Where the inside of a panel is."""

    def __init__(self, x, y, w, h):
        self.x, self.y, self.w, self.h = x, y, w, h


def override(panel, name):
    """What the overrides say of the series or column of that name: {property: value}."""
    said = {}
    for rule in panel["fieldConfig"]["overrides"]:
        options, by = rule["matcher"]["options"], rule["matcher"]["id"]
        ignore = re.I if "(?i)" in options else 0
        pattern = options.strip("/").replace("(?i)", "")
        if (by == "byName" and options == name) or (by == "byRegexp" and re.search(pattern, name, ignore)):
            said.update({each["id"]: each["value"] for each in rule["properties"]})
    return said


def series_color(panel, name, at):
    fixed = override(panel, name).get("color")
    return NAMED[fixed["fixedColor"]] if fixed else COLORS[at % len(COLORS)]


def nice_ticks(low, high, count, base):
    raw = (high - low) / count
    if base == 2:
        size = 2 ** math.ceil(math.log2(raw))
    else:
        size = 10 ** math.floor(math.log10(raw))
        size *= next(f for f in (1, 2, 2.5, 5, 10) if f * size >= raw)
    first = math.ceil(low / size - 1e-9)
    return [tick * size for tick in range(first, int(high / size + 1e-9) + 1)]


class Plot:
    """A frame with a time axis, and a value axis from low to high."""

    def __init__(self, picture, box, span, low, high, unit, left=62):
        self.p, self.span, self.low = picture, span, low
        self.high = high if high > low else low + 1
        self.x, self.y, self.w, self.h = box.x + left, box.y + 6, box.w - left - 10, box.h - 26
        count, base = 4 if self.h > 90 else 2, 2 if unit == "bytes" else 10
        for tick in nice_ticks(self.low, self.high, count, base) if unit else []:
            at = self.at_y(tick)
            picture.line([(self.x, at), (self.x + self.w, at)], "#eceef1", 1)
            picture.text(self.x - 6, at + 4, shown(tick, {"unit": unit}), 11, GRAY, "end")
        for part in range(1, 5 if self.w > 250 else 3):
            moment = span.start + (span.end - span.start) * part / (5 if self.w > 250 else 3)
            picture.text(self.at_x(moment), self.y + self.h + 15, time.strftime("%H:%M", time.gmtime(moment)), 11, GRAY,
                         "middle")

    def at_x(self, moment):
        return self.x + self.w * (moment - self.span.start) / (self.span.end - self.span.start)

    def at_y(self, value):
        inside = min(max((value - self.low) / (self.high - self.low), 0), 1)
        return self.y + self.h * (1 - inside)


def stacked(rows):
    """Each series on top of those before it: [(name, [(time, below, value)])]."""
    below, found = {}, []
    for name, points in rows:
        found.append((name, [(at, below.get(at, 0), below.get(at, 0) + value) for at, value in points]))
        below.update({at: top for at, _, top in found[-1][1]})
    return found


def pieces(points, step):
    """Parted where points are missing."""
    part = []
    for point in points:
        if part and point[0] - part[-1][0] > 2.5 * step:
            yield part
            part = []
        part.append(point)
    if part:
        yield part


def draw_legend(picture, box, panel, rows, defaults):
    calcs = panel["options"]["legend"]["calcs"]
    names = {"mean": lambda v: sum(v) / len(v), "max": max, "lastNotNull": lambda v: v[-1], "sum": sum}
    room = max(1, int((box.h - 10) // 16))
    shown_rows = rows if len(rows) <= room else rows[:room - 1]
    rights = [box.x + box.w - 10 - (len(calcs) - 1 - at) * 84 for at in range(len(calcs))]
    for right, calc in zip(rights, calcs):
        picture.text(right, box.y + 10, {"lastNotNull": "last"}.get(calc, calc), 11, GRAY, "end")
    for at, (name, points) in enumerate(shown_rows):
        y = box.y + 26 + at * 16
        picture.rect(box.x + 10, y - 8, 12, 4, series_color(panel, name, at), radius=1)
        picture.text(box.x + 28, y, cut(name, box.w - 50 - 84 * len(calcs)), 12)
        for right, calc in zip(rights, calcs):
            picture.text(right, y, shown(names[calc]([value for _, value in points]), defaults), 12, INK, "end")
    if len(rows) > len(shown_rows):
        left_out = f"and {len(rows) - len(shown_rows)} more"
        picture.text(box.x + 28, box.y + 24 + len(shown_rows) * 16, left_out, 11, GRAY)


def draw_timeseries(picture, box, panel, answers, span):
    defaults = panel["fieldConfig"]["defaults"]
    custom = defaults["custom"]
    rows = [(name, [(at, value) for at, value in points if not math.isnan(value)])
            for answer in answers for name, _, points in answer]
    rows = [(name, points) for name, points in rows if points]
    is_stack = custom["stacking"]["mode"] == "normal"
    bands = stacked(rows) if is_stack else [(name, [(at, 0, value) for at, value in points]) for name, points in rows]
    limits = [step["value"] for step in defaults["thresholds"]["steps"] if step["value"] is not None]
    limits = limits if custom["thresholdsStyle"]["mode"] == "line" else []
    top = max([top for _, points in bands for _, _, top in points], default=1)
    high = defaults.get("max", max([top * 1.08] + [limit * 1.1 for limit in limits[:1]]))
    low = defaults.get("min", 0)
    legend_height = min(26 + 16 * len(rows), box.h * 0.42)
    plot = Plot(picture, Box(box.x, box.y, box.w, box.h - legend_height), span, low, high,
                defaults["unit"])
    for step in defaults["thresholds"]["steps"]:
        if step["value"] in limits and low <= step["value"] <= plot.high:
            y = plot.at_y(step["value"])
            picture.line([(plot.x, y), (plot.x + plot.w, y)], NAMED[step["color"]], 1.2, dash="6 4")
    for at, (name, points) in enumerate(bands):
        color = series_color(panel, name, at)
        for part in pieces(points, span.step * 3 if custom["drawStyle"] == "bars" else span.step):
            if custom["drawStyle"] == "bars":
                wide = max(1.5, plot.w / 110)
                for moment, below, above in part:
                    picture.rect(plot.at_x(moment), plot.at_y(above), wide, plot.at_y(below) - plot.at_y(above), color)
                continue
            upper = [(plot.at_x(moment), plot.at_y(above)) for moment, _, above in part]
            lower = [(plot.at_x(moment), plot.at_y(below)) for moment, below, _ in reversed(part)]
            opacity = override(panel, name).get("custom.fillOpacity", custom["fillOpacity"])
            picture.area(upper + lower, color, opacity / 100)
            picture.line(upper, color)
    draw_legend(picture, Box(box.x, box.y + box.h - legend_height, box.w, legend_height), panel, rows, defaults)


def draw_stat(picture, box, panel, answers, span):
    defaults = panel["fieldConfig"]["defaults"]
    points = [point for _, _, points in answers[0] for point in points if not math.isnan(point[1])]
    if not points:
        picture.text(box.x + box.w / 2, box.y + box.h / 2, defaults["noValue"], 20, GRAY, "middle")
        return
    color = threshold_color(points[-1][1], defaults)
    if panel["options"]["graphMode"] == "area" and len(points) > 1:
        low, high = min(0, min(v for _, v in points)), max(v for _, v in points) or 1
        places = [(box.x + box.w * (at - span.start) / (span.end - span.start),
                   box.y + box.h - 4 - (box.h * 0.42) * (value - low) / (high - low or 1)) for at, value in points]
        picture.area([(places[0][0], box.y + box.h - 2), *places, (places[-1][0], box.y + box.h - 2)], color, 0.12)
        picture.line(places, color, 1.2)
    words = shown(points[-1][1], defaults)
    picture.text(box.x + box.w / 2, box.y + box.h * 0.5 + 4, words, 30, color, "middle", "bold")


def table_rows(panel, answers):
    """The targets joined by their labels, as the transformations `merge` and `organize` do it: (titles, rows)."""
    joined = {}
    for target, answer in zip(panel["targets"], answers):
        for _, labels, points in answer:
            key = tuple(sorted((k, v) for k, v in labels.items() if k != "__name__"))
            joined.setdefault(key, dict(key))[f"Value #{target['refId']}"] = points[-1][1]
    organize = next(t["options"] for t in panel["transformations"] if t["id"] == "organize")
    columns = sorted(organize["indexByName"], key=organize["indexByName"].get)
    titles = [organize["renameByName"][column] for column in columns]
    rows = [[row.get(column) for column in columns] for row in joined.values()]
    for by in panel["options"].get("sortBy", []):
        at = titles.index(by["displayName"])
        rows.sort(key=lambda row: row[at] if isinstance(row[at], float) and row[at] == row[at] else -1, reverse=by["desc"])
    return titles, rows


def draw_table(picture, box, panel, answers, span):
    if panel["datasource"]["type"] == "jaeger":
        draw_traces(picture, box, answers)
        return
    titles, rows = table_rows(panel, answers)
    texts = sum(isinstance(cell, str) for cell in rows[0]) if rows else 1
    each = (box.w - 20) / (len(titles) + texts)
    lefts, at = [], box.x + 10
    for number_of, _ in enumerate(titles):
        lefts.append(at)
        at += each * 2 if number_of < texts else each
    for number_of, title in enumerate(titles):
        picture.text(lefts[number_of], box.y + 14, cut(title, each * 1.8), 12, GRAY, weight="bold")
    for line, row in enumerate(rows[:int((box.h - 26) // 22)]):
        y = box.y + 36 + line * 22
        picture.line([(box.x + 10, y + 7), (box.x + box.w - 10, y + 7)], "#eceef1", 1)
        for number_of, cell in enumerate(row):
            said = override(panel, titles[number_of])
            defaults = {key: said[key] for key in ("unit", "thresholds", "mappings") if key in said}
            colored = "thresholds" in said and isinstance(cell, float)
            words = cell if isinstance(cell, str) else "–" if cell is None else shown(cell, defaults)
            picture.text(lefts[number_of], y, cut(words, each * (1.9 if number_of < texts else 1)), 13,
                         threshold_color(cell, defaults) if colored else INK)


def draw_traces(picture, box, answers):
    heads = (("start", 10), ("operation", 90), ("duration", box.w - 150), ("spans", box.w - 60))
    for words, at in heads:
        picture.text(box.x + at, box.y + 14, words, 12, GRAY, weight="bold")
    traces = [trace for _, trace, _ in answers[0]]
    traces.sort(key=lambda trace: -min(span["startTime"] for span in trace["spans"]))
    for line, trace in enumerate(traces[:int((box.h - 26) // 20)]):
        first = min(trace["spans"], key=lambda span: (len(span["references"]), span["startTime"]))
        failed = any(tag["key"] == "error" and tag["value"] is True for tag in first["tags"])
        y = box.y + 36 + line * 20
        words = (time.strftime("%H:%M:%S", time.gmtime(first["startTime"] / 1e6)), first["operationName"],
                 seconds(first["duration"] / 1e6), str(len(trace["spans"])))
        for (_, at), word in zip(heads, words):
            picture.text(box.x + at, y, word, 12, NAMED["red"] if failed else INK)


def draw_one_trace(picture, box, panel, answers, span):
    spans = [each for _, trace, _ in answers[0] for each in trace["spans"]]
    spans.sort(key=lambda each: (each["startTime"], -each["duration"]))
    if not spans:
        picture.text(box.x + box.w / 2, box.y + box.h / 2, "no trace chosen", 14, GRAY, "middle")
        return
    first, last = spans[0]["startTime"], max(s["startTime"] + s["duration"] for s in spans)
    for line, each in enumerate(spans[:int(box.h // 28)]):
        y = box.y + 10 + line * 28
        left = box.x + 190 + (box.w - 300) * (each["startTime"] - first) / (last - first or 1)
        wide = max(2, (box.w - 300) * each["duration"] / (last - first or 1))
        picture.text(box.x + 10, y + 12, cut(each["operationName"], 170), 12)
        picture.rect(left, y, wide, 16, COLORS[line % len(COLORS)], radius=2)
        picture.text(left + wide + 6, y + 12, seconds(each["duration"] / 1e6), 11, GRAY)


def draw_logs(picture, box, panel, answers, span):
    colors = {"error": "red", "warn": "orange", "info": "green"}
    lines = [document for _, document, _ in answers[0]]
    for at, document in enumerate(lines[:int((box.h - 6) // 20)]):
        y = box.y + 16 + at * 20
        level = document.get("log.level", "")
        picture.rect(box.x + 8, y - 11, 4, 15, NAMED[colors.get(level, "blue")])
        moment = document["@timestamp"].replace("T", " ")[11:23]
        rest = " ".join(f"{k}={v}" for k, v in document.items() if k in ("status", "trace.id"))
        picture.text(box.x + 20, y, cut(f"{moment}  {document.get('message', '')}   {rest}", box.w - 30), 12)
    if not lines:
        picture.text(box.x + box.w / 2, box.y + box.h / 2, "no lines", 14, GRAY, "middle")


def draw_bars(picture, box, panel, answers, span):
    defaults = panel["fieldConfig"]["defaults"]
    rows = [(name, points[-1][1]) for name, _, points in answers[0] if not math.isnan(points[-1][1])]
    high = defaults.get("max", max([value for _, value in rows], default=1) or 1)
    for at, (name, value) in enumerate(rows[:int(box.h // 42)]):
        y = box.y + 18 + at * 42
        picture.text(box.x + 10, y, cut(name, box.w - 30), 12)
        picture.rect(box.x + 10, y + 6, box.w - 110, 16, "#eef0f3", radius=2)
        color = threshold_color(value, defaults)
        picture.rect(box.x + 10, y + 6, (box.w - 110) * min(value / high, 1), 16, color, radius=2)
        picture.text(box.x + box.w - 12, y + 19, shown(value, defaults), 13, color, "end")


def runs(shades, moments):
    """Neighbours of one shade as one: (shade, first, last); what is empty is left out."""
    begin = 0
    for n in range(1, len(shades) + 1):
        if n == len(shades) or shades[n] != shades[begin]:
            if shades[begin] > 0:
                yield shades[begin], moments[begin], moments[n - 1]
            begin = n


def draw_heatmap(picture, box, panel, answers, span):
    unit = panel["options"]["yAxis"]["unit"]
    rows = sorted((float(labels["le"]), dict(points)) for _, labels, points in answers[0])
    moments = sorted({at for _, points in rows for at in points})
    cells = [[points.get(at, 0) - (rows[n - 1][1].get(at, 0) if n else 0) for at in moments]
             for n, (_, points) in enumerate(rows)]
    most = max((cell for row in cells for cell in row), default=0) or 1
    plot = Plot(picture, box, span, 0, len(rows) or 1, None)
    wide = plot.w * span.step / (span.end - span.start) + 0.6
    for n, (le, _) in enumerate(rows):
        y, tall = plot.at_y(n + 1), plot.h / len(rows)
        if n % max(1, len(rows) // 7) == 0 or n == len(rows) - 1:
            words = "more" if math.isinf(le) else shown(le, {"unit": unit})
            picture.text(plot.x - 6, y + tall / 2 + 4, words, 11, GRAY, "end")
        shades = [math.ceil(12 * math.sqrt(max(cell, 0) / most)) for cell in cells[n]]
        for shade, at, until in runs(shades, moments):
            right = min(plot.at_x(until) + wide, plot.x + plot.w)
            green = 242 - 16 * shade
            picture.rect(plot.at_x(at), y + 0.5, right - plot.at_x(at), tall - 1, f"rgb(250,{green},{max(0, green - 60)})")



DRAW = {"timeseries": draw_timeseries, "stat": draw_stat, "table": draw_table, "heatmap": draw_heatmap,
        "bargauge": draw_bars, "logs": draw_logs, "traces": draw_one_trace}


def draw_panel(picture, panel, values, sources, span):
    pos, unit = panel["gridPos"], WIDTH / 24
    x, y = pos["x"] * unit + GAP / 2, TOP + pos["y"] * CELL + GAP / 2
    w, h = pos["w"] * unit - GAP, pos["h"] * CELL - GAP
    if panel["type"] == "row":
        picture.text(x + 6, y + 18, "▾ " + queries.replaced(panel["title"], values), 15, INK, weight="bold")
        return
    picture.rect(x, y, w, h, "#ffffff", LINE, 3)
    picture.text(x + 10, y + 20, cut(queries.replaced(panel["title"], values), w - 20, 14), 14, INK, weight="bold")
    answers = queries.ask(panel, values, sources, span)
    if answers is None:
        picture.text(x + w / 2, y + h / 2, f"no {panel['datasource']['type']} was given", 14, GRAY, "middle")
    else:
        DRAW[panel["type"]](picture, Box(x, y + 28, w, h - 32), panel, answers, span)


def draw(dashboard, sources, span):
    """The picture of a dashboard, as SVG."""
    picture = Picture()
    values = sources.variables(dashboard)
    height = TOP + CELL * max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in dashboard["panels"]) + GAP
    picture.rect(0, 0, WIDTH, height, "#f4f5f7")
    picture.text(10, 26, dashboard["title"], 22, INK, weight="bold")
    chosen = [(v["label"], values[v["name"]]) for v in dashboard["templating"]["list"] if v["type"] != "datasource"]
    words = "    ".join(f"{label}: {'All' if value == '.*' else value or '–'}" for label, value in chosen)
    picture.text(10, 48, words + f"    {time.strftime('%H:%M', time.gmtime(span.start))} to "
                 f"{time.strftime('%H:%M', time.gmtime(span.end))} UTC", 13, GRAY)
    for panel in dashboard["panels"]:
        draw_panel(picture, panel, values, sources, span)
    return picture.whole(WIDTH, height)


def main():
    parser = argparse.ArgumentParser(description="Draws the dashboards as SVG from their own queries.")
    parser.add_argument("names", nargs="*", help="which dashboards; all if none is named")
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090", metavar="URL")
    parser.add_argument("--elasticsearch", metavar="URL", help="with the index: http://127.0.0.1:9200/logs")
    parser.add_argument("--jaeger", metavar="URL", help="of its API: http://127.0.0.1:16686")
    parser.add_argument("--minutes", type=float, default=60, help="how far back; 60 if it is missing")
    parser.add_argument("--interval", type=int, default=15, help="seconds between scrapes; 15 if it is missing")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="the value of a variable")
    parser.add_argument("--to", default=".", metavar="FOLDER")
    o = parser.parse_args()
    given = dict(pair.split("=", 1) for pair in o.set)
    sources = queries.Sources(o.prometheus, o.elasticsearch, o.jaeger, given, o.interval)
    end = time.time()
    span = queries.Span(end - o.minutes * 60, end, points=120, interval=o.interval)
    for name, dashboard in queries.dashboards().items():
        if not o.names or name in o.names:
            with open(os.path.join(o.to, name + ".svg"), "w", encoding="utf-8") as file:
                file.write(draw(dashboard, sources, span))


if __name__ == "__main__":
    main()
