/*
 * events.h: scalar curves for TensorBoard: an event file of TFRecords with hand-encoded protocol buffers.
 *
 * The format: tensorflow/core/util/event.proto and core/lib/io/record_writer.h. One thread owns a writer.
 */
#ifndef SL_TRAIN_EVENTS_H
#define SL_TRAIN_EVENTS_H

#include "base/error.h"

#include <stdint.h>
#include <stdio.h>

typedef struct sl_events {
    FILE *file; /* NULL: closed, and additions do nothing */
} sl_events;

/*
 * Starts a new event file in the folder dir. TensorBoard drops what older files there say of steps from `step` on: a
 * run that was resumed shows as one.
 */
sl_status sl_events_open(sl_events *e, const char *dir, int64_t step, sl_error *err);

/* Adds one value. */
void sl_events_add(sl_events *e, int64_t step, const char *name, double value);

/* Hands what was added to the system. */
void sl_events_flush(sl_events *e);

/* Closes; *e is as before the open. */
void sl_events_close(sl_events *e);

#endif
