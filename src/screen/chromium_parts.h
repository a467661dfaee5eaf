/*
 * chromium_parts.h: what the chromium*.c files share.
 */
#ifndef SL_SCREEN_CHROMIUM_PARTS_H
#define SL_SCREEN_CHROMIUM_PARTS_H

#include "screen/chromium.h"
#include "screen/devtools.h"
#include "screen/process.h"

struct sl_browser {
    struct sl_screen screen;
    struct sl_child child;
    struct sl_devtools devtools;
    struct sl_viewport viewport;
    char target[64], session[64], frame[64]; /* of the page */
    bool loaded;                             /* since the last sl_browser_open */
    bool loading;                            /* the page is, as the browser says */
    unsigned buttons;                        /* held down: 1 << sl_button */
    bool pointed;                            /* the pointer was moved since the document began */
    bool shown;                              /* the document is one of sl_browser_show, unless a page left it */
    json_t *world;                           /* owned: number of the place for scripts, until it is gone; or NULL */
};

/* Calls a method of the page, as sl_devtools_call. */
sl_status sl_browser_call(struct sl_browser *b, const char *method, json_t *params, json_t **result, sl_error *err);

/* The screen driver's input and wait. */
sl_status sl_browser_input(void *self, const struct sl_input *in, sl_error *err);
sl_status sl_browser_wait(void *self, double seconds, sl_error *err);

/* Lets go of buttons and takes the pointer off the page. */
sl_status sl_browser_park(struct sl_browser *b, sl_error *err);

#endif
