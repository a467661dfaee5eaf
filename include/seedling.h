/*
 * seedling.h: the public C API of libseedling.
 *
 * Everything here is stable; nothing of the inside shows. Functions return an
 * sl_status and write results through pointers; when one fails, the message is
 * in the caller's sl_error. All strings are UTF-8.
 */
#ifndef SEEDLING_H
#define SEEDLING_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SL_VERSION "0.1.0"

/* Marks what the shared library exports. */
#if defined(__GNUC__)
#define SL_API __attribute__((visibility("default")))
#else
#define SL_API
#endif

/* What went wrong. Zero is success; every failure is negative. */
typedef enum sl_status {
    SL_OK = 0,
    SL_ERR_ARGUMENT = -1,    /* the caller asked for something impossible */
    SL_ERR_IO = -2,          /* the operating system refused a file operation */
    SL_ERR_FORMAT = -3,      /* a file's contents are malformed */
    SL_ERR_MEMORY = -4,      /* out of memory, or past a stated ceiling */
    SL_ERR_UNSUPPORTED = -5, /* well formed, but not something this build can do */
    SL_ERR_BUSY = -6,        /* everything is in use: the same call may succeed later */
} sl_status;

/*
 * Where a failing call leaves its message: one line, no trailing newline,
 * naming what and where. Owned by the caller, who may reuse it; every function
 * that takes one accepts NULL.
 */
typedef struct sl_error {
    sl_status status;
    char message[512];
} sl_error;

/* Returns the library's version, "MAJOR.MINOR.PATCH"; a static string. */
SL_API const char *sl_version(void);

#ifdef __cplusplus
}
#endif

#endif
