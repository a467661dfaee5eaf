#!/usr/bin/env bash
# Builds every tests/fuzz/fuzz_*.c with libFuzzer, ASan and UBSan. Usage: scripts/build-fuzzers.sh [FOLDER]
# Then for example: build/fuzz/fuzz_picture -max_total_time=600 build/fuzz/new tests/fuzz/corpus/picture
set -eu
cd "$(dirname "$0")/.."
out=${1:-build/fuzz}
scripts/packages.sh build fuzz
mkdir -p "$out"
flags="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"
make -j"$(nproc)" CC=clang-14 B="$out/lib" CFLAGS="$flags" LDFLAGS="$flags" "$out/lib/libseedling.a"
libs=$(make -s CC=clang-14 B="$out/lib" flags) # the Makefile's own list
for f in tests/fuzz/fuzz_*.c; do
    name=$(basename "$f" .c)
    echo "  FUZZ  $name"
    # shellcheck disable=SC2086
    clang-14 -std=c17 -fopenmp -D_GNU_SOURCE -O1 -g -Iinclude -Isrc -fsanitize=fuzzer,address,undefined "$f" \
        "$out/lib/libseedling.a" -o "$out/$name" $libs
done
