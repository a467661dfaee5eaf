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

/* What is counted in a diagram. */
typedef enum sl_diagram_count {
    SL_DIAGRAM_BOXES,
    SL_DIAGRAM_DECISIONS,
    SL_DIAGRAM_LEAVES,
    SL_DIAGRAM_LEVELS,
    SL_DIAGRAM_CHILDREN
} sl_diagram_count;

struct sl_diagram {
    /* The plan. */
    bool tree;
    sl_diagram_count counted;
    int want;      /* how many there must be; 0 .. */
    double chance; /* of guessing that */
    /* What follows from it. */
    int about; /* the node whose children are counted */
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

/*
 * Plans a diagram that the task can be asked about: its kind, and for counting what is counted and how many there will
 * be, all numbers that the level has being as likely.
 */
void sl_diagram_plan(const struct sl_synth_request *r, struct sl_diagram *d);

/* Makes a diagram after its plan; false when none came out so in many tries. */
bool sl_diagram_invent(const struct sl_synth_request *r, struct sl_diagram *d);

/* Draws it into *out, owned by the caller; *fits is false, and *out empty, when text did not fit. */
sl_status sl_diagram_draw(const struct sl_synth_request *r, const struct sl_diagram *d, struct sl_picture *out,
                          bool *fits, sl_error *err);

/* Adds question, reasoning, answer and truth of the request's task. */
void sl_diagram_ask(const struct sl_synth_request *r, const struct sl_diagram *d, struct sl_synth_sample *s);

#endif
