/*
 * speech.h: from chosen tokens to text: where the reasoning ends, what may be shown already, where to stop.
 *
 * Text is shown as soon as it is certain: a character when its last byte is there, the end of the reasoning's white
 * space never, the beginning of a stop string when it turned out to be none. One thread owns a speech.
 */
#ifndef SL_INFER_SPEECH_H
#define SL_INFER_SPEECH_H

#include "base/buf.h"
#include "text/tokenizer.h"

enum { SL_MAX_STOPS = 16, SL_MAX_STOP_BYTES = 256 };

typedef struct sl_speech {
    const struct sl_tokenizer *tokenizer; /* borrowed; NULL: no text */
    bool thinking;                        /* in the reasoning */
    bool stopped;                         /* a stop string came; the answer ends before it */
    struct sl_token_stream stream;
    struct sl_buf reasoning, answer;
    size_t shown_reasoning, shown_answer;
    int n_stops;
    char *stops[SL_MAX_STOPS]; /* owned */
} sl_speech;

/* Text that may be shown now; borrowed until the next call. */
typedef struct sl_speech_text {
    const char *text;
    size_t n;
    bool reasoning;
} sl_speech_text;

/* Starts, in the reasoning or in the answer. Copies the stop strings. Release with sl_speech_release. */
sl_status sl_speech_init(sl_speech *s, const struct sl_tokenizer *tokenizer, bool thinking, const char *const *stops,
                         int n_stops, sl_error *err);
void sl_speech_release(sl_speech *s);

/* Adds a token of the reasoning or answer; looks for stop strings in the answer. */
sl_status sl_speech_add(sl_speech *s, int32_t id, sl_error *err);

/* The reasoning is over; what follows is the answer. */
void sl_speech_close_thought(sl_speech *s);

/* Nothing more comes: what was held back becomes certain. */
void sl_speech_end(sl_speech *s);

/* Returns what is certain and was not returned before; n is 0 when there is nothing. Reasoning comes first. */
sl_speech_text sl_speech_next(sl_speech *s, bool ended);

#endif
