#!/usr/bin/env python3
"""Makes the golden files of tests/media/ with Pillow (Debian: python3-pil, 9.4), an independent implementation.

    scripts/golden/pillow_resize.py        from the top of the tree; rewrites the files, byte for byte the same

resize.bin    records of five little-endian int32 (width, height, new width, new height, filter: 0 bilinear,
              1 bicubic) and the resized pixels of pattern(width, height)
fit.txt       lines "width height min_pixels max_pixels new_width new_height" of the published resize rule
pictures/     small PNG, JPEG, WebP, GIF and BMP files of every kind, with what they show in NAME.rgb: two little-endian int32 (width,
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


def gif_header(size, colours):
    """A GIF up to its first frame; size is that of the screen."""
    table = b"".join(bytes(c) for c in colours)
    return b"GIF89a" + struct.pack("<HHBBB", *size, 0x80 | (len(colours).bit_length() - 2), 0, 0) + table


def gif_frame(box, indices, interlaced=False, transparent=None):
    """A frame of four colours; codes are three bits because the table is cleared before every second one."""
    out = b""
    if transparent is not None:
        out = b"\x21\xf9\x04" + struct.pack("<BHB", 1, 0, transparent) + b"\0"
    width, rows = box[2], [indices[y * box[2] : (y + 1) * box[2]] for y in range(box[3])]
    if interlaced:
        rows = [rows[y] for first, step in ((0, 8), (4, 8), (2, 4), (1, 2)) for y in range(first, box[3], step)]
    bits, n = 0, 0
    for i, index in enumerate(b"".join(rows)):
        for code in ((4, index) if i % 2 == 0 else (index,)):
            bits |= code << n
            n += 3
    bits |= 5 << n
    data = bits.to_bytes((n + 10) // 8, "little")
    out += b"," + struct.pack("<4HB", *box, 0x40 if interlaced else 0) + b"\2"
    for i in range(0, len(data), 255):
        out += bytes([len(data[i : i + 255])]) + data[i : i + 255]
    return out + b"\0"


def gifs():
    colours = [(250, 10, 20), (0, 200, 30), (5, 6, 255), (90, 91, 92)]
    indices = bytes((x // 2 + y * y // 3) % 4 for y in range(11) for x in range(9))
    at = lambda x, y: colours[indices[y * 9 + x]]
    shown = b"".join(bytes(at(x, y)) for y in range(11) for x in range(9))
    yield "interlaced.gif", gif_header((9, 11), colours) + gif_frame((0, 0, 9, 11), indices, True) + b";", (9, 11, shown)
    # A frame inside of the screen, one colour of it transparent; a second frame that is not shown.
    placed = bytearray(b"\xff" * (14 * 15 * 3))
    for y in range(11):
        for x in range(9):
            if indices[y * 9 + x] != 2:
                start = ((y + 3) * 14 + x + 2) * 3
                placed[start : start + 3] = bytes(at(x, y))
    frames = gif_frame((2, 3, 9, 11), indices, transparent=2) + gif_frame((0, 0, 9, 11), indices)
    yield "placed.gif", gif_header((14, 15), colours) + frames + b";", (14, 15, bytes(placed))
    # The screen is smaller than the frame.
    yield "beyond.gif", gif_header((4, 4), colours) + gif_frame((0, 0, 9, 11), indices) + b";", (9, 11, shown)


def bmp(size, bits, method, data, header=40, extra=b"", colours=b"", n_colours=0):
    """A BMP file of rows as they are stored; extra follows the first 40 bytes of the second header."""
    start = 14 + 40 + len(extra) + len(colours)
    info = struct.pack("<IiiHHIIiiII", header, *size, 1, bits, method, len(data), 0, 0, n_colours, 0)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + info + extra + colours + data


def bmps(im, rgba):
    w, h = im.size
    yield "rgb.bmp", saved(im, "bmp"), None
    yield "grey.bmp", saved(im.convert("L"), "bmp"), None
    yield "grey1.bmp", saved(im.convert("1"), "bmp"), None
    yield "palette.bmp", saved(im.quantize(200), "bmp"), None
    yield "opaque32.bmp", saved(rgba, "bmp"), None  # the fourth byte says nothing without a mask

    bottom_up = [(x, y) for y in range(h - 1, -1, -1) for x in range(w)]
    pad = lambda bits: b"\0" * (-((w * bits + 7) // 8) % 4)

    def rows(bits, value, top_down=False):
        """value(x, y): the integer of one pixel"""
        out = b""
        for y in range(h) if top_down else range(h - 1, -1, -1):
            packed = 0
            for x in range(w):
                packed = packed << bits | value(x, y) if bits < 8 else packed | value(x, y) << bits * x
            total = (w * bits + 7) // 8
            out += (packed << (total * 8 - w * bits)).to_bytes(total, "big") if bits < 8 else packed.to_bytes(total, "little")
            out += pad(bits)
        return out

    red = lambda x, y: im.getpixel((x, y))
    rgb24 = lambda x, y: red(x, y)[0] << 16 | red(x, y)[1] << 8 | red(x, y)[2]
    yield "top_down.bmp", bmp((w, -h), 24, 0, rows(24, rgb24, True)), None
    to555 = lambda x, y: red(x, y)[0] >> 3 << 10 | red(x, y)[1] >> 3 << 5 | red(x, y)[2] >> 3
    yield "rgb555.bmp", bmp((w, h), 16, 0, rows(16, to555)), None
    to565 = lambda x, y: red(x, y)[0] >> 3 << 11 | red(x, y)[1] >> 2 << 5 | red(x, y)[2] >> 3
    yield "rgb565.bmp", bmp((w, h), 16, 3, rows(16, to565), extra=struct.pack("<3I", 0xF800, 0x7E0, 0x1F)), None
    with_alpha = lambda x, y: rgba.getpixel((x, y))[3] << 24 | rgb24(x, y)
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    yield "rgba.bmp", bmp((w, h), 32, 3, rows(32, with_alpha), header=108, extra=masks + b"\0" * 52), None
    few = b"".join(bytes((i * 17, 255 - i * 9, i * 5, 0)) for i in range(16))
    index = lambda x, y: (x // 3 + y * y) % 16
    yield "palette4.bmp", bmp((w, h), 4, 0, rows(4, index), colours=few, n_colours=16), None
    core = b"BM" + struct.pack("<IHHIIHHHH", 0, 0, 0, 26, 12, w, h, 1, 24) + rows(24, rgb24)
    yield "core.bmp", core, None

    # Run lengths: single runs, copied pixels of odd count, a jump, and an end before the last row.
    runs8 = b"\5\3\0\3\1\2\3\0\2\7\0\0" + b"\0\2\4\1" + b"\0\4\1\2\3\4" + b"\0\0" + b"\x13\5\0\0\0\1"
    indices = [[3] * 5 + [1, 2, 3, 7, 7] + [0] * 9, [0] * 19, [0] * 4 + [1, 2, 3, 4] + [0] * 11, [5] * 19]
    indices += [[0] * 19] * (h - 4)
    colour = lambda i: bytes((few[4 * i + 2], few[4 * i + 1], few[4 * i]))
    shown = b"".join(colour(i) for row in reversed(indices) for i in row)
    yield "rle8.bmp", bmp((w, h), 8, 1, runs8, colours=few, n_colours=16), (w, h, shown)
    runs4 = b"\5\x34\0\3\x12\x30\2\x77\0\0" + b"\0\2\4\1" + b"\0\5\x12\x34\x50\0" + b"\0\0" + b"\x13\x56\0\0\0\1"
    indices = [[3, 4, 3, 4, 3, 1, 2, 3, 7, 7] + [0] * 9, [0] * 19, [0] * 4 + [1, 2, 3, 4, 5] + [0] * 10]
    indices += [[5, 6] * 9 + [5]] + [[0] * 19] * (h - 4)
    shown = b"".join(colour(i) for row in reversed(indices) for i in row)
    yield "rle4.bmp", bmp((w, h), 4, 2, runs4, colours=few, n_colours=16), (w, h, shown)


def webps(im, rgba):
    yield "rgb.webp", saved(im, "webp", quality=80), None
    yield "lossless.webp", saved(im, "webp", lossless=True), None
    yield "rgba.webp", saved(rgba, "webp", quality=80), None
    yield "rgba_lossless.webp", saved(rgba, "webp", lossless=True, exact=True), None
    yield "orientation6.webp", saved(im, "webp", quality=50, exif=b"Exif\0\0" + exif(6)), None
    yield "orientation8.webp", saved(im, "webp", quality=50, exif=exif(8, "<")), None
    second = Image.new("RGB", im.size, (10, 200, 30))
    yield "animated.webp", saved(rgba, "webp", save_all=True, append_images=[second], lossless=True), None


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

    yield "palette.gif", saved(im.quantize(64), "gif"), None
    yield "grey.gif", saved(im.convert("L"), "gif"), None
    yield from gifs()
    yield from bmps(im, rgba)
    yield from webps(im, rgba)


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
                 "cmyk.jpg", "orientation6.jpg", "palette.gif", "placed.gif", "rle8.bmp", "rle4.bmp", "rgba.bmp",
                 "palette4.bmp", "core.bmp", "rgba.webp", "lossless.webp", "animated.webp", "orientation6.webp"):  # fmt: skip
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
