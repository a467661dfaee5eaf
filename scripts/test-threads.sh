#!/usr/bin/env bash
# Builds with ThreadSanitizer and runs the tests in which threads meet: engine, C API, server, loader, progress bars.
# Usage: scripts/test-threads.sh [PATTERN]      PATTERN: only tests whose path matches it
#
# OpenMP's own barriers are not instrumented, so TSan would take every parallel loop for a race. The loops are proven
# independent of the number of threads by the tests of kernels, which compare bits; here they get one thread each
# (OMP_THREAD_LIMIT), and what remains are the threads that the program makes itself.
# Without MPI: its UCX replaces madvise with a function that takes a lock, which a thread calls when TSan has forgotten
# it already, and crashes.
set -eu
cd "$(dirname "$0")/.."
tests="infer/test_engine infer/test_pace infer/test_examples serve/test_bell serve/test_http serve/test_server serve/test_media_pool serve/test_keys
serve/test_metrics serve/test_soak data/test_loader base/test_progress"
export OMP_THREAD_LIMIT=1 OMP_WAIT_POLICY=passive
export TSAN_OPTIONS="suppressions=$PWD/scripts/tsan.supp second_deadlock_stack=1 ${TSAN_OPTIONS:-}"
export SEEDLING_BIN=build/tsan/seedling
# Addresses that the kernel places at random may fall where TSan wants its shadow.
run=(setarch "$(uname -m)" -R)
"${run[@]}" true 2>/dev/null || run=()
failed=0
for t in $tests; do
    [[ $t =~ ${1:-.} ]] || continue
    make -j"$(nproc)" SAN=thread MPI=0 build/tsan/seedling "build/tsan/tests/$t" >/dev/null
    log=build/tsan/$(basename "$t").log
    if "${run[@]}" "build/tsan/tests/$t" >"$log" 2>&1; then
        echo "$t: no races"
    else
        failed=1
        cat "$log"
        echo "$t: FAILED"
    fi
done
exit $failed
