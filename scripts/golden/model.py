#!/usr/bin/env python3
"""The model of docs/MODEL.md written a second time, and the golden numbers that the C tests compare with.

Written from that document alone and never from the C code: where the two programs agree, the document says enough.
Everything is computed in float64 from weights and inputs that are exact in float32, and stored as float32.

    python3 scripts/golden/model.py [folder]        default: tests/model/golden
"""

import json
import math
import os
import struct
import sys

import numpy as np
import torch
import torch.nn.functional as F

DTYPES = {"F32": np.dtype("<f4"), "I32": np.dtype("<i4")}
VISION = ("model.visual.", "model.adapter.")
MIN_MARGIN = 2e-3  # between the last chosen and the first refused expert: far above what float32 can turn round


# ---- safetensors: 8 bytes of header length, a JSON header, the data ----


def write_safetensors(path, tensors):
    header, blobs, at = {}, [], 0
    for name, tensor in tensors.items():
        kind = "F32" if tensor.is_floating_point() else "I32"
        blob = tensor.detach().numpy().astype(DTYPES[kind]).tobytes()
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [at, at + len(blob)]}
        blobs.append(blob)
        at += len(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def read_safetensors(path):
    with open(path, "rb") as f:
        data = f.read()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, entry in json.loads(data[8:start]).items():
        begin, end = entry["data_offsets"]
        values = np.frombuffer(data[start + begin:start + end], DTYPES[entry["dtype"]]).reshape(entry["shape"])
        tensors[name] = torch.from_numpy(values.astype(np.float64 if entry["dtype"] == "F32" else np.int64))
    return tensors


# ---- what both towers share ----


def linear(w, name, x):
    return F.linear(x, w[name + ".weight"], w.get(name + ".bias"))


def layer_norm(w, name, x, eps):
    centred = x - x.mean(-1, keepdim=True)
    y = centred / torch.sqrt((centred * centred).mean(-1, keepdim=True) + eps)
    return y * w[name + ".weight"] + w[name + ".bias"]


def rms_norm(weight, x, eps):
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + eps) * weight


def activate(kind, x):
    if kind == "gelu":
        return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))
    assert kind == "gelu_tanh"
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))


def rotate(x, angles):
    """x (T, heads, d), angles (T, d/2); element i is paired with element i + d/2."""
    a, b = x.chunk(2, -1)
    cos, sin = angles.cos()[:, None], angles.sin()[:, None]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


def attention(q, k, v, starts, causal):
    """q (T, heads, d), k and v (T, kv_heads, d); starts: where each sequence begins, and the end of the last."""
    heads, kv_heads = q.shape[1], k.shape[1]
    outputs = []
    for begin, end in zip(starts[:-1], starts[1:]):
        hidden = torch.ones(end - begin, end - begin).triu(1).bool() if causal else None
        for a in range(heads):
            g = a * kv_heads // heads
            scores = q[begin:end, a] @ k[begin:end, g].T / math.sqrt(q.shape[2])
            if causal:
                scores = scores.masked_fill(hidden, -math.inf)
            outputs.append(torch.softmax(scores, -1) @ v[begin:end, g])
    rows = [torch.cat(outputs[i:i + heads], -1) for i in range(0, len(outputs), heads)]
    return torch.cat(rows)


# ---- Seed-ViT, merge and adapter ----


