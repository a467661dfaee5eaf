#!/usr/bin/env python3
"""Small GGUF files for tests/fuzz/corpus: one with every kind of value and broken ones (gguf), and metadata of open
families, whole and broken (gguf_model): gguf.py [FOLDER].

Written from the published layout with `struct` only; shares no code with the C program.
"""
import os
import struct
import sys

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
FORMATS = {U8: "B", I8: "b", U16: "H", I16: "h", U32: "I", I32: "i", F32: "f", BOOL: "B", U64: "Q", I64: "q", F64: "d"}


def string(s):
    s = s if isinstance(s, bytes) else s.encode()
    return struct.pack("<Q", len(s)) + s


def value(kind, x):
    if kind == STRING:
        return string(x)
    if kind == ARRAY:
        if isinstance(x, bytes):  # a header alone
            return x
        element, items = x
        return struct.pack("<IQ", element, len(items)) + b"".join(value(element, i) for i in items)
    return struct.pack("<" + FORMATS[kind], x)


def gguf(values, tensors, version=3, alignment=32, n_values=None, n_tensors=None, magic=b"GGUF"):
    """tensors: (name, dims fastest first, type, bytes)"""
    head = magic + struct.pack("<IQQ", version, len(tensors) if n_tensors is None else n_tensors,
                               len(values) if n_values is None else n_values)
    for key, kind, x in values:
        head += string(key) + struct.pack("<I", kind) + value(kind, x)
    data = b""
    for name, dims, kind, content in tensors:
        head += string(name) + struct.pack("<I", len(dims)) + b"".join(struct.pack("<Q", d) for d in dims)
        head += struct.pack("<IQ", kind, len(data))
        data += content + b"\0" * (-len(content) % alignment)
    return head + b"\0" * (-len(head) % alignment) + data


KINDS = [("general.architecture", STRING, "toy"), ("a.u8", U8, 200), ("a.i8", I8, -100), ("a.u16", U16, 60000),
         ("a.i16", I16, -30000), ("a.u32", U32, 4000000000), ("a.i32", I32, -2000000000), ("a.f32", F32, 0.25),
         ("a.bool", BOOL, 1), ("a.u64", U64, 1 << 40), ("a.i64", I64, -(1 << 40)), ("a.f64", F64, 1e-300),
         ("a.huge", U64, (1 << 64) - 1), ("a.list", ARRAY, (I32, [3, -1, 4])), ("a.flags", ARRAY, (BOOL, [0, 1, 1])),
         ("a.words", ARRAY, (STRING, ["zero", "", "caf\u00e9"])), ("a.none", ARRAY, (F32, []))]
TENSORS = [("x.weight", [3, 2], 0, struct.pack("<6f", 1, 2, 3, 4, 5, 6)),
           ("y.weight", [32], 8, struct.pack("<e32b", 0.5, *range(-16, 16))),
           ("z", [2], 1, struct.pack("<2e", 0.5, -2))]


