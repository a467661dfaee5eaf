/*
 * diagrams.h: the parts of the family "diagrams": flowcharts and trees as nodes with places and links.
 */
#ifndef SL_SYNTH_DIAGRAMS_H
#define SL_SYNTH_DIAGRAMS_H

#include "synth/board.h"

enum { SL_DIAGRAM_MAX_NODES = 32 };

typedef enum sl_diagram_shape { SL_DIAGRAM_STEP, SL_DIAGRAM_DECISION, SL_DIAGRAM_END } sl_diagram_shape;

struct sl_diagram_node {
    const char *text;
    sl_diagram_shape shape;
    int next, other; /* of a flowchart: what follows, or -1; other: after "no" of a decision, whose next is "yes" */
    int parent, depth;
    double column, row; /* place in the grid of the layout */
};

struct sl_diagram {
    bool tree;
    int n_nodes;
    struct sl_diagram_node nodes[SL_DIAGRAM_MAX_NODES];
};

/* Tasks of the family, in the order of its table of names. */
typedef enum sl_diagram_task {
    SL_DIAGRAM_STRUCTURE,
    SL_DIAGRAM_FOLLOW,
    SL_DIAGRAM_RELATION,
    SL_DIAGRAM_COUNT,
    SL_N_DIAGRAM_TASKS
} sl_diagram_task;

/* Makes a diagram that the task can be asked about. */
void sl_diagram_invent(const struct sl_synth_request *r, struct sl_diagram *d);

/* Draws it into *out, owned by the caller; *fits is false, and *out empty, when text did not fit. */
sl_status sl_diagram_draw(const struct sl_synth_request *r, const struct sl_diagram *d, struct sl_picture *out,
                          bool *fits, sl_error *err);

/* Adds question, reasoning, answer and truth of the request's task. */
void sl_diagram_ask(const struct sl_synth_request *r, const struct sl_diagram *d, struct sl_synth_sample *s);

#endif
