#!/usr/bin/env python3
"""Rules on plain text: words that do not belong in the tree, platform #ifdefs outside their folders, and a short
README.md in every folder of src/."""

import os
import re

from common import Report, code, files, read

# Spelled in two parts, so that this file does not find itself.
WORDS = [
    (re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b"), "unfinished work goes into an issue, not into the tree"),
    (re.compile(r"(^|[\s\"'`(=:])/wo" r"rk/"), "a path of one machine"),
    (re.compile(r"\.\./sha" r"red"), "a path outside the tree"),
]
PLATFORM = re.compile(
    r"__x86_64__|__i386__|__aarch64__|__arm|__ARM|__linux__|__APPLE__|_WIN32|__AVX|__SSE|__FMA|__AMX|__BMI|"
    r"__CUDA|__NVCC__|\b(SL_)?(HAVE_|WITH_|USE_)?(CUDA|NCCL|MPI)\b|GPU"
)
# media/ cannot ask tensor/, its neighbour, for its kernels: one file of its own decides which of them run.
PLATFORM_FOLDERS = ("src/tensor/cpu/", "src/tensor/cuda/", "src/comm/", "src/media/kernels.c")
MAX_README = 40


def is_text(path):
    with open(path, "rb") as f:
        return b"\0" not in f.read(8192)


with Report() as say:
    for path in files():
        # Corpora are what other people's broken files look like.
        if path.startswith("tests/fuzz/corpus/") or not is_text(path):
            continue
        for n, line in enumerate(read(path).split("\n"), 1):
            for regex, reason in WORDS:
                m = regex.search(line)
                if m:
                    say(path, n, f"'{m.group(0).strip()}': {reason}")
    for path in files(r"^src/.*\.(c|h)$"):
        if path.startswith(PLATFORM_FOLDERS):
            continue
        for n, line in enumerate(code(read(path)).split("\n"), 1):
            m = re.match(r"\s*#\s*(if|ifdef|ifndef|elif)\b.*", line)
            if m and PLATFORM.search(line):
                say(path, n, "a platform #if outside tensor/cpu, tensor/cuda and comm: use the ops table")
    for folder in sorted({"/".join(p.split("/")[:2]) for p in files(r"^src/[^/]+/")}):
        readme = f"{folder}/README.md"
        if not os.path.isfile(readme):
            say(readme, 1, "missing: what the folder is for, its data structures, the rules to obey")
        elif read(readme).count("\n") > MAX_README:
            say(readme, MAX_README + 1, f"longer than {MAX_README} lines")
