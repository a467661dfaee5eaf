/*
 * scene.h: composed scenes: things of a kind, colour, texture and size in places, what of them is seen, and their
 * picture.
 *
 * The families "scenes" and "grounding" ask about these. Composing draws every choice from the request, so the same
 * request composes the same scene again. A brush belongs to one thread.
 */
#ifndef SL_SYNTH_SCENE_H
#define SL_SYNTH_SCENE_H

#include "synth/paint.h"

enum { SL_SCENE_MAX_OBJECTS = 200 };

/* What an object can be. Names are singular and plural, without an article. */
struct sl_scene_kind {
    const char *name, *plural;
    const char *outline; /* a path in the square from -1 to 1, y down: see scene_kinds.c */
    const char *details; /* parts in a darker tone, or NULL */
};

/* Returns the kinds and their number; static storage. */
const struct sl_scene_kind *sl_scene_kinds(int *n);

typedef enum sl_texture {
    SL_TEXTURE_PLAIN,
    SL_TEXTURE_STRIPED,
    SL_TEXTURE_DOTTED,
    SL_TEXTURE_CHECKERED,
    SL_N_TEXTURES
} sl_texture;

/* Returns "plain", "striped", ...; static storage. */
const char *sl_texture_name(sl_texture texture);

typedef enum sl_object_size { SL_SIZE_SMALL, SL_SIZE_MEDIUM, SL_SIZE_LARGE, SL_N_OBJECT_SIZES } sl_object_size;

/* Returns "small", "medium-sized" or "large"; static storage. */
const char *sl_object_size_name(sl_object_size size);

struct sl_scene_object {
    int kind;   /* index of sl_scene_kinds */
    int colour; /* index of sl_colours */
    sl_texture texture;
    sl_object_size size;
    double x, y, r, angle; /* centre and half side in pixels; radians */
    int box[4];            /* x1 y1 x2 y2 of the pixels seen of it, x2 and y2 past the last */
    double visible;        /* share of its area that is seen */
};

struct sl_scene {
    int width, height;
    int background; /* style of it, see scene_draw.c */
    int style;      /* of objects: shadow, outline, gloss */
    double ground[3], ground2[3];
    uint32_t grain; /* seeds what is random about the background */
    int n;
    struct sl_scene_object objects[SL_SCENE_MAX_OBJECTS]; /* the later ones lie in front */
};

/* What a scene may look like. */
struct sl_scene_options {
    int n;              /* objects; fewer when they do not fit, never fewer than n_wanted */
    double least, most; /* half sides, as shares of the mean side of the picture; 0: by n */
    bool sizes;         /* three sizes that are told apart; else one, varied */
    bool overlap;       /* objects may cover up to half of others */
    bool similar;       /* all colours, dark and light ones too; else the basic ones */
    bool textures;      /* any; else all are plain */
    double tilt;        /* turned by up to so many radians */
    const struct sl_scene_object
        *wanted; /* (n_wanted) objects that must be there: kind, colour, texture, size; < 0 is any */
    int n_wanted;
    /* Refuses an object besides the wanted ones, so that an answer stays true; NULL: all are fine. */
    bool (*refuses)(const void *arg, const struct sl_scene_object *o);
    const void *arg;
};

/*
 * True when the request's split may show this kind in this colour: an eighth of all pairs is for held-out samples only,
 * which so test putting known things together. Wanted objects must be allowed too.
 */
bool sl_scene_allows(const struct sl_synth_request *r, int kind, int colour);

/* What drawing keeps between scenes. */
struct sl_scene_brush;

/*
 * Opens a brush into *out, owned, and closes it (NULL is fine): `open` and `close` of families that draw scenes, whose
 * state is a struct sl_scene_brush.
 */
sl_status sl_scene_brush_open(void **out, sl_error *err);
void sl_scene_brush_close(void *brush);

/*
 * Composes a scene of width x height pixels: objects, places, and what of them is seen, by drawing each object's number
 * in place of its colour. All objects are inside the picture, and at least 45 % of each is seen. Tries until it fits.
 */
sl_status sl_scene_compose(struct sl_scene_brush *b, const struct sl_synth_request *r, int width, int height,
                           const struct sl_scene_options *o, struct sl_scene *out, sl_error *err);

/* Draws the scene without object `without` (-1: with all) into *out, owned by the caller. */
sl_status sl_scene_draw(struct sl_scene_brush *b, const struct sl_scene *s, int without, struct sl_picture *out,
                        sl_error *err);

/*
 * Draws the outlines alone, each in its object's number + 1, without antialiasing; numbers is (height, width), 0 where
 * nothing is. What is seen of an object is exactly where its number is.
 */
sl_status sl_scene_numbers(struct sl_scene_brush *b, const struct sl_scene *s, uint8_t *numbers, sl_error *err);

/* Appends an object's path of its kind, moved, scaled and turned, to a canvas. details: its details instead. */
void sl_scene_path(const struct sl_scene_brush *b, cairo_t *cr, const struct sl_scene_object *o, bool details);

/* Returns the share of the square from -1 to 1 that a kind's outline covers. */
double sl_scene_area(const struct sl_scene_brush *b, int kind);

/* Returns the width of outlines around objects of half side r in the scene's style, in pixels; 0: none. */
double sl_scene_outline(const struct sl_scene *s, double r);

/* Returns the pattern of a texture's marks, light or dark, borrowed; NULL for plain. */
cairo_pattern_t *sl_scene_marks(const struct sl_scene_brush *b, sl_texture texture, bool light);

#endif
