#!/usr/bin/env bash
# Runs every test program and every fuzz corpus found under a build folder, and closes with "N passed, N failed".
# Usage: scripts/run-tests.sh [build folder] [pattern]
set -u
cd "$(dirname "$0")/.."
build=${1:-build}
pattern=${2:-}
passed=0
failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export SEEDLING_BIN="$build/seedling"

for t in $(find "$build/tests" -name 'test_*' -type f -executable | sort | grep -- "$pattern"); do
    start=$(date +%s.%N)
    "$t" >"$log" 2>&1
    rc=$?
    seconds=$(echo "$(date +%s.%N) - $start" | bc)
    ok=$(grep -c '^\[       OK \]' "$log")
    bad=$(grep -c '^\[  FAILED  \] [^0-9]' "$log")
    run=$(grep -c '^\[ RUN      \]' "$log")
    # A program that died took its unfinished tests with it.
    [ "$rc" -ne 0 ] && [ "$bad" -eq 0 ] && bad=1
    [ "$run" -eq 0 ] && bad=1
    # cmocka names each failed test twice: once as it fails and once in the summary.
    if [ "$rc" -ne 0 ] || [ "$bad" -ne 0 ]; then
        bad=$((run > ok ? run - ok : 1))
        cat "$log"
    fi
    passed=$((passed + ok))
    failed=$((failed + bad))
    printf '%-46s %3d passed, %d failed  (%.1f s)\n' "${t#"$build"/tests/}" "$ok" "$bad" "$seconds"
done

for f in $(find "$build/tests/fuzz" -name 'fuzz_*' -type f -executable 2>/dev/null | sort | grep -- "$pattern"); do
    name=$(basename "$f")
    corpus=tests/fuzz/corpus/${name#fuzz_}
    if "$f" "$corpus" >"$log" 2>&1; then
        passed=$((passed + 1))
        printf '%-46s %s\n' "fuzz/$name" "$(tail -n 1 "$log")"
    else
        failed=$((failed + 1))
        cat "$log"
        printf '%-46s FAILED\n' "fuzz/$name"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
