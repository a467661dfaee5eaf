#!/usr/bin/env python3
"""Golden numbers for the parts of docs/MODEL.md, section 11, written from that section alone.

The towers' blocks are those of model.py; losses and gradients come from torch in float64.

    /usr/bin/python3 scripts/golden/pretrain.py [folder]        default: tests/model/golden/pretrain
"""

import json
import math
import os
import sys

import torch
import torch.nn.functional as F

import model as base

PRETRAIN = {
    "teacher_hidden_size": 24, "predictor_num_hidden_layers": 1, "embedding_size": 12, "use_superclass": True,
    "use_omni": True, "text_hidden_size": 24, "text_num_hidden_layers": 2, "text_num_attention_heads": 3,
    "text_intermediate_size": 40, "text_max_position_embeddings": 32,
}
GRIDS = [(4, 2), (2, 2), (4, 4)]
N = len(GRIDS)


def shapes(config):
    v, p = config["vision_config"], config["pretrain_config"]
    D, M, V = v["hidden_size"], v["intermediate_size"], config["text_config"]["vocab_size"]
    K, E, T, X = (p[k] for k in ("teacher_hidden_size", "embedding_size", "text_hidden_size", "text_intermediate_size"))
    d = T // p["text_num_attention_heads"]
    a = "model.pretrain."
    out = {a + "mask_token": (1, D)}

    def both(name, *shape):
        out[a + name + ".weight"], out[a + name + ".bias"] = shape, shape[:1]

    for n in range(p["predictor_num_hidden_layers"]):
        b = "predictor.blocks.%d." % n
        for name, shape in [("norm1", (D,)), ("attn.qkv", (3 * D, D)), ("attn.proj", (D, D)), ("norm2", (D,)),
                            ("mlp.fc1", (M, D)), ("mlp.fc2", (D, M))]:
            both(b + name, *shape)
    both("predictor.norm", D)
    both("teacher_head", K, D)
    out[a + "pool.query"] = (D,)
    both("pool.kv", 2 * D, D)
    both("pool.proj", E, D)
    out[a + "logit_scale"] = out[a + "logit_bias"] = (1,)
    out[a + "superclass.weight"] = (V, E)
    out[a + "superclass.token_counts"], out[a + "superclass.n_captions"] = (V,), (1,)
    both("omni.proj", T, D)
    out[a + "omni.match.weight"] = (2, T)
    t = a + "text."
    out[t + "embed_tokens.weight"] = (V, T)
    for n in range(p["text_num_hidden_layers"]):
        b = t + "layers.%d." % n
        out[b + "input_layernorm.weight"] = out[b + "post_attention_layernorm.weight"] = (T,)
        out[b + "self_attn.qkv_proj.weight"], out[b + "self_attn.o_proj.weight"] = (3 * T, T), (T, T)
        out[b + "self_attn.q_norm.weight"] = out[b + "self_attn.k_norm.weight"] = (d,)
        out[b + "mlp.gate_up_proj.weight"], out[b + "mlp.down_proj.weight"] = (2 * X, T), (T, X)
    out[t + "norm.weight"], out[t + "proj.weight"] = (T,), (E, T)
    return out


# ---- the towers, over rows that stand anywhere ----