def broken():
    whole = gguf(KINDS, TENSORS)
    yield "magic", gguf(KINDS, TENSORS, magic=b"GGML")
    yield "version-1", gguf(KINDS, TENSORS, version=1)
    yield "big-endian", gguf(KINDS, TENSORS, version=0x03000000)
    yield "many-values", gguf(KINDS, TENSORS, n_values=1 << 60)
    yield "many-tensors", gguf(KINDS, TENSORS, n_tensors=1 << 60)
    yield "cut-header", whole[:20]
    yield "cut-values", whole[:250]
    yield "cut-tensors", gguf([], TENSORS)[:60]
    yield "cut-data", whole[:-40]
    yield "twice-key", gguf(KINDS + KINDS[1:2], [])
    yield "twice-name", gguf([], TENSORS[:1] * 2)
    yield "unknown-kind", gguf([("k", U8, 1)], []).replace(b"k" + struct.pack("<I", U8), b"k" + struct.pack("<I", 13))
    yield "nested", gguf([("k", ARRAY, (ARRAY, [(U8, [1])]))], [])
    yield "long-array", gguf([("k", ARRAY, struct.pack("<IQ", U8, 1 << 62))], [])
    yield "long-string", gguf([("k", STRING, "")], []).replace(struct.pack("<IQ", STRING, 0), struct.pack("<IQ", STRING, 1 << 62))
    yield "nul-key", gguf([("a\0b", U8, 1)], [])
    yield "bool-2", gguf([("k", BOOL, 2)], [])
    yield "alignment-3", gguf([("general.alignment", U32, 3)], TENSORS)
    yield "five-dims", gguf([], [("t", [1, 1, 1, 1, 1], 0, b"\0" * 4)])
    yield "unknown-type", gguf([], [("t", [4], 77, b"\0" * 16)])
    yield "no-whole-blocks", gguf([], [("t", [33], 8, b"\0" * 34)])
    yield "overflow", gguf([], [("t", [1 << 40, 1 << 40], 0, b"\0" * 16)])
    yield "odd-offset", gguf([], TENSORS[:1]).replace(struct.pack("<QIQ", 2, 0, 0), struct.pack("<QIQ", 2, 0, 4))
    yield "overlap", gguf([], TENSORS[:2]).replace(struct.pack("<IQ", 8, 32), struct.pack("<IQ", 8, 0))
    yield "one-of-two", gguf([("split.count", U16, 2), ("split.no", U16, 0)], TENSORS)


