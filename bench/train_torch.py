#!/usr/bin/python3
"""The training step of `seedling bench train` in PyTorch: forward, backward and AdamW of `mini` on packed sequences.

The same computation as docs/MODEL.md describes (bench/train.sh runs both side by side), written as one writes it in
PyTorch: experts by gathered rows, attention by explicit softmax where the library has no fused one. Prints one JSON
object a line, as `seedling bench --json` does, without a limit: {"bench": "train", "dtype": ..., "rate": ...}.
FLOPs are counted as there: products and attention, forward once and backward twice, but no gradient of the pixels.
"""
import argparse
import json
import resource
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

TOKENS, PICTURES, SIDE = 2048, 2, 32  # of a sequence; patches a side of a picture
VIT = dict(hidden=384, depth=12, heads=6, mlp=1536, patch=3 * 14 * 14)
DEC = dict(hidden=512, depth=8, heads=8, kv=2, dim=64, mlp=1536, dense=1, experts=8, top=2, inner=512, vocab=16384)

flops = {"forward": 0.0, "without_input": 0.0}


def count(n):
    flops["forward"] += n


class Linear(nn.Linear):
    def forward(self, x):
        count(2.0 * x.numel() // x.shape[-1] * self.weight.numel())
        return super().forward(x)


def rope(positions, dim, theta):
    """cos and sin, (n, dim / 2), of one-dimensional positions."""
    angles = positions[:, None].float() * theta ** (-torch.arange(0, dim, 2).float() / dim)
    return angles.cos(), angles.sin()


def rotate(x, cos, sin):
    """x (heads, n, d): pairs element i with i + d / 2."""
    a, b = x.chunk(2, -1)
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


def attend(q, k, v, causal):
    """(heads, n, d) each."""
    n = q.shape[1]
    pairs = n * (n + 1) / 2 if causal else n * n
    count(4.0 * pairs * q.shape[0] * q.shape[2])
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    s = torch.matmul(q, k.transpose(1, 2)) * q.shape[2] ** -0.5
    if causal:
        s = s.masked_fill(torch.ones(n, n, dtype=torch.bool).triu(1), float("-inf"))
    return torch.matmul(s.softmax(-1), v)


class VitBlock(nn.Module):
    def __init__(self):
        super().__init__()
        h = VIT["hidden"]
        self.n1, self.n2 = nn.LayerNorm(h, 1e-6), nn.LayerNorm(h, 1e-6)
        self.qkv, self.proj = Linear(h, 3 * h), Linear(h, h)
        self.fc1, self.fc2 = Linear(h, VIT["mlp"]), Linear(VIT["mlp"], h)

    def forward(self, x, cos, sin):
        n, h = x.shape[0] // (SIDE * SIDE), VIT["heads"]
        q, k, v = self.qkv(self.n1(x)).view(-1, 3, h, VIT["hidden"] // h).permute(1, 2, 0, 3)
        outs = []
        for p in range(n):  # a picture's patches see each other only
            here = slice(p * SIDE * SIDE, (p + 1) * SIDE * SIDE)
            outs.append(attend(rotate(q[:, here], cos, sin), rotate(k[:, here], cos, sin), v[:, here], False))
        x = x + self.proj(torch.cat(outs, 1).transpose(0, 1).reshape(x.shape))
        return x + self.fc2(F.gelu(self.fc1(self.n2(x))))


class Vit(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = Linear(VIT["patch"], VIT["hidden"])
        self.blocks = nn.ModuleList(VitBlock() for _ in range(VIT["depth"]))
        self.norm = nn.LayerNorm(VIT["hidden"], 1e-6)
        d = VIT["hidden"] // VIT["heads"]
        block = torch.arange(SIDE * SIDE)  # patches come in 2 x 2 blocks
        b, inside = block // 4, block % 4
        row, col = b // (SIDE // 2) * 2 + inside // 2, b % (SIDE // 2) * 2 + inside % 2
        parts = [rope(row, d // 2, 1e4), rope(col, d // 2, 1e4)]
        self.cos, self.sin = (torch.cat([p[i] for p in parts], -1) for i in (0, 1))

    def forward(self, patches):
        before = flops["forward"]
        x = self.embed(patches)
        flops["without_input"] += flops["forward"] - before
        for b in self.blocks:
            x = b(x, self.cos, self.sin)
        return self.norm(x)


class RMSNorm(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n))

    def forward(self, x):
        y = x.float()
        y = y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + 1e-6)
        return y.to(x.dtype) * self.weight


class SwiGLU(nn.Module):
    def __init__(self, hidden, inner):
        super().__init__()
        self.up, self.down = Linear(hidden, 2 * inner, bias=False), Linear(inner, hidden, bias=False)

    def forward(self, x):
        g, u = self.up(x).chunk(2, -1)
        return self.down(F.silu(g) * u)


class Experts(nn.Module):
    def __init__(self):
        super().__init__()
        h = DEC["hidden"]
        self.gate = Linear(h, DEC["experts"], bias=False)
        self.experts = nn.ModuleList(SwiGLU(h, DEC["inner"]) for _ in range(DEC["experts"]))
        self.shared = SwiGLU(h, DEC["inner"])

    def forward(self, x):
        scores = self.gate(x).float().softmax(-1)
        weights, chosen = scores.topk(DEC["top"], -1)
        weights = (weights / weights.sum(-1, keepdim=True)).to(x.dtype)
        y = self.shared(x)
        for e, expert in enumerate(self.experts):
            rows, slot = torch.where(chosen == e)
            if rows.numel():
                y = y.index_add(0, rows, expert(x[rows]) * weights[rows, slot, None])
        return y


class Layer(nn.Module):
    def __init__(self, dense):
        super().__init__()
        h, d = DEC["hidden"], DEC["dim"]
        self.n1, self.n2, self.nq, self.nk = RMSNorm(h), RMSNorm(h), RMSNorm(d), RMSNorm(d)
        self.qkv = Linear(h, (DEC["heads"] + 2 * DEC["kv"]) * d, bias=False)
        self.out = Linear(DEC["heads"] * d, h, bias=False)
        self.ff = SwiGLU(h, DEC["mlp"]) if dense else Experts()

    def forward(self, x, cos, sin):
        n, d, group = TOKENS, DEC["dim"], DEC["heads"] // DEC["kv"]
        q, k, v = self.qkv(self.n1(x)).split([DEC["heads"] * d, DEC["kv"] * d, DEC["kv"] * d], -1)
        outs = []
        for s in range(x.shape[0] // n):
            here = slice(s * n, (s + 1) * n)
            a = rotate(self.nq(q[here].view(n, -1, d)).transpose(0, 1), cos, sin)
            b = rotate(self.nk(k[here].view(n, -1, d)).transpose(0, 1), cos, sin)
            c = v[here].view(n, -1, d).transpose(0, 1)
            outs.append(attend(a, b.repeat_interleave(group, 0), c.repeat_interleave(group, 0), True))
        x = x + self.out(torch.cat(outs, 1).transpose(0, 1).reshape(x.shape[0], -1))
        return x + self.ff(self.n2(x))


class Mini(nn.Module):
    def __init__(self):
        super().__init__()
        h = DEC["hidden"]
        self.vit = Vit()
        self.norm = nn.LayerNorm(VIT["hidden"], 1e-6)
        self.fc1, self.fc2 = Linear(VIT["hidden"], h), Linear(h, h)
        self.embed = nn.Embedding(DEC["vocab"], h)
        self.layers = nn.ModuleList(Layer(i < DEC["dense"]) for i in range(DEC["depth"]))
        self.last = RMSNorm(h)
        self.head = Linear(h, DEC["vocab"], bias=False)
        self.cos, self.sin = rope(torch.arange(TOKENS), DEC["dim"], 1e6)

    def forward(self, patches, tokens, places, targets):
        x = self.vit(patches).view(-1, 4, VIT["hidden"]).mean(1)
        features = self.fc2(F.gelu(self.fc1(self.norm(x))))
        x = self.embed(tokens).index_copy(0, places, features)
        for layer in self.layers:
            x = layer(x, self.cos, self.sin)
        x = self.last(x)
        loss = 0
        for first in range(0, x.shape[0], TOKENS):  # the logits of one sequence at a time
            here = slice(first, first + TOKENS)
            loss = loss + F.cross_entropy(self.head(x[here]).float(), targets[here], reduction="sum")
        return loss / x.shape[0]


def step_times(args, dtype):
    torch.manual_seed(1)
    model = Mini().to(dtype)
    # bf16 weights with f32 masters, as there; in f32 the weights are their own masters.
    masters = [p.detach().float().clone().requires_grad_() for p in model.parameters()]
    optimizer = torch.optim.AdamW(masters, lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1)
    n = args.sequences
    patches = torch.randn(n * PICTURES * SIDE * SIDE, VIT["patch"], dtype=dtype)
    tokens = torch.randint(DEC["vocab"], (n * TOKENS,))
    each = SIDE * SIDE // 4
    places = torch.cat([s * TOKENS + p * (each + 2) + 1 + torch.arange(each) for s in range(n) for p in range(PICTURES)])
    targets = torch.randint(DEC["vocab"], (n * TOKENS,))
    times = []
    for _ in range(args.steps + 1):  # the first warms up
        flops["forward"] = flops["without_input"] = 0.0
        start = time.perf_counter()
        loss = model(patches, tokens, places, targets)
        loss.backward()
        for m, p in zip(masters, model.parameters()):
            m.grad, p.grad = p.grad.float(), None
        torch.nn.utils.clip_grad_norm_(masters, 1.0)
        optimizer.step()
        with torch.no_grad():
            for m, p in zip(masters, model.parameters()):
                p.copy_(m)
        times.append(time.perf_counter() - start)
    return times[1:], 3 * flops["forward"] - flops["without_input"], float(loss)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--sequences", type=int, default=8)
    p.add_argument("--steps", type=int, default=3)
    p.add_argument("--threads", type=int, default=torch.get_num_threads())
    p.add_argument("--dtype", nargs="+", choices=["bf16", "f32"], default=["bf16", "f32"])
    args = p.parse_args()
    torch.set_num_threads(args.threads)
    for name in args.dtype:
        times, work, loss = step_times(args, {"bf16": torch.bfloat16, "f32": torch.float32}[name])
        seconds = sorted(times)[len(times) // 2]
        print(json.dumps({
            "bench": "train", "shape": f"mini, {args.sequences} x {TOKENS} tokens, {PICTURES} pictures each",
            "dtype": name, "threads": args.threads, "rate": round(work / seconds / 1e9, 1), "unit": "GFLOP/s",
            "seconds": round(seconds, 2), "loss": round(loss, 3), "program": f"torch {torch.__version__}",
            "max_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)}), flush=True)


if __name__ == "__main__":
    main()
