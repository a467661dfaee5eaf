/*
 * toy.h: a model folder made on the spot: a tiny model that learnt a handful of answers by heart, for tests that need
 * a model that says something.
 */
#ifndef SL_TESTS_TOY_H
#define SL_TESTS_TOY_H

#include "media/picture.h"
#include "model/config.h"
#include "tensor/ops.h"

/* What it learnt. Questions about a picture expect one of toy_picture; the others none. */
#define TOY_COLOUR "Which colour is it?"            /* picture 0: "red", 1: "blue" */
#define TOY_POINT "Point to the middle."            /* any of them: "<point>500 500</point>" */
#define TOY_FRANCE "What is the capital of France?" /* "The capital of France is Paris." */
#define TOY_FRANCE_ANSWER "The capital of France is Paris."
#define TOY_COUNT "Count to five." /* "one two three four five" */
#define TOY_COUNT_ANSWER "one two three four five"
#define TOY_SUM "How much is two and two?" /* thinking: TOY_SUM_THOUGHT, then "four"; else "four" */
#define TOY_SUM_THOUGHT "two and two is one more than three, and three and one is four"

/* Trains the model, writes it into a folder under the temporary one and returns that; the same at every call. */
const char *toy_model_dir(void);

#define TOY_WATCH "Watch." /* the watcher's system message */

/*
 * A model that learnt to watch: after the system message TOY_WATCH and TOY_COLOUR, frames of toy_picture half a second
 * apart, 0, 0, 1, 1, are answered "red", nothing, "blue", nothing.
 */
const char *toy_watcher_dir(void);

enum { TOY_EMBED = 64 };

/* A folder with the toy's tokenizer and the towers of a contrastive stage at their initial weights, TOY_EMBED wide. */
const char *toy_towers_dir(sl_ops *ops);

/* Its configuration. */
sl_config toy_config(int vocab);

/* A plain picture of 56 x 56: 0 red, 1 blue. Free it. */
void toy_picture(struct sl_picture *p, int which);

/* Writes that picture as a PNG file under the temporary folder and returns its path. */
const char *toy_picture_path(int which);

#endif
