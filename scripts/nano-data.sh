#!/usr/bin/env bash
# Makes what recipes/nano/ trains on, and its tokenizer, in data/nano: five sets, each with a held-out part of its own.
# Usage: scripts/nano-data.sh [SAMPLES [DIR]]      SAMPLES: of the largest set (default: 20000); the others follow from it
set -eu
samples=${1:-20000}
out=${2:-data/nano}
seedling=${SEEDLING_BIN:-build/seedling}

# set NAME RECIPE PERCENT SETTINGS...: a set of so many percent of the samples, a twentieth of them held out.
set_of() {
    local name=$1 recipe=$2 n=$((samples * $3 / 100))
    shift 3
    "$seedling" data make "recipes/data/$recipe.yaml" --out "$out/$name" --set "samples=$n" --set "held_out=$((n / 20 + 10))" "$@"
}

set_of mix nano 100
set_of text text 100
set_of captions captions 50
set_of sft nano 50 --seed 2 --set thinking=0.5
"$seedling" tokenizer train "$out/mix" "$out/text" --out "$out/tokenizer.json"
