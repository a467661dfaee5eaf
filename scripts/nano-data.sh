#!/usr/bin/env bash
# Makes what recipes/nano/ trains on, and its tokenizer, in data/nano: six sets, each with a held-out part of its own.
# Usage: scripts/nano-data.sh [SAMPLES [DIR [SET...]]]      SAMPLES: of the largest sets (default: 240000); the others
# follow from it. SET: only these of captions, text, easy, mix, dialogues, sft. What is there already is not made again.
set -eu
samples=${1:-240000}
out=${2:-data/nano}
shift $(($# < 2 ? $# : 2))
sets=${*:-captions text easy mix dialogues sft}
seedling=${SEEDLING_BIN:-build/seedling}

# make_set NAME RECIPE PERCENT SETTINGS...: a set of so many percent of the samples, a fortieth of them held out.
make_set() {
    local name=$1 recipe=$2 n=$((samples * $3 / 100))
    shift 3
    "$seedling" data make "recipes/data/$recipe.yaml" --out "$out/$name" --set "samples=$n" --set "held_out=$((n / 40 + 10))" "$@"
}

# The vocabulary comes from a small mixture of its own, so that it is there before the large sets are.
if [ ! -e "$out/tokenizer.json" ]; then
    "$seedling" data make recipes/data/nano.yaml --out "$out/words" --seed 3 --set samples=4000 --set held_out=0 \
        --set families.text.samples=4000
    "$seedling" tokenizer train "$out/words" --vocab 4096 --out "$out/tokenizer.json"
fi
for name in $sets; do
    case $name in
    captions) make_set captions captions 100 ;;
    text) make_set text text 50 ;;
    easy) make_set easy easy 25 ;;
    mix) make_set mix nano 100 ;;
    dialogues) make_set dialogues dialogues 100 ;;
    sft) make_set sft nano 25 --seed 2 --set thinking=0.5 ;;
    *)
        echo "$0: no set is called $name" >&2
        exit 2
        ;;
    esac
done
