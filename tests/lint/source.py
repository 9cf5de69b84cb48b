"""What the lint programs share: the tree's files, and C source without its comments and strings."""

import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CODE_FOLDERS = ("agent", "collectors", "exporters", "proto", "tests")


def tracked():
    """Every file that is, or is about to be, in the repository, as a path from the root."""
    command = ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        names = subprocess.run(command, capture_output=True, check=True).stdout.decode().split("\0")
    except (OSError, subprocess.CalledProcessError):  # an unpacked archive
        names = [os.path.relpath(os.path.join(folder, name), ROOT)
                 for folder, _, found in os.walk(ROOT) for name in found]
        names = [name for name in names if not name.startswith((".git" + os.sep, "build" + os.sep))]
    return sorted(name for name in set(names) if name and os.path.isfile(os.path.join(ROOT, name)))


def files(*endings, folders=CODE_FOLDERS):
    return [name for name in tracked() if name.endswith(endings) and name.split("/")[0] in folders]


def read(name):
    with open(os.path.join(ROOT, name), encoding="utf-8") as file:
        return file.read()


NOISE = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.S)


def bare(text):
    """The code with comments and literals blanked; lines keep their numbers."""
    def blank(match):
        found = match.group()
        return found[0] + found[0] if found[0] in "\"'" else "\n" * found.count("\n") or " "

    return NOISE.sub(blank, text)


def without_directives(text):
    """Blanks preprocessor lines, those that end in a backslash included."""
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: "\n" * m.group().count("\n"), text, flags=re.M)


def finish(complaints):
    for complaint in complaints:
        print(complaint)
    print(f"{len(complaints)} complaints" if complaints else "clean")
    sys.exit(1 if complaints else 0)
