/*
 * puzzle_run.h: short programs in a small part of Python, run here, so that answers about them are facts.
 */
#ifndef SL_SYNTH_PUZZLE_RUN_H
#define SL_SYNTH_PUZZLE_RUN_H

#include <stdbool.h>

enum { SL_PROGRAM_LINES = 12, SL_PROGRAM_WIDTH = 64 };

/* Lines with four spaces of indentation a level; whole numbers; no line breaks. */
struct sl_program {
    char lines[SL_PROGRAM_LINES][SL_PROGRAM_WIDTH];
    int n;
};

/*
 * Runs it: NAME = E, += -= *=, for NAME in range(E) or range(E, E), while E, if E, print(E); E has + - * // % and one
 * comparison. *printed is the last number printed. False for what is not of this language, prints nothing, or takes
 * more than 4000 steps.
 */
bool sl_program_run(const struct sl_program *p, long *printed);

#endif
