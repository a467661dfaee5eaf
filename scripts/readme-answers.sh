#!/usr/bin/env bash
# The answers that the README shows are those that the weights in the repository give.
# Usage: scripts/readme-answers.sh write|check
#   write  asks examples/questions.tsv and writes the table into README.md, and docs/answer.png: the first answer with a shape
#   check  asks again and fails with a line when the README says something else
# Both ask on AVX2 kernels, so that machines agree; write also asks on this machine's own and refuses answers that differ.
set -eu
export LC_ALL=C.UTF-8
cd "$(dirname "$0")/.."
seedling=${SEEDLING_BIN:-build/seedling}
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}
model=models/seedling-nano
begin='<!-- answers: ' end='<!-- end of answers -->'
[ "${1:-}" = write ] || [ "${1:-}" = check ] || { echo "usage: $0 write|check" >&2; exit 2; }
[ -e $model/model.safetensors ] || { echo "$0: there are no weights in $model" >&2; exit 1; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# ask KERNELS OPTION FILE QUESTION [--draw FILE]: the answer on one line.
ask() {
    local kernels=$1 option=$2 file=$3 question=$4
    shift 4
    SEEDLING_CPU=$kernels "$seedling" ask $model "$option" "$file" --max-tokens 64 "$@" "$question" 2>"$scratch/said" | tr '\n' ' ' | sed 's/ *$//'
}
# One cell of a Markdown table, cut where a model does not come to an end.
cell() {
    local text=$1
    [ ${#text} -le 120 ] || text=${text:0:119}…
    printf '`%s`' "${text//|/\\|}"
}

show_picture() { printf '%s\n\n' '![an answer, drawn](docs/answer.png)'; }

n=0 drawn=
[ "$1" = write ] || [ ! -e docs/answer.png ] || show_picture >"$scratch/table"
echo '| picture | asked | answered | true |' >>"$scratch/table"
echo '|---|---|---|---|' >>"$scratch/table"
while IFS=$'\t' read -r option file question truth; do
    case $option in '' | '#'*) continue ;; esac
    n=$((n + 1))
    answer=$(ask avx2 "$option" "$file" "$question")
    if [ "$1" = write ]; then
        draw=()
        [ "$option" = -v ] || draw=(--draw "$scratch/$n.png")
        here=$(ask "" "$option" "$file" "$question" "${draw[@]}")
        [ "$here" = "$answer" ] || { echo "$0: '$question': avx2 answers '$answer', this machine '$here'" >&2; exit 1; }
        [ -n "$drawn" ] || ! grep -q ' [1-9][0-9]* shapes\? drawn' "$scratch/said" || drawn=$scratch/$n.png
    fi
    echo "| [$(basename "$file")]($file) | $(cell "$question") | $(cell "$answer") | $(cell "$truth") |" >>"$scratch/table"
done <examples/questions.tsv

sed -n "/^$begin/,/^$end/p" README.md | sed '1d;$d' >"$scratch/now"
if [ "$1" = check ]; then
    diff "$scratch/now" "$scratch/table" >&2 || { echo "$0: README.md shows other answers than $model gives" >&2; exit 1; }
    exit 0
fi
if [ -n "$drawn" ]; then
    cp "$drawn" docs/answer.png
    show_picture | cat - "$scratch/table" >"$scratch/with" && mv "$scratch/with" "$scratch/table"
else
    rm -f docs/answer.png
fi
grep -q "^$begin" README.md || { echo "$0: README.md has no line '$begin'" >&2; exit 1; }
sed -i -e "/^$begin/r $scratch/table" -e "/^$begin/,/^$end/{/^$begin/!{/^$end/!d}}" README.md
