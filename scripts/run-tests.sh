#!/usr/bin/env bash
# Runs every test program and replays every fuzz corpus under a build folder, and closes with "N passed, N failed".
# Usage: scripts/run-tests.sh [BUILD] [PATTERN]      PATTERN: only programs whose path matches it
set -u
cd "$(dirname "$0")/.."
build=${1:-build}
pattern=${2:-.}
limit=${SEEDLING_TEST_SECONDS:-600} # a test that hangs must not hang the suite
passed=0
failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export SEEDLING_BIN="$build/seedling"
# Threads that wait by spinning take the processor from those that work, on machines with few of them.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}

seconds_since() {
    local us=$((${EPOCHREALTIME/[.,]/} - $1))
    printf '%d.%d' $((us / 1000000)) $((us / 100000 % 10))
}

count() {
    grep -c -- "$1" "$log"
}

for t in $(find "$build/tests" -name 'test_*' -type f -executable | sort | grep -e "$pattern"); do
    start=${EPOCHREALTIME/[.,]/}
    timeout -k 10 "$limit" "$t" >"$log" 2>&1
    rc=$?
    ok=$(count '^\[       OK \]')
    # Skipped tests are announced one by one, and again in a list at the end: the list's head has their number.
    skipped=$(sed -n 's/^\[  SKIPPED \] \([0-9]*\) test(s), listed below:$/\1/p' "$log" | paste -sd+)
    skipped=$((${skipped:-0}))
    # What was announced and neither passed nor was skipped has failed, also when the program died before it ran.
    announced=$(sed -n 's/^\[==========\] Running \([0-9]*\) test(s).*/\1/p' "$log" | paste -sd+)
    announced=$((${announced:-0}))
    bad=$((announced - ok - skipped))
    # Leaks found at exit, crashes in clean-up, and programs that announced nothing.
    if [ "$bad" -le 0 ] && { [ "$rc" -ne 0 ] || [ "$announced" -eq 0 ]; }; then bad=1; fi
    [ "$bad" -eq 0 ] || cat "$log"
    [ "$rc" -ne 124 ] || echo "$t: stopped after $limit s"
    passed=$((passed + ok))
    failed=$((failed + bad))
    printf '%-46s %3d passed, %d failed%s (%s s)\n' "${t#"$build"/tests/}" "$ok" "$bad" \
        "$([ "$skipped" -eq 0 ] || echo ", $skipped skipped")" "$(seconds_since "$start")"
done

for f in $(find "$build/tests/fuzz" -name 'fuzz_*' -type f -executable 2>/dev/null | sort | grep -e "$pattern"); do
    name=$(basename "$f")
    corpus=tests/fuzz/corpus/${name#fuzz_}
    if [ -n "$(ls -A "$corpus" 2>/dev/null)" ] && timeout -k 10 "$limit" "$f" "$corpus" >"$log" 2>&1; then
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
