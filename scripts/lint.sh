#!/usr/bin/env bash
# Checks the tree against the rules that docs/DEVELOPING.md explains. Usage: scripts/lint.sh [BUILD] [RULE...]
# The rules are the scripts of scripts/lint/; "self" shows that each of them catches what it is for.
set -u
cd "$(dirname "$0")/.."
build=${1:-build}
[ $# -gt 0 ] && shift
rules=${*:-self text layers calls length docs exports format tidy}
failed=

for rule in $rules; do
    case $rule in
    self) command=(scripts/lint-test.sh) ;;
    exports) command=(python3 scripts/lint/exports.py . "$build") ;;
    format | tidy) command=("scripts/lint/$rule.sh") ;;
    *) command=(python3 "scripts/lint/$rule.py") ;;
    esac
    start=$SECONDS
    if PYTHONDONTWRITEBYTECODE=1 "${command[@]}"; then
        printf 'lint: %-8s ok (%d s)\n' "$rule" $((SECONDS - start))
    else
        printf 'lint: %-8s FAILED\n' "$rule"
        failed="$failed $rule"
    fi
done
[ -z "$failed" ] || { echo "lint: failed:$failed" >&2; exit 1; }
