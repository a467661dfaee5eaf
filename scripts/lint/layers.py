#!/usr/bin/env python3
"""A folder under src/ includes only folders of lower layers, or itself: what points upward is a callback."""

import re

from common import Report, files, read

LAYERS = [
    ["base"],
    ["tensor", "text", "media"],
    ["comm", "screen"],
    ["model", "data"],
    ["synth", "infer"],
    ["train"],
    ["rl", "serve", "eval", "agent"],
    ["cli"],
]
NUMBER = {folder: n for n, folders in enumerate(LAYERS) for folder in folders}
PUBLIC = {"seedling.h"}  # include/: what users see; every layer may

with Report() as say:
    for path in files(r"^src/.*\.(c|h|cu)$"):
        parts = path.split("/")
        if len(parts) < 3 or parts[1] not in NUMBER:
            say(path, 1, "lies in no folder of the layer table (scripts/lint/layers.py)")
            continue
        own = parts[1]
        for n, line in enumerate(read(path).split("\n"), 1):
            m = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
            if not m or m.group(1) in PUBLIC:
                continue
            other = m.group(1).split("/")[0]
            if "/" not in m.group(1):
                say(path, n, f'include "{m.group(1)}" by its path from src/')
            elif other not in NUMBER:
                say(path, n, f"{other}/ is no folder of the layer table")
            elif other != own and NUMBER[other] >= NUMBER[own]:
                say(path, n, f"{own}/ (layer {NUMBER[own]}) must not include {other}/ (layer {NUMBER[other]})")
