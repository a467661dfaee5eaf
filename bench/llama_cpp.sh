#!/usr/bin/env bash
# Sets this program beside llama.cpp on the same GGUF file, threads and machine: prefill and decode, in one process, in turns.
# Usage: bench/llama_cpp.sh LIB INCLUDE MODEL.gguf [THREADS [PROMPT|logits]]
#   LIB      folder with llama.cpp's libllama*.so, libggml*.so and its libggml-cpu-*.so (a build of it, or
#            node_modules/@node-llama-cpp/linux-x64/bins/linux-x64 of the npm package)
#   INCLUDE  folder with llama.h and ggml.h of that version (several: separated by ':')
#   logits   compares the logits of all positions in f32 instead
set -eu
[ $# -ge 3 ] || { sed -n '2,8s/^# //p' "$0"; exit 2; }
cd "$(dirname "$0")/.."
lib=$(realpath "$1") model=$(realpath "$3") threads=${4:-1} what=${5:-256} out=${TMPDIR:-/tmp}/llama_cpp.$$
mkdir -p "$out"
trap 'rm -rf "$out"' EXIT
# Libraries name each other as they were built; packages rename the files.
for so in "$lib"/*.so*; do
    ln -sf "$so" "$out/$(basename "$so")"
    soname=$(readelf -d "$so" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')
    [ -z "$soname" ] || ln -sf "$so" "$out/$soname"
done
first() { find "$out" -name "$1" | sort | head -n 1; }
includes=()
IFS=: read -r -a folders <<<"$2"
for folder in "${folders[@]}"; do includes+=(-isystem "$(realpath "$folder")"); done
make -s build/libseedling.a
read -r -a libraries < <(make -s flags)
gcc -std=gnu17 -O2 -fopenmp -Isrc -Iinclude "${includes[@]}" bench/llama_cpp.c -o "$out/llama_cpp" build/libseedling.a \
    "$(first 'libllama.*so*')" "$(first 'libggml.*so*')" "$(first 'libggml-base*so*')" "${libraries[@]}" -lm -Wl,-rpath,"$out"
PEER_LIB="$lib" OMP_WAIT_POLICY=passive "$out/llama_cpp" "$model" "$threads" "$what"
