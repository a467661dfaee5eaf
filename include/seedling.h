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

/* --- a model ----------------------------------------------------------------------------------------------------- */

/*
 * A loaded model. Any number of threads may use one at once, each with a talk of its own: their questions are then
 * answered together, which is faster than one after the other.
 */
typedef struct sl_assistant sl_assistant;

typedef struct sl_load_options {
    int threads;           /* 0: every processor that this process may use */
    const char *type;      /* "bf16", "f32", or "int8" (of the decoder's matrices) */
    int int8_cache;        /* not 0: keys and values in int8, half the memory */
    size_t memory;         /* bytes to use, weights included; 0: at most half of what is free */
    int context;           /* tokens of one talk at most; 0: the model's */
    const char *cache_dir; /* where what was seen and read is kept between runs, or NULL */
} sl_load_options;

/* Fills *o with the defaults: bf16, everything else 0. */
SL_API void sl_load_options_defaults(sl_load_options *o);

/*
 * Opens a model's folder (config.json, model.safetensors, tokenizer.json) into *out, owned: end it with sl_unload. o
 * may be NULL. Takes about as long as reading the weights.
 */
SL_API sl_status sl_load(const char *dir, const sl_load_options *o, sl_assistant **out, sl_error *err);

/* Ends it and sets *a to NULL. Its talks must have ended. NULL is fine. */
SL_API void sl_unload(sl_assistant **a);

/* --- a talk ------------------------------------------------------------------------------------------------------- */

/*
 * A conversation: what is added becomes the next message, asking answers it. One thread at a time uses a talk, except
 * for sl_talk_cancel. What an earlier message showed or said is not computed again.
 */
typedef struct sl_talk sl_talk;

/* Starts a talk with a, which must outlive it, into *out: end it with sl_talk_free. system: instructions, or NULL. */
SL_API sl_status sl_talk_new(sl_assistant *a, const char *system, sl_talk **out, sl_error *err);

/* Ends it and sets *t to NULL. NULL is fine. */
SL_API void sl_talk_free(sl_talk **t);

/* Each adds to the message in the making, in this order. Everything is copied; files are read when the message is
 * asked. */
SL_API sl_status sl_talk_add_text(sl_talk *t, const char *text, sl_error *err);
/* A picture file: PNG, JPEG, WebP, GIF, BMP. */
SL_API sl_status sl_talk_add_picture_file(sl_talk *t, const char *path, sl_error *err);
/* The n bytes of such a file. */
SL_API sl_status sl_talk_add_picture_bytes(sl_talk *t, const void *bytes, size_t n, sl_error *err);
/* A frame of a video at `seconds`: (height, width, 3) bytes of red, green and blue, upright. */
SL_API sl_status sl_talk_add_frame(sl_talk *t, const uint8_t *rgb, int width, int height, double seconds,
                                   sl_error *err);
/* The frames of a video file, chosen by the model's rule; fps a second, 0: 1. Read at once. */
SL_API sl_status sl_talk_add_video_file(sl_talk *t, const char *path, double fps, sl_error *err);

/*
 * Receives a piece of the answer (n bytes of UTF-8, not NUL-terminated) as soon as it is certain; reasoning is not 0
 * for what the model thinks. Called on the thread that asks or on another thread that asks the same assistant, never on
 * two at once; it may call sl_talk_cancel and nothing else of this header.
 */
typedef void sl_text_fn(void *user, const char *text, size_t n, int reasoning);

typedef struct sl_ask_options {
    int thinking;            /* not 0: reason first */
    int thinking_budget;     /* tokens of reasoning at most; -1: no limit */
    int max_tokens;          /* of reasoning and answer; 0: the model's */
    float temperature;       /* 0: always the most likely token; -1: the model's */
    float top_p;             /* 0: the model's */
    uint64_t seed;           /* of the random choices */
    const char *json_schema; /* the answer is JSON that fits this schema; or NULL */
    const char *regex;       /* all of the answer matches this; or NULL */
    sl_text_fn *on_text;     /* or NULL */
    void *user;              /* its first argument */
} sl_ask_options;

/* Fills *o with the defaults: no thinking, no budget, the model's sampling, seed 0. */
SL_API void sl_ask_options_defaults(sl_ask_options *o);

/* A point or box of an answer: coordinates 0 to 999 across the picture, and pixels of the first picture of the talk. */
typedef struct sl_reply_point {
    double x, y, px, py;
} sl_reply_point;
typedef struct sl_reply_box {
    double x1, y1, x2, y2, px1, py1, px2, py2;
} sl_reply_box;

/* An answer. Everything is borrowed from the talk until its next question or end. */
typedef struct sl_reply {
    const char *answer;    /* NUL-terminated UTF-8 */
    const char *reasoning; /* "" without */
    const char *finish;    /* "stop", "length" (max_tokens) or "cancelled" */
    const sl_reply_point *points;
    const sl_reply_box *boxes;
    int n_points, n_boxes;
    int prompt_tokens;     /* of the whole talk so far */
    int cached_tokens;     /* of them, that were not computed again */
    int image_tokens;      /* of them, of pictures */
    int completion_tokens; /* of reasoning and answer */
    double seconds;        /* from question to end */
} sl_reply;

/*
 * Asks what was added since the last answer and waits for the answer, which becomes part of the talk, into *out. o may
 * be NULL. SL_ERR_BUSY when too many others are being answered. After an error the message is as it was before.
 */
SL_API sl_status sl_talk_ask(sl_talk *t, const sl_ask_options *o, const sl_reply **out, sl_error *err);

/* Ends the present answer early; any thread. */
SL_API void sl_talk_cancel(sl_talk *t);

/* --- vectors ------------------------------------------------------------------------------------------------------ */

/*
 * A model that turns pictures and texts into vectors of length 1; what belongs together has a large product. For
 * folders with a contrastive part. One thread at a time uses one.
 */
typedef struct sl_vectors sl_vectors;

/* Opens a folder into *out: end it with sl_vectors_close. threads as in sl_load_options. */
SL_API sl_status sl_vectors_open(const char *dir, int threads, sl_vectors **out, sl_error *err);
/* Ends it and sets *v to NULL. NULL is fine. */
SL_API void sl_vectors_close(sl_vectors **v);
/* Returns how many numbers a vector has. */
SL_API int sl_vectors_width(const sl_vectors *v);
/* Each writes a vector into out, which has room for the width. */
SL_API sl_status sl_vectors_of_text(sl_vectors *v, const char *text, float *out, sl_error *err);
/* The same for a picture file. */
SL_API sl_status sl_vectors_of_picture(sl_vectors *v, const char *path, float *out, sl_error *err);

#ifdef __cplusplus
}
#endif

#endif
