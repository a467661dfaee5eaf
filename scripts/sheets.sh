#!/usr/bin/env bash
# Draws docs/synth/FAMILY.jpg, a contact sheet of made samples, for the families named or for all that this machine can make.
# Usage: scripts/sheets.sh [FAMILY...]
set -eu
cd "$(dirname "$0")/.."
mkdir -p docs/synth
# The usage error of an unknown family lists them.
[ $# -gt 0 ] || set -- $(build/seedling data sheet '?' --out x.jpg 2>&1 | sed -n 's/.*there are \(.*\) (see.*/\1/p' | tr -d ,)
for family; do
    file=docs/synth/$family.jpg
    for n in 12 8 6; do # small enough for a repository
        build/seedling data sheet "$family" --n $n --columns 4 --cell 216 --out "$file" || continue 2
        [ "$(stat -c %s "$file")" -gt 150000 ] || break
    done
    echo "$file: $(stat -c %s "$file") bytes"
done
