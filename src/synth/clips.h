/*
 * clips.h: a clip of the family "video": actors, what happens to them and when, and its pictures.
 *
 * Every actor has a lane of its own and a shape that no other has. Events follow each other with pauses between, so
 * that their order is beyond doubt; no actor does the same thing twice in a clip.
 */
#ifndef SL_SYNTH_CLIPS_H
#define SL_SYNTH_CLIPS_H

#include "synth/paint.h"
#include "synth/synth.h"

typedef enum sl_event_kind {
    SL_EVENT_MOVE, /* along the lane; forward: to the right, or down */
    SL_EVENT_GROW,
    SL_EVENT_SHRINK,
    SL_EVENT_COLOUR,
    SL_EVENT_SPIN,
    SL_EVENT_JUMP,
    SL_EVENT_BLINK,
    SL_EVENT_APPEAR,
    SL_EVENT_DISAPPEAR,
    SL_N_EVENT_KINDS
} sl_event_kind;

enum { SL_CLIP_MAX_ACTORS = 4, SL_CLIP_MAX_EVENTS = 8, SL_CLIP_SHAPES = 6 };

struct sl_clip_event {
    sl_event_kind kind;
    int actor;
    double start, end; /* seconds, whole tenths */
    bool forward;      /* of MOVE */
    int count;         /* of SPIN, JUMP, BLINK: how often */
    int colour;        /* of COLOUR: the new one */
};

struct sl_clip_actor {
    int shape, colour; /* at the start */
    double at;         /* along its lane, 0 .. 1, at the start */
};

struct sl_clip {
    int width, height, fps;
    double seconds;
    bool upright; /* lanes go from top to bottom */
    int style;    /* of the background */
    struct sl_clip_actor actors[SL_CLIP_MAX_ACTORS];
    int n_actors;
    struct sl_clip_event events[SL_CLIP_MAX_EVENTS]; /* in their order */
    int n_events;
};

/* Makes up a clip by the request; n_least events at least, and at least one that repeats when `repeats`. */
void sl_clip_compose(const struct sl_synth_request *r, int n_least, bool repeats, struct sl_clip *out);

/* Returns the colour of an actor at a time, and whether it is there at all. */
int sl_clip_colour(const struct sl_clip *c, int actor, double seconds);
bool sl_clip_visible(const struct sl_clip *c, int actor, double seconds);

/* What drawing keeps: the background. */
struct sl_clip_brush {
    const struct sl_clip *clip; /* borrowed */
    cairo_surface_t *ground;    /* owned */
};

/* Paints the background of a clip, which is borrowed; release with sl_clip_brush_close, which an empty one survives. */
sl_status sl_clip_brush_open(struct sl_clip_brush *b, const struct sl_clip *c, sl_error *err);
void sl_clip_brush_close(struct sl_clip_brush *b);

/* Draws the picture at a time into *out, owned by the caller. */
sl_status sl_clip_draw(const struct sl_clip_brush *b, double seconds, struct sl_picture *out, sl_error *err);

/* Encodes the whole clip into out: H.264 in MP4, or VP9 in WebM. */
sl_status sl_clip_encode(const struct sl_clip *c, bool webm, struct sl_buf *out, sl_error *err);

/* Appends what an event is: "the red circle moves to the right"; base: "the red circle move to the right", as a
 * question has it behind "does". */
void sl_clip_tell(const struct sl_clip *c, const struct sl_clip_event *e, bool base, struct sl_buf *out);

/* Appends "red circle", as the actor is at a time. */
void sl_clip_name(const struct sl_clip *c, int actor, double seconds, struct sl_buf *out);

/* Returns the words of an event that an answer must have: its actor and its verb with synonyms; a new JSON array. */
json_t *sl_clip_words(const struct sl_clip *c, const struct sl_clip_event *e);

#endif
