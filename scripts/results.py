#!/usr/bin/env python3
"""Turns what training and evaluation left behind into docs/RESULTS.md and the model's card, so that no number is typed.

    scripts/results.py collect --model DIR --runs DIR --exam DIR [--think DIR] [--stages DIR] [--scaling DIR]
                               [--facts FILE] [--examined WORDS]
    scripts/results.py write
    scripts/results.py check

collect   reads metrics.jsonl of the runs (RUNS/STAGE) and records.jsonl of the evaluations (EXAM: the model that ships;
          THINK: the same told to think; STAGES/STAGE: the models of earlier stages; SCALING/NAME: runs of other sizes) into
          FACTS, by default docs/results/nano.json, and draws the learning curves beside it.
write     makes docs/RESULTS.md from that file and, when it is the model in models/seedling-nano that was examined, the card
          in that folder and the table of scores in README.md.
check     fails with a line when one of them is not what write would make.
"""

import argparse
import glob
import json
import math
import os
import re
import shutil
import subprocess
import sys

import results_pages

FACTS = "docs/results/nano.json"
SHIPPED = "models/seedling-nano"
STAGES = ["vit-mim", "vit-contrastive", "text", "vit-caption", "stage0", "stage1", "stage2", "sft"]
SEEDLING = os.environ.get("SEEDLING_BIN", "build/seedling")

# The questions that bars are set for: name, bar in percent, which kinds, and a further condition on a record.
FIND = ("screens/find-text", "screens/find-function", "screens/find-place")


def number(record):
    m = re.search(r"\d+", record["expected"].replace(",", ""))
    return int(m.group()) if m else math.inf


def up_to(n):
    return lambda r: number(r) <= n


BARS = [
    ("counting, up to 10", 90, ("grounding/count", "grounding/count-by-pointing"), up_to(10)),
    ("counting, up to 30", 70, ("grounding/count", "grounding/count-by-pointing"), up_to(30)),
    ("boxes, IoU 0.5", 85, ("grounding/box", "grounding/boxes"), None),
    ("pointing", 90, ("grounding/point", "grounding/points"), None),
    ("reading words", 90, ("ocr/word",), None),
    ("reading lines, similarity 0.9", 75, ("ocr/line",), None),
    ("values of charts, 5 %", 65, ("charts/value",), None),
    ("colour, shape, relation", 92, ("scenes/question", "scenes/choice", "scenes/yes-no"), None),
    ("which is nearer", 85, ("space/nearer",), None),
    ("when it happens, mean IoU", 50, ("video/ground",), None),
    ("spot the difference, IoU 0.5", 60, ("puzzles/spot",), None),
    ("elements of made pages, centre in box", 80, FIND, None),
    ("elements of real pages, centre in box", 60, ("screens/document",), lambda r: "<bbox>" in r["expected"]),
]


def first_box(text):
    m = re.search(r"<bbox>\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*</bbox>", text)
    return [int(x) for x in m.groups()] if m else None


def centre_in_box(record, answer, right):
    """Whether the middle of the answered box lies in the expected one; other answers are as right as they were."""
    want, have = first_box(record["expected"]), first_box(answer)
    if not want:
        return right
    if not have:
        return False
    x, y = (have[0] + have[2]) / 2, (have[1] + have[3]) / 2
    return want[0] <= x <= want[2] and want[1] <= y <= want[3]


def worth(record, bar):
    """What an answer counts for under a bar: with the picture, and without (None where that was not asked)."""
    right, blind = record["right"], record.get("blind_right")
    if "mean IoU" in bar:
        return record["score"], blind
    if "similarity" in bar:
        return record["score"] >= 0.9, blind
    if "centre" in bar:
        right = centre_in_box(record, record["answer"], right)
        blind = None if blind is None else centre_in_box(record, record["blind_answer"], blind)
    return right, blind


def stages_in(folder, file):
    """Names of the stages that left such a file, in the order of training; stage1-more comes after stage1."""
    found = [os.path.basename(os.path.dirname(p)) for p in glob.glob(f"{folder}/*/{file}")]
    order = lambda name: [i for i, s in enumerate(STAGES) if name == s or name.startswith(s + "-")]
    return sorted((name for name in found if order(name)), key=lambda name: (order(name), name))


def read_records(folder):
    with open(os.path.join(folder, "records.jsonl")) as f:
        return [json.loads(line) for line in f]


def margin(right, n):
    """Half of the 95 % interval of a share: Agresti and Coull's, as `seedling eval` prints it."""
    z = 1.96
    trials = n + z * z
    p = (right + z * z / 2) / trials
    return min(0.5, z * math.sqrt(p * (1 - p) / trials)) if n else 0.5


def share(values):
    values = [float(v) for v in values if v is not None]
    return sum(values) / len(values) if values else None


def line_of(records, bar=""):
    pairs = [worth(r, bar) for r in records]
    n = len(records)
    return {
        "questions": n,
        "right": share(p[0] for p in pairs),
        "margin": margin(sum(float(p[0]) for p in pairs), n),
        "blind": share(p[1] for p in pairs),
        "chance": share(r.get("chance") for r in records),
    }


def grouped(records, key):
    groups = {}
    for r in records:
        groups.setdefault(key(r), []).append(r)
    return {k: groups[k] for k in sorted(groups)}


