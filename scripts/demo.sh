#!/usr/bin/env bash
# From a clone to answers: installs what is missing, builds, asks the model that ships (or the one named) a question about
# each example and leaves the pictures with what it pointed to in build/demo. Usage: scripts/demo.sh [MODEL]
set -eu
cd "$(dirname "$0")/.."
start=$SECONDS
[ $# -gt 0 ] || [ -e models/seedling-nano/model.safetensors ] || {
    echo "$0: no weights are in models/seedling-nano yet: name a MODEL, a folder of weights or a GGUF file (docs/MODELS.md)" >&2
    exit 1
}
scripts/packages.sh build
make -s -j"$(nproc)" build/seedling
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}
model=("$@")
mkdir -p build/demo

n=0
while IFS=$'\t' read -r option file question truth; do
    case $option in '' | '#'*) continue ;; esac
    n=$((n + 1))
    drawn=build/demo/$n-$(basename "${file%.*}").png
    draw=()
    [ "$option" = -i ] && draw=(--draw "$drawn")
    from=${EPOCHREALTIME/[.,]/}
    answer=$(build/seedling ask "${model[@]}" "$option" "$file" "${draw[@]}" --max-tokens 128 "$question" 2>build/demo/said) || {
        cat build/demo/said >&2
        exit 1
    }
    ms=$(((${EPOCHREALTIME/[.,]/} - from) / 1000))
    [ $n -gt 1 ] || echo "The first answer came $((SECONDS - start)) s after the start, building included."
    printf '\n%s\n  asked:    %s\n  answered: %s   (%d.%02d s, loading the model included)\n  true:     %s\n' "$file" "$question" "${answer//$'\n'/$'\n            '}" \
        $((ms / 1000)) $((ms % 1000 / 10)) "$truth"
    grep -q ' [1-9][0-9]* shapes\? drawn' build/demo/said && echo "  drawn:    $drawn"
    # A picture with nothing on it says nothing.
    grep -q ' 0 shapes drawn' build/demo/said && rm -f "$drawn"
done <examples/questions.tsv
rm -f build/demo/said

echo
echo "Ask in a browser: build/seedling serve${model:+ ${model[0]}}, then open http://127.0.0.1:8080"
