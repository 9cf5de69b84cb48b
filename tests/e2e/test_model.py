"""Random lives against a model, with the real program on the real file system: writes, halves of lines, rotations,
copytruncate, deletions, ends, kills, and a backend with moods. Afterwards the documents are the lines, each once. What
was cut away before it was delivered may be missing, and then it is said that a file was cut down.

tests/unit/collectors/tail_model_test.c does the same with the collector alone, and many more lives. `OXP_SEED=7` runs
one seed, `OXP_SEEDS=500` so many.
"""

import json
import os
import random
import shutil
import threading

import pytest

from lib import fault
from lib.agent import HURRIED
from lib.lines import as_written

FIRST, LIVES = int(os.environ.get("OXP_SEED", "1")), int(os.environ.get("OXP_SEEDS", "40"))
SEEDS = range(FIRST, FIRST + (1 if "OXP_SEED" in os.environ else LIVES))
ACTIONS, NAMES = 40, ("app.log", "other.log")


class Backend:
    """Keeps the first document of each id. In a bad mood it misbehaves for some requests."""

    def __init__(self, server, chance):
        self.server, self.chance, self.lock = server, chance, threading.Lock()
        self.documents, self.bad, self.ids = {}, 0, {}
        server.plan(self.behave)

    def take(self, pairs):
        items = []
        for action, document in pairs:
            name = action["create"]["_id"]
            known = name in self.documents
            if not known:
                self.documents[name] = document
                self.ids.setdefault(document["n"], []).append(name)
            items.append({"create": {"status": 409 if known else 201}})
        return items

    def take_some(self, request):
        pairs = request.documents()
        taken = [self.chance.random() < 0.6 for _ in pairs]
        items = iter(self.take([pair for pair, yes in zip(pairs, taken) if yes]))
        busy = {"status": 429, "error": {"type": "busy", "reason": "not now"}}
        return [next(items) if yes else {"create": busy} for yes in taken]

    def misbehave(self, handler, request):
        kind = self.chance.choice(["503", "429", "reset", "garbage", "slow", "unheard", "some", "some"])
        if kind == "some":
            return self.answer(handler, self.take_some(request))
        if kind == "unheard":  # it has them, and the agent never hears of it
            self.take(request.documents())
        return {"503": fault.status(503), "429": fault.status(429), "reset": fault.reset(),
                "garbage": fault.garbage(), "slow": fault.slow(0.3, fault.status(503)),
                "unheard": fault.close_mid_answer()}[kind](handler, request)

    @staticmethod
    def answer(handler, items):
        body = {"took": 1, "errors": any(item["create"]["status"] > 299 for item in items), "items": items}
        handler.answer(200, json.dumps(body).encode(), "application/json", {})

    def behave(self, handler, request):
        with self.lock:
            self.bad -= self.bad > 0
            if self.bad:
                return self.misbehave(handler, request)
            return self.answer(handler, self.take(request.documents()))


class Content:
    """What a file held until it was cut down; its numbers of lines in their order."""

    def __init__(self, file, path):
        self.file, self.path, self.lines, self.pending, self.cut = file, path, [], b"", False