def vit_blocks(w, c, prefix, depth, x, where, starts):
    d, eps = c["hidden_size"] // c["num_attention_heads"], c["layer_norm_eps"]
    f = c["rope_theta"] ** (-2 * torch.arange(d // 4, dtype=x.dtype) / (d // 2))
    angles = torch.cat([where[:, :1] * f, where[:, 1:] * f], -1)
    for n in range(depth):
        b = prefix + "blocks.%d." % n
        qkv = base.linear(w, b + "attn.qkv", base.layer_norm(w, b + "norm1", x, eps))
        q, k, v = (t.reshape(len(x), -1, d) for t in qkv.chunk(3, -1))
        o = base.attention(base.rotate(q, angles), base.rotate(k, angles), v, starts, False)
        x = x + base.linear(w, b + "attn.proj", o)
        h = base.linear(w, b + "mlp.fc1", base.layer_norm(w, b + "norm2", x, eps))
        x = x + base.linear(w, b + "mlp.fc2", base.activate(c["hidden_act"], h))
    return x


def vision(w, c, patches, where, starts):
    x = base.linear(w, "model.visual.patch_embed.proj", patches)
    x = vit_blocks(w, c, "model.visual.", c["num_hidden_layers"], x, where, starts)
    return base.layer_norm(w, "model.visual.post_norm", x, c["layer_norm_eps"])


def text_tower(w, p, x, positions, starts):
    t, heads = "model.pretrain.text.", p["text_num_attention_heads"]
    d = p["text_hidden_size"] // heads
    c = {"head_dim": d, "num_attention_heads": heads, "num_key_value_heads": heads, "rms_norm_eps": 1e-6,
         "use_qk_norm": True}
    angles = positions[:, None] * 10000.0 ** (-2 * torch.arange(d // 2, dtype=x.dtype) / d)
    for n in range(p["text_num_hidden_layers"]):
        b = t + "layers.%d." % n
        h = base.rms_norm(w[b + "input_layernorm.weight"], x, 1e-6)
        x = x + base.decoder_attention(w, c, b + "self_attn.", h, angles, starts)
        h = base.rms_norm(w[b + "post_attention_layernorm.weight"], x, 1e-6)
        x = x + base.swiglu(w[b + "mlp.gate_up_proj.weight"], w[b + "mlp.down_proj.weight"], h)
    return base.rms_norm(w[t + "norm.weight"], x, 1e-6)


# ---- section 11 ----


def predicted(w, config, batch, starts):
    c, p = config["vision_config"], config["pretrain_config"]
    visible = (batch["masked"] == 0).nonzero()[:, 0]
    inner = [int((visible < s).sum()) for s in starts]
    seen = vision(w, c, batch["patches"][visible], batch["where"][visible], inner)
    x = w["model.pretrain.mask_token"].expand(len(batch["patches"]), -1)
    x = x.index_copy(0, visible, seen)
    x = vit_blocks(w, c, "model.pretrain.predictor.", p["predictor_num_hidden_layers"], x, batch["where"], starts)
    x = x[batch["masked"] == 1]
    x = base.layer_norm(w, "model.pretrain.predictor.norm", x, c["layer_norm_eps"])
    return base.linear(w, "model.pretrain.teacher_head", x)


def pooled(w, c, x, starts):
    heads, D = c["num_attention_heads"], c["hidden_size"]
    k, v = base.linear(w, "model.pretrain.pool.kv", x).chunk(2, -1)
    q = w["model.pretrain.pool.query"].reshape(heads, -1)
    rows = []
    for begin, end in zip(starts[:-1], starts[1:]):
        ks, vs = (t[begin:end].reshape(end - begin, heads, -1) for t in (k, v))
        prob = torch.softmax(torch.einsum("hd,thd->th", q, ks) / math.sqrt(D // heads), 0)
        rows.append(torch.einsum("th,thd->hd", prob, vs).reshape(D))
    return base.linear(w, "model.pretrain.pool.proj", torch.stack(rows))


def losses(w, config, batch):
    c, p = config["vision_config"], config["pretrain_config"]
    starts, texts = batch["cu_patches"].tolist(), batch["cu_texts"].tolist()
    out = {"predicted": predicted(w, config, batch, starts)}
    out["loss.masked"] = (1 - F.cosine_similarity(out["predicted"], batch["teacher"], dim=-1)).mean().reshape(1)
    features = vision(w, c, batch["patches"], batch["where"], starts)
    out["pool"] = pooled(w, c, features, starts)

    table = w["model.pretrain.text.embed_tokens.weight"]
    positions = torch.cat([torch.arange(b - a) for a, b in zip(texts[:-1], texts[1:])])
    x = text_tower(w, p, table[batch["captions"]], positions, texts)
    out["text"] = x[[b - 1 for b in texts[1:]]] @ w["model.pretrain.text.proj.weight"].T
    u, v = F.normalize(out["pool"], dim=-1), F.normalize(out["text"], dim=-1)
    same = batch["labels"][:, None] == batch["labels"][None]
    z = w["model.pretrain.logit_scale"].exp() * (u @ v.T) + w["model.pretrain.logit_bias"]
    out["loss.contrast"] = (F.softplus(torch.where(same, -z, z)).sum() / N).reshape(1)

    log_p = torch.log_softmax(out["pool"] @ w["model.pretrain.superclass.weight"].T, -1)
    total = torch.zeros(1, dtype=log_p.dtype)
    for i in range(N):
        a, b = batch["cu_labels"].tolist()[i:i + 2]
        total = total - (batch["shares"][a:b] * log_p[i, batch["tokens"][a:b]]).sum()
    out["loss.superclass"] = total / N

    prefix = base.linear(w, "model.pretrain.omni.proj", features.reshape(-1, 4, features.shape[1]).mean(1))
    omni, ends = batch["omni_tokens"], batch["cu_omni"].tolist()
    x = table[omni].index_copy(0, (omni == config["image_patch_token_id"]).nonzero()[:, 0], prefix)
    positions = torch.cat([torch.arange(b - a) for a, b in zip(ends[:-1], ends[1:])])
    x = text_tower(w, p, x, positions, ends)
    out["omni"] = x
    last = x[[b - 1 for b in ends[1:]]]
    match = torch.log_softmax(last @ w["model.pretrain.omni.match.weight"].T, -1)
    out["loss.match"] = -match.gather(1, batch["match"][:, None].long()).mean().reshape(1)
    has = batch["omni_targets"] >= 0
    nll = -torch.log_softmax(x[has] @ table.T, -1).gather(1, batch["omni_targets"][has][:, None].long())
    out["loss.caption"] = nll.mean().reshape(1)
    return out


def make_batch(config, rng):
    vocab = config["image_start_token_id"]
    where = [rc for g in GRIDS for rc in base.patch_positions(*g)]
    counts = [a * b for a, b in GRIDS]
    masked = torch.zeros(sum(counts), dtype=torch.int64)
    at = 0
    for n in counts:
        masked[at + torch.randperm(n, generator=rng)[:round(0.75 * n)]] = 1
        at += n
    lengths = [4, 6, 4]
    captions = [torch.randint(0, vocab, (n,), generator=rng) for n in lengths]
    captions[2] = captions[0].clone()  # equal captions are positive pairs
    for t in captions:
        t[-1] = config["eos_token_id"]
    omni, targets = [], []
    for (rows, cols), t in zip(GRIDS, captions):
        n = rows * cols // 4
        omni += [config["image_start_token_id"]] + [config["image_patch_token_id"]] * n
        omni += [config["image_end_token_id"]] + t.tolist()
        targets += [-1] * (n + 1) + t.tolist() + [-1]
    tokens, shares = [], []
    for t in captions:
        distinct = sorted(set(t[:-1].tolist()))
        weights = torch.arange(1, len(distinct) + 1, dtype=torch.float64)
        tokens.append(distinct)
        shares += (weights / weights.sum()).tolist()
    cumulate = lambda ns: torch.tensor([0] + ns).cumsum(0)
    return {
        "patches": torch.randn(sum(counts), 588, generator=rng).float().double(),
        "where": torch.tensor(where),
        "grids": torch.tensor(GRIDS),
        "cu_patches": cumulate(counts),
        "masked": masked,
        "teacher": torch.randn(int(masked.sum()), PRETRAIN["teacher_hidden_size"], generator=rng).float().double(),
        "captions": torch.cat(captions),
        "cu_texts": cumulate(lengths),
        "labels": torch.tensor([0, 1, 0]),
        "tokens": torch.tensor(sum(tokens, [])),
        "cu_labels": cumulate([len(t) for t in tokens]),
        "shares": torch.tensor(shares).float().double(),
        "omni_tokens": torch.tensor(omni),
        "cu_omni": cumulate([n + r * c // 4 + 2 for n, (r, c) in zip(lengths, GRIDS)]),
        "omni_targets": torch.tensor(targets),
        "match": torch.tensor([1, 0, 1]),
    }


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else "tests/model/golden/pretrain"
    os.makedirs(folder, exist_ok=True)
    config = json.loads(json.dumps(base.CASES["softmax"]))
    config["name"], config["pretrain_config"] = "golden-pretrain", PRETRAIN
    config["vision_config"].update(hidden_size=32, num_hidden_layers=1, intermediate_size=40)
    config["text_config"].update(num_hidden_layers=1, num_experts=0, vocab_size=64)
    for i, key in enumerate(["image_start", "image_patch", "image_end", "bos", "eos", "pad"]):
        config[key + "_token_id"] = 64 - 6 + i
    rng = torch.Generator().manual_seed(15)
    w = {}
    needed = {k: s for k, s in base.tensor_shapes(config).items() if k.startswith("model.visual.")}
    for name, shape in {**needed, **shapes(config)}.items():
        x = torch.randn(*shape, generator=rng)
        norm = "norm" in name and name.endswith("weight")
        x = 1 + 0.1 * x if norm else 0.1 * x if len(shape) == 1 else x * 0.7 / math.sqrt(shape[-1])
        w[name] = x.float().double()
    w["model.pretrain.logit_scale"] = torch.tensor([1.5], dtype=torch.float64)
    w["model.pretrain.logit_bias"] = torch.tensor([-1.25], dtype=torch.float64)
    for name in ("token_counts", "n_captions"):
        w["model.pretrain.superclass." + name].zero_()
    batch = make_batch(config, rng)
    for t in w.values():
        t.requires_grad_()
    out = losses(w, config, batch)
    sum(out["loss." + k] for k in ("masked", "contrast", "superclass", "match", "caption")).backward()
    grads = {"grad." + k: t.grad for k, t in w.items() if t.grad is not None and "patch_embed.proj.weight" not in k}
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(config, f, indent=2)
        f.write("\n")
    base.write_safetensors(os.path.join(folder, "model.safetensors"), w)
    golden = {**batch, **out, **grads}
    base.write_safetensors(os.path.join(folder, "golden.safetensors"), golden)
    print(", ".join("%s %.4f" % (k, v.item()) for k, v in out.items() if k.startswith("loss.")))


if __name__ == "__main__":
    main()
