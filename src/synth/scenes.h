/*
 * scenes.h: between the files of the family "scenes".
 */
#ifndef SL_SYNTH_SCENES_H
#define SL_SYNTH_SCENES_H

#include "synth/scene_words.h"

/* Each makes a sample of its task: scene, picture, question, answer, truth. */
sl_status sl_scenes_yes_no(struct sl_scene_task *t);
sl_status sl_scenes_question(struct sl_scene_task *t, bool choice);
sl_status sl_scenes_absent(struct sl_scene_task *t);
sl_status sl_scenes_dialogue(struct sl_scene_task *t);

/* Each asks something about object `at` of the present scene, whose kind is its own, and answers; false, and nothing
 * said: the scene does not allow the question that was drawn. */
bool sl_scenes_ask_yes_no(struct sl_scene_task *t, int at);
bool sl_scenes_ask_open(struct sl_scene_task *t, int at);

/* Returns what a scene of the request's level has: number of objects, sizes, textures, colours, overlap. */
struct sl_scene_options sl_scenes_options(const struct sl_synth_request *r);

/* Lists what is in the scene as a reasoning, "I see: a red star at the top, ...". */
void sl_scenes_think_list(struct sl_scene_task *t);

#endif
