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


# ---- Qwen2.5-VL ----


def window_of(row, col, side):
    """Which window of side x side cells a patch lies in; cells are 2x2 patches."""
    return row // 2 // side, col // 2 // side


def qwen25_vision(w, config, patches, grids):
    v = config["vision_config"]
    heads, d, eps = v["num_heads"], v["hidden_size"] // v["num_heads"], 1e-6
    side = v["window_size"] // 2 // v["patch_size"]
    kernel, features, at = w["visual.patch_embed.proj.weight"], [], 0
    for t, rows, cols in grids:
        for _ in range(t):
            places = block_order(rows, cols)
            x = F.linear(patches[at:at + rows * cols], kernel.reshape(len(kernel), -1))
            at += rows * cols
            windows = [window_of(r, c, side) for r, c in places]
            near = torch.tensor([[a == b for b in windows] for a in windows])
            angles = qwen_vision_angles(places, d)
            for i in range(v["depth"]):
                name = f"visual.blocks.{i}."
                seen = torch.ones_like(near) if i in v["fullatt_block_indexes"] else near
                h = linear(w, name + "attn.qkv", rms_norm(w[name + "norm1.weight"], x, eps))
                q, k, value = h.reshape(len(x), 3, heads, d).unbind(1)
                h = attention(rotate_half(q, angles), rotate_half(k, angles), value, seen)
                x = x + linear(w, name + "attn.proj", h)
                x = x + swiglu(w, name + "mlp", rms_norm(w[name + "norm2.weight"], x, eps))
            h = rms_norm(w["visual.merger.ln_q.weight"], x, eps).reshape(len(x) // 4, -1)
            features.append(linear(w, "visual.merger.mlp.2", F.gelu(linear(w, "visual.merger.mlp.0", h))))
    return torch.cat(features)


def qwen25_forward(w, config, inputs):
    features = qwen25_vision(w, config, inputs["patches"], inputs["grids"])
    places = qwen_places(config, inputs["tokens"], inputs["grids"])
    full = config | {"head_dim": config["hidden_size"] // config["num_attention_heads"]}
    return features, qwen_decoder(w, full, "model.", inputs["tokens"], places, features, [])


def qwen25_config():
    # The original files keep the decoder's keys at the top.
    return {
        "architectures": ["Qwen2_5_VLForConditionalGeneration"], "model_type": "qwen2_5_vl", "vocab_size": 160,
        "hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2,
        "intermediate_size": 56, "rms_norm_eps": 1e-6, "max_position_embeddings": 512, "rope_theta": 1000000.0,
        "rope_scaling": {"type": "mrope", "mrope_section": [2, 3, 3]}, "tie_word_embeddings": False, "hidden_act": "silu",
        "eos_token_id": 154, "bos_token_id": 153, "image_token_id": 155, "video_token_id": 156,
        "vision_start_token_id": 152, "vision_end_token_id": 151, "vision_token_id": 157,
        "vision_config": {
            "depth": 3, "hidden_size": 16, "num_heads": 2, "intermediate_size": 20, "patch_size": 4,
            "spatial_patch_size": 4, "temporal_patch_size": 2, "spatial_merge_size": 2, "in_chans": 3, "hidden_act": "silu",
            "out_hidden_size": 64, "window_size": 16, "fullatt_block_indexes": [1], "tokens_per_second": 2,
        },
    }


def qwen25_shapes(config):
    v = config["vision_config"]
    d, m, h = v["hidden_size"], v["intermediate_size"], config["hidden_size"]
    s = {"visual.patch_embed.proj.weight": (d, 3, 2, v["patch_size"], v["patch_size"])}
    for i in range(v["depth"]):
        b = f"visual.blocks.{i}."
        s |= {b + "norm1.weight": (d,), b + "norm2.weight": (d,), b + "attn.qkv.weight": (3 * d, d),
              b + "attn.qkv.bias": (3 * d,), b + "attn.proj.weight": (d, d), b + "attn.proj.bias": (d,)}
        for part, shape in (("gate_proj", (m, d)), ("up_proj", (m, d)), ("down_proj", (d, m))):
            s |= {b + f"mlp.{part}.weight": shape, b + f"mlp.{part}.bias": shape[:1]}
    s |= {"visual.merger.ln_q.weight": (d,), "visual.merger.mlp.0.weight": (4 * d, 4 * d),
          "visual.merger.mlp.0.bias": (4 * d,), "visual.merger.mlp.2.weight": (h, 4 * d), "visual.merger.mlp.2.bias": (h,)}
    text = config | {"head_dim": h // config["num_attention_heads"]}
    return s | qwen_decoder_shapes(text, "model.", False, norms=False, biases=True)


# ---- Kimi-VL ----


def kimi_table(w, rows, cols):
    table = w["vision_tower.patch_embed.pos_emb.weight"]
    if table.shape[:2] == (rows, cols):
        return table
    stretched = F.interpolate(table.permute(2, 0, 1)[None], (rows, cols), mode="bicubic", align_corners=False)
    return stretched[0].permute(1, 2, 0)


def kimi_vision(w, config, patches, grids):
    v = config["vision_config"]
    heads, d, eps = v["num_attention_heads"], v["hidden_size"] // v["num_attention_heads"], 1e-5
    kernel, features, at = w["vision_tower.patch_embed.proj.weight"], [], 0
    for _, rows, cols in grids:
        # The tower works in raster order; patches come in blocks.
        blocks = block_order(rows, cols)
        raster = sorted(range(len(blocks)), key=lambda i: blocks[i])
        x = patches[at:at + rows * cols][raster]
        at += rows * cols
        x = F.linear(x, kernel.reshape(len(kernel), -1), w["vision_tower.patch_embed.proj.bias"])
        x = x + kimi_table(w, rows, cols).reshape(rows * cols, -1)
        y, xs = (torch.tensor([blocks[i][k] for i in raster], dtype=torch.float64) for k in (0, 1))
        f = 10000.0 ** (-torch.arange(0, d, 4, dtype=torch.float64) / d)
        angles = torch.stack([xs[:, None] * f, y[:, None] * f], -1).reshape(len(x), -1)
        for i in range(v["num_hidden_layers"]):
            name = f"vision_tower.encoder.blocks.{i}."
            h = linear(w, name + "wqkv", layer_norm(w, name + "norm0", x, eps))
            q, k, value = h.reshape(len(x), 3, heads, d).unbind(1)
            h = attention(rotate_pairs(q, angles), rotate_pairs(k, angles), value, torch.ones(len(x), len(x)).bool())
            x = x + linear(w, name + "wo", h)
            h = linear(w, name + "mlp.fc0", layer_norm(w, name + "norm1", x, eps))
            x = x + linear(w, name + "mlp.fc1", F.gelu(h, approximate="tanh"))
        x = layer_norm(w, "vision_tower.encoder.final_layernorm", x, eps)
        back = [raster.index(i) for i in range(len(raster))]
        h = layer_norm(w, "multi_modal_projector.pre_norm", x, eps)[back].reshape(len(x) // 4, -1)
        h = F.gelu(linear(w, "multi_modal_projector.linear_1", h))
        features.append(linear(w, "multi_modal_projector.linear_2", h))
    return torch.cat(features)


def kimi_experts(w, name, text, x):
    scores = linear(w, name + ".gate", x).sigmoid()
    chosen = (scores + w[name + ".gate.e_score_correction_bias"]).topk(text["num_experts_per_tok"], -1)[1]
    y = swiglu(w, name + ".shared_experts", x)
    for token in range(len(x)):
        share = scores[token, chosen[token]]
        share = share / (share.sum() + 1e-20) * text["routed_scaling_factor"]
        for weight, e in zip(share, chosen[token].tolist()):
            y[token] += weight * swiglu(w, f"{name}.experts.{e}", x[token])
    return y


def kimi_forward(w, config, inputs):
    text, tokens = config["text_config"], inputs["tokens"]
    features = kimi_vision(w, config, inputs["patches"], inputs["grids"])
    n, nope, rope, vd, rank = (text[k] for k in ("num_attention_heads", "qk_nope_head_dim", "qk_rope_head_dim",
                                                 "v_head_dim", "kv_lora_rank"))
    eps, size = text["rms_norm_eps"], len(tokens)
    x = w["language_model.model.embed_tokens.weight"][tokens]
    x[torch.tensor(tokens) == config["media_placeholder_token_id"]] = features
    f = text["rope_theta"] ** (-torch.arange(0, rope, 2, dtype=torch.float64) / rope)
    angles, causal = torch.arange(size, dtype=torch.float64)[:, None] * f, torch.ones(size, size).tril().bool()
    for i in range(text["num_hidden_layers"]):
        name = f"language_model.model.layers.{i}."
        h = rms_norm(w[name + "input_layernorm.weight"], x, eps)
        q = linear(w, name + "self_attn.q_proj", h).reshape(size, n, nope + rope)
        a = linear(w, name + "self_attn.kv_a_proj_with_mqa", h)
        latent = rms_norm(w[name + "self_attn.kv_a_layernorm.weight"], a[:, :rank], eps)
        kv = linear(w, name + "self_attn.kv_b_proj", latent).reshape(size, n, nope + vd)
        turned = rotate_pairs(a[:, rank:].reshape(size, 1, rope), angles).expand(size, n, rope)
        q = torch.cat([q[..., :nope], rotate_pairs(q[..., nope:], angles)], -1)
        k = torch.cat([kv[..., :nope], turned], -1)
        x = x + linear(w, name + "self_attn.o_proj", attention(q, k, kv[..., nope:], causal))
        h = rms_norm(w[name + "post_attention_layernorm.weight"], x, eps)
        dense = i < text["first_k_dense_replace"]
        x = x + (swiglu(w, name + "mlp", h) if dense else kimi_experts(w, name + "mlp", text, h))
    x = rms_norm(w["language_model.model.norm.weight"], x, eps)
    return features, linear(w, "language_model.lm_head", x)


def kimi_config():
    return {
        "architectures": ["KimiVLForConditionalGeneration"], "model_type": "kimi_vl", "media_placeholder_token_id": 155,
        "pad_token_id": 157, "tie_word_embeddings": False,
        "text_config": {
            "model_type": "deepseek_v3", "vocab_size": 160, "hidden_size": 48, "num_hidden_layers": 3,
            "num_attention_heads": 4, "num_key_value_heads": 4, "intermediate_size": 56, "moe_intermediate_size": 20,
            "n_routed_experts": 6, "num_experts_per_tok": 2, "n_shared_experts": 2, "first_k_dense_replace": 1,
            "moe_layer_freq": 1, "n_group": 1, "topk_group": 1, "scoring_func": "sigmoid", "topk_method": "noaux_tc",
            "norm_topk_prob": True, "routed_scaling_factor": 2.446, "kv_lora_rank": 24, "q_lora_rank": None,
            "qk_nope_head_dim": 16, "qk_rope_head_dim": 8, "v_head_dim": 16, "rms_norm_eps": 1e-5, "rope_theta": 800000.0,
            "rope_scaling": None, "max_position_embeddings": 512, "eos_token_id": 154, "bos_token_id": 153,
            "tie_word_embeddings": False, "hidden_act": "silu", "attention_bias": False,
        },
        "vision_config": {
            "model_type": "moonvit", "hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 3,
            "intermediate_size": 28, "patch_size": 4, "init_pos_emb_height": 6, "init_pos_emb_width": 6,
            "merge_kernel_size": [2, 2],
        },
    }


def kimi_shapes(config):
    v, t = config["vision_config"], config["text_config"]
    d, m, h, p = v["hidden_size"], v["intermediate_size"], t["hidden_size"], v["patch_size"]
    s = {"vision_tower.patch_embed.proj.weight": (d, 3, p, p), "vision_tower.patch_embed.proj.bias": (d,),
         "vision_tower.patch_embed.pos_emb.weight": (v["init_pos_emb_height"], v["init_pos_emb_width"], d)}

    def full(name, n, k):
        return {name + ".weight": (n, k), name + ".bias": (n,)}

    def norm(name, n):
        return {name + ".weight": (n,), name + ".bias": (n,)}

    def ffn(name, n):
        return {name + ".gate_proj.weight": (n, h), name + ".up_proj.weight": (n, h), name + ".down_proj.weight": (h, n)}

    for i in range(v["num_hidden_layers"]):
        b = f"vision_tower.encoder.blocks.{i}."
        s |= norm(b + "norm0", d) | norm(b + "norm1", d) | full(b + "wqkv", 3 * d, d) | full(b + "wo", d, d)
        s |= full(b + "mlp.fc0", m, d) | full(b + "mlp.fc1", d, m)
    s |= norm("vision_tower.encoder.final_layernorm", d) | norm("multi_modal_projector.pre_norm", d)
    s |= full("multi_modal_projector.linear_1", 4 * d, 4 * d) | full("multi_modal_projector.linear_2", h, 4 * d)
    n, nope, rope, vd, rank = (t[k] for k in ("num_attention_heads", "qk_nope_head_dim", "qk_rope_head_dim",
                                              "v_head_dim", "kv_lora_rank"))
    s |= {"language_model.model.embed_tokens.weight": (t["vocab_size"], h), "language_model.model.norm.weight": (h,),
          "language_model.lm_head.weight": (t["vocab_size"], h)}
    for i in range(t["num_hidden_layers"]):
        b = f"language_model.model.layers.{i}."
        s |= {b + "input_layernorm.weight": (h,), b + "post_attention_layernorm.weight": (h,),
              b + "self_attn.q_proj.weight": (n * (nope + rope), h),
              b + "self_attn.kv_a_proj_with_mqa.weight": (rank + rope, h),
              b + "self_attn.kv_a_layernorm.weight": (rank,),
              b + "self_attn.kv_b_proj.weight": (n * (nope + vd), rank), b + "self_attn.o_proj.weight": (h, n * vd)}
        if i < t["first_k_dense_replace"]:
            s |= ffn(b + "mlp", t["intermediate_size"])
            continue
        s |= {b + "mlp.gate.weight": (t["n_routed_experts"], h),
              b + "mlp.gate.e_score_correction_bias": (t["n_routed_experts"],)}
        for e in range(t["n_routed_experts"]):
            s |= ffn(f"{b}mlp.experts.{e}", t["moe_intermediate_size"])
        s |= ffn(b + "mlp.shared_experts", t["n_shared_experts"] * t["moe_intermediate_size"])
    return s


def kimi_inputs(config):
    """Text and two pictures of different grids, one as large as the table."""
    g = torch.Generator().manual_seed(7)
    grids = [(1, 4, 10), (1, 6, 6)]
    tokens = [3, 17]
    for _, rows, cols in grids:
        tokens += [152] + [config["media_placeholder_token_id"]] * (rows * cols // 4) + [151, 8]
    n = sum(r * c for _, r, c in grids)
    patches = torch.randn((n, 3 * config["vision_config"]["patch_size"] ** 2), generator=g).float()
    return {"tokens": tokens + [77, 120], "grids": grids, "patches": patches.double()}


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


QWEN25_PROCESSOR = {
    "min_pixels": 256, "max_pixels": 16384, "patch_size": 4, "temporal_patch_size": 2, "merge_size": 2,
    "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711],
    "image_processor_type": "Qwen2VLImageProcessor",
}

KIMI_PROCESSOR = {
    "in_token_limit": 256, "patch_size": 4, "merge_kernel_size": [2, 2], "pad_input": True,
    "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "image_processor_type": "KimiVLImageProcessor",
}


def make_qwen25(out):
    config = qwen25_config()
    write_family(out, "qwen2_5_vl", config, qwen25_shapes(config), qwen25_forward,
                 qwen_inputs(config, (1, 6, 10), (3, 4, 4)), QWEN25_PROCESSOR)


def make_kimi(out):
    config = kimi_config()
    write_family(out, "kimi_vl", config, kimi_shapes(config), kimi_forward, kimi_inputs(config), KIMI_PROCESSOR)


MAKERS = {
    "qwen3_vl": lambda out: make_qwen3(out, False),
    "qwen3_vl_moe": lambda out: make_qwen3(out, True),
    "qwen2_5_vl": make_qwen25,
    "kimi_vl": make_kimi,
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
