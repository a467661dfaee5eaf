/*
 * devtools.h: the DevTools protocol over two pipes: JSON messages that end in a NUL byte, calls with answers, events.
 *
 * Reading and writing go on together and never past a deadline, so a browser that hangs costs its time limit and no
 * more. After the first failure of the connection every call fails with the same message. One thread owns it.
 */
#ifndef SL_SCREEN_DEVTOOLS_H
#define SL_SCREEN_DEVTOOLS_H

#include "base/buf.h"
#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct sl_devtools {
    int to, from;     /* borrowed descriptors, non-blocking; `to` is a socket */
    double timeout;   /* seconds that a call may take */
    int last_id;      /* of the calls so far */
    struct sl_buf in; /* what was read and not yet taken */
    size_t scanned;   /* bytes of it known to hold no NUL */
    sl_status status; /* of the connection */
    sl_error error;
    /* Is given each event (its session or "", its name, its parameters, borrowed) while a call waits; may be NULL. A
     * failure it returns breaks the connection. */
    sl_status (*event)(void *user, const char *session, const char *name, const json_t *params, sl_error *err);
    void *user;
};

/* Starts talking over the two descriptors. */
void sl_devtools_init(struct sl_devtools *d, int to, int from, double timeout);

/* Releases the memory; the descriptors stay open. */
void sl_devtools_release(struct sl_devtools *d);

/*
 * Calls method with params (an object, taken; NULL: none) in a session ("" or NULL: the browser's own). *result, when
 * result is not NULL, becomes the answer's owned object. An answer that is an error is SL_ERR_FORMAT with the
 * browser's words; a connection that ended, or gave no answer in time, SL_ERR_IO.
 */
sl_status sl_devtools_call(struct sl_devtools *d, const char *session, const char *method, json_t *params,
                           json_t **result, sl_error *err);

/* Sends a call whose answer nobody waits for: what an event function may do. */
sl_status sl_devtools_send(struct sl_devtools *d, const char *session, const char *method, json_t *params,
                           sl_error *err);

/*
 * Takes events until *flag is set, by the event function, or seconds have passed, which is no error: look at *flag.
 */
sl_status sl_devtools_listen(struct sl_devtools *d, const bool *flag, double seconds, sl_error *err);

#endif
