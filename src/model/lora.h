/*
 * lora.h: LoRA adapters in files, as PEFT names them: adapter_config.json and adapter_model.safetensors
 * (docs/MODEL.md, section 13).
 */
#ifndef SL_MODEL_LORA_H
#define SL_MODEL_LORA_H

#include "model/model.h"

#include <jansson.h>

/*
 * Reads {"rank": 16, "alpha": 32, "targets": ["decoder.attention", ...]} (borrowed) into *out; alpha and targets may be
 * missing: twice the rank, and the decoder's attention and dense MLPs. Errors name the key. base is left empty.
 */
sl_status sl_lora_parse(const json_t *options, sl_lora_config *out, sl_error *err);

/* True when the folder dir holds an adapter. */
bool sl_lora_in_folder(const char *dir);

/* Reads DIR/adapter_config.json into *out; base is made a path that can be opened: what is relative starts from dir. */
sl_status sl_lora_config_load(const char *dir, sl_lora_config *out, sl_error *err);

/* Writes DIR/adapter_config.json and DIR/adapter_model.safetensors (f32) of a model with adapters. */
sl_status sl_lora_save(const sl_model *m, const char *dir, sl_error *err);

/* An adapter's tensors, to be added to the matrices they change. */
typedef struct sl_lora_file sl_lora_file;

/* Opens the adapter in dir into *out; release with sl_lora_file_close. */
sl_status sl_lora_file_open(const char *dir, sl_lora_file **out, sl_error *err);
void sl_lora_file_close(sl_lora_file **f);

/* Adds the adapter's change of row r, group `group`, to values (n, k), if it has one. */
sl_status sl_lora_file_add(sl_lora_file *f, const sl_weight_row *r, int64_t group, const sl_ops *ops, float *values,
                           sl_error *err);

/* Reads a factor, a row of SL_MODULE_LORA, group `group`, into values; all groups must be there. */
sl_status sl_lora_file_read(sl_lora_file *f, const sl_weight_row *r, int64_t group, float *values, sl_error *err);

/* Refuses the file when it has a tensor that nothing was done with. */
sl_status sl_lora_file_check_used(const sl_lora_file *f, sl_error *err);

#endif
