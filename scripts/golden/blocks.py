#!/usr/bin/env python3
"""Golden numbers of the block types, made by ggml itself: blocks.py [FILE].

    npm install --ignore-scripts @fugood/llama.node          # anywhere; ships a built ggml
    GGML=node_modules/@fugood/node-llama-linux-x64/index.node /usr/bin/python3 scripts/golden/blocks.py

Writes a safetensors file: for each type T, T.blocks (random bytes with sane scales) and T.values, what ggml's
dequantize_row_T makes of them; `numbers`, a row of made-up weights, and for each type that can be written T.error, the
sum of squared errors after ggml's quantize_T.
"""
import ctypes
import json
import os
import struct
import subprocess
import sys
import tempfile

import numpy as np

# type: (bytes of a block, numbers of a block, byte offsets of halves, may be quantised to)
TYPES = {
    "q8_0": (34, 32, [0], True), "q4_0": (18, 32, [0], True), "q4_1": (20, 32, [0, 2], False),
    "q5_0": (22, 32, [0], True), "q5_1": (24, 32, [0, 2], True), "q4_K": (144, 256, [0, 2], True),
    "q5_K": (176, 256, [0, 2], True), "q6_K": (210, 256, [208], True), "iq4_nl": (18, 32, [0], False),
    "iq4_xs": (136, 256, [0], False),
}
COUNT = 1024


def load(path):
    """Opens the module of node that ggml is part of; what it wants of node is never called, so stubs will do."""
    undefined = subprocess.run(["nm", "-D", "-u", path], capture_output=True, check=True, text=True).stdout
    names = [line.split()[-1] for line in undefined.split("\n") if " napi_" in line]
    with tempfile.TemporaryDirectory() as d:
        source, stubs = os.path.join(d, "stubs.c"), os.path.join(d, "stubs.so")
        with open(source, "w") as f:
            f.write("".join(f"void {n}(void) {{}}\n" for n in names))
        subprocess.run(["cc", "-shared", "-fPIC", "-o", stubs, source], check=True)
        ctypes.CDLL(stubs, ctypes.RTLD_GLOBAL)
        return ctypes.CDLL(os.path.abspath(path))


def main():
    ggml = load(os.environ["GGML"])
    rng = np.random.default_rng(8)
    tensors = {"numbers": (rng.standard_normal(COUNT) * 0.03 * (1 + 2 * (rng.random(COUNT) < 0.02))).astype(np.float32)}
    for name, (size, block, halves, writes) in TYPES.items():
        n = COUNT // block
        raw = rng.integers(0, 256, (n, size), dtype=np.uint8)
        for at in halves:
            scale = (rng.standard_normal(n) * 0.01).astype(np.float16)
            scale[0] = 3e-7  # subnormal
            raw[:, at:at + 2] = scale.view(np.uint8).reshape(n, 2)
        values = np.zeros(COUNT, np.float32)
        decode = getattr(ggml, f"dequantize_row_{name}")
        decode(raw.ctypes.data_as(ctypes.c_void_p), values.ctypes.data_as(ctypes.c_void_p), ctypes.c_int64(COUNT))
        tensors[f"{name.upper()}.blocks"] = raw.reshape(-1)
        tensors[f"{name.upper()}.values"] = values.copy()
        if writes:
            out, back, x = np.zeros(n * size, np.uint8), np.zeros(COUNT, np.float32), tensors["numbers"]
            getattr(ggml, f"quantize_{name}")(x.ctypes.data_as(ctypes.c_void_p), out.ctypes.data_as(ctypes.c_void_p),
                                             ctypes.c_int64(1), ctypes.c_int64(COUNT), None)
            decode(out.ctypes.data_as(ctypes.c_void_p), back.ctypes.data_as(ctypes.c_void_p), ctypes.c_int64(COUNT))
            error = np.sum((back.astype(np.float64) - x) ** 2)
            tensors[f"{name.upper()}.error"] = np.array([error], np.float32)
    header, at = {}, 0
    tensors = dict(sorted(tensors.items(), key=lambda kv: kv[1].dtype.itemsize, reverse=True))
    for name, a in tensors.items():
        header[name] = {"dtype": "F32" if a.dtype == np.float32 else "U8", "shape": [a.size],
                        "data_offsets": [at, at + a.nbytes]}
        at += a.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path = sys.argv[1] if len(sys.argv) > 1 else "tests/tensor/golden/blocks.safetensors"
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(a.tobytes() for a in tensors.values()))


main()
