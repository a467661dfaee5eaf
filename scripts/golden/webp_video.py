#!/usr/bin/python3
"""Makes tests/media/golden/animated_video.webp, an animation with transparency, and animated_video.rgb, what its frames show.

What they show is computed from the frames that went in (the file is lossless), not by any decoder: each laid over white.
Needs Debian's python3-pil. Writes two inputs for tests/fuzz/fuzz_video.c too.
"""
import os
import struct

from PIL import Image

HERE = os.path.join(os.path.dirname(__file__), "../..")
MEDIA = os.path.join(HERE, "tests/media/golden")
CORPUS = os.path.join(HERE, "tests/fuzz/corpus/video")
WIDTH, HEIGHT = 23, 14
DURATIONS = (100, 40, 5, 250, 60, 100)  # ms; 5 is shown for 100


def frame(i):
    """A gradient that fades with the column, with an opaque square that moves."""
    im = Image.new("RGBA", (WIDTH, HEIGHT))
    for y in range(HEIGHT):
        for x in range(WIDTH):
            inside = 3 * i <= x < 3 * i + 6 and 4 <= y < 10
            im.putpixel((x, y), (200, 10 + 40 * i, 30, 255) if inside else (x * 11, y * 18, 120, 255 - 9 * x))
    return im


def over_white(im):
    return bytes((v * a + 255 * (255 - a) + 127) // 255 for *rgb, a in im.getdata() for v in rgb)


def main():
    frames = [frame(i) for i in range(len(DURATIONS))]
    path = f"{MEDIA}/animated_video.webp"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=list(DURATIONS), lossless=True, exact=True)
    with open(f"{MEDIA}/animated_video.rgb", "wb") as f:
        f.write(struct.pack("<3i", len(frames), WIDTH, HEIGHT))
        for im in frames:
            f.write(over_white(im))
    with open(path, "rb") as f:
        data = f.read()
    with open(f"{CORPUS}/animated.webp", "wb") as f:
        f.write(data)
    broken = bytearray(data)
    at = data.rindex(b"ANMF") + 40  # in the last frame's picture
    broken[at : at + 60] = b"\xff" * len(broken[at : at + 60])
    with open(f"{CORPUS}/broken.webp", "wb") as f:
        f.write(broken)


main()
