#!/usr/bin/env python3
"""Writes tests/model/golden/tiny.safetensors with nothing but struct and json: the format from its description, so
that the reader and the writer are checked against something that shares no code with them.

Usage: scripts/golden/safetensors.py [FILE]     writes FILE (default: the golden file)
       scripts/golden/safetensors.py --list FILE  prints name, dtype, shape and bytes in hex of every tensor of FILE
"""
import json
import os
import struct
import sys

SIZES = {"F32": 4, "BF16": 2, "F16": 2, "I8": 1, "I32": 4, "I64": 8, "U8": 1}


def bf16(x):
    return struct.pack("<f", x)[2:]


TENSORS = [
    ("weight", "F32", [2, 3], struct.pack("<6f", 0.0, 1.0, -2.5, 3.25, 1e-6, 1e7)),
    ("ids", "I64", [2], struct.pack("<2q", -1, 1 << 40)),
    ("count", "I32", [1], struct.pack("<i", -7)),
    ("half", "BF16", [1, 2, 1, 2], b"".join(bf16(x) for x in (0.5, -1.0, 256.0, 0.0))),
    ("old_half", "F16", [3], struct.pack("<3e", 0.5, -65504.0, 6e-8)),
    ("quantised \u00fc", "I8", [3], struct.pack("<3b", -127, 0, 127)),
    ("empty", "F32", [0, 4], b""),
    ("bytes", "U8", [2], b"\x00\xff"),
]


def write(path):
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, dtype, shape, raw in TENSORS:
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


def show(path):
    with open(path, "rb") as f:
        raw = f.read()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    for name, t in sorted(header.items()):
        if name == "__metadata__":
            continue
        begin, end = t["data_offsets"]
        n = SIZES[t["dtype"]]
        for d in t["shape"]:
            n *= d
        assert n == end - begin
        print(name, t["dtype"], t["shape"], raw[8 + length + begin : 8 + length + end].hex())


if sys.argv[1:2] == ["--list"]:
    show(sys.argv[2])
else:
    here = os.path.dirname(os.path.abspath(__file__))
    write(sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "../../tests/model/golden/tiny.safetensors"))
