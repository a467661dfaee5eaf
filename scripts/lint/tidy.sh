#!/usr/bin/env bash
# Runs clang-tidy (.clang-tidy says which checks) over the sources of a tree, on every processor.
# Usage: scripts/lint/tidy.sh [ROOT]
set -eu
cd "${1:-.}"
here=$(cd "$(dirname "$0")" && pwd)

# Checks one file with the flags that the Makefile gives a file of that name. One file a run: the analyser of
# clang 14 carries va_list state from one file to the next.
check() {
    # Vector kernels go without the path analysis: it takes minutes on inlined intrinsics and finds only that a row
    # might be NULL. x != x is how they find NaN.
    local kernel='-clang-analyzer-*,-misc-redundant-expression' checks=
    local flags=(-std=c17 -D_GNU_SOURCE -Iinclude -Isrc -fopenmp)
    read -r -a include < <(pkg-config --cflags pangocairo) && flags+=("${include[@]}") # those in folders of their own
    [ "$1" = src/base/error.c ] || flags+=(-include "$HERE/tidy.h")
    case $1 in
    *_vec.c) flags+=(-mavx2 -mfma -mf16c -DSL_VEC_WIDTH=8) checks=$kernel ;;
    *_avx2.c) flags+=(-mavx2 -mfma -mf16c) checks=$kernel ;;
    *_avx512.c | *_vnni.c | *_avx512bf16.c | *_amx.c)
        flags+=(-mavx2 -mfma -mf16c -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni -mavx512bf16)
        flags+=(-mamx-tile -mamx-bf16 -mamx-int8) checks=$kernel
        ;;
    esac
    # Versions differ in what they find, so one is named. The count of suppressed warnings goes to stderr.
    clang-tidy-14 --quiet --checks="$checks" "$1" -- "${flags[@]}" 2>/dev/null | sed "s|^$PWD/||"
    return "${PIPESTATUS[0]}"
}
export -f check
export HERE=$here
find src -name '*.c' -print0 | sort -z | xargs -0 -r -P "$(nproc)" -I{} bash -c 'check "$1"' check {}
