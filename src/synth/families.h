/*
 * families.h: the families, each in files of its own. Adding one is a line here and a row in families.c.
 */
#ifndef SL_SYNTH_FAMILIES_H
#define SL_SYNTH_FAMILIES_H

#include "synth/synth.h"

extern const struct sl_synth_family sl_family_scenes;
/* Plain text and talk: text.c. */
extern const struct sl_synth_family sl_family_text;

#endif
