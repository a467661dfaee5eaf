/*
 * validate.h: what holds for a finished sample of every family.
 */
#ifndef SL_SYNTH_VALIDATE_H
#define SL_SYNTH_VALIDATE_H

#include "synth/sample.h"

/*
 * Checks that the conversation is one, its answers are well formed with coordinates inside the picture, the last one
 * passes its own checker, shapes of the truth are inside, and pictures decode to the size they claim and show
 * something. What only the family can re-derive is for its validate. Errors say what is wrong; pure.
 */
sl_status sl_synth_validate(const struct sl_synth_sample *s, sl_error *err);

#endif