def byte_alphabet():
    """The 256 spellings of bytes, and one merge."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spelled, fresh = {b: chr(b) for b in plain}, 256
    for b in range(256):
        if b not in spelled:
            spelled[b], fresh = chr(fresh), fresh + 1
    return [spelled[b] for b in range(256)] + ["ab"]


SPECIAL = ["<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
WORDS = byte_alphabet() + SPECIAL + ["[PAD262]", "<think>"]
TOKENIZER = [("tokenizer.ggml.model", STRING, "gpt2"), ("tokenizer.ggml.pre", STRING, "qwen2"),
             ("tokenizer.ggml.tokens", ARRAY, (STRING, WORDS)),
             ("tokenizer.ggml.token_type", ARRAY, (I32, [1] * 257 + [3] * 5 + [5, 4])),
             ("tokenizer.ggml.merges", ARRAY, (STRING, ["a b"])), ("tokenizer.ggml.eos_token_id", U32, 257)]


def language(name, experts=False):
    values = [("general.architecture", STRING, name), ("general.name", STRING, "toy"), (name + ".block_count", U32, 2),
              (name + ".context_length", U32, 64), (name + ".embedding_length", U32, 32),
              (name + ".feed_forward_length", U32, 16), (name + ".attention.head_count", U32, 2),
              (name + ".attention.head_count_kv", U32, 1), (name + ".attention.key_length", U32, 16),
              (name + ".attention.layer_norm_rms_epsilon", F32, 1e-6), (name + ".rope.freq_base", F32, 5e6),
              (name + ".rope.dimension_sections", ARRAY, (I32, [4, 2, 2, 0])), ("general.sampling.temp", F32, 0.5),
              ("general.sampling.top_k", I32, 20)]
    if experts:
        values += [(name + ".expert_count", U32, 4), (name + ".expert_used_count", U32, 2),
                   (name + ".expert_feed_forward_length", U32, 8)]
    return values + TOKENIZER


def tower(prefix):
    return [(prefix + "embedding_length", U32, 16), (prefix + "block_count", U32, 2), (prefix + "patch_size", U32, 4),
            (prefix + "attention.head_count", U32, 2), (prefix + "feed_forward_length", U32, 8),
            (prefix + "image_mean", ARRAY, (F32, [0.5] * 3)), (prefix + "image_std", ARRAY, (F32, [0.5] * 3)),
            (prefix + "attention.layer_norm_epsilon", F32, 1e-6)]


def zeros(name, *dims):
    n = 1
    for d in dims:
        n *= d
    return name, list(dims), 1, b"\0" * (2 * n)


EMBEDDING = zeros("token_embd.weight", 1, len(WORDS))
PAIR = [EMBEDDING, zeros("v.position_embd.weight", 1, 4), zeros("v.patch_embd.weight.1", 1)]
CLIP = tower("clip.vision.") + [("clip.vision.is_deepstack_layers", ARRAY, (BOOL, [1, 0]))]


def replaced(values, key, *new):
    return [v for v in values if v[0] != key] + [(key, *new)] * bool(new)


def families():
    dense = language("qwen3vl") + CLIP
    yield "pair", gguf(dense, PAIR)
    yield "experts", gguf(language("qwen3vlmoe", True) + CLIP, PAIR)
    yield "ollama", gguf(language("qwen3vl") + tower("qwen3vl.vision.") + [
        ("qwen3vl.vision.deepstack_visual_indexes", ARRAY, (I32, [0])), ("qwen3vl.vision.shortest_edge", U32, 256)],
        [EMBEDDING, zeros("v.pos_embed.weight", 1, 4), zeros("v.blk.0.mlp.linear_fc1.weight", 16, 8)])
    windows = language("qwen2vl") + tower("clip.vision.")
    yield "windows", gguf(windows + [("clip.vision.n_wa_pattern", U32, 2), ("clip.vision.window_size", U32, 16)], PAIR)
    yield "no-windows", gguf(windows, PAIR)
    yield "dense-windows", gguf(windows + [("clip.vision.n_wa_pattern", U64, 1 << 63)], PAIR)
    yield "no-embedding", gguf(dense, PAIR[1:])
    yield "no-blocks", gguf(replaced(dense, "qwen3vl.block_count"), PAIR)
    yield "deep", gguf(replaced(dense, "clip.vision.block_count", U32, 1 << 31), PAIR)
    yield "scaled", gguf(dense + [("qwen3vl.rope.scaling.type", STRING, "yarn")], PAIR)
    yield "four-means", gguf(replaced(dense, "clip.vision.image_mean", ARRAY, (F32, [1] * 4)), PAIR)
    yield "hot", gguf(replaced(dense, "general.sampling.temp", F32, -1), PAIR)
    yield "eos", gguf(replaced(dense, "tokenizer.ggml.eos_token_id", U32, 70000), PAIR)
    yield "no-image", gguf(replaced(dense, "tokenizer.ggml.tokens", ARRAY, (STRING, [w.replace("image", "picture") for w in WORDS])), PAIR)
    yield "pre", gguf(replaced(dense, "tokenizer.ggml.pre", STRING, "tekken"), PAIR)
    yield "unigram", gguf(replaced(dense, "tokenizer.ggml.model", STRING, "llama"), PAIR)
    yield "types", gguf(replaced(dense, "tokenizer.ggml.token_type", ARRAY, (I32, [1])), PAIR)
    yield "type-6", gguf(replaced(dense, "tokenizer.ggml.token_type", ARRAY, (I32, [6] * len(WORDS))), PAIR)
    yield "twice", gguf(replaced(dense, "tokenizer.ggml.tokens", ARRAY, (STRING, ["a"] * len(WORDS))), PAIR)
    yield "latin", gguf(replaced(dense, "tokenizer.ggml.tokens", ARRAY, (STRING, [b"\xff"] * len(WORDS))), PAIR)
    yield "no-merges", gguf(replaced(dense, "tokenizer.ggml.merges"), PAIR)
    yield "merge", gguf(replaced(dense, "tokenizer.ggml.merges", ARRAY, (STRING, ["a c"])), PAIR)
    yield "merge-numbers", gguf(replaced(dense, "tokenizer.ggml.merges", ARRAY, (I32, [1])), PAIR)
    yield "sections", gguf(replaced(dense, "qwen3vl.rope.dimension_sections", ARRAY, (I32, [-1, 2, 2, 0])), PAIR)


def write(folder, files):
    os.makedirs(folder, exist_ok=True)
    for name, content in files.items():
        with open(os.path.join(folder, name + ".gguf"), "wb") as f:
            f.write(content)


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else "tests/fuzz/corpus"
    files = {"whole": gguf(KINDS, TENSORS), "version-2": gguf(KINDS[:3], TENSORS, version=2),
             "alignment-64": gguf([("general.alignment", U32, 64)], TENSORS, alignment=64), "empty": gguf([], []),
             **dict(broken())}
    write(os.path.join(folder, "gguf"), files)
    write(os.path.join(folder, "gguf_model"), dict(families()))


main()
