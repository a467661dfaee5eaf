#!/usr/bin/env python3
"""The spectrogram picture of docs/MODEL.md, section 12, of a made sound, with numpy's transform.

    /usr/bin/python3 scripts/golden/sound.py [file]        default: tests/media/golden/sound.bin

The file is a header line "WIDTH HEIGHT" and the grey levels, row by row. The sound is that of tests/media/test_sound.c.
"""

import sys

import numpy as np

RATE, N, WINDOW, HOP, BANDS = 16000, 1024, 640, 160, 112


def sound():
    i = np.arange(7000, dtype=np.int64)
    return ((i * i * 3 % 20011) / 20011 - 0.5) * np.where(i < 5000, 0.5, 0.001)


def mel(f):
    return np.where(f < 1000, f * 3 / 200, 15 + 27 * np.log(np.maximum(f, 1) / 1000) / np.log(6.4))


def hertz(m):
    return np.where(m < 15, m * 200 / 3, 1000 * np.exp((m - 15) * np.log(6.4) / 27))


def main():
    x = sound().astype(np.float32).astype(np.float64)
    columns = -(-len(x) // HOP)
    edges = hertz(mel(np.float64(RATE / 2)) * np.arange(BANDS + 2) / (BANDS + 1))
    f = np.arange(N // 2 + 1) * RATE / N
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    bands = np.maximum(np.minimum((f - low) / (centre - low), (high - f) / (high - centre)), 0)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    padded = np.concatenate([np.zeros(WINDOW), x, np.zeros(WINDOW + HOP)])
    levels = []
    for t in range(columns):
        first = WINDOW + t * HOP + HOP // 2 - WINDOW // 2
        power = np.abs(np.fft.rfft(padded[first:first + WINDOW] * window, N)) ** 2
        levels.append(np.log10(np.maximum(bands @ power, 1e-10)))
    levels = np.array(levels).T  # (bands, columns)
    top = max(levels.max(), -2)
    grey = np.floor(255 * np.maximum(1 + (levels - top) / 8, 0) + 0.5).astype(np.uint8)
    width = -(-columns // 28) * 28
    picture = np.zeros((BANDS, width), np.uint8)
    picture[:, :columns] = grey[::-1]
    with open(sys.argv[1] if len(sys.argv) > 1 else "tests/media/golden/sound.bin", "wb") as out:
        out.write(b"%d %d\n" % (width, BANDS) + picture.tobytes())


if __name__ == "__main__":
    main()
