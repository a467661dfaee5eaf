/*
 * families.h: the families, each in files of its own. Adding one is a line here and a row in families.c.
 */
#ifndef SL_SYNTH_FAMILIES_H
#define SL_SYNTH_FAMILIES_H

#include "synth/synth.h"

/* Composed scenes, and where things are in them: scenes.c, grounding.c. */
extern const struct sl_synth_family sl_family_scenes;
extern const struct sl_synth_family sl_family_grounding;
/* Plain text and talk: text.c. */
extern const struct sl_synth_family sl_family_text;
extern const struct sl_synth_family sl_family_charts;
extern const struct sl_synth_family sl_family_ocr;
extern const struct sl_synth_family sl_family_tables;
extern const struct sl_synth_family sl_family_diagrams;
extern const struct sl_synth_family sl_family_stem;

/* Mazes, boards, patterns, differences, programs: puzzles.c. */
extern const struct sl_synth_family sl_family_puzzles;
/* Pages in a browser: screens.c. */
extern const struct sl_synth_family sl_family_screens;
/* Clips: clips_ask.c. */
extern const struct sl_synth_family sl_family_video;

/* Depth and boxes in space: space.c. */
extern const struct sl_synth_family sl_family_space;

/* Answers in a wanted form: instructions.c. */
extern const struct sl_synth_family sl_family_instructions;

#endif
