/*
 * scene_words.h: scenes in words: what objects are called, where they are, and how the families about them begin.
 */
#ifndef SL_SYNTH_SCENE_WORDS_H
#define SL_SYNTH_SCENE_WORDS_H

#include "synth/scene.h"

/* Which attributes a name has. */
enum { SL_SAY_SIZE = 1, SL_SAY_COLOUR = 2, SL_SAY_TEXTURE = 4, SL_SAY_PLURAL = 8, SL_SAY_ARTICLE = 16 };

enum { SL_MAX_SAID = 96 };

/* Writes what o is called, "a large red striped star", with what flags ask for (a plain texture is not said). */
const char *sl_scene_say(const struct sl_scene_object *o, unsigned flags, char out[SL_MAX_SAID]);

/* Returns where an object is, "at the upper left", "in the middle": one of nine; static storage. */
const char *sl_scene_where(const struct sl_scene *s, const struct sl_scene_object *o);

/* Sorts n numbers of objects by their middles, from left to right. */
void sl_scene_sort_from_left(const struct sl_scene *s, int items[], int n);

/* Returns "zero" to "twenty" or digits, in out when need be. */
const char *sl_scene_number(int n, char out[16]);

/* What a question is made with. */
struct sl_scene_task {
    struct sl_scene_brush *brush;
    const struct sl_synth_request *r;
    struct sl_scene scene;
    struct sl_synth_sample *out;
    sl_error *err;
};

/* Composes t->scene by options in the request's size, or 336 to 560 pixels a side. */
sl_status sl_scene_task_compose(struct sl_scene_task *t, const struct sl_scene_options *o);

/* Draws t->scene and adds it to the user's message, as JPEG or PNG by the dice. */
sl_status sl_scene_task_show(struct sl_scene_task *t);

/* Returns how many objects are as like: kind, colour, texture and size, each < 0 meaning any. */
int sl_scene_count(const struct sl_scene *s, const struct sl_scene_object *like);

/* True when o is as like. */
bool sl_scene_is_like(const struct sl_scene_object *o, const struct sl_scene_object *like);

/* An object of which nothing is said. */
#define SL_SCENE_ANY                                                                                                   \
    {                                                                                                                  \
        .kind = -1, .colour = -1, .texture = (sl_texture)-1, .size = (sl_object_size)-1                                \
    }

/* Checks the boxes of up to max_checks objects: the pixels that change when it is not drawn are within its box, and
 * reach its sides. */
sl_status sl_scene_validate(struct sl_scene_brush *b, const struct sl_scene *s, int max_checks, sl_error *err);

#endif
