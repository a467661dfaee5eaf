#!/usr/bin/env bash
# Makes a trained checkpoint the model that ships: bf16 weights, configuration and tokenizer in models/seedling-nano.
# Usage: scripts/ship-nano.sh CHECKPOINT      a run's model/ or checkpoints/best, or any folder that `seedling convert` reads
set -eu
cd "$(dirname "$0")/.."
[ $# -eq 1 ] || { echo "usage: $0 CHECKPOINT" >&2; exit 2; }
seedling=${SEEDLING_BIN:-build/seedling}
out=models/seedling-nano
limit=40000000
new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT

"$seedling" convert "$1" "$new" --type bf16
size=$(cat "$new"/* | wc -c)
[ "$size" -le $limit ] || { echo "$0: $1 takes $size bytes, more than $limit: not for the repository" >&2; exit 1; }
mkdir -p $out
for file in config.json generation_config.json tokenizer.json model.safetensors; do mv "$new/$file" $out/; done
chmod 644 $out/*
echo "$out: $size bytes, from $1"
