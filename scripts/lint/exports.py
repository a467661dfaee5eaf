#!/usr/bin/env python3
"""What one object file defines for others must be declared in a header and used by another object file, and nothing
is a mutable global. Reads the object files of a finished build: exports.py [ROOT [BUILD]]."""

import os
import re
import subprocess
import sys

from common import Report, files, read

# Mutable data that cannot be passed: {source: reason}.
MUTABLE_ALLOWED = {
    "src/tensor/cpu/detect.c": "a signal handler finds its jump buffer only in a global",
    "src/tensor/cpu/detect_amx.c": "gcc 12 can drop stores to tiles' operands on the stack",
}


def objects(build):
    """{object file: source} of every object of src/ and tests/ whose source still exists."""
    found = {}
    for d, _, names in os.walk(os.path.join(build, "obj")):
        for name in names:
            if name.endswith(".o"):
                path = os.path.join(d, name)
                source = re.sub(r"(\.avx2|\.avx512)?\.o$", ".c", os.path.relpath(path, os.path.join(build, "obj")))
                if os.path.isfile(source):
                    found[path] = source
    return found


def family(name):
    """A *_vec.c file is compiled once for each vector width, and its names end in the width: one name for all."""
    return re.sub(r"_(avx2|avx512)$", "", name)


def symbols(paths, *flags):
    """Yields (object, symbol) as nm prints them with flags."""
    for i in range(0, len(paths), 200):
        out = subprocess.run(["nm", "-A", "-P", *flags, *paths[i : i + 200]], capture_output=True, check=True, text=True)
        for line in out.stdout.split("\n"):
            m = re.match(r"(.*): (\S+) (\w)", line)
            if m:
                yield m.group(1), m.group(2)


def mutable(path):
    """Names of the writable variables of an object file (constants with addresses lie in .data.rel.ro)."""
    out = subprocess.run(["objdump", "-t", path], capture_output=True, check=True, text=True).stdout
    for m in re.finditer(r"^\S+ .{6}O (\.(?:data|bss|tdata|tbss)\S*|\*COM\*)\s+\S+\s+(?:\.hidden )?(\S+)$", out, re.M):
        if not m.group(1).startswith(".data.rel.ro"):
            yield m.group(2)


def line_of(source, name):
    for n, line in enumerate(read(source).split("\n"), 1):
        if re.search(rf"\b({re.escape(name)}|{re.escape(family(name))})\b", line):
            return n
    return 1


with Report() as say:
    build = sys.argv[2] if len(sys.argv) > 2 else "build"
    of = objects(build)
    if not of:
        say(build, 1, "no object files: build first")
    paths = sorted(of)
    users = {}  # of a name: objects; of a family: sources
    for path, name in symbols(paths, "-u"):
        users.setdefault(name, set()).add(path)
        users.setdefault(family(name), set()).add(of[path])
    headers = "\n".join(read(p) for p in files(r"^(src|include|tests)/.*\.h$"))
    declared = set(re.findall(r"\w+", headers))
    public = set(re.findall(r"SL_API[^;]*?(\w+)\s*\(", read("include/seedling.h"))) if os.path.isfile(
        "include/seedling.h") else set()
    seen = set()
    for path, name in symbols(paths, "-g", "--defined-only"):
        source = of[path]
        if not source.startswith("src/") or name == "main" or name in public or (source, family(name)) in seen:
            continue
        seen.add((source, family(name)))
        if not (users.get(name, set()) | users.get(family(name), set())) - {path, source}:
            say(source, line_of(source, name), f"{name} is used by no other file: make it static, or delete it")
        elif name not in declared and family(name) not in declared:
            say(source, line_of(source, name), f"{name} is declared in no header")
    for path in paths:
        if of[path].startswith("src/") and of[path] not in MUTABLE_ALLOWED:
            for name in mutable(path):
                name = name.split(".")[0]
                say(of[path], line_of(of[path], name), f"{name} is mutable and global: pass it in a context")
