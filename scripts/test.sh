#!/usr/bin/env bash
# Sets up a fresh Debian 12 or Ubuntu machine, builds, and runs all tests twice: as shipped, and under AddressSanitizer
# and UndefinedBehaviorSanitizer. Closes with "N passed, N failed"; the exit status says the same.
set -u
cd "$(dirname "$0")/.."
scripts/packages.sh build test || exit 1
scripts/openai-client.sh
jobs=$(nproc)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0
failed=0

# suite NAME MAKE-ARGUMENTS...: builds and runs the tests, and adds up their sums.
suite() {
    echo "== $1"
    shift
    make -j"$jobs" "$@" test 2>&1 | tee "$log"
    local rc=${PIPESTATUS[0]} sums p f
    sums=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$log" | tail -n 1)
    read -r p _ f _ <<<"${sums:-0 passed, 1 failed}"
    # A build that breaks has no sums: it counts as one failure.
    [ "$rc" -eq 0 ] || [ "$f" -gt 0 ] || f=1
    passed=$((passed + p))
    failed=$((failed + f))
}

suite "tests"
suite "tests under ASan and UBSan" SAN=1
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
