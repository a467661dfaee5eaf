/*
 * family.h: open checkpoints that are built like Seed1.5-VL, each as its differences from it.
 *
 * A family reads its own config.json into an sl_config, says what its files call the rows of the weight table, and in
 * which order its rows stand where that is another. Everything behind is the one model. docs/MODELS.md lists them.
 */
#ifndef SL_MODEL_FAMILY_H
#define SL_MODEL_FAMILY_H

#include "base/json.h"
#include "model/weights.h"

/* A fragment of our row names and what stands for it in the family's files. All rules apply, one after the other. */
struct sl_name_rule {
    const char *ours, *theirs;
};

struct sl_family {
    const char *name;     /* "Qwen3-VL" */
    const char *types[3]; /* the model_type of its config.json, NULL behind the last */
    sl_family_id id;
    /* Fills *out, whose defaults stand, from the document; failures are left in top. */
    sl_status (*read_config)(struct sl_json_object *top, sl_config *out);
    const struct sl_name_rule *names; /* ended by {NULL, NULL} */
    /*
     * For rows whose rows (of a vector: elements) stand in another order in the file: order[i] becomes the file's row
     * that is our row i, true is returned. order has room for all. NULL: no such rows.
     */
    bool (*row_order)(const sl_config *c, const sl_weight_row *r, int32_t *order);
};

/* The families, one a file family_*.c. */
extern const struct sl_family sl_family_qwen3_vl, sl_family_qwen2_5_vl, sl_family_kimi_vl;

/* Returns the family of that model_type, or NULL. */
const struct sl_family *sl_family_of_type(const char *model_type);

/* Returns the family of an id, NULL for Seedling's own. */
const struct sl_family *sl_family_of(sl_family_id id);

/* Fails with the model_type that is none of ours and the list of those that are. */
sl_status sl_family_refuse(const char *model_type, sl_error *err);

/*
 * Writes to out (n bytes) what f's files call the row: the i-th spelling, i from 0; false when there are no more.
 * Spellings differ in where files put their towers ("model.visual.", "visual.", ...). f NULL: our own names.
 */
bool sl_family_spelling(const struct sl_family *f, const char *row, int i, char *out, size_t n);

/* True when a file may hold that tensor though no row asks for it. */
bool sl_family_ignores(const struct sl_family *f, const char *name);

/* Reads a config.json that is parsed already, as sl_config_parse does. */
sl_status sl_config_from_json(const json_t *document, sl_config *out, sl_error *err);

/* Returns c as an owned JSON document in this program's own spelling, or NULL without memory. */
json_t *sl_config_to_json(const sl_config *c);

/*
 * Adds to c what the folder of a family's checkpoint says beside config.json: preprocessor_config.json, and whether its
 * chat template opens answers with a thought; and the folder's name where c has none. Missing files change nothing.
 */
sl_status sl_family_read_folder(const char *dir, sl_config *c, sl_error *err);

/* True when the text of a chat template opens the answer with a thought. */
bool sl_family_opens_thought(const char *template);

/* --- reading configurations, for families ------------------------------------------------------------------------ */

/* The first of keys a and b (b may be NULL) that o has, as an integer between min and max; neither: a failure. */
int sl_family_int(struct sl_json_object *o, const char *a, const char *b, int min, int max);

/* An optional number, otherwise fallback. */
double sl_family_number(struct sl_json_object *o, const char *key, double fallback);

/* An optional flag, otherwise fallback. */
bool sl_family_flag(struct sl_json_object *o, const char *key, bool fallback);

/* A list of integers from 0 on; empty when the key is missing. */
sl_int_list sl_family_list(struct sl_json_object *o, const char *key);

/* An object, or with own_missing true and no such key, o itself: old files keep some keys at the top. */
struct sl_json_object sl_family_section(struct sl_json_object *o, const char *key, bool own_missing);

/* What every Qwen decoder says: dimensions, experts, norms, rotation in either spelling. c starts with zeros. */
void sl_family_read_qwen_decoder(struct sl_json_object *top, struct sl_json_object *text, sl_decoder_config *c);

/* The token ids at the top of a Qwen vision-language configuration, and of its text part. */
void sl_family_read_qwen_ids(struct sl_json_object *top, struct sl_json_object *text, sl_special_ids *ids);

#endif