def exam(records):
    kind = lambda r: r["family"] + "/" + r["task"]
    bars = []
    for name, bar, kinds, extra in BARS:
        chosen = [r for r in records if kind(r) in kinds and (extra is None or extra(r))]
        bars.append({"name": name, "bar": bar, **line_of(chosen, name)})
    levels = [
        {"family": f, "level": level, **line_of(rs)}
        for (f, level), rs in grouped(records, lambda r: (r["family"], r.get("level", 0))).items()
    ]
    tasks = [{"task": k, **line_of(rs)} for k, rs in grouped(records, kind).items()]
    return {"all": line_of(records), "bars": bars, "levels": levels, "tasks": tasks}


def run_facts(folder):
    """A run's steps, tokens, hours and held-out checks, from its metrics.jsonl."""
    train, held = [], []
    with open(os.path.join(folder, "metrics.jsonl")) as f:
        for line in f:
            row = json.loads(line)
            (train if row["kind"] == "train" else held).append(row)
    seconds, before = 0.0, 0.0
    for row in train:
        seconds += (row["tokens"] - before) / row["tokens_per_second"] if row["tokens"] > before else 0
        before = max(before, row["tokens"])
    keep = ("step", "loss", "accuracy", "blind", "chance", "accuracy/chance", "cosine", "cosine/picture_mean", "recall")
    short = lambda row: {k: row[k] for k in keep if k in row}
    return {
        "steps": train[-1]["step"] if train else 0,
        "tokens": before,
        "hours": seconds / 3600,
        "first": short(held[0]) if held else {},
        "last": short(held[-1]) if held else {},
        "loss_first": train[0].get("loss") if train else None,
        "loss_last": train[-1].get("loss") if train else None,
        "families": {k[5:]: v for k, v in (held[-1] if held else {}).items() if k.startswith("loss/")},
    }


def model_info(model):
    out = subprocess.run([SEEDLING, "info", model, "--json"], check=True, capture_output=True, text=True).stdout
    return json.loads(out)


def draw_curves(runs, stages, folder):
    """One picture of each stage's loss, or of what it has instead."""
    for stage in stages:
        what = ["--metric", "cosine", "--kind", "held_out"] if stage == "vit-mim" else []
        out = os.path.abspath(os.path.join(folder, f"{stage}.png"))
        subprocess.run([os.path.abspath(SEEDLING), "plot", stage, *what, "--out", out], check=True, cwd=runs)


def by_stage(folder):
    result = {}
    for stage in stages_in(folder, "records.jsonl"):
        records = read_records(f"{folder}/{stage}")
        families = grouped(records, lambda r: r["family"])
        result[stage] = {"all": line_of(records), "families": {k: line_of(rs) for k, rs in families.items()}}
    return result


def scaling(folder):
    names = sorted(os.path.basename(os.path.dirname(p)) for p in glob.glob(f"{folder}/*/metrics.jsonl"))
    return [{"name": n, "info": model_info(f"{folder}/{n}/model"), **run_facts(f"{folder}/{n}")} for n in names]


def collect(args):
    folder = os.path.dirname(args.facts)
    os.makedirs(folder, exist_ok=True)
    stages = stages_in(args.runs, "metrics.jsonl")
    facts = {
        "examined": args.examined,
        "shipped": os.path.samefile(args.model, SHIPPED) if os.path.exists(SHIPPED) else False,
        "model": {"bytes": os.path.getsize(os.path.join(args.model, "model.safetensors")), "info": model_info(args.model)},
        "stages": {s: run_facts(os.path.join(args.runs, s)) for s in stages},
        "exam": exam(read_records(args.exam)),
    }
    if args.think:
        facts["think"] = exam(read_records(args.think))
    if args.stages:
        facts["by_stage"] = by_stage(args.stages)
    if args.scaling:
        facts["scaling"] = scaling(args.scaling)
        shutil.copy(f"{args.scaling}/scaling.png", folder)
    draw_curves(args.runs, stages, folder)
    with open(args.facts, "w") as f:
        json.dump(facts, f, indent=1)
        f.write("\n")


def pages():
    """Path and text of every page that is made from the facts; those about the model that ships only when it was examined."""
    with open(FACTS) as f:
        facts = json.load(f)
    made = {"docs/RESULTS.md": results_pages.results(facts)}
    if facts["shipped"]:
        with open("README.md") as f:
            made["README.md"] = results_pages.with_scores(f.read(), facts)
        made[f"{SHIPPED}/README.md"] = results_pages.card(facts)
    return made


def write(_):
    for path, text in pages().items():
        with open(path, "w") as f:
            f.write(text)


def check(_):
    stale = []
    for path, text in pages().items():
        with open(path) as f:
            if f.read() != text:
                stale.append(path)
    if stale:
        sys.exit(f"{', '.join(stale)}: not what `scripts/results.py write` makes of {FACTS}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    p = commands.add_parser("collect")
    for name in ("model", "runs", "exam"):
        p.add_argument(f"--{name}", required=True)
    for name in ("think", "stages", "scaling"):
        p.add_argument(f"--{name}")
    p.add_argument("--facts", default=FACTS)
    p.add_argument("--examined", default="the last stage", help="in words: which checkpoint --model and --exam are of")
    p.set_defaults(run=collect)
    commands.add_parser("write").set_defaults(run=write)
    commands.add_parser("check").set_defaults(run=check)
    args = parser.parse_args()
    args.run(args)


main()
