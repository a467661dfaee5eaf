/*
 * grounding.h: where things of a scene are, and how many: between the files of the family "grounding", and for
 * dialogues about scenes.
 */
#ifndef SL_SYNTH_GROUNDING_H
#define SL_SYNTH_GROUNDING_H

#include "synth/scene_words.h"

enum { SL_GROUNDING_MAX_TARGETS = 64 };

/* Objects of the present scene that a question means, from left to right. */
struct sl_targets {
    int n;
    int items[SL_GROUNDING_MAX_TARGETS]; /* indices of the scene's objects */
};

/* Each makes a sample of its task. */
sl_status sl_grounding_refer(struct sl_scene_task *t);
sl_status sl_grounding_describe(struct sl_scene_task *t);

/* Asks for a box or a point of the one thing of the present scene that is as like, or for those of all such things, and
 * answers; none is an answer too. */
sl_status sl_grounding_ask(struct sl_scene_task *t, const struct sl_scene_object *like, bool many, bool point);

/* Asks how many are as like, the answer being 0 to most, with a point on each if so wanted, and answers. */
sl_status sl_grounding_ask_count(struct sl_scene_task *t, const struct sl_scene_object *like, int most, bool point);

/* Returns how many things of one description a question of the request's level is about at most. */
int sl_grounding_most(const struct sl_synth_request *r);

/* Returns what a scene of the request's level has. */
struct sl_scene_options sl_grounding_options(const struct sl_synth_request *r);

/* Collects the objects that are as like, from left to right; at most SL_GROUNDING_MAX_TARGETS. */
void sl_grounding_find(const struct sl_scene *s, const struct sl_scene_object *like, struct sl_targets *out);

/* Adds the boxes, or a point on each, to the answer. */
sl_status sl_grounding_answer(struct sl_scene_task *t, const struct sl_targets *targets, bool point);

/* Returns an array of the targets' boxes as truths have them. */
json_t *sl_grounding_boxes(const struct sl_scene *s, const struct sl_targets *targets);

/* Sets the truth of an answer by sl_grounding_answer. */
void sl_grounding_truth(struct sl_scene_task *t, const struct sl_targets *targets, bool point);

/* Writes where an object is as a reasoning says it, "(120, 340)". */
void sl_grounding_think_at(struct sl_scene_task *t, const struct sl_scene_object *o);

/* Writes a description as the plural "stars", "red stars", "red objects", or the singular. */
const char *sl_grounding_name(const struct sl_scene_object *like, bool plural, char out[SL_MAX_SAID]);

#endif
