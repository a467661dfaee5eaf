#!/usr/bin/env bash
# Makes seedling-nano again: its data, every stage of training, the exported model, the exam and docs/RESULTS.md.
# Usage: scripts/reproduce-nano.sh [full|small] [FOLDER]
#   full   (default) what ships: 240 000 samples, recipes/nano/all.yaml; a day on two cores. FOLDER: runs/nano
#   small  the same steps with little of each: minutes, learns next to nothing, replaces no file of the repository. FOLDER: runs/nano-small
# What is done is not done again, and an interrupted stage goes on from its last checkpoint: start it once more.
set -eu
cd "$(dirname "$0")/.."
size=${1:-full}
export SEEDLING_BIN=${SEEDLING_BIN:-build/seedling} OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}
settings=()
case $size in
full) runs=${2:-runs/nano} samples=240000 data=data/nano exam=3000 ;;
small)
    runs=${2:-runs/nano-small} samples=200 data=$runs/data exam=48
    for stage in vit-mim vit-contrastive text vit-caption stage0 stage1 stage2; do settings+=(--set "$stage.steps=2" --set "$stage.optimizer.warmup_steps=1"); done
    settings+=(--set sft.epochs=1 --set batch.sequences=1 --set batch.tokens=1024 --set data.lanes=1)
    settings+=(--set eval.sequences=1 --set eval.answers=4 --set stage2.batch.tokens=2048 --set log_every=1)
    ;;
*)
    sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
[ -x "$SEEDLING_BIN" ] || make -s -j"$(nproc)" "$SEEDLING_BIN"
say() { echo "== $*"; }

say "data: $data"
scripts/nano-data.sh "$samples" "$data"
"$SEEDLING_BIN" data make recipes/data/exam.yaml --out "$runs/exam" --set "held_out=$exam"

say "training: $runs"
[ "$data" = data/nano ] || settings+=(--set "tokenizer=$data/tokenizer.json" --set "data.folder=$data")
if [ ! -e "$runs/sft/model/model.safetensors" ]; then
    resume=()
    ls -d "$runs"/*/checkpoints >/dev/null 2>&1 && resume=(--resume)
    "$SEEDLING_BIN" train recipes/nano/all.yaml --out "$runs" "${resume[@]}" "${settings[@]}"
fi

# ask NAME MODEL OPTIONS...: the exam, unless its answers are there.
ask() {
    local out=$runs/results/$1 model=$2
    shift 2
    [ -e "$out/report.html" ] || "$SEEDLING_BIN" eval "$model" --suite "$runs/exam/held-out" --out "$out" --max-tokens 192 "$@"
}
say "exam"
ask exam "$runs/sft/model" >/dev/null
ask think "$runs/sft/model" --thinking on --limit $((exam / 4)) --no-blind >/dev/null
for stage in stage0 stage1 stage2 sft; do
    ask "stages/$stage" "$runs/$stage/model" --limit $((exam / 5)) --no-blind >/dev/null
done
[ "$size" = small ] && scaling=("$runs/scaling" 3) || scaling=("$runs/scaling")
scripts/scaling.sh "${scaling[@]}"

facts=(--runs "$runs" --exam "$runs/results/exam" --think "$runs/results/think" --stages "$runs/results/stages" --scaling "$runs/scaling")
if [ "$size" = small ]; then
    python3 scripts/results.py collect --model "$runs/sft/model" "${facts[@]}" --facts "$runs/results/nano.json"
    say "all of it ran; nothing outside $runs was changed"
    exit 0
fi
say "export and pages"
scripts/ship-nano.sh "$runs/sft/model"
python3 scripts/results.py collect --model models/seedling-nano "${facts[@]}"
scripts/readme-answers.sh write
python3 scripts/results.py write
say "models/seedling-nano and docs/RESULTS.md are made; tests/eval/shipped.tar: scripts/pick-questions.py"
