/*
 * families.c: the table of families, in the order in which --help and statistics name them.
 */
#include "synth/families.h"

#include <string.h>

/* clang-format off */
static const struct sl_synth_family *const families[] = {
    &sl_family_scenes,
    &sl_family_grounding,
    &sl_family_text,
    &sl_family_charts,
    &sl_family_ocr,
    &sl_family_puzzles,
    &sl_family_tables,
    &sl_family_diagrams,
    &sl_family_screens,
    &sl_family_video,
    &sl_family_stem,
    &sl_family_space,
    &sl_family_instructions,
    NULL, /* ends the table */
};
/* clang-format on */

int sl_synth_n_families(void)
{
    return (int)(sizeof families / sizeof *families) - 1;
}

const struct sl_synth_family *sl_synth_family_at(int i)
{
    return families[i];
}

const struct sl_synth_family *sl_synth_family_find(const char *name)
{
    for (int i = 0; i < sl_synth_n_families(); i++)
        if (strcmp(families[i]->name, name) == 0) return families[i];
    return NULL;
}
