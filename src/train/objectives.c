/*
 * objectives.c: the table of stages.
 */
#include "base/nearest.h"
#include "train/objective.h"

#include <string.h>

static const sl_objective *const objectives[] = {
    &sl_objective_text, &sl_objective_stage0,  &sl_objective_stage1,          &sl_objective_stage2,
    &sl_objective_sft,  &sl_objective_vit_mim, &sl_objective_vit_contrastive, &sl_objective_vit_omni,
};

enum { N_OBJECTIVES = sizeof objectives / sizeof *objectives };

const sl_objective *sl_objective_find(const char *name, sl_error *err)
{
    const char *names[N_OBJECTIVES];
    for (int i = 0; i < N_OBJECTIVES; i++) {
        names[i] = objectives[i]->name;
        if (strcmp(name, names[i]) == 0) return objectives[i];
    }
    int near = sl_nearest_name(name, names, N_OBJECTIVES, sizeof *names);
    if (near >= 0) sl_fail(err, SL_ERR_FORMAT, "stage: there is no '%s'; did you mean '%s'?", name, names[near]);
    if (near < 0) sl_fail(err, SL_ERR_FORMAT, "stage: there is no '%s'", name);
    return NULL;
}
