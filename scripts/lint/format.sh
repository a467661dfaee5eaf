#!/usr/bin/env bash
# Every C file is as clang-format (with .clang-format) leaves it; `make format` makes it so. One line a file: where it
# first differs. Usage: scripts/lint/format.sh [ROOT]
set -u
cd "${1:-.}"
command -v clang-format-14 >/dev/null || { echo "clang-format-14 is not installed"; exit 1; }
out=$(find src tests include examples -name '*.[ch]' -print0 2>/dev/null | sort -z |
    xargs -0 -r -P "$(nproc)" -n 16 clang-format-14 --dry-run -Werror 2>&1)
rc=$?
printf '%s' "$out" | sed -n 's/^\([^ ]*:[0-9]*\):[0-9]*: error:.*/\1: not as clang-format leaves it/p' |
    sort -t: -k1,1 -k2,2n | sort -t: -k1,1 -u
exit $rc
