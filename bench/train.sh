#!/usr/bin/env bash
# The training step of `mini` in Seedling and in PyTorch, side by side: both rates and their ratio.
# Usage: bench/train.sh [SEQUENCES [THREADS [DTYPE...]]]     default: 8 sequences, every processor, bf16 f32
# One sequence needs 5 GB, eight 15 GB. PyTorch is /usr/bin/python3's (Debian's python3-torch), on the best BLAS found:
# OpenBLAS (libopenblas0-pthread) where it is installed or where BLAS_DIR says, told to use AVX-512 where there is any.
set -eu
cd "$(dirname "$0")/.."
sequences=${1:-8} threads=${2:-$(nproc)}
shift $(($# < 2 ? $# : 2))
[ $# -gt 0 ] || set -- bf16 f32
seedling=${SEEDLING_BIN:-build/seedling}

blas=${BLAS_DIR:-$(dirname "$(ls /usr/lib/x86_64-linux-gnu/openblas*/libblas.so.3 2>/dev/null | head -1)")}
if [ -e "$blas/libblas.so.3" ]; then
    export LD_LIBRARY_PATH="$blas${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" OPENBLAS_NUM_THREADS=$threads
    # OpenBLAS 0.3.21 takes processors that it does not know for a Haswell.
    if grep -qw avx512f /proc/cpuinfo; then export OPENBLAS_CORETYPE=${OPENBLAS_CORETYPE:-SkylakeX}; fi
else
    echo "bench/train.sh: no OpenBLAS: PyTorch's f32 products run on the reference BLAS (apt install libopenblas0-pthread)" >&2
fi

# rate_of: the rate in the JSON line on stdin.
rate_of() { sed -n 's/.*"rate": *\([0-9.]*\).*/\1/p'; }

for dtype in "$@"; do
    ours=$("$seedling" bench train --json --threads "$threads" --sequences "$sequences" $([ "$dtype" = bf16 ] || echo --f32) | rate_of)
    theirs=$(/usr/bin/python3 bench/train_torch.py --sequences "$sequences" --threads "$threads" --steps "${STEPS:-3}" --dtype "$dtype" | rate_of)
    awk -v a="$ours" -v b="$theirs" -v d="$dtype" -v n="$sequences" -v t="$threads" 'BEGIN {
        printf "mini, %d x 2048 tokens, %s, %d threads: seedling %.1f GFLOP/s, PyTorch %.1f GFLOP/s, %.1f times\n", n, d, t, a, b, a / b }'
done
