#!/usr/bin/env bash
# Feeds every lint rule a file that breaks it and a file that does not: a rule that lets the first pass, or refuses
# the second, is worth nothing.
set -u
rules=$(cd "$(dirname "$0")/lint" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
bad=0

# Starts an empty tree of one clean file.
clean_tree() {
    rm -rf "$tree" && mkdir -p "$tree/src/base" "$tree/src/media" "$tree/src/cli" "$tree/include"
    printf '/* a.h: a. */\n\n/* Returns a. */\nint sl_a(void);\n' >"$tree/src/base/a.h"
    printf '/* a.c: a. */\n#include "base/a.h"\n\nint sl_a(void)\n{\n    return 1;\n}\n' >"$tree/src/base/a.c"
    printf '/* main.c: the program. */\n#include "base/a.h"\n\nint main(void)\n{\n    return sl_a();\n}\n' \
        >"$tree/src/cli/main.c"
    for f in base media cli; do echo "# $f" >"$tree/src/$f/README.md"; done
    cp "$rules/../../.clang-format" "$rules/../../.clang-tidy" "$tree/"
    printf '/* error.h: nothing. */\n' >"$tree/src/base/error.h"
}

run() {
    case $1 in
    format | tidy) "$rules/$1.sh" "$tree" ;;
    *) python3 "$rules/$1.py" "$tree" "$tree/build" ;;
    esac 2>&1
}

# passes RULE: the tree as it stands is clean.
passes() {
    local out
    if ! out=$(run "$1"); then
        echo "lint-test: $1 refuses a clean tree: $out"
        bad=1
    fi
}

# refuses RULE PATH TEXT PART: with PATH holding TEXT (printf escapes) the rule fails and its output holds PART.
refuses() {
    local out
    clean_tree
    mkdir -p "$(dirname "$tree/$2")"
    printf "$3" >"$tree/$2"
    [ "$1" = exports ] && compile
    if out=$(run "$1"); then
        echo "lint-test: $1 lets this pass in $2: $3"
        bad=1
    elif [[ $out != *"$4"* ]]; then
        echo "lint-test: $1 does not say '$4' about $2, but: $out"
        bad=1
    fi
}

# exports reads object files.
compile() {
    local c
    for c in $(cd "$tree" && find src -name '*.c'); do
        mkdir -p "$tree/build/obj/$(dirname "$c")"
        ${CC:-cc} -fPIC -I"$tree/src" -c -o "$tree/build/obj/${c%.c}.o" "$tree/$c" || exit 1
    done
}

clean_tree
compile
for rule in text layers calls length docs exports format tidy; do passes "$rule"; done

h='/* x: x. */\n'
refuses layers src/base/x.c "$h#include \"media/x.h\"\n" 'src/base/x.c:2: base/ (layer 0) must not include media/'
refuses layers src/media/x.c "$h#include \"text/x.h\"\n" 'must not include text/'
refuses layers src/media/x.c "$h#include \"x.h\"\n" 'by its path'
refuses layers src/odd/x.c "$h" 'no folder of the layer table'
refuses calls src/cli/x.c "${h}void f(char *p)\n{\n    strcpy(p, \"\");\n}\n" 'src/cli/x.c:4: strcpy'
refuses calls src/base/x.c "${h}void f(void)\n{\n    exit(1);\n}\n" 'only cli/ ends'
refuses calls src/base/x.c "${h}void f(void)\n{\n    printf(\"\");\n}\n" 'only cli/ prints'
refuses calls src/base/x.c "${h}void f(void)\n{\n    fputs(\"\", stdout);\n}\n" 'only cli/ prints'
refuses calls tests/x.c "${h}int f(void)\n{\n    return atoi(\"1\");\n}\n" 'cannot report an error'
refuses length src/base/x.c "${h}void f(void)\n{\n$(printf '    g();\\n%.0s' {1..120})}\n" 'function of 123 lines'
refuses length src/base/x.c "${h}$(printf '\\n%.0s' {1..701})" '702 lines, more than 700'
refuses docs src/base/x.h "$h\nint f(void);\n" 'src/base/x.h:3: undocumented prototype'
refuses docs src/base/x.h "$h\n/* F. */\nint f(void);\n\nint g(int a,\n      int b);\n" 'src/base/x.h:6: undocumented'
refuses docs src/base/x.c 'int f;\n' 'opens without a comment'
refuses exports src/base/x.c "${h}int sl_x(void)\n{\n    return 1;\n}\n" 'src/base/x.c:2: sl_x is used by no other file'
refuses exports src/base/x.c "${h}#include \"base/a.h\"\nstatic int count;\nint sl_a(void);\nint sl_b(void);\nint sl_b(void)\n{\n    return count++;\n}\n" 'count is mutable'
refuses exports src/cli/main.c "${h}int sl_h(void);\nint main(void)\n{\n    return sl_h();\n}\n" 'sl_a is used by no other'
refuses text src/base/x.c "/* TO""DO */\n" "unfinished"
refuses text docs/x.md "see /wo""rk/main\n" 'a path of one machine'
refuses text docs/x.md "see ../sha""red/x\n" 'a path outside'
refuses text src/media/x.c "$h#ifdef __AVX2__\n#endif\n" 'src/media/x.c:2: a platform #if'
refuses text src/rl/x.c "$h" 'src/rl/README.md:1: missing'
refuses text src/base/README.md "$(printf 'x\\n%.0s' {1..41})" 'longer than 40'
refuses format src/base/x.c "${h}int  f ;\n" 'src/base/x.c'
refuses tidy src/base/x.c "${h}int sl_f(int *p);\nint sl_f(int *p)\n{\n    if (p) return 0;\n    return *p;\n}\n" 'src/base/x.c:6'
exit $bad
