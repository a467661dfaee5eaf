#!/usr/bin/env python3
"""Picks the questions that tests/eval/test_shipped.c asks the model that ships, out of evaluations of that model.

    scripts/pick-questions.py --suite DIR --records DIR [--records DIR]... [--n 20] [--max-bytes 30000] --out FILE.tar

A question is picked when every evaluation named (of several kernels or types of weights, say) has it right, and has it
wrong without the picture; from as many tasks as there are, those first in which most answers are right. What is written is
a shard of the same rows, pictures included."""

import argparse
import glob
import json
import os
import sys
import tarfile


def read_records(folder):
    with open(os.path.join(folder, "records.jsonl")) as f:
        return {r["id"]: r for r in map(json.loads, f)}


def candidates(evaluations):
    """Ids by task: tasks in the order of how much the model gets right in them."""
    first, tasks = evaluations[0], {}
    for key, r in first.items():
        task = tasks.setdefault(r["family"] + "/" + r["task"], {"n": 0, "right": 0, "ids": []})
        task["n"] += 1
        task["right"] += r["right"]
        fit = [e[key]["right"] and e[key].get("blind_right") is False for e in evaluations if key in e]
        if len(fit) == len(evaluations) and all(fit):
            task["ids"].append(key)
    ranked = sorted(tasks.values(), key=lambda t: -t["right"] / t["n"])
    return [sorted(t["ids"]) for t in ranked if t["ids"]]


def members_by_key(suite):
    """Each row's key to its shard and the members that belong to it."""
    rows = {}
    for path in sorted(glob.glob(os.path.join(suite, "*.tar"))):
        with tarfile.open(path) as tar:
            for m in tar.getmembers():
                rows.setdefault(m.name.split(".")[0], (path, []))[1].append(m.name)
    return rows


def size_of(row):
    with tarfile.open(row[0]) as tar:
        return sum(tar.getmember(name).size for name in row[1])


def choose(tasks, rows, n, max_bytes):
    """In turns from each task."""
    chosen = []
    while len(chosen) < n and any(tasks):
        for ids in tasks:
            while ids:
                key = ids.pop(0)
                if key in rows and size_of(rows[key]) <= max_bytes:
                    chosen.append(key)
                    break
            if len(chosen) == n:
                break
    return chosen


def write(chosen, rows, out):
    with tarfile.open(out, "w", format=tarfile.USTAR_FORMAT) as to:
        for key in chosen:
            path, names = rows[key]
            with tarfile.open(path) as source:
                for name in names:
                    to.addfile(source.getmember(name), source.extractfile(name))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", required=True)
    parser.add_argument("--records", required=True, action="append")
    parser.add_argument("--n", type=int, default=20)
    parser.add_argument("--max-bytes", type=int, default=30000)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    tasks, rows = candidates([read_records(r) for r in args.records]), members_by_key(args.suite)
    chosen = choose(tasks, rows, args.n, args.max_bytes)
    if len(chosen) < args.n:
        sys.exit(f"pick-questions.py: only {len(chosen)} of {args.n} questions are right with the picture and wrong without it")
    write(chosen, rows, args.out)
    print(f"{args.out}: {len(chosen)} questions, {os.path.getsize(args.out)} bytes")


main()
