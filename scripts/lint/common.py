"""What the lint rules share: which files there are, C text without comments and strings, and reporting.

A rule is a script that takes the root of a source tree (default: the current folder), prints "file:line: reason" for
every violation and exits 1 when there was one.
"""

import os
import re
import subprocess
import sys


def root():
    """Goes to the tree to check and returns nothing; every path below is relative to it."""
    if len(sys.argv) > 1:
        os.chdir(sys.argv[1])


def files(pattern=r"."):
    """Every file of the tree that git knows or would take, in order, whose path matches pattern."""
    try:
        out = subprocess.run(
            ["git", "ls-files", "-z", "-co", "--exclude-standard"], capture_output=True, check=True, text=True
        ).stdout
        inside = subprocess.run(["git", "rev-parse", "--show-prefix"], capture_output=True, check=True, text=True)
        paths = out.split("\0") if inside.stdout.strip() == "" else None
    except (subprocess.CalledProcessError, FileNotFoundError):
        paths = None
    if paths is None:  # not the top of a git checkout: an unpacked archive, or the self-test
        paths = [os.path.join(d, f)[2:] for d, _, names in os.walk(".") for f in names]
        paths = [p for p in paths if not p.startswith((".git/", "build/"))]
    return [p for p in sorted(set(paths)) if p and re.search(pattern, p) and os.path.isfile(p)]


def read(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


_TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def code(text):
    """C text with comments blanked and strings emptied; every line keeps its number."""

    def blank(m):
        s = m.group(0)
        if s[0] in "\"'":
            return s[0] + s[0]
        return re.sub(r"[^\n]", " ", s)

    return _TOKEN.sub(blank, text)


class Report:
    """Collects violations; `with Report() as say: say(path, line, reason)` exits with the verdict."""

    def __init__(self):
        self.n = 0

    def __call__(self, path, line, reason):
        print(f"{path}:{line}: {reason}")
        self.n += 1

    def __enter__(self):
        root()
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            sys.exit(1 if self.n else 0)
