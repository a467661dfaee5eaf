#!/usr/bin/env bash
# Trains three widths of the nano model on the same scenes, steps and batches, from nothing, and draws their losses in one
# picture. Usage: scripts/scaling.sh [FOLDER [STEPS]]      FOLDER: runs/scaling; STEPS: 100, minutes each on two cores
# What is trained already stays; an interrupted size goes on from its last checkpoint.
set -eu
cd "$(dirname "$0")/.."
out=${1:-runs/scaling}
steps=${2:-100}
seedling=${SEEDLING_BIN:-build/seedling}
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}
words=$out/words/tokenizer.json

"$seedling" data make recipes/data/scaling.yaml --out "$out/data" >/dev/null
if [ ! -e "$words" ]; then
    mkdir -p "$out/words"
    "$seedling" tokenizer train "$out/data" --vocab 2048 --out "$words"
fi
for width in 64 128 256; do
    run=$out/$(printf width-%03d $width)
    config=$out/configs/$width
    [ -e "$run/model/model.safetensors" ] && continue
    # The smoke model's configuration, wider and deeper: heads of 32, experts and perceptrons in proportion.
    mkdir -p "$config"
    sed -e 's/"name": "smoke"/"name": "width '$width'"/' -e 's/"hidden_size": 64/"hidden_size": '$width/ \
        -e 's/_layers": 2/_layers": 4/' -e 's/_heads": 2/_heads": '$((width / 32))/ -e 's/key_value_heads": 1/key_value_heads": '$((width / 64))/ \
        -e 's/"intermediate_size": 128/"intermediate_size": '$((4 * width))/ -e 's/moe_intermediate_size": 64/moe_intermediate_size": '$((2 * width))/ \
        recipes/smoke/model/config.json >"$config/config.json"
    resume=()
    [ -e "$run/checkpoints/last" ] && resume=(--resume)
    "$seedling" train recipes/scaling.yaml --out "$run" "${resume[@]}" --set "steps=$steps" --set "model=$config" \
        --set "tokenizer=$words" --set "data.folder=$out/data"
done
seedling=$(realpath "$seedling")
(cd "$out" && "$seedling" plot width-??? --metric loss/scenes --fit --out scaling.png)