def patch_positions(rows, cols):
    """(row, column) of each patch in block order."""
    return [(2 * br + r, 2 * bc + c) for br in range(rows // 2) for bc in range(cols // 2)
            for r in range(2) for c in range(2)]


def vit(w, c, patches, grids):
    p, d = "model.visual.", c["hidden_size"] // c["num_attention_heads"]
    eps = c["layer_norm_eps"]
    where = torch.tensor([rc for g in grids.tolist() for rc in patch_positions(*g)], dtype=patches.dtype)
    f = c["rope_theta"] ** (-2 * torch.arange(d // 4, dtype=patches.dtype) / (d // 2))
    angles = torch.cat([where[:, :1] * f, where[:, 1:] * f], -1)
    starts = [0] + torch.cumsum(grids[:, 0] * grids[:, 1], 0).tolist()

    x = linear(w, p + "patch_embed.proj", patches)
    for n in range(c["num_hidden_layers"]):
        b = p + "blocks.%d." % n
        qkv = linear(w, b + "attn.qkv", layer_norm(w, b + "norm1", x, eps))
        q, k, v = (t.reshape(len(x), -1, d) for t in qkv.chunk(3, -1))
        x = x + linear(w, b + "attn.proj", attention(rotate(q, angles), rotate(k, angles), v, starts, False))
        h = linear(w, b + "mlp.fc1", layer_norm(w, b + "norm2", x, eps))
        x = x + linear(w, b + "mlp.fc2", activate(c["hidden_act"], h))
    return layer_norm(w, p + "post_norm", x, eps)


def adapter(w, c, x):
    blocks = x.reshape(-1, 4, x.shape[1])
    merged = blocks.mean(1) if c["merge"] == "average" else blocks.reshape(len(blocks), -1)
    h = linear(w, "model.adapter.fc1", layer_norm(w, "model.adapter.norm", merged, c["layer_norm_eps"]))
    return linear(w, "model.adapter.fc2", activate(c["hidden_act"], h))


# ---- decoder ----


def swiglu(gate_up, down, h):
    g, u = F.linear(h, gate_up).chunk(2, -1)
    return F.linear(g / (1 + torch.exp(-g)) * u, down)


def experts(w, c, name, h):
    """Returns the output, the auxiliary loss of the layer, and the smallest margin of any token's choice."""
    n, k = c["num_experts"], c["num_experts_per_tok"]
    logits = linear(w, name + "gate", h)
    scores = torch.softmax(logits, -1) if c["scoring_func"] == "softmax" else torch.sigmoid(logits)
    select = scores.detach() + w.get(name + "gate.e_score_correction_bias", torch.zeros(n, dtype=h.dtype))
    ranked, order = torch.sort(select, stable=True, dim=-1, descending=True)
    chosen = order[:, :k]
    margin = (ranked[:, k - 1] - ranked[:, k]).min().item()

    weights = scores.gather(1, chosen)
    if c["norm_topk_prob"]:
        weights = weights / (weights.sum(-1, keepdim=True) + 1e-20)
    weights = weights * c["routed_scaling_factor"]

    y = torch.zeros_like(h)
    for e in range(n):
        token, slot = (chosen == e).nonzero(as_tuple=True)
        out = swiglu(w[name + "experts.gate_up_proj"][e], w[name + "experts.down_proj"][e], h[token])
        y = y.index_add(0, token, out * weights[token, slot, None])
    if c["shared_expert_intermediate_size"] > 0:
        s = name + "shared_expert."
        y = y + swiglu(w[s + "gate_up_proj.weight"], w[s + "down_proj.weight"], h)

    fraction = torch.bincount(chosen.flatten(), minlength=n).to(h.dtype) / chosen.numel()
    aux = c["router_aux_loss_coef"] * n * (fraction * torch.softmax(logits, -1).mean(0)).sum()
    return y, aux, margin


def decoder_attention(w, c, name, x, angles, starts):
    d, heads, kv_heads, eps = c["head_dim"], c["num_attention_heads"], c["num_key_value_heads"], c["rms_norm_eps"]
    qkv = linear(w, name + "qkv_proj", x).reshape(len(x), -1, d)
    q, k, v = qkv.split([heads, kv_heads, kv_heads], 1)
    if c["use_qk_norm"]:
        q = rms_norm(w[name + "q_norm.weight"], q, eps)
        k = rms_norm(w[name + "k_norm.weight"], k, eps)
    return linear(w, name + "o_proj", attention(rotate(q, angles), rotate(k, angles), v, starts, True))


def decoder(w, c, x, positions, starts, out):
    """Adds layers.N, logits, aux_loss and margin to out."""
    p, d, eps = "model.language_model.", c["head_dim"], c["rms_norm_eps"]
    f = c["rope_theta"] ** (-2 * torch.arange(d // 2, dtype=x.dtype) / d)
    angles = positions[:, None] * f
    out["aux_loss"], out["margin"] = torch.zeros(1, dtype=x.dtype), math.inf
    for n in range(c["num_hidden_layers"]):
        b = p + "layers.%d." % n
        h = rms_norm(w[b + "input_layernorm.weight"], x, eps)
        x = x + decoder_attention(w, c, b + "self_attn.", h, angles, starts)
        h = rms_norm(w[b + "post_attention_layernorm.weight"], x, eps)
        if n < c["first_k_dense_replace"]:
            x = x + swiglu(w[b + "mlp.gate_up_proj.weight"], w[b + "mlp.down_proj.weight"], h)
        else:
            y, aux, margin = experts(w, c, b + "mlp.", h)
            x = x + y
            out["aux_loss"] = out["aux_loss"] + aux
            out["margin"] = min(out["margin"], margin)
        out["layers.%d" % n] = x
    x = rms_norm(w[p + "norm.weight"], x, eps)
    out["logits"] = F.linear(x, w[p + "embed_tokens.weight" if c["tie_word_embeddings"] else "lm_head.weight"])


def forward(w, config, batch):
    """Every intermediate value of a packed batch, by name; loss and aux_loss are kept apart."""
    out = {}
    x = w["model.language_model.embed_tokens.weight"][batch["tokens"]]
    if "patches" in batch:
        out["vit"] = vit(w, config["vision_config"], batch["patches"], batch["grids"])
        out["vision"] = adapter(w, config["adapter_config"], out["vit"])
        x = x.index_copy(0, batch["feature_rows"], out["vision"])
    out["embed"] = x
    decoder(w, config["text_config"], x, batch["positions"], batch["cu_seqlens"].tolist(), out)

    has_target = batch["targets"] >= 0
    weight = batch["loss_weights"][has_target]
    log_p = torch.log_softmax(out["logits"][has_target], -1)
    nll = -log_p.gather(1, batch["targets"][has_target, None])[:, 0]
    out["loss"] = ((weight * nll).sum() / weight.sum()).reshape(1)
    return out


# ---- the cases ----


def case_config(name, vision, adapt, text):
    vocab = text["vocab_size"]
    ids = ["image_start", "image_patch", "image_end", "bos", "eos", "pad"]
    return {
        "model_type": "seedling",
        "name": "golden-" + name,
        **{key + "_token_id": vocab - len(ids) + i for i, key in enumerate(ids)},
        "min_pixels": 784,
        "max_pixels": 64 * 784,
        "initializer_range": 0.02,
        "vision_config": {
            "patch_size": 14, **vision,
            "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711],
        },
        "adapter_config": adapt,
        "text_config": text,
    }


# Two cases that differ in nearly every switch of the configuration. "sigmoid" has epsilons and bases far from the usual
# ones, so that a number written into the code instead of read from the file shows.
CASES = {
    "softmax": case_config(
        "softmax",
        {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
         "layer_norm_eps": 1e-6, "rope_theta": 10000.0, "hidden_act": "gelu"},
        {"merge": "average", "hidden_size": 48, "hidden_act": "gelu", "layer_norm_eps": 1e-6},
        {"vocab_size": 96, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4,
         "num_key_value_heads": 2, "head_dim": 16, "use_qk_norm": True, "intermediate_size": 48,
         "first_k_dense_replace": 1, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 24,
         "shared_expert_intermediate_size": 0, "scoring_func": "softmax", "norm_topk_prob": True,
         "routed_scaling_factor": 1.0, "use_select_bias": False, "router_aux_loss_coef": 0.0,
         "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "max_position_embeddings": 128,
         "tie_word_embeddings": False}),
    "sigmoid": case_config(
        "sigmoid",
        {"hidden_size": 48, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 36,
         "layer_norm_eps": 1e-3, "rope_theta": 500.0, "hidden_act": "gelu_tanh"},
        {"merge": "concat", "hidden_size": 20, "hidden_act": "gelu", "layer_norm_eps": 2e-3},
        {"vocab_size": 66, "hidden_size": 40, "num_hidden_layers": 2, "num_attention_heads": 3,
         "num_key_value_heads": 1, "head_dim": 8, "use_qk_norm": False, "intermediate_size": 48,
         "first_k_dense_replace": 0, "num_experts": 5, "num_experts_per_tok": 3, "moe_intermediate_size": 16,
         "shared_expert_intermediate_size": 24, "scoring_func": "sigmoid", "norm_topk_prob": True,
         "routed_scaling_factor": 2.5, "use_select_bias": True, "router_aux_loss_coef": 0.01,
         "rms_norm_eps": 3e-3, "rope_theta": 1000000.0, "max_position_embeddings": 128,
         "tie_word_embeddings": True}),
}

# A batch is a list of sequences; an int is so many text tokens, a pair a picture of that patch grid.
# To stay small, the file of "picture" keeps the gradients of VISION only; "packed" has all.
BATCHES = {
    "text": [[9], [14]],
    "picture": [[3, (4, 6), 5]],
    "packed": [[2, (2, 2), 3, (6, 4), 4], [11], [1, (4, 10), 2]],
}


def tensor_shapes(config):
    """Name and shape of every tensor, in the order of the document's table."""
    v, a, t = config["vision_config"], config["adapter_config"], config["text_config"]
    D, M, A, H = v["hidden_size"], v["intermediate_size"], a["hidden_size"], t["hidden_size"]
    C = 4 * D if a["merge"] == "concat" else D
    d, q, kv = t["head_dim"], t["num_attention_heads"], t["num_key_value_heads"]
    E, X, S = t["num_experts"], t["moe_intermediate_size"], t["shared_expert_intermediate_size"]
    shapes = {}

    def add(name, *shape, bias=False):
        shapes[name + ".weight"] = shape
        if bias:
            shapes[name + ".bias"] = shape[:1]

    add("model.visual.patch_embed.proj", D, 588, bias=True)
    for n in range(v["num_hidden_layers"]):
        b = "model.visual.blocks.%d." % n
        for name, shape in [("norm1", (D,)), ("attn.qkv", (3 * D, D)), ("attn.proj", (D, D)), ("norm2", (D,)),
                            ("mlp.fc1", (M, D)), ("mlp.fc2", (D, M))]:
            add(b + name, *shape, bias=True)
    add("model.visual.post_norm", D, bias=True)
    add("model.adapter.norm", C, bias=True)
    add("model.adapter.fc1", A, C, bias=True)
    add("model.adapter.fc2", H, A, bias=True)
    add("model.language_model.embed_tokens", t["vocab_size"], H)
    for n in range(t["num_hidden_layers"]):
        b = "model.language_model.layers.%d." % n
        add(b + "input_layernorm", H)
        add(b + "self_attn.qkv_proj", (q + 2 * kv) * d, H)
        if t["use_qk_norm"]:
            add(b + "self_attn.q_norm", d)
            add(b + "self_attn.k_norm", d)
        add(b + "self_attn.o_proj", H, q * d)
        add(b + "post_attention_layernorm", H)
        if n < t["first_k_dense_replace"]:
            add(b + "mlp.gate_up_proj", 2 * t["intermediate_size"], H)
            add(b + "mlp.down_proj", H, t["intermediate_size"])
            continue
        add(b + "mlp.gate", E, H)
        if t["use_select_bias"]:
            shapes[b + "mlp.gate.e_score_correction_bias"] = (E,)
        shapes[b + "mlp.experts.gate_up_proj"] = (E, 2 * X, H)
        shapes[b + "mlp.experts.down_proj"] = (E, H, X)
        if S > 0:
            add(b + "mlp.shared_expert.gate_up_proj", 2 * S, H)
            add(b + "mlp.shared_expert.down_proj", H, S)
    add("model.language_model.norm", H)
    if not t["tie_word_embeddings"]:
        add("lm_head", t["vocab_size"], H)
    return shapes


def random_weights(config, rng):
    """Scaled so that every map keeps a variance near 1; routing logits have a deviation of 2."""
    weights = {}
    for name, shape in tensor_shapes(config).items():
        x = torch.randn(shape, generator=rng)
        if name.endswith("bias"):
            x = 0.2 * x
        elif len(shape) == 1:
            x = 1 + 0.2 * x
        elif name.endswith("embed_tokens.weight"):
            x = 0.4 * x
        else:
            x = x * ((2 if name.endswith("mlp.gate.weight") else 1) / math.sqrt(shape[-1]))
        weights[name] = x
    return weights


def make_batch(config, sequences, rng):
    """Targets are the next tokens; pictures, one text token of seven and the ends have none. Some weights are 0, and
    positions without a target have weights too, which must not count."""
    tokens, positions, starts, targets, grids, feature_rows = [], [], [0], [], [], []
    start, patch, end = (config["image_%s_token_id" % s] for s in ("start", "patch", "end"))
    for parts in sequences:
        sequence = []
        for part in parts:
            if isinstance(part, int):
                sequence += torch.randint(0, start, (part,), generator=rng).tolist()
                continue
            first, n = len(tokens) + len(sequence) + 1, part[0] * part[1] // 4
            feature_rows += range(first, first + n)
            sequence += [start] + [patch] * n + [end]
            grids.append(part)
        following = sequence[1:] + [-1]
        targets += [t if t < start and (len(tokens) + i) % 7 != 6 else -1 for i, t in enumerate(following)]
        tokens += sequence
        positions += range(len(sequence))
        starts.append(len(tokens))
    weights = torch.tensor([1.0, 0.5, 0.0, 2.25], dtype=torch.float64).repeat(len(tokens))[:len(tokens)]
    batch = {"tokens": torch.tensor(tokens), "positions": torch.tensor(positions), "cu_seqlens": torch.tensor(starts),
             "targets": torch.tensor(targets), "loss_weights": weights}
    if grids:
        n = sum(r * c for r, c in grids)
        batch.update(patches=torch.randn(n, 588, generator=rng).double(), grids=torch.tensor(grids),
                     feature_rows=torch.tensor(feature_rows))
    counted = batch["loss_weights"][batch["targets"] >= 0]
    assert (counted == 0).any() and (counted > 1).any() and (batch["loss_weights"][batch["targets"] < 0] > 0).any()
    return batch


# ---- checks ----


def split_batch(batch):
    """The sequences of a packed batch, each as a batch of its own."""
    grids = batch.get("grids", torch.zeros(0, 2, dtype=torch.int64))
    first_patch = [0] + torch.cumsum(grids[:, 0] * grids[:, 1], 0).tolist()
    starts = batch["cu_seqlens"].tolist()
    parts, picture, feature = [], 0, 0
    for begin, end in zip(starts[:-1], starts[1:]):
        part = {name: batch[name][begin:end] for name in ("tokens", "positions", "targets", "loss_weights")}
        part["cu_seqlens"] = torch.tensor([0, end - begin])
        if "grids" in batch:
            rows = batch["feature_rows"]
            n_features = int(((rows >= begin) & (rows < end)).sum())
            n_pictures = first_patch.index(4 * (feature + n_features)) - picture
            if n_pictures:
                part["grids"] = grids[picture:picture + n_pictures]
                part["patches"] = batch["patches"][4 * feature:4 * (feature + n_features)]
                part["feature_rows"] = rows[feature:feature + n_features] - begin
            picture, feature = picture + n_pictures, feature + n_features
        parts.append(part)
    return parts


def check_packing(weights, config, batch, out):
    apart = torch.cat([forward(weights, config, part)["logits"] for part in split_batch(batch)])
    assert (apart - out["logits"]).abs().max() < 1e-9, "packing changes the logits"


def check_gradients(weights, config, batch, grads):
    """Central differences at the entry with the largest gradient and at one other, for every tensor."""
    for name, grad in grads.items():
        for i in {int(grad.abs().argmax()), grad.numel() // 3}:
            total = []
            for step in (1e-5, -1e-5):
                moved = weights[name].clone()
                moved.view(-1)[i] += step
                out = forward({**weights, name: moved}, config, batch)
                total.append((out["loss"] + out["aux_loss"]).item())
            want, got = (total[0] - total[1]) / 2e-5, grad.view(-1)[i].item()
            assert abs(want - got) < 1e-7 + 1e-5 * abs(want), "%s[%d]: %g, differences say %g" % (name, i, got, want)


# ---- putting it together ----


def evaluate(weights, config, batch):
    """Values, and gradients of loss + aux_loss by name; a select bias has none, and vision none in a text batch."""
    live = {n: x.clone().requires_grad_(not n.endswith("e_score_correction_bias")) for n, x in weights.items()}
    out = forward(live, config, batch)
    (out["loss"] + out["aux_loss"]).backward()
    grads = {n: x.grad for n, x in live.items() if x.grad is not None}
    skipped = {n for n in weights if n.endswith("e_score_correction_bias")}
    if "patches" not in batch:
        skipped |= {n for n in weights if n.startswith(VISION)}
    assert set(grads) == set(weights) - skipped
    return {n: x.detach() if torch.is_tensor(x) else x for n, x in out.items()}, grads


def make_case(folder, name, config):
    os.makedirs(folder, exist_ok=True)
    rng = torch.Generator().manual_seed(sum(name.encode()))
    batches = {b: make_batch(config, sequences, rng) for b, sequences in BATCHES.items()}
    path = os.path.join(folder, "model.safetensors")
    for seed in range(1000):
        weights = {n: x.double() for n, x in random_weights(config, torch.Generator().manual_seed(seed)).items()}
        with torch.no_grad():
            margin = min(forward(weights, config, batch)["margin"] for batch in batches.values())
        if margin > MIN_MARGIN:
            break
    assert margin > MIN_MARGIN
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(config, f, indent=2)
        f.write("\n")
    write_safetensors(path, weights)
    weights = read_safetensors(path)

    for b, batch in batches.items():
        out, grads = evaluate(weights, config, batch)
        with torch.no_grad():
            check_packing(weights, config, batch, out)
            check_gradients(weights, config, batch, grads)
        print("%s/%s: seed %d, %d tokens, loss %.6f, aux %.6f, margin %.4f, largest logit %.2f, gradient %.3f"
              % (name, b, seed, len(batch["tokens"]), out["loss"], out["aux_loss"], out.pop("margin"),
                 out["logits"].abs().max(), max(g.abs().max() for g in grads.values())))
        kept = {"grad." + n: g for n, g in grads.items() if b != "picture" or n.startswith(VISION)}
        write_safetensors(os.path.join(folder, "golden_%s.safetensors" % b), {**batch, **out, **kept})


def main():
    torch.set_num_threads(1)
    here = os.path.dirname(os.path.abspath(__file__))
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "../../tests/model/golden")
    for name, config in CASES.items():
        make_case(os.path.join(root, name), name, config)


if __name__ == "__main__":
    main()
