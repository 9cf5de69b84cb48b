"""A counter, a histogram and their page in the Prometheus text format 0.0.4, by hand: the demo app has no packages."""

import threading

BUCKETS = (0.1, 0.5, 1, 2, 5)


def label_set(pairs):
    def escape(value):
        return str(value).replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')

    return "{" + ",".join(f'{name}="{escape(value)}"' for name, value in pairs) + "}" if pairs else ""


class Counter:
    def __init__(self, name, help_text):
        self.name, self.help, self.values, self.lock = name, help_text, {}, threading.Lock()

    def inc(self, **labels):
        key = tuple(labels.items())
        with self.lock:
            self.values[key] = self.values.get(key, 0) + 1

    def lines(self):
        yield f"# HELP {self.name} {self.help}"
        yield f"# TYPE {self.name} counter"
        with self.lock:
            values = list(self.values.items())
        for key, value in values:
            yield f"{self.name}{label_set(key)} {value}"


class Histogram:
    def __init__(self, name, help_text):
        self.name, self.help, self.rows, self.lock = name, help_text, {}, threading.Lock()

    def observe(self, seconds, **labels):
        key = tuple(labels.items())
        with self.lock:
            counts, total = self.rows.get(key, ([0] * len(BUCKETS), (0, 0.0)))
            counts = [n + (seconds <= le) for n, le in zip(counts, BUCKETS)]
            self.rows[key] = counts, (total[0] + 1, total[1] + seconds)

    def lines(self):
        yield f"# HELP {self.name} {self.help}"
        yield f"# TYPE {self.name} histogram"
        with self.lock:
            rows = list(self.rows.items())
        for key, (counts, (count, total)) in rows:
            for le, n in zip(BUCKETS, counts):
                yield f"{self.name}_bucket{label_set(key + (('le', le),))} {n}"
            yield f"{self.name}_bucket{label_set(key + (('le', '+Inf'),))} {count}"
            yield f"{self.name}_sum{label_set(key)} {total}"
            yield f"{self.name}_count{label_set(key)} {count}"


def page(*families):
    return "".join(line + "\n" for family in families for line in family.lines())
