#!/usr/bin/env python3
"""Functions of at most 110 lines, files of at most 700: past that there are usually two ideas in one."""

import sys

from common import Report, code, files, read

MAX_FUNCTION, MAX_FILE = 110, 700


def functions(text):
    """Yields (first line, name line, length) of every function: its opening brace stands alone in column 0."""
    lines = code(text).split("\n")
    start = None
    for n, line in enumerate(lines):
        if line == "{":
            start = n
            while start > 0 and lines[start - 1].strip() and lines[start - 1][0] not in "}#/":
                start -= 1
        elif line.startswith("}") and start is not None:
            yield start + 1, lines[start], n - start + 1
            start = None


with Report() as say:
    lengths = []
    for path in files(r"^(src|tests|include|examples)/.*\.(c|h|cu)$"):
        text = read(path)
        n_lines = text.count("\n")
        if n_lines > MAX_FILE:
            say(path, n_lines, f"{n_lines} lines, more than {MAX_FILE}")
        for line, head, n in functions(text):
            if path.startswith("src/"):
                lengths.append(n)
            if n > MAX_FUNCTION:
                say(path, line, f"a function of {n} lines, more than {MAX_FUNCTION}: {head.strip()[:60]}")
    lengths.sort()
    if lengths:
        median, p90 = lengths[len(lengths) // 2], lengths[len(lengths) * 9 // 10]
        print(
            f"{len(lengths)} functions in src/: median {median} lines, 90th percentile {p90}, longest {lengths[-1]}",
            file=sys.stderr,
        )
