#!/usr/bin/env python3
"""Calls that lose errors or bounds, hide state, or belong to the command line only."""

import re

from common import Report, code, files, read

BANNED = {
    "strcpy strcat sprintf vsprintf gets": "writes without a bound; use snprintf or struct sl_buf",
    "strtok": "keeps hidden state; use strcspn or strtok_r",
    "atoi atol atoll atof": "cannot report an error; use strtoll or strtod and check the end",
    "alloca": "can overflow the stack; use an arena or malloc",
    "system popen": "runs a shell; use posix_spawn",
    "rand srand random srandom drand48": "hidden state; use struct sl_rng",
}
# Only the command line ends the program or prints results; base/error.c aborts on bugs.
CLI_ONLY = {
    "exit abort quick_exit": "only cli/ ends the program: return an sl_status, or SL_BUG for what cannot happen",
    "printf vprintf puts putchar putchar_unlocked": "only cli/ prints results",
}
# A child that a file forks itself may end itself.
CHILD_ONLY = {"_exit": "only cli/ ends the program, and who forks a child the child"}


def pattern(names):
    return re.compile(r"(?<![\w.>])(" + "|".join(names.split()) + r")\s*\(")


with Report() as say:
    banned = [(pattern(names), reason) for names, reason in BANNED.items()]
    cli_only = [(pattern(names), reason) for names, reason in CLI_ONLY.items()]
    child_only = [(pattern(names), reason) for names, reason in CHILD_ONLY.items()]
    cli_only.append((re.compile(r"\b(stdout)\b"), "only cli/ prints results"))
    for path in files(r"^(src|tests|include|examples)/.*\.(c|h|cu)$"):
        rules = list(banned)
        if path.startswith("src/") and not path.startswith("src/cli/") and path != "src/base/error.c":
            rules += cli_only
            if not re.search(r"\bfork\(\)", code(read(path))):
                rules += child_only
        for n, line in enumerate(code(read(path)).split("\n"), 1):
            for regex, reason in rules:
                for m in regex.finditer(line):
                    say(path, n, f"{m.group(1)}: {reason}")
