/*
 * screens_parts.h: what the screens*.c files share: a page being written, its controls, and what asks about them.
 */
#ifndef SL_SYNTH_SCREENS_PARTS_H
#define SL_SYNTH_SCREENS_PARTS_H

#include "screen/chromium.h"
#include "synth/synth.h"

typedef enum sl_control_kind {
    SL_CONTROL_BUTTON,
    SL_CONTROL_LINK,
    SL_CONTROL_FIELD,
    SL_CONTROL_CHECKBOX,
    SL_CONTROL_SWITCH,
    SL_CONTROL_SELECT,
    SL_CONTROL_TAB,
    SL_CONTROL_SLIDER,
    SL_CONTROL_ICON,
    SL_CONTROL_MENU,
    SL_N_CONTROLS
} sl_control_kind;

/* What happens on the page when a control is clicked, besides what its kind does. */
typedef enum sl_control_effect {
    SL_EFFECT_NONE,
    SL_EFFECT_TOAST,  /* a message appears: `shown` */
    SL_EFFECT_COUNT,  /* the same, and the number in the top bar grows */
    SL_EFFECT_REMOVE, /* the item that holds the control disappears, and the message appears */
} sl_control_effect;

/* One thing on a page that can be acted on. Strings are plain text without markup. */
struct sl_control {
    sl_control_kind kind;
    sl_control_effect effect;
    bool on;         /* a checkbox or switch; the selected tab */
    bool last;       /* what follows a click cannot be relied on: only as the last step of a trace */
    int value;       /* a slider's, 0 .. 100 */
    char key[8];     /* its data-k */
    char name[80];   /* what is written on it or beside it; of an icon what it stands for */
    char where[80];  /* "the top bar" */
    char does[140];  /* "open the inbox" */
    char shown[140]; /* the message after a click; what a field holds, a select shows, a menu lists, a tab's panel */
};

enum { SL_PAGE_MAX_CONTROLS = 72 };

/* A page of the engine's own, as HTML and as what is on it. */
struct sl_page {
    const struct sl_synth_request *r;
    struct sl_buf html;
    struct sl_control controls[SL_PAGE_MAX_CONTROLS];
    int n;
    int size;       /* how much is on it, 0 .. 2: the level */
    bool phone;     /* one column */
    int selected;   /* how many tabs come before the selected one */
    char where[80]; /* of the controls that follow */
    char title[80]; /* what the page is, "the sign-up page of Fernweh" */
};

/* Appends the look of a page: a theme by the request's split, in the size that the level wants. */
void sl_page_style(struct sl_page *p);

/* What is common to controls when they are put on a page; strings are borrowed. */
struct sl_control_text {
    const char *name, *does, *shown;
};

/*
 * Writes a control and enters it among the page's; returns it, or a spare one when the page is full (then nothing is
 * written). Whoever adds it may still set effect and last for what the page does with it; its HTML is fixed.
 */
struct sl_control *sl_page_control(struct sl_page *p, sl_control_kind kind, sl_control_effect effect,
                                   const struct sl_control_text *text);

/* Sets where the controls that follow are, printf-style. */
void sl_page_where(struct sl_page *p, const char *fmt, ...) SL_PRINTF(2, 3);

/* Appends text with markup's characters replaced. */
void sl_page_text(struct sl_page *p, const char *text);

/* Writes a page of a random layout with everything on it. p->r, size and phone are set. */
void sl_page_write(struct sl_page *p);

/* --- asking ----------------------------------------------------------------------------------------------------- */

/*
 * What a question is made from: a page and where its controls are. One page serves several samples: each works on a
 * copy of the scene, in which the elements and the picture of the page as it began are borrowed until something is done
 * to it.
 */
struct sl_screen_scene {
    struct sl_browser *browser;
    struct sl_page *page;
    struct sl_picture *began; /* of the page as it began; empty until somebody wants it */
    bool live;                /* the browser shows the page as it began */
    bool acted;               /* elements are of what became of the page, and the copy's own */
    struct sl_elements elements;
    int at[SL_PAGE_MAX_CONTROLS];       /* of each control its element, -1: not on the screen, or covered */
    bool covered[SL_PAGE_MAX_CONTROLS]; /* it is there, with something else on top */
};

