#!/usr/bin/env python3
"""Makes the golden files of tests/media/ with Pillow (Debian: python3-pil, 9.4), an independent implementation.

    scripts/golden/pillow_resize.py        from the top of the tree; rewrites the files, byte for byte the same

resize.bin    records of five little-endian int32 (width, height, new width, new height, filter: 0 bilinear,
              1 bicubic) and the resized pixels of pattern(width, height)
fit.txt       lines "width height min_pixels max_pixels new_width new_height" of the published resize rule
pictures/     small PNG and JPEG files of every kind, with what they show in NAME.rgb: two little-endian int32 (width,
              height) and the pixels
../../fuzz/corpus/picture/  some of them, and damaged ones
"""

import math
import os
import random
import struct
import zlib

from PIL import Image, ImageOps

MEDIA = "tests/media/golden"
CORPUS = "tests/fuzz/corpus/picture"


def pattern(width, height):
    """Slopes, edges and noise; tests/media/test_resize.c has the same lines."""
    state = 1
    out = bytearray()
    for y in range(height):
        for x in range(width):
            state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
            noise = state >> 24
            out += bytes(((x * 5 + y * 3) & 255, 255 if (x // 4 + y // 4) % 2 else 0, noise))
    return bytes(out)


def picture(width, height):
    return Image.frombytes("RGB", (width, height), pattern(width, height))


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)


def resize_records():
    sizes = [
        (40, 30, 40, 30), (40, 30, 28, 28), (40, 30, 56, 84), (61, 47, 28, 56), (97, 3, 28, 28), (5, 200, 28, 28),
        (1, 1, 28, 28), (3, 2, 56, 28), (200, 150, 7, 5), (40, 30, 40, 17), (40, 30, 17, 30), (2, 90, 1, 1),
    ]  # fmt: skip
    out = b""
    for w, h, nw, nh in sizes:
        for number, how in enumerate((Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)):
            out += struct.pack("<5i", w, h, nw, nh, number) + picture(w, h).resize((nw, nh), how).tobytes()
    write(f"{MEDIA}/resize.bin", out)


def fit(width, height, low, high, factor=28):
    """The published rule, in the arithmetic of the language it was published in."""
    w, h = (max(factor, round(v / factor) * factor) for v in (width, height))
    if w * h > high:
        beta = math.sqrt(width * height / high)
        w, h = (max(factor, math.floor(v / beta / factor) * factor) for v in (width, height))
    elif w * h < low:
        beta = math.sqrt(low / (width * height))
        w, h = (math.ceil(v * beta / factor) * factor for v in (width, height))
    return w, h


def fit_lines():
    rng = random.Random(5)
    cases = [(1, 1), (14, 14), (42, 42), (70, 98), (1008, 756), (1920, 1080), (4000, 3000), (5600, 28), (28, 5600),
             (3, 600), (65535, 65535), (65535, 328), (2000, 2007), (55, 57)]  # fmt: skip
    cases += [(rng.randint(1, 400), rng.randint(2, 200)) for _ in range(40)]
    cases += [(rng.randint(200, 9000), rng.randint(200, 9000)) for _ in range(80)]
    lines = []
    for w, h in cases:
        for low, high in ((4 * 784, 5120 * 784), (4 * 784, 128 * 784), (256 * 784, 1280 * 784)):
            lines.append("%d %d %d %d %d %d\n" % (w, h, low, high, *fit(w, h, low, high)))
    write(f"{MEDIA}/fit.txt", "".join(lines).encode())


# --- PNG files of kinds that Pillow does not write -------------------------------------------------------------------


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width, height, depth, colour, rows, interlaced=False, extra=b"", after=b""):
    """A PNG file of unfiltered rows of packed bytes."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    data = zlib.compress(b"".join(b"\0" + r for r in rows), 9)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", data) + after + chunk(b"IEND", b""))


def adam7_rows(width, height, pixel):
    """The rows of the seven passes, pixel(x, y) giving the bytes of one."""
    for x0, y0, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)):
        for y in range(y0, height, dy):
            row = b"".join(pixel(x, y) for x in range(x0, width, dx))
            if row:
                yield row


def exif(orientation, order=">"):
    mark = b"MM\0*" if order == ">" else b"II*\0"
    return mark + struct.pack(order + "IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def over_white(im):
    """What a picture shows: upright, in RGB, over white."""
    im = ImageOps.exif_transpose(im)
    if "A" in im.getbands() or "transparency" in im.info:
        im = im.convert("RGBA")
        white = Image.new("RGB", im.size, (255, 255, 255))
        white.paste(im, mask=im.getchannel("A"))
        return white
    return im.convert("RGB")


def saved(im, kind, **how):
    path = "/tmp/golden_picture." + kind
    im.save(path, **how)
    with open(path, "rb") as f:
        data = f.read()
    os.remove(path)
    return data


def pictures():
    """Yields (name, file bytes, expected size and pixels or None: as Pillow reads it)."""
    w, h = 19, 13
    im = picture(w, h)
    pixels = im.tobytes()
    alpha = Image.frombytes("L", (w, h), bytes((x * 14 + y * 3) & 255 for y in range(h) for x in range(w)))
    rgba = im.copy()
    rgba.putalpha(alpha)
    yield "rgb.png", saved(im, "png"), None
    yield "rgba.png", saved(rgba, "png"), None
    yield "grey.png", saved(im.convert("L"), "png"), None
    yield "grey_alpha.png", saved(rgba.convert("LA"), "png"), None
    yield "grey1.png", saved(im.convert("1"), "png"), None
    yield "palette.png", saved(im.quantize(16), "png"), None
    yield "palette_alpha.png", saved(im.quantize(16), "png", transparency=bytes(range(0, 256, 16))), None
    yield "rgb_key.png", saved(im, "png", transparency=im.getpixel((3, 3))), None

    # 16 bits: the lower bytes are noise, which must not round up.
    def row16(y, channels):
        return b"".join(bytes((pixels[(y * w + x) * 3 + c], 255 - x)) for x in range(w) for c in channels)

    yield "rgb16.png", png(w, h, 16, 2, [row16(y, (0, 1, 2)) for y in range(h)]), (w, h, pixels)
    grey = b"".join(bytes([pixels[i]] * 3) for i in range(0, len(pixels), 3))
    yield "grey16.png", png(w, h, 16, 0, [row16(y, (0,)) for y in range(h)]), (w, h, grey)
    at = lambda x, y: pixels[(y * w + x) * 3 : (y * w + x) * 3 + 3]
    yield "interlaced.png", png(w, h, 8, 2, list(adam7_rows(w, h, at)), True), (w, h, pixels)
    both = lambda x, y: at(x, y) + bytes([alpha.getpixel((x, y))])
    shown = over_white(rgba).tobytes()
    yield "interlaced_alpha.png", png(w, h, 8, 6, list(adam7_rows(w, h, both)), True), (w, h, shown)
    rows = [pixels[y * w * 3 : (y + 1) * w * 3] for y in range(h)]
    turned = im.transpose(Image.Transpose.ROTATE_270).tobytes()
    yield "exif_before.png", png(w, h, 8, 2, rows, extra=chunk(b"eXIf", exif(6))), (h, w, turned)
    yield "exif_after.png", png(w, h, 8, 2, rows, after=chunk(b"eXIf", exif(6, "<"))), (h, w, turned)
    gamma = chunk(b"gAMA", struct.pack(">I", 100000))
    yield "gamma.png", png(w, h, 8, 2, rows, extra=gamma), (w, h, pixels)

    yield "rgb.jpg", saved(im, "jpeg", quality=90), None
    yield "rgb444.jpg", saved(im, "jpeg", quality=90, subsampling=0), None
    yield "grey.jpg", saved(im.convert("L"), "jpeg", quality=90), None
    yield "progressive.jpg", saved(im, "jpeg", quality=90, progressive=True), None
    yield "cmyk.jpg", saved(im.convert("CMYK"), "jpeg", quality=90), None
    for n in range(1, 9):
        data = saved(im, "jpeg", quality=50, exif=b"Exif\0\0" + exif(n, "<" if n % 2 else ">"))
        yield f"orientation{n}.jpg", data, None


def main():
    resize_records()
    fit_lines()
    by_name = {}
    for name, data, expected in pictures():
        by_name[name] = data
        write(f"{MEDIA}/pictures/{name}", data)
        if expected is None:
            with Image.open(f"{MEDIA}/pictures/{name}") as im:
                shown = over_white(im)
            expected = (*shown.size, shown.tobytes())
        write(f"{MEDIA}/pictures/{name}.rgb", struct.pack("<2i", *expected[:2]) + expected[2])
    for name in ("rgba.png", "palette_alpha.png", "interlaced_alpha.png", "exif_after.png", "rgb.jpg", "progressive.jpg",
                 "cmyk.jpg", "orientation6.jpg"):  # fmt: skip
        write(f"{CORPUS}/{name}", by_name[name])
        write(f"{CORPUS}/cut_{name}", by_name[name][: len(by_name[name]) * 2 // 3])
    huge = struct.pack(">IIBBBBB", 65535, 65535, 16, 6, 0, 0, 1)
    write(f"{CORPUS}/huge.png", b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", huge) + chunk(b"IDAT", b"x"))
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1000, 1000, 1, 0, 0, 0, 0))
    bomb += chunk(b"zTXt", b"a\0\0" + zlib.compress(b"\0" * 1000000)) + chunk(b"IDAT", zlib.compress(b"\0" * 126000))
    write(f"{CORPUS}/bomb.png", bomb + chunk(b"IEND", b""))
    far = b"II*\0" + struct.pack("<I", 0xFFFFFFF0)
    write(f"{CORPUS}/exif_far.png", png(1, 1, 8, 0, [b"\7"], extra=chunk(b"eXIf", far)))


main()
