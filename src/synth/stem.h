/*
 * stem.h: the parts of the family "stem": figures whose question has one number as its answer.
 *
 * A maker chooses the numbers, draws them on an open board, and fills a problem: the question, the worked solution, the
 * answer, and the numbers given, from which a reader can work out the answer again.
 */
#ifndef SL_SYNTH_STEM_H
#define SL_SYNTH_STEM_H

#include "synth/board.h"
#include "synth/vocab.h"

typedef enum sl_stem_task {
    SL_STEM_FUNCTION,
    SL_STEM_GEOMETRY,
    SL_STEM_CIRCUIT,
    SL_STEM_FORCES,
    SL_STEM_ARITHMETIC,
    SL_N_STEM_TASKS
} sl_stem_task;

/* A problem in the making. */
struct sl_stem_problem {
    const char *const *phrases; /* of the question, NULL-terminated */
    const char *kind;           /* which problem: the "kind" in the truth */
    json_t *given;              /* owned object: the numbers */
    struct sl_buf solution;     /* owned: the worked steps */
    double answer;
    int decimals;
    double tolerance; /* relative */
};

/* What a figure is drawn with. */
struct sl_stem_pen {
    double ink[3], accent[3], fill[3];
    double size, line; /* of text and strokes in pixels */
};

/* Each draws one problem of the request's level on b and fills p, which is empty. */
void sl_stem_function(const struct sl_synth_request *r, struct sl_board *b, const struct sl_stem_pen *pen,
                      struct sl_stem_problem *p);
void sl_stem_geometry(const struct sl_synth_request *r, struct sl_board *b, const struct sl_stem_pen *pen,
                      struct sl_stem_problem *p);
void sl_stem_circuit(const struct sl_synth_request *r, struct sl_board *b, const struct sl_stem_pen *pen,
                     struct sl_stem_problem *p);
void sl_stem_forces(const struct sl_synth_request *r, struct sl_board *b, const struct sl_stem_pen *pen,
                    struct sl_stem_problem *p);

/* Sets a number of what is given. */
void sl_stem_give(struct sl_stem_problem *p, const char *key, double value);

/* Writes a label with its middle at (x, y). */
void sl_stem_label(struct sl_board *b, const struct sl_stem_pen *pen, double x, double y, const char *fmt, ...)
    SL_PRINTF(5, 6);

#endif
