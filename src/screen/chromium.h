/*
 * chromium.h: Chromium without a window as a screen: pages in, pictures and boxes of elements out.
 *
 * One browser is one process with a profile of its own in a temporary folder, and one page. Whatever goes wrong with
 * the process (it crashes, hangs past the time limit, is killed) is an error of the call and of every later call; the
 * caller frees the browser and starts another. One thread owns a browser.
 */
#ifndef SL_SCREEN_CHROMIUM_H
#define SL_SCREEN_CHROMIUM_H

#include "base/error.h"
#include "screen/screen.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct sl_browser;

struct sl_browser_options {
    const char *program;     /* NULL: the first of chromium, chromium-browser, google-chrome, ... that PATH has */
    const char *allow_hosts; /* hosts that may be reached, "example.org *.example.net"; NULL: none; "*": all */
    double start_timeout;    /* seconds to come up */
    double timeout;          /* seconds that any call may take */
};

/* Returns the defaults: no network, 30 s to start, 15 s a call. */
struct sl_browser_options sl_browser_options_default(void);

/*
 * Starts a browser that shows an empty page of 1280 x 800; free it. options may be NULL. Without the program
 * SL_ERR_UNSUPPORTED, else what the process did wrong as SL_ERR_IO.
 */
sl_status sl_browser_start(struct sl_browser **out, const struct sl_browser_options *options, sl_error *err);

/* Ends the browser: asks it to, kills it after two seconds, removes its folder. *b is NULL afterwards; NULL is fine. */
void sl_browser_free(struct sl_browser **b);

/* Returns the browser as a screen, borrowed. */
struct sl_screen *sl_browser_screen(struct sl_browser *b);

/* Returns the process, and the path of its folder (borrowed): for those who watch over it. */
pid_t sl_browser_process(const struct sl_browser *b);
const char *sl_browser_folder(const struct sl_browser *b);

struct sl_viewport {
    int width, height; /* of the layout, in CSS pixels, 1 .. 8192 */
    double scale;      /* picture pixels of one of them, 0.25 .. 4; 0: 1 */
    bool phone;        /* lay out as phones do (<meta name=viewport>) */
};

/* Sets the size; the screen's pictures become width * scale across. What is shown is laid out anew. */
sl_status sl_browser_resize(struct sl_browser *b, const struct sl_viewport *v, sl_error *err);

/*
 * Opens an address (https:, file:, data:, about:) and waits until it is loaded. An address that cannot be opened is
 * SL_ERR_IO with the browser's reason; one that is not loaded in time is left as it is, which is no error.
 */
sl_status sl_browser_open(struct sl_browser *b, const char *url, sl_error *err);

/*
 * Shows n bytes of HTML in a fresh document, whatever was shown and pointed at before; its inline scripts have run when
 * this returns. The same text in the same viewport shows the same pixels. Pages shown one after the other share a
 * window: the globals and timers of one's scripts are there for the next, so they must be of one author.
 */
sl_status sl_browser_show(struct sl_browser *b, const char *html, size_t n, sl_error *err);

/* Scrolls the page so that `down` of its pixels (those of the screen) are above the upper edge, or as far as it goes.
 */
sl_status sl_browser_scroll_to(struct sl_browser *b, double down, sl_error *err);

/* Returns the seconds of processor time that the browser's processes have taken so far; 0 where that cannot be read. */
double sl_browser_seconds(const struct sl_browser *b);

/* Switches the scripts of pages on (as at the start) or off, from the next page on. */
sl_status sl_browser_scripts(struct sl_browser *b, bool on, sl_error *err);

/* An element of the page as a person sees it. Strings are borrowed from the list, "" where there is nothing. */
struct sl_element {
    const char *key;   /* its data-k attribute */
    const char *tag;   /* "button", in lower case */
    const char *type;  /* of an input: "checkbox" */
    const char *role;  /* its role attribute */
    const char *text;  /* what is written in it, white space joined; cut at 4000 characters */
    const char *value; /* of an input; the shown choice of a select */
    const char *label; /* aria-label, else placeholder, alt or title */
    double box[4];     /* x1 y1 x2 y2 of its border, in the screen's pixels; may reach past the screen */
    double ink[4];     /* the same of what is in it (text, pictures); box where nothing is */
    bool seen;         /* a part of it lies on the screen, with nothing else on top of that part's middle */
    bool whole;        /* seen, and nothing of it is cut off */
    bool checked, disabled, focused;
};

struct sl_elements {
    struct sl_element *items; /* owned */
    int n;
    json_t *document; /* owned; the strings */
};

/*
 * Lists the elements that match a CSS selector in the order of the document, those of which nothing is on the screen
 * left out; release with sl_elements_release. At most limit (1 .. 10000). A selector that is none is SL_ERR_FORMAT. The
 * page's own scripts cannot see or change what this reads.
 */
sl_status sl_browser_elements(struct sl_browser *b, const char *selector, int limit, struct sl_elements *out,
                              sl_error *err);

/* Releases the list; it is empty again. */
void sl_elements_release(struct sl_elements *e);

/* Returns the element of that key, or NULL. */
const struct sl_element *sl_elements_find(const struct sl_elements *e, const char *key);

#endif
