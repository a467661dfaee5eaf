#!/usr/bin/env python3
"""Open families once more: tiny checkpoints with random weights, and the golden numbers that the C tests compare with.

Written from the published facts (docs/MODELS.md names the sources), never from the C code, as plainly as possible:
one picture and one head at a time, positions counted token by token. Everything is computed in float64 from weights
that are exact in float32; the checkpoint has the names, shapes and configuration of the family's own files.

    python3 scripts/golden/families.py [FAMILY ...] [--out DIR]        default: all, tests/model/golden/families
    python3 scripts/golden/families.py --check FOLDER LOGITS.safetensors   a file of `seedling logits` against the reference

Needs numpy and torch (Debian: python3-torch).
"""

import json
import math
import os
import sys

import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from model import read_safetensors, write_safetensors  # noqa: E402


def linear(w, name, x):
    return F.linear(x, w[name + ".weight"], w.get(name + ".bias"))


def layer_norm(w, name, x, eps):
    return F.layer_norm(x, x.shape[-1:], w[name + ".weight"], w[name + ".bias"], eps)


def rms_norm(weight, x, eps):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps) * weight


def swiglu(w, name, x):
    return linear(w, name + ".down_proj", F.silu(linear(w, name + ".gate_proj", x)) * linear(w, name + ".up_proj", x))


def rotate_half(x, angles):
    """x (tokens, heads, d), angles (tokens, d/2): element i turns with element i + d/2."""
    cos, sin = (torch.cat([f(angles), f(angles)], -1)[:, None] for f in (torch.cos, torch.sin))
    half = x.shape[-1] // 2
    return x * cos + torch.cat([-x[..., half:], x[..., :half]], -1) * sin


def rotate_pairs(x, angles):
    """x (tokens, heads, d), angles (tokens, d/2): neighbours 2i and 2i + 1 turn together."""
    z = torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2).contiguous())
    return torch.view_as_real(z * torch.polar(torch.ones_like(angles), angles)[:, None]).reshape(x.shape)


def attention(q, k, v, mask):
    """q, k (tokens, heads, d), v (tokens, heads, e); mask (tokens, tokens) of what may be seen."""
    scores = torch.einsum("qhd,khd->hqk", q, k) / math.sqrt(q.shape[-1])
    scores = scores.masked_fill(~mask, float("-inf"))
    return torch.einsum("hqk,khe->qhe", scores.softmax(-1), v).reshape(q.shape[0], -1)


