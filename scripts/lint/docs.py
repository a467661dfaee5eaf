#!/usr/bin/env python3
"""Every prototype in a header has a comment: directly above, above its group (no blank line between), or trailing.
Every source file opens with a comment that says what it owns."""

import re

from common import Report, code, files, read


def declarations_only(text):
    """Header text without comments, preprocessor lines and extern "C" braces; line numbers stay."""
    lines = code(text).split("\n")
    continued = False
    for n, line in enumerate(lines):
        directive = continued or re.match(r"\s*#", line)
        continued = bool(directive) and line.rstrip().endswith("\\")
        if directive:
            lines[n] = ""
    return re.sub(r'extern\s*""\s*\{', lambda m: re.sub(r"[^\n]", " ", m.group(0)), "\n".join(lines))


def prototypes(text):
    """Yields (first, last) line indices of the function prototypes at file level."""
    depth, statement, first, line = 0, "", None, 0
    for c in declarations_only(text):
        if c == "\n":
            line += 1
        if first is None and not c.isspace():
            first = line
        if c == "{":
            depth += 1
        elif c == "}":
            depth = max(depth - 1, 0)
            if depth == 0 and ")" in statement and not re.match(r"\s*typedef\b", statement):
                statement, first = "", None  # the end of an inline function
        elif depth == 0 and c == ";":
            if re.search(r"\w[\s*]+\w+\s*\((?!\s*\*)", statement) and not re.match(r"\s*typedef\b", statement):
                yield first, line
            statement, first = "", None
        elif depth == 0:
            statement += c


def documented(raw, first, last, in_prototype):
    if any("/*" in line or "//" in line for line in raw[first : last + 1]):
        return True
    above = first - 1
    while above >= 0 and above in in_prototype:
        above -= 1
    return above >= 0 and (raw[above].rstrip().endswith("*/") or raw[above].lstrip().startswith("//"))


with Report() as say:
    for path in files(r"^(src|include|tests)/.*\.(c|h|cu)$"):
        text = read(path)
        if not text.startswith("/*"):
            say(path, 1, "opens without a comment that says what the file owns and why")
        if not path.endswith(".h"):
            continue
        raw = text.split("\n")
        spans = list(prototypes(text))
        in_prototype = {n for first, last in spans for n in range(first, last + 1)}
        for first, last in spans:
            if not documented(raw, first, last, in_prototype):
                say(path, first + 1, f"undocumented prototype: {raw[first].strip()[:70]}")