/* Shows the page and finds its controls; sl_scene_look after whatever changed it. */
sl_status sl_scene_show(struct sl_screen_scene *s, sl_error *err);
sl_status sl_scene_look(struct sl_screen_scene *s, sl_error *err);

/* Lets the browser show the page as it began, unless something was done to it already: then it shows that. */
sl_status sl_scene_begin(struct sl_screen_scene *s, sl_error *err);

/* Adds a picture of the page as it is now to the sample. */
sl_status sl_scene_picture(struct sl_screen_scene *s, struct sl_synth_sample *out, sl_error *err);

/* Adds a picture of a screen, encoded as the request's numbers say. */
void sl_screens_add_picture(const struct sl_synth_request *r, const struct sl_picture *p, struct sl_synth_sample *out);

/* Returns the element of control i when all of it is on the screen, else NULL. */
const struct sl_element *sl_scene_whole(const struct sl_screen_scene *s, int i);

/* A box as the answer language has it, 0 .. 999; what reaches past the screen is cut. */
struct sl_screen_box {
    int x1, y1, x2, y2;
};

/* Returns the box of the screen's pixels so. */
struct sl_screen_box sl_screen_box_of(const double box[4], const struct sl_screen *screen);

/* Returns a new JSON array [x1, y1, x2, y2]. */
json_t *sl_screen_box_json(struct sl_screen_box b);

/* Returns the kind's name, "icon button", and its words of the same meaning as a new JSON array; static and owned. */
const char *sl_control_kind_name(sl_control_kind kind);
json_t *sl_control_kind_words(sl_control_kind kind);

/* The tasks about one picture of a page, about its changes, and about documentation: each fills the sample. */
sl_status sl_screens_find_text(struct sl_screen_scene *s, struct sl_synth_sample *out, sl_error *err);
sl_status sl_screens_find_function(struct sl_screen_scene *s, struct sl_synth_sample *out, sl_error *err);
sl_status sl_screens_find_place(struct sl_screen_scene *s, struct sl_synth_sample *out, sl_error *err);
sl_status sl_screens_describe(struct sl_screen_scene *s, struct sl_synth_sample *out, sl_error *err);
sl_status sl_screens_list(struct sl_screen_scene *s, struct sl_synth_sample *out, sl_error *err);
sl_status sl_screens_state(struct sl_screen_scene *s, struct sl_synth_sample *out, sl_error *err);
sl_status sl_screens_change(struct sl_screen_scene *s, struct sl_synth_sample *out, sl_error *err);
sl_status sl_screens_trace(struct sl_screen_scene *s, struct sl_synth_sample *out, sl_error *err);

/* Checks a box of a truth about the page as it began, [x1, y1, x2, y2], by showing the page without its control. */
sl_status sl_screens_validate(struct sl_screen_scene *s, const json_t *box, sl_error *err);

/* The documentation pages of this machine. */
struct sl_doc_pages {
    char **paths; /* owned, in alphabetical order */
    int n;
};

/* Finds them under folder (those of 1 KiB to 200 KiB, at most 5000), and frees them. No folder: none. */
sl_status sl_doc_pages_find(struct sl_doc_pages *d, const char *folder, sl_error *err);
void sl_doc_pages_free(struct sl_doc_pages *d);

/* One of them, scrolled somewhere, as the browser showed it. */
struct sl_doc_view {
    struct sl_elements list; /* owned */
    struct sl_picture picture;
};

/* Shows one that can be asked about; SL_ERR_ARGUMENT when nothing on it can. Release it in any case. */
sl_status sl_doc_view_show(struct sl_doc_view *v, struct sl_browser *b, const struct sl_doc_pages *d,
                           const struct sl_synth_request *r, sl_error *err);
void sl_doc_view_release(struct sl_doc_view *v);

/* Asks about it. */
void sl_screens_document(const struct sl_doc_view *v, const struct sl_synth_request *r, struct sl_synth_sample *out);

#endif
