/*
 * sample.h: one training or evaluation sample: a conversation, where its pictures and videos lie, and what is known
 * about it.
 *
 * All formats are turned into this. Media are places to read bytes from, not pixels: reading and decoding them is for
 * the loader's workers. Everything that a sample points to lies in its own blocks and goes with sl_sample_release.
 * One thread at a time owns a sample; reading one from several threads is fine.
 */
#ifndef SL_DATA_SAMPLE_H
#define SL_DATA_SAMPLE_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ceilings that no file can lift; sl_data_limits_defaults fills in the usual ones. */
struct sl_data_limits {
    size_t max_row_bytes;     /* of one JSON line, TSV row, or text member of a tar group */
    size_t max_media_bytes;   /* of one picture or video, decoded from base64 */
    size_t max_sample_bytes;  /* of what one sample holds in memory */
    uint64_t max_shard_bytes; /* of one decompressed shard */
    int max_messages;         /* in a conversation */
    int max_parts;            /* in a message */
    int max_media;            /* pictures, videos and frames in a sample */
    bool absolute_paths;      /* media may lie anywhere; else only below the folder of the file that names them */
};

/* Fills in 64 MiB rows, 256 MiB media, 512 MiB samples, 256 GiB shards, 1024 messages, 4096 parts, 4096 media. */
void sl_data_limits_defaults(struct sl_data_limits *l);

/*
 * Where bytes are: in memory, or in a file (all of it, or a range of it, as of an entry of a plain tar). Either may be
 * base64 text, which sl_blob_load decodes.
 */
struct sl_blob {
    const unsigned char *bytes; /* in memory, borrowed from the sample; NULL: in the file */
    const char *path;           /* of the file, borrowed from the sample; NULL: in memory */
    uint64_t offset;            /* in the file */
    uint64_t n;                 /* bytes there; in a file 0 means up to its end */
    bool base64;                /* the bytes are base64 text */
};

/*
 * Appends the blob's bytes to out, decoded from base64 if need be. More than max_bytes, or more than out's ceiling, is
 * SL_ERR_MEMORY; a missing file or a short range is SL_ERR_IO; text that is not base64 is SL_ERR_FORMAT. Any thread.
 */
sl_status sl_blob_load(const struct sl_blob *b, size_t max_bytes, struct sl_buf *out, sl_error *err);

typedef enum sl_media_kind {
    SL_MEDIA_IMAGE,
    SL_MEDIA_VIDEO,
    SL_MEDIA_SOUND, /* also the sound track of a video's file */
} sl_media_kind;

/* One picture, video or sound of a sample. A video is a file, or a list of pictures (n_frames > 0). */
struct sl_sample_media {
    sl_media_kind kind;
    const char *name;    /* as the dataset calls it, for messages; never NULL */
    struct sl_blob file; /* the encoded picture or video; unused when frames are given */
    /* Videos; of sounds only start and end. */
    const struct sl_blob *frames; /* (n_frames): encoded pictures in the order of time, or NULL */
    int n_frames;
    const double *timestamps; /* seconds: of each frame given, or to take from the file; NULL: by fps */
    int n_timestamps;
    double fps;        /* frames a second to sample; of given frames: their rate; 0: the default of the task */
    double start, end; /* seconds of the file to look at; end 0: to its end */
    /* Resolution control, in pixels of the resized picture; 0: the default. */
    int64_t min_pixels, max_pixels;
};

typedef enum sl_sample_role {
    SL_SAMPLE_SYSTEM,
    SL_SAMPLE_USER,
    SL_SAMPLE_ASSISTANT,
    SL_SAMPLE_TOOL,
} sl_sample_role;

/* Returns "system", "user", "assistant" or "tool". */
const char *sl_sample_role_name(sl_sample_role role);

typedef enum sl_sample_part_kind {
    SL_SAMPLE_TEXT,
    SL_SAMPLE_IMAGE,
    SL_SAMPLE_VIDEO,
    SL_SAMPLE_SOUND,
} sl_sample_part_kind;

/* A piece of a message, in the order of reading. */
struct sl_sample_part {
    sl_sample_part_kind kind;
    const char *text; /* SL_SAMPLE_TEXT: valid UTF-8, NUL-terminated, n_text bytes; else NULL */
    size_t n_text;
    int media; /* SL_SAMPLE_IMAGE, _VIDEO, _SOUND: index into the sample's media; else -1 */
};

struct sl_sample_message {
    sl_sample_role role;
    bool no_loss; /* an assistant message that is context only ("loss": false) */
    const struct sl_sample_part *parts;
    int n_parts;
};

struct sl_sample_block; /* memory of a sample */

struct sl_sample {
    /* What it is called. */
    uint64_t id;     /* the same in every run: a hash of the source's name and of where the row is ("FILE:ROW") */
    const char *key; /* the row's own "id", or "FILE:ROW", in a tar "FILE:KEY"; never NULL once read */
    int source;      /* number of the source in its mixture; 0 when read alone */
    /* Where in its source it came from. */
    uint64_t epoch; /* how often the source has been gone through before */
    uint64_t row;   /* number of the row in the source's order on disk (of a compressed shard: within the shard) */
    /* What it says. */
    const struct sl_sample_message *messages;
    int n_messages;
    const struct sl_sample_media *media;
    int n_media;
    const char *domain; /* semantic domain or task family, or NULL */
    const char *task;   /* what of the family is asked, or NULL */
    int level;          /* difficulty, from 0; -1: none given */
    const char *truth;  /* JSON text of the ground truth for checkers, or NULL */
    size_t n_truth;
    /* Memory. */
    struct sl_sample_block *blocks; /* owned */
    size_t n_bytes;                 /* in blocks */
    size_t max_bytes;               /* ceiling of n_bytes */
};

/* Makes an empty sample whose memory never passes max_bytes. Allocates nothing. */
void sl_sample_init(struct sl_sample *s, size_t max_bytes);

/* Releases the memory; the sample is empty again, with the same ceiling. */
void sl_sample_release(struct sl_sample *s);

/*
 * Makes *copy a second owner of everything in s, without copying; each is released by itself, by any thread. Neither
 * may allocate after that.
 */
void sl_sample_share(const struct sl_sample *s, struct sl_sample *copy);

/* Returns n bytes that live as long as the sample, aligned for any object, uninitialised; NULL past the ceiling. */
void *sl_sample_alloc(struct sl_sample *s, size_t n);

/* Returns zeroed memory for n elements of size bytes, as sl_sample_alloc; NULL also when the product overflows. */
void *sl_sample_alloc_array(struct sl_sample *s, size_t n, size_t size);

/* Returns a NUL-terminated copy of n bytes of text, as sl_sample_alloc. */
char *sl_sample_strndup(struct sl_sample *s, const char *text, size_t n);

/*
 * Sets id, the FNV-1a hash of source's name, a NUL and place, and, unless the sample has a key, the key to a copy of
 * place. False past the ceiling.
 */
bool sl_sample_set_place(struct sl_sample *s, const char *source, const char *place);

#endif
