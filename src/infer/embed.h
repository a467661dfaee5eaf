/*
 * embed.h: pictures, pieces of videos and texts as unit vectors in one space, by the towers of contrastive pretraining
 * (docs/MODEL.md, section 11). What belongs together has a large product.
 *
 * One thread owns an embedder.
 */
#ifndef SL_INFER_EMBED_H
#define SL_INFER_EMBED_H

#include "media/video.h"
#include "model/model.h"

typedef struct sl_embedder sl_embedder;

/*
 * Opens the checkpoint folder dir, which must have a contrastive part, and its tokenizer into *out; release with
 * sl_embedder_close. ops is borrowed; dt is the dtype of activations. Only the towers are loaded.
 */
sl_status sl_embedder_open(const char *dir, const sl_ops *ops, sl_dtype dt, sl_embedder **out, sl_error *err);

/* Releases everything and sets *e to NULL; NULL is fine. */
void sl_embedder_close(sl_embedder **e);

/* Returns how many numbers a vector has. */
int sl_embedder_width(const sl_embedder *e);

/* Writes the vector of n bytes of text into vector (width). A longer text than the tower reads is cut. */
sl_status sl_embed_text(sl_embedder *e, const char *text, size_t n, float *vector, sl_error *err);

/*
 * Writes the one vector of n pictures together (1: a picture; several: frames of one clip) into vector (width), each at
 * the model's size for it. Takes the pixels: all pictures are empty afterwards, also on an error.
 */
sl_status sl_embed_pictures(sl_embedder *e, struct sl_picture *pictures, int n, float *vector, sl_error *err);

/* Writes the vector of n_frames frames spread evenly over start to end seconds of a video into vector (width). */
sl_status sl_embed_video(sl_embedder *e, struct sl_video *video, double start, double end, int n_frames, float *vector,
                         sl_error *err);

#endif
