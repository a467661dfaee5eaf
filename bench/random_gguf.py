#!/usr/bin/env python3
"""A GGUF file of a published shape with random weights, in llama.cpp's layout with its mmproj file, written as it is made.

    python3 bench/random_gguf.py qwen3-vl-2b|qwen3-vl-30b-a3b|tiny|tiny-moe q8_0|q4_k|f32 OUT.gguf

Speed and memory depend on shapes and types alone, so such a file measures both; its answers mean nothing. Blocks are random
bits with scales that give the numbers a zero mean and a spread of 1/sqrt(width). `tiny` and `tiny-moe` are for comparing programs.
The tokenizer has single bytes and the special tokens at their published ids. Needs numpy.
"""
import os
import struct
import sys

import numpy as np

U32, F32, BOOL, STRING, ARRAY, I32 = 4, 6, 7, 8, 9, 5
TYPES = {"f32": (0, 1, 4), "f16": (1, 1, 2), "bf16": (30, 1, 2), "q8_0": (8, 32, 34), "q4_k": (12, 256, 144)}
SHAPES = {  # decoder: layers, width, FFN, heads, key-value heads, experts, used, expert width; tower: blocks, width, FFN, deepstack
    "qwen3-vl-2b": ((28, 2048, 6144, 16, 8, 0, 0, 0), (24, 1024, 4096, (5, 11, 17)), 151936, True),
    "qwen3-vl-30b-a3b": ((48, 2048, 6144, 32, 4, 128, 8, 768), (27, 1152, 4304, (8, 16, 24)), 151936, False),
    "tiny": ((4, 256, 512, 4, 2, 0, 0, 0), (4, 256, 512, (0, 2)), 512, False),
    "tiny-moe": ((4, 256, 512, 4, 2, 8, 2, 256), (4, 256, 512, (0, 2)), 512, False),
}
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>",
           "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>",
           "<|image_pad|>", "<|video_pad|>"]
HEAD = 128


def string(s):
    s = s.encode()
    return struct.pack("<Q", len(s)) + s


def pair(key, kind, x):
    head = string(key) + struct.pack("<I", kind)
    if kind == STRING:
        return head + string(x)
    if kind == ARRAY:
        element, items = x
        body = b"".join(string(i) for i in items) if element == STRING else np.array(
            items, {I32: "<i4", F32: "<f4", BOOL: "u1"}[element]).tobytes()
        return head + struct.pack("<IQ", element, len(items)) + body
    return head + struct.pack({U32: "<I", F32: "<f", BOOL: "<B"}[kind], x)


def tokenizer(vocab):
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spelled, fresh = {b: chr(b) for b in plain}, 256
    for b in range(256):
        if b not in spelled:
            spelled[b], fresh = chr(fresh), fresh + 1
    first = 151643 if vocab > 151643 else vocab - len(SPECIAL)
    words, types = [spelled[b] for b in range(256)] + ["\u0120t"], [1] * 257
    words += [f"[PAD{i}]" for i in range(257, first)] + SPECIAL
    types += [5] * (first - 257) + [3] * len(SPECIAL)
    words += [f"[PAD{i}]" for i in range(len(words), vocab)]
    types += [5] * (vocab - len(types))
    return [("tokenizer.ggml.model", STRING, "gpt2"), ("tokenizer.ggml.pre", STRING, "qwen2"),
            ("tokenizer.ggml.tokens", ARRAY, (STRING, words)), ("tokenizer.ggml.token_type", ARRAY, (I32, types)),
            ("tokenizer.ggml.merges", ARRAY, (STRING, ["\u0120 t"])), ("tokenizer.ggml.eos_token_id", U32, first + 2),
            ("tokenizer.ggml.padding_token_id", U32, first), ("tokenizer.ggml.add_bos_token", BOOL, 0)]


