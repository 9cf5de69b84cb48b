"""Log lines with a number each, written as an app does, and what became of them."""

import json
import os


def whole_lines(path):
    """What a file has so far; its writer may be in the midst of the next line, or not have begun it."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().split("\n")[:-1]
    except FileNotFoundError:
        return []


class Writer:
    """Appends JSON lines to a file and keeps what it wrote: number → line."""

    def __init__(self, path):
        self.path, self.lines = str(path), {}
        self.file = open(self.path, "ab", buffering=0)

    def write(self, count=1, **members):
        """Whole lines, one write() for all of them."""
        text = []
        for _ in range(count):
            number = len(self.lines)
            line = {"n": number, "level": "info", "message": f"line {number} ü", **members}
            line = json.dumps(line, ensure_ascii=False)
            self.lines[number] = line
            text.append(line + "\n")
        self.file.write("".join(text).encode())

    def raw(self, data):
        self.file.write(data)

    def rotate(self, number):
        """Rename and create, as logrotate does without copytruncate."""
        os.rename(self.path, f"{self.path}.{number}")
        self.file.close()
        self.file = open(self.path, "ab", buffering=0)

    def truncate(self):
        os.ftruncate(self.file.fileno(), 0)

    @property
    def size(self):
        return sum(len(line.encode()) for line in self.lines.values())


PLACE = ("oxpecker.path", "oxpecker.offset", "log.file.path", "log.offset")  # the latter by the step `ecs`


def as_written(document):
    """What the app wrote of a document: without what `tail` says of where it stood."""
    return {name: value for name, value in document.items() if name not in PLACE}


def assert_same(documents, writer):
    """Every line once, none broken: documents as a list of dicts against what the writer wrote."""
    numbers = sorted(document["n"] for document in documents)
    assert numbers == sorted(writer.lines), missing_and_twice(numbers, writer.lines)
    for document in documents:
        assert as_written(document) == json.loads(writer.lines[document["n"]])


def missing_and_twice(numbers, wanted):
    twice = sorted({n for n in numbers if numbers.count(n) > 1}) if len(numbers) < 20000 else "many"
    return f"missing {sorted(set(wanted) - set(numbers))[:20]}, twice {str(twice)[:200]}, of {len(wanted)}"
