/*
 * page.h: the web page, held in the program.
 */
#ifndef SL_SERVE_PAGE_H
#define SL_SERVE_PAGE_H

#include <stddef.h>

/* A file of the page. */
struct sl_page_file {
    const char *path; /* "/app.js" */
    const char *content_type;
    const char *bytes;
    size_t n;
};

/* Returns the file of that path ("/" is the page itself), or NULL; static storage. Free of requests to elsewhere. */
const struct sl_page_file *sl_page_find(const char *path, struct sl_page_file *out);

#endif