class World:
    def __init__(self, seed, folder, oxpecker, server):
        self.chance, self.seed, self.folder, self.told = random.Random(seed), seed, str(folder), []
        self.backend = Backend(server, random.Random(seed + 1_000_000))
        self.texts, self.contents, self.current, self.rotations = {}, [], {}, 0
        os.makedirs(os.path.join(self.folder, "copies"))
        for name in NAMES:
            self.create(name)
        stars = self.chance.choice(["", "*"])
        paths = [self.path(name) + stars for name in NAMES]
        self.agent = oxpecker({
            "logs": {"batch": {"age": "20ms", "records": self.chance.choice([7, 100, 5000])},
                     "collect": {"tail": {"paths": paths, "tick": "5ms", "sweep": "500ms"}},
                     "export": {"elasticsearch": {"url": server.url, "gzip": False, "timeout": "2s",
                                                  "retry_first": "10ms", "retry_last": "50ms"}}},
            "exit": HURRIED})
        self.be_known()

    def tell(self, *words):
        self.told.append(" ".join(map(str, words)))

    def path(self, name):
        return os.path.join(self.folder, name)

    def create(self, name):
        self.current[name] = Content(open(self.path(name), "ab", buffering=0), self.path(name))
        self.contents.append(self.current[name])

    def line(self, content):
        number = len(self.texts)
        text = json.dumps({"n": number, "message": self.chance.choice(["ü", "words " * 20, "x" * 3000, "\\\""])})
        self.texts[number] = text
        content.lines.append(number)
        return text.encode() + b"\n"

    def write_to(self, content, count):
        """What was left half-written is ended first."""
        data = content.pending + b"".join(self.line(content) for _ in range(count))
        content.pending = b""
        content.file.write(data)

    def be_known(self):
        """What a name stood for is found under any other, once the agent has seen one file of that name."""
        for content in self.current.values():
            self.write_to(content, 1)
        self.wait_shipped(*self.current.values())

    def any_current(self):
        return self.current[self.chance.choice(NAMES)]

    # Actions.

    def write(self):
        content, count = self.any_current(), self.chance.randrange(1, 60)
        self.tell("write", count, content.path)
        self.write_to(content, count)

    def write_half(self):
        """The last line comes without its end, and perhaps in more pieces than two."""
        content = self.any_current()
        rest = content.pending or self.line(content)
        if len(rest) < 2:
            return self.write_to(content, 0)
        half = self.chance.randrange(1, len(rest))
        self.tell("half a line", content.path)
        content.file.write(rest[:half])
        content.pending = rest[half:]
        return None

    def rotate(self):
        name = self.chance.choice(NAMES)
        for _ in range(self.chance.choice([1, 1, 1, 3])):
            content = self.current[name]
            self.write_to(content, 0)
            self.rotations += 1
            content.path = f"{self.path(name)}.{self.rotations}"
            self.tell("rotate to", content.path)
            os.rename(self.path(name), content.path)
            self.create(name)
            self.write_to(self.current[name], self.chance.randrange(4))

    def write_late(self):
        """By a writer that has not noticed the rotation."""
        rotated = [c for c in self.contents if c.path and not c.cut and c not in self.current.values()]
        if rotated:
            content = self.chance.choice(rotated[-3:])
            self.tell("write late", content.path)
            self.write_to(content, self.chance.randrange(1, 4))

    def copytruncate(self):
        """The same file goes on with another content. Whether all was read before, nobody knows."""
        name = self.chance.choice(NAMES)
        content = self.current[name]
        shutil.copy(content.path, os.path.join(self.folder, "copies"))
        if not content.lines:
            return
        self.tell("cut down", content.path)
        os.ftruncate(content.file.fileno(), 0)
        if content.pending:  # of this line nothing is left
            content.lines.pop()
        content.cut, content.pending = True, b""
        self.current[name] = Content(content.file, content.path)
        self.contents.append(self.current[name])
        self.write_to(self.current[name], self.chance.randrange(1, 20))

    def delete(self):
        """Read up to here, it is followed without a name; nobody could find it when the agent is down."""
        name = self.chance.choice(NAMES)
        content = self.current[name]
        self.write_to(content, 1)
        self.backend.bad = 0
        self.wait_shipped(content)
        self.tell("delete", content.path)
        os.unlink(content.path)
        content.path = None
        self.write_to(content, self.chance.randrange(4))
        if self.chance.random() < 0.5:
            self.wait_shipped(content)
        self.create(name)
        self.write_to(self.current[name], 1)
        self.wait_shipped(content, self.current[name])
        content.file.close()

    def while_down(self):
        for _ in range(self.chance.randrange(3)):
            self.chance.choice([self.write, self.write_half, self.rotate, self.write_late, self.copytruncate])()
        self.agent.start()

    def restart(self):
        self.tell("end")
        assert self.agent.stop() == 0
        self.while_down()

    def kill(self):
        self.tell("kill")
        self.agent.kill9()
        self.while_down()

    def bad_mood(self):
        self.tell("bad mood")
        self.backend.bad = self.chance.randrange(2, 15)

    def away(self):
        """The backend hangs up and listens no more, until something was written."""
        self.tell("backend away")
        self.backend.server.refuse()
        self.write()
        self.backend.server.listen()

    def read_on(self):
        """So that not everything happens at once."""
        before = len(self.backend.ids)
        self.backend.bad = 0
        self.write()
        self.agent.wait_until(lambda: len(self.backend.ids) > before, 60, "something to come")

    # What must be true.

    def shipped(self, content):
        return all(number in self.backend.ids for number in content.lines if not content.pending
                   or number != content.lines[-1])

    def wait_shipped(self, *contents):
        self.agent.wait_until(lambda: all(self.shipped(c) for c in contents), 60, "all of a file shipped")

    def missing(self, content):
        return [number for number in content.lines if number not in self.backend.ids]

    def check(self):
        self.backend.bad = 0
        for content in self.current.values():
            self.write_to(content, 1)
        whole = [content for content in self.contents if not content.cut]
        self.wait_shipped(*whole)
        self.agent.wait_until(lambda: self.agent.booked("held", signal="logs") == 0, 60, "nothing held")
        self.agent.assert_balanced()
        assert self.agent.stop() == 0
        gaps = [content for content in self.contents if self.missing(content)]
        assert all(content.cut for content in gaps)
        begun = [content for content in gaps if content.lines[0] in self.backend.ids]
        said = self.agent.err().count("was cut down")
        assert len(begun) <= said, f"{len(begun)} gaps, {said} told"
        for number, names in self.backend.ids.items():
            assert len(names) == 1, f"line {number} came as {names}"
            assert as_written(self.backend.documents[names[0]]) == json.loads(self.texts[number])

    def live(self):
        actions = [self.write] * 8 + [self.write_half] * 4 + [self.rotate] * 5 + [self.write_late] * 2 + [
            self.copytruncate] * 2 + [self.delete, self.restart, self.kill, self.kill, self.away] + [
            self.bad_mood] * 3 + [self.read_on] * 3
        for _ in range(ACTIONS):
            self.chance.choice(actions)()
        self.check()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_life(oxpecker, fault_server, tmp_path, seed):
    world = World(seed, tmp_path / "logs", oxpecker, fault_server())
    try:
        world.live()
    except AssertionError as failure:
        missing = {(c.path, c.cut): world.missing(c)[:9] for c in world.contents if world.missing(c)}
        raise AssertionError(f"seed {seed}, missing {missing}, after:\n" + "\n".join(world.told)) from failure
