#!/usr/bin/env python3
"""Makes tests/media/golden/video_plan.txt: sampling plans of videos of many durations and rates, from the published
description of dynamic frame-resolution sampling, with Python's standard library only.

    scripts/golden/video_plan.py        from the top of the tree; rewrites the file, byte for byte the same

Lines of

    n_frames fps seconds wanted_fps width height  n level new_width new_height tokens hash i i i i t t t t

hash is the 64-bit FNV-1a of "INDEX [TIME second]\\n" over all n frames, and the four i and t are the index and the time
of the frames 0, n // 3, 2 * n // 3 and n - 1, to see where a hash differs.
"""

import math
import os

OUT = "tests/media/golden/video_plan.txt"
LEVELS = (640, 512, 384, 256, 160, 128)
BUDGET = 81920
SECONDS = (0.2, 0.5, 1.0, 3.3, 7.0, 15.9, 16.0, 60.0, 127.5, 128.0, 129.0, 160.5, 213.0, 214.0, 320.0, 512.0, 640.0,
           641.0, 1800.0, 3600.0, 36000.0)  # fmt: skip
NATIVE = (0.5, 1.0, 10.0, 23.976, 25.0, 29.97, 30000 / 1001, 60.0, 240.0)
WANTED = (1.0, 2.0, 5.0)
SIZES = ((1920, 1080), (640, 480), (720, 1280), (64, 48), (1000, 10), (333, 777), (4096, 2160))


def linspace(last, n):
    """numpy.linspace(0, last, n): n doubles, the step first, then its multiples."""
    if n == 1:
        return [0.0]
    step = last / (n - 1)
    values = [k * step for k in range(n)]
    values[-1] = float(last)
    return values


def fit(width, height, low, high, factor=28):
    h, w = max(factor, round(height / factor) * factor), max(factor, round(width / factor) * factor)
    if h * w > high:
        beta = math.sqrt(height * width / high)
        h = max(factor, math.floor(height / beta / factor) * factor)
        w = max(factor, math.floor(width / beta / factor) * factor)
    elif h * w < low:
        beta = math.sqrt(low / (height * width))
        h, w = math.ceil(height * beta / factor) * factor, math.ceil(width * beta / factor) * factor
    return w, h


def plan(total, fps, seconds, wanted):
    n = min(max(math.ceil(seconds * wanted), 16), total)
    for level in LEVELS:
        if n * level <= BUDGET:
            break
    else:
        n = BUDGET // level
    indices = [round(x) for x in linspace(total - 1, n)]
    return level, indices, [round(i / fps, 1) for i in indices]


def fnv1a(text):
    value = 14695981039346656037
    for byte in text.encode():
        value = (value ^ byte) * 1099511628211 % 2**64
    return value


def cases():
    k = 0
    for seconds in SECONDS:
        for native in NATIVE:
            total = max(1, round(seconds * native))
            for wanted in WANTED:
                width, height = SIZES[k % len(SIZES)]
                k += 1
                yield total, native, total / native, wanted, width, height
    # Rates that somebody gives, and durations that are not the number of frames over the rate (variable frame rate).
    for total, native, seconds, wanted in (
        (1000, 25.0, 40.0, 0.1), (1000, 25.0, 40.0, 0.5), (1000, 25.0, 40.0, 3.7), (1000, 25.0, 40.0, 12.0),
        (1000, 25.0, 40.0, 1000.0), (1000, 25.0, 39.96, 25.0), (17, 7.3, 100.0, 1.0), (1, 30.0, 0.0, 1.0),
        (2, 30.0, 0.07, 5.0), (16, 30.0, 0.5, 1.0), (15, 30.0, 0.5, 1.0), (108000, 30.0, 3600.0, 0.05),
        (5400, 1.5, 3600.0, 1.0), (640, 1.0, 640.0, 1.0), (641, 1.0, 641.0, 1.0), (1280, 2.0, 640.0, 2.0),
    ):  # fmt: skip
        yield total, native, seconds, wanted, 1280, 720


lines = []
for total, native, seconds, wanted, width, height in cases():
    level, indices, times = plan(total, native, seconds, wanted)
    w, h = fit(width, height, 4 * 784, level * 784)
    n = len(indices)
    shown = (0, n // 3, 2 * n // 3, n - 1)
    digest = fnv1a("".join(f"{i} [{t} second]\n" for i, t in zip(indices, times)))
    numbers = (total, native, seconds, wanted, width, height, n, level, w, h, w * h // 784, f"{digest:016x}")
    lines.append(" ".join(map(str, numbers + tuple(indices[k] for k in shown) + tuple(times[k] for k in shown))) + "\n")
os.makedirs(os.path.dirname(OUT), exist_ok=True)
with open(OUT, "w") as f:
    f.writelines(lines)