def repeat_heads(x, n):
    return x.repeat_interleave(n // x.shape[1], 1)


def block_order(rows, cols):
    """Row and column of each patch: 2x2 blocks in raster order, inside them row by row."""
    return [(2 * r + i, 2 * c + j) for r in range(rows // 2) for c in range(cols // 2) for i in (0, 1) for j in (0, 1)]


# ---- Qwen: what its generations share ----


def qwen_vision_angles(places, head_dim):
    f = 10000.0 ** (-torch.arange(0, head_dim // 2, 2, dtype=torch.float64) / (head_dim // 2))
    p = torch.tensor(places, dtype=torch.float64)
    return torch.cat([p[:, :1] * f, p[:, 1:] * f], -1)


def qwen_places(config, tokens, grids, seconds_per_grid=1.0):
    """Time, row and column of each token: HF's get_rope_index, one token at a time."""
    pads = (config["image_token_id"], config["video_token_id"])
    places, p, i, picture = [], 0, 0, 0
    while i < len(tokens):
        if tokens[i] not in pads:
            places.append((p, p, p))
            p, i = p + 1, i + 1
            continue
        t, rows, cols = grids[picture]
        picture += 1
        rate = config["vision_config"].get("tokens_per_second", 0) * seconds_per_grid
        here = [(p + math.floor(k * rate), p + y, p + x) for k in range(t) for y in range(rows // 2)
                for x in range(cols // 2)]
        places += here
        p = max(max(h) for h in here) + 1
        i += len(here)
    return torch.tensor(places, dtype=torch.float64)


def qwen_text_angles(text, places):
    d = text["head_dim"]
    rope = text.get("rope_scaling") or text["rope_parameters"]
    theta = text.get("rope_theta") or rope["rope_theta"]
    f = theta ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)
    t, h, w = rope["mrope_section"]
    axis = [0] * (d // 2)
    if rope.get("mrope_interleaved"):
        axis[1:3 * h:3] = [1] * h
        axis[2:3 * w:3] = [2] * w
    else:
        axis = [0] * t + [1] * h + [2] * w
    return places[:, axis] * f


def qwen_experts(w, name, text, x):
    probabilities = linear(w, name + ".gate", x).softmax(-1)
    best, chosen = probabilities.topk(text["num_experts_per_tok"], -1)
    best = best / best.sum(-1, keepdim=True)
    y = torch.zeros_like(x)
    for token in range(len(x)):
        for share, e in zip(best[token], chosen[token]):
            gate, up = (x[token] @ w[name + ".experts.gate_up_proj"][e]).chunk(2, -1)
            y[token] += share * ((F.silu(gate) * up) @ w[name + ".experts.down_proj"][e])
    return y


def qwen_decoder(w, config, prefix, tokens, places, features, deep):
    """features replace the embeddings of picture tokens; deep[j] is added there behind layer j."""
    text = config.get("text_config", config)
    n, kv, d, eps = (text[k] for k in ("num_attention_heads", "num_key_value_heads", "head_dim", "rms_norm_eps"))
    x = w[prefix + "embed_tokens.weight"][tokens]
    seen = torch.tensor([t in (config["image_token_id"], config["video_token_id"]) for t in tokens])
    x[seen] = features
    angles, causal = qwen_text_angles(text, places), torch.ones(len(tokens), len(tokens)).tril().bool()
    for i in range(text["num_hidden_layers"]):
        name = f"{prefix}layers.{i}."
        h = rms_norm(w[name + "input_layernorm.weight"], x, eps)
        q, k, v = (linear(w, name + f"self_attn.{c}_proj", h).reshape(len(tokens), -1, d) for c in "qkv")
        if name + "self_attn.q_norm.weight" in w:
            q, k = rms_norm(w[name + "self_attn.q_norm.weight"], q, eps), rms_norm(w[name + "self_attn.k_norm.weight"], k, eps)
        q, k = rotate_half(q, angles), rotate_half(k, angles)
        x = x + linear(w, name + "self_attn.o_proj", attention(q, repeat_heads(k, n), repeat_heads(v, n), causal))
        h = rms_norm(w[name + "post_attention_layernorm.weight"], x, eps)
        x = x + (qwen_experts(w, name + "mlp", text, h) if name + "mlp.gate.weight" in w else swiglu(w, name + "mlp", h))
        if i < len(deep):
            x[seen] = x[seen] + deep[i]
    x = rms_norm(w[prefix + "norm.weight"], x, eps)
    return F.linear(x, w.get("lm_head.weight", w[prefix + "embed_tokens.weight"]))


# ---- Qwen3-VL ----


def qwen3_table(w, side, rows, cols):
    """The table stretched over the grid, corners on corners."""
    table = w["model.visual.pos_embed.weight"].reshape(1, side, side, -1).permute(0, 3, 1, 2)
    return F.interpolate(table, (rows, cols), mode="bilinear", align_corners=True)[0].permute(1, 2, 0)


def qwen3_vision(w, config, patches, grids):
    v = config["vision_config"]
    heads, d, eps = v["num_heads"], v["hidden_size"] // v["num_heads"], 1e-6
    kernel = w["model.visual.patch_embed.proj.weight"]
    features, deep, at = [], [[] for _ in v["deepstack_visual_indexes"]], 0

    def merged(name, x, norm_first):
        if norm_first:
            x = layer_norm(w, name + "norm", x, eps).reshape(len(x) // 4, -1)
        else:
            x = layer_norm(w, name + "norm", x.reshape(len(x) // 4, -1), eps)
        return linear(w, name + "linear_fc2", F.gelu(linear(w, name + "linear_fc1", x)))

    for t, rows, cols in grids:
        for _ in range(t):  # frames do not see each other
            places = block_order(rows, cols)
            x = patches[at:at + rows * cols]
            at += rows * cols
            x = F.linear(x, kernel.reshape(len(kernel), -1), w["model.visual.patch_embed.proj.bias"])
            table = qwen3_table(w, math.isqrt(v["num_position_embeddings"]), rows, cols)
            x = x + torch.stack([table[r, c] for r, c in places])
            angles, all_seen = qwen_vision_angles(places, d), torch.ones(len(x), len(x)).bool()
            for i in range(v["depth"]):
                name = f"model.visual.blocks.{i}."
                h = linear(w, name + "attn.qkv", layer_norm(w, name + "norm1", x, eps))
                q, k, value = h.reshape(len(x), 3, heads, d).unbind(1)
                h = attention(rotate_half(q, angles), rotate_half(k, angles), value, all_seen)
                x = x + linear(w, name + "attn.proj", h)
                h = linear(w, name + "mlp.linear_fc1", layer_norm(w, name + "norm2", x, eps))
                x = x + linear(w, name + "mlp.linear_fc2", F.gelu(h, approximate="tanh"))
                if i in v["deepstack_visual_indexes"]:
                    j = v["deepstack_visual_indexes"].index(i)
                    deep[j].append(merged(f"model.visual.deepstack_merger_list.{j}.", x, False))
            features.append(merged("model.visual.merger.", x, True))
    return torch.cat(features), [torch.cat(d) for d in deep]


def qwen3_forward(w, config, inputs):
    features, deep = qwen3_vision(w, config, inputs["patches"], inputs["grids"])
    # Each moment of a video stands alone between its own marks.
    single = [(1, rows, cols) for t, rows, cols in inputs["grids"] for _ in range(t)]
    places = qwen_places(config, inputs["tokens"], single)
    return features, qwen_decoder(w, config, "model.language_model.", inputs["tokens"], places, features, deep)


def qwen3_config(experts):
    text = {
        "vocab_size": 160, "hidden_size": 48, "num_hidden_layers": 4, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 16, "intermediate_size": 56, "rms_norm_eps": 1e-6, "hidden_act": "silu",
        "max_position_embeddings": 512, "rope_theta": 5000000, "attention_bias": False,
        "rope_scaling": {"rope_type": "default", "mrope_interleaved": True, "mrope_section": [4, 2, 2]},
        "eos_token_id": 154, "bos_token_id": 153,
    }
    if experts:
        text |= {"num_experts": 6, "num_experts_per_tok": 2, "moe_intermediate_size": 20, "norm_topk_prob": True,
                 "decoder_sparse_step": 1, "mlp_only_layers": []}
        # As Transformers 5 writes it.
        text["rope_parameters"] = text.pop("rope_scaling") | {"rope_theta": text.pop("rope_theta")}
    kind = "qwen3_vl_moe" if experts else "qwen3_vl"
    return {
        "architectures": ["Qwen3VLMoeForConditionalGeneration" if experts else "Qwen3VLForConditionalGeneration"],
        "model_type": kind, "image_token_id": 155, "video_token_id": 156, "vision_start_token_id": 152,
        "vision_end_token_id": 151, "tie_word_embeddings": not experts, "text_config": text | {"model_type": kind + "_text"},
        "vision_config": {
            "model_type": kind, "depth": 4, "hidden_size": 16, "num_heads": 2, "intermediate_size": 28, "patch_size": 4,
            "temporal_patch_size": 2, "spatial_merge_size": 2, "in_channels": 3, "hidden_act": "gelu_pytorch_tanh",
            "num_position_embeddings": 36, "out_hidden_size": 48, "deepstack_visual_indexes": [0, 2],
        },
    }


def qwen3_shapes(config):
    v, text = config["vision_config"], config["text_config"]
    d, m, merged, h = v["hidden_size"], v["intermediate_size"], 4 * v["hidden_size"], text["hidden_size"]
    s = {"model.visual.patch_embed.proj.weight": (d, 3, 2, v["patch_size"], v["patch_size"]),
         "model.visual.patch_embed.proj.bias": (d,), "model.visual.pos_embed.weight": (v["num_position_embeddings"], d)}
    for i in range(v["depth"]):
        b = f"model.visual.blocks.{i}."
        s |= {b + "norm1.weight": (d,), b + "norm1.bias": (d,), b + "norm2.weight": (d,), b + "norm2.bias": (d,),
              b + "attn.qkv.weight": (3 * d, d), b + "attn.qkv.bias": (3 * d,), b + "attn.proj.weight": (d, d),
              b + "attn.proj.bias": (d,), b + "mlp.linear_fc1.weight": (m, d), b + "mlp.linear_fc1.bias": (m,),
              b + "mlp.linear_fc2.weight": (d, m), b + "mlp.linear_fc2.bias": (d,)}
    mergers = [("model.visual.merger.", d)]
    mergers += [(f"model.visual.deepstack_merger_list.{j}.", merged) for j in range(len(v["deepstack_visual_indexes"]))]
    for b, n in mergers:
        s |= {b + "norm.weight": (n,), b + "norm.bias": (n,), b + "linear_fc1.weight": (merged, merged),
              b + "linear_fc1.bias": (merged,), b + "linear_fc2.weight": (h, merged), b + "linear_fc2.bias": (h,)}
    return s | qwen_decoder_shapes(text, "model.language_model.", config["tie_word_embeddings"], norms=True, biases=False)


def qwen_decoder_shapes(text, prefix, tied, norms, biases):
    h, d, n, kv, m = (text[k] for k in ("hidden_size", "head_dim", "num_attention_heads", "num_key_value_heads",
                                        "intermediate_size"))
    s = {prefix + "embed_tokens.weight": (text["vocab_size"], h), prefix + "norm.weight": (h,)}
    for i in range(text["num_hidden_layers"]):
        b = f"{prefix}layers.{i}."
        s |= {b + "input_layernorm.weight": (h,), b + "post_attention_layernorm.weight": (h,),
              b + "self_attn.q_proj.weight": (n * d, h), b + "self_attn.k_proj.weight": (kv * d, h),
              b + "self_attn.v_proj.weight": (kv * d, h), b + "self_attn.o_proj.weight": (h, n * d)}
        if norms:
            s |= {b + "self_attn.q_norm.weight": (d,), b + "self_attn.k_norm.weight": (d,)}
        if biases:
            s |= {b + "self_attn.q_proj.bias": (n * d,), b + "self_attn.k_proj.bias": (kv * d,),
                  b + "self_attn.v_proj.bias": (kv * d,)}
        if "num_experts" in text:
            e, x = text["num_experts"], text["moe_intermediate_size"]
            s |= {b + "mlp.gate.weight": (e, h), b + "mlp.experts.gate_up_proj": (e, h, 2 * x),
                  b + "mlp.experts.down_proj": (e, x, h)}
        else:
            s |= {b + "mlp.gate_proj.weight": (m, h), b + "mlp.up_proj.weight": (m, h), b + "mlp.down_proj.weight": (h, m)}
    if not tied:
        s["lm_head.weight"] = (text["vocab_size"], h)
    return s


# ---- inputs, and writing it all down ----


def random_weights(shapes, seed):
    g = torch.Generator().manual_seed(seed)
    weights = {}
    for name, shape in shapes.items():
        x = torch.randn(shape, generator=g)
        if name.endswith("norm.weight") or "norm" in name.split(".")[-2] and name.endswith("weight"):
            x = 1 + 0.2 * x
        elif len(shape) == 1:
            x = 0.2 * x
        elif "pos_emb" in name or "embed_tokens" in name:
            x = 0.5 * x
        else:
            fan_in = shape[1] if "experts.gate_up" in name or "experts.down" in name else x[0].numel()
            x = 1.2 * x / math.sqrt(fan_in)
        weights[name] = x.float()
    return weights


def qwen_inputs(config, still, video):
    """Text, a picture, text, a video, text; grids are (moments, rows, cols)."""
    g = torch.Generator().manual_seed(7)
    v = config["vision_config"]
    grids = [still, video]
    start, end = config["vision_start_token_id"], config["vision_end_token_id"]
    tokens = [3, 17, 42, start] + [config["image_token_id"]] * (still[1] * still[2] // 4) + [end, 8, 9]
    cells = video[1] * video[2] // 4
    if config["model_type"].startswith("qwen3"):
        for k in range(video[0]):
            tokens += [30 + k, start] + [config["video_token_id"]] * cells + [end]
    else:
        tokens += [start] + [config["video_token_id"]] * (cells * video[0]) + [end]
    tokens += [77, 5, 120]
    n = sum(t * r * c for t, r, c in grids)
    channels = 3 * v["temporal_patch_size"] * v["patch_size"] ** 2
    patches = torch.randn((n, channels), generator=g).float()
    return {"tokens": tokens, "grids": grids, "patches": patches.double()}


def write_family(out, name, config, shapes, forward, inputs, processor):
    folder = os.path.join(out, name)
    os.makedirs(folder, exist_ok=True)
    weights = random_weights(shapes, sum(map(ord, name)))
    with torch.no_grad():
        features, logits = forward({k: x.double() for k, x in weights.items()}, config, inputs)
    for file, content in (("config.json", config), ("preprocessor_config.json", processor)):
        with open(os.path.join(folder, file), "w") as f:
            json.dump(content, f, indent=1)
            f.write("\n")
    write_safetensors(os.path.join(folder, "model.safetensors"), {k: x for k, x in weights.items()})
    single = [(r, c) for t, r, c in inputs["grids"] for _ in range(t)]
    write_safetensors(os.path.join(folder, "golden.safetensors"), {
        "tokens": torch.tensor(inputs["tokens"]), "grids": torch.tensor(single), "patches": inputs["patches"].float(),
        "vision": features.float(), "logits": logits.float()})
    print(f"{folder}: {len(inputs['tokens'])} tokens, {len(features)} features, "
          f"largest logit {logits.abs().max():.3f}")


QWEN3_PROCESSOR = {
    "size": {"shortest_edge": 1024, "longest_edge": 16384}, "patch_size": 4, "temporal_patch_size": 2, "merge_size": 2,
    "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "resample": 3, "image_processor_type": "Qwen2VLImageProcessorFast",
}


def make_qwen3(out, experts):
    config = qwen3_config(experts)
    write_family(out, "qwen3_vl_moe" if experts else "qwen3_vl", config, qwen3_shapes(config), qwen3_forward,
                 qwen_inputs(config, (1, 6, 10), (3, 4, 4)), QWEN3_PROCESSOR)


MAKERS = {
    "qwen3_vl": lambda out: make_qwen3(out, False),
    "qwen3_vl_moe": lambda out: make_qwen3(out, True),
}


def main():
    args = sys.argv[1:]
    out = "tests/model/golden/families"
    if "--out" in args:
        at = args.index("--out")
        out = args[at + 1]
        del args[at:at + 2]
    for name in args or MAKERS:
        MAKERS[name](out)


if __name__ == "__main__":
    main()