def numbers(kind, rng, n, width):
    """Bytes of n numbers in rows of `width`, a multiple of the block."""
    spread = 1 / np.sqrt(width)
    if kind in ("f32", "f16", "bf16"):
        x = (rng.standard_normal(n, np.float32) * spread).astype("<f4")
        return x.tobytes() if kind == "f32" else x.astype("<f2").tobytes() if kind == "f16" else (
            x.view("<u4") >> 16).astype("<u2").tobytes()
    _, block, size = TYPES[kind]
    rows = rng.integers(0, 256, (n // block, size), np.uint8)
    if kind == "q8_0":
        rows[:, :2] = np.frombuffer(np.float16(spread / 74).tobytes(), np.uint8)
    else:  # d and dmin: 256 d is the spread of d * sc * q - dmin * m over random sc, q and m, and 7.5 its mean's
        rows[:, :2] = np.frombuffer(np.float16(spread / 256).tobytes(), np.uint8)
        rows[:, 2:4] = np.frombuffer(np.float16(7.5 * spread / 256).tobytes(), np.uint8)
    return rows.tobytes()


class File:
    """Tensors are declared with their kind, then written in order; a large one repeats 16 Mi random numbers."""

    def __init__(self, path, values):
        self.path, self.values, self.tensors, self.rng = path, values, [], np.random.default_rng(1)

    def add(self, name, kind, *shape):
        """shape: slowest first"""
        if kind in ("q4_k", "q8_0") and shape[-1] % TYPES[kind][1]:
            kind = "f16"
        self.tensors.append((name, kind, shape))

    def ones(self, name, n):
        self.tensors.append((name, "ones", (n,)))

    def data(self, kind, shape):
        n, width = int(np.prod(shape)), shape[-1]
        if kind == "ones":
            yield np.ones(n, "<f4").tobytes()
            return
        piece = max(width, (1 << 24) // width * width)
        content = numbers(kind, self.rng, min(n, piece), width)
        for at in range(0, n, piece):
            yield content if n - at >= piece else content[:len(content) * (n - at) // min(n, piece)]

    def write(self):
        head, at = b"", 0
        for name, kind, shape in self.tensors:
            number, block, size = TYPES["f32" if kind == "ones" else kind]
            head += string(name) + struct.pack("<I", len(shape)) + b"".join(struct.pack("<Q", d) for d in shape[::-1])
            head += struct.pack("<IQ", number, at)
            bytes_ = int(np.prod(shape)) // block * size
            at += bytes_ + -bytes_ % 32
        head = b"GGUF" + struct.pack("<IQQ", 3, len(self.tensors), len(self.values)) + b"".join(
            pair(*v) for v in self.values) + head
        with open(self.path, "wb") as f:
            f.write(head + b"\0" * (-len(head) % 32))
            for name, kind, shape in self.tensors:
                for part in self.data(kind, shape):
                    f.write(part)
                f.write(b"\0" * (-f.tell() % 32))
        print(f"{self.path}: {os.path.getsize(self.path) / 2**30:.2f} GiB")


def language(shape, kind, path):
    (layers, width, ffn, heads, kv, experts, used, expert), (_, _, _, deep), vocab, tied = SHAPES[shape]
    head = HEAD if not shape.startswith("tiny") else 64
    a = "qwen3vlmoe" if experts else "qwen3vl"
    sections = [24, 20, 20, 0] if head == 128 else [12, 10, 10, 0]
    values = [("general.architecture", STRING, a), ("general.type", STRING, "model"),
              ("general.name", STRING, shape + " of random weights"), ("general.quantization_version", U32, 2),
              (a + ".block_count", U32, layers), (a + ".context_length", U32, 262144), (a + ".embedding_length", U32, width),
              (a + ".feed_forward_length", U32, ffn), (a + ".attention.head_count", U32, heads),
              (a + ".attention.head_count_kv", U32, kv), (a + ".attention.key_length", U32, head),
              (a + ".attention.value_length", U32, head), (a + ".attention.layer_norm_rms_epsilon", F32, 1e-6),
              (a + ".rope.freq_base", F32, 5e6), (a + ".rope.dimension_sections", ARRAY, (I32, sections)),
              (a + ".n_deepstack_layers", U32, len(deep))]
    if experts:
        values += [(a + ".expert_count", U32, experts), (a + ".expert_used_count", U32, used),
                   (a + ".expert_feed_forward_length", U32, expert)]
    f = File(path, values + tokenizer(vocab))
    f.add("token_embd.weight", kind, vocab, width)
    f.ones("output_norm.weight", width)
    if not tied:
        f.add("output.weight", kind, vocab, width)
    for i in range(layers):
        b = f"blk.{i}."
        f.ones(b + "attn_norm.weight", width)
        f.ones(b + "ffn_norm.weight", width)
        f.ones(b + "attn_q_norm.weight", head)
        f.ones(b + "attn_k_norm.weight", head)
        f.add(b + "attn_q.weight", kind, heads * head, width)
        f.add(b + "attn_k.weight", kind, kv * head, width)
        f.add(b + "attn_v.weight", kind, kv * head, width)
        f.add(b + "attn_output.weight", kind, width, heads * head)
        if experts:
            f.add(b + "ffn_gate_inp.weight", "f32", experts, width)
            f.add(b + "ffn_gate_exps.weight", kind, experts, expert, width)
            f.add(b + "ffn_up_exps.weight", kind, experts, expert, width)
            f.add(b + "ffn_down_exps.weight", kind, experts, width, expert)
        else:
            f.add(b + "ffn_gate.weight", kind, ffn, width)
            f.add(b + "ffn_up.weight", kind, ffn, width)
            f.add(b + "ffn_down.weight", kind, width, ffn)
    f.write()


def tower(shape, kind, path):
    (_, hidden, *_), (blocks, width, ffn, deep), _, _ = SHAPES[shape]
    v = "clip.vision."
    values = [("general.architecture", STRING, "clip"), ("general.type", STRING, "mmproj"),
              ("clip.has_vision_encoder", BOOL, 1), ("clip.projector_type", STRING, "qwen3vl_merger"),
              ("clip.use_gelu", BOOL, 1), (v + "image_size", U32, 768), (v + "patch_size", U32, 16),
              (v + "embedding_length", U32, width), (v + "feed_forward_length", U32, ffn),
              (v + "block_count", U32, blocks), (v + "projection_dim", U32, hidden),
              (v + "attention.head_count", U32, 16 if not shape.startswith("tiny") else 4), (v + "spatial_merge_size", U32, 2),
              (v + "attention.layer_norm_epsilon", F32, 1e-6), (v + "image_mean", ARRAY, (F32, [0.5] * 3)),
              (v + "image_std", ARRAY, (F32, [0.5] * 3)),
              (v + "is_deepstack_layers", ARRAY, (BOOL, [i in deep for i in range(blocks)]))]
    f = File(path, values)

    def linear(name, n, k):
        f.add(name + ".weight", kind, n, k)
        f.add(name + ".bias", "f32", n)

    def norm(name, n):
        f.ones(name + ".weight", n)
        f.add(name + ".bias", "f32", n)

    f.add("v.patch_embd.weight", "f32", width, 3, 16, 16)
    f.add("v.patch_embd.weight.1", "f32", width, 3, 16, 16)
    f.add("v.patch_embd.bias", "f32", width)
    f.add("v.position_embd.weight", "f32", 48 * 48, width)
    for i in range(blocks):
        b = f"v.blk.{i}."
        norm(b + "ln1", width)
        norm(b + "ln2", width)
        linear(b + "attn_qkv", 3 * width, width)
        linear(b + "attn_out", width, width)
        linear(b + "ffn_up", ffn, width)
        linear(b + "ffn_down", width, ffn)
        if i in deep:
            norm(f"v.deepstack.{i}.norm", 4 * width)
            linear(f"v.deepstack.{i}.fc1", 4 * width, 4 * width)
            linear(f"v.deepstack.{i}.fc2", hidden, 4 * width)
    norm("v.post_ln", width)
    linear("mm.0", 4 * width, 4 * width)
    linear("mm.2", hidden, 4 * width)
    f.write()


def main():
    if len(sys.argv) != 4 or sys.argv[1] not in SHAPES or sys.argv[2] not in TYPES:
        sys.exit(__doc__.strip())
    shape, kind, path = sys.argv[1:]
    language(shape, kind, path)
    folder, name = os.path.split(path)
    tower(shape, "f32" if kind == "f32" else "f16", os.path.join(folder, "mmproj-" + name))


if __name__ == "__main__":
    main()
