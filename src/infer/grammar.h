/*
 * grammar.h: what an answer must look like, and which tokens keep it so.
 *
 * JSON Schema, regular expressions and the forms of the answer language are compiled to an automaton over bytes, with
 * calls where a schema refers to itself. While an answer grows, its states are made as they are needed, and for each
 * the set of tokens that may follow; both are kept for all answers of the same grammar. docs/INFERENCE.md says what of
 * JSON Schema is understood; what is not is refused, never ignored.
 *
 * Compiling and references are for any thread; everything else is for the thread that steps the engine.
 */
#ifndef SL_INFER_GRAMMAR_H
#define SL_INFER_GRAMMAR_H

#include "base/error.h"
#include "text/tokenizer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sl_grammar sl_grammar;

/*
 * Compiles a JSON Schema, n bytes: the answer is one JSON value that fits it. *out is owned: sl_grammar_drop. Errors
 * name the place in the schema; what can never be fulfilled is an error too.
 */
sl_status sl_grammar_from_schema(const char *schema, size_t n, sl_grammar **out, sl_error *err);

/*
 * Compiles a regular expression that all of the answer must match: literals, classes, groups, | * + ? {m,n}, \d \w \s,
 * ^ and $ at the ends. Look-around and back references are not regular and refused. Errors name the place.
 */
sl_status sl_grammar_from_regex(const char *pattern, size_t n, sl_grammar **out, sl_error *err);

/*
 * The forms of the answer language: "boxes" and "points" (one or more, each after an optional <text> label), "action"
 * (Thought and one Action of a screen), "json" (any JSON object). Others are SL_ERR_ARGUMENT.
 */
sl_status sl_grammar_named(const char *name, sl_grammar **out, sl_error *err);

/*
 * A call of one of the n tools, each a description as in text/chat.h ({"name", "parameters"} or that under
 * "function"): the answer is <tool_call>, the name and arguments that fit the parameters, </tool_call>.
 */
sl_status sl_grammar_from_tools(const char *const *tools, size_t n, sl_grammar **out, sl_error *err);

/* One reference more / less. NULL is fine for drop. */
void sl_grammar_share(sl_grammar *g);
void sl_grammar_drop(sl_grammar *g);

/* --- while an answer grows -------------------------------------------------------------------------------------- */

/* The tokens of a vocabulary in the order of their bytes; made once. */
typedef struct sl_token_list sl_token_list;

/* Lists all tokens but special ones and the tags of thoughts. Release with sl_token_list_free. */
sl_status sl_token_list_new(const struct sl_tokenizer *t, int vocab, sl_token_list **out, sl_error *err);
void sl_token_list_free(sl_token_list *l);

enum { SL_GRAMMAR_DEAD = -1 };

/* Begins / ends an answer under g; returns its first state. States are forgotten only when no answer is under way. */
sl_status sl_grammar_begin(sl_grammar *g, int32_t *state, sl_error *err);
void sl_grammar_end(sl_grammar *g);

/*
 * Returns in *mask (vocab bits, borrowed until the next call) which tokens may follow, and their number in *n.
 * SL_ERR_MEMORY when the grammar needs too many states.
 */
sl_status sl_grammar_mask(sl_grammar *g, const sl_token_list *l, int32_t state, const uint32_t **mask, int *n,
                          sl_error *err);

/* Returns the state after n more bytes, or SL_GRAMMAR_DEAD. */
int32_t sl_grammar_advance(sl_grammar *g, int32_t state, const char *bytes, size_t n);

/* True when the answer may end here. */
bool sl_grammar_accepts(const sl_grammar *g, int32_t state);

/* True when the n bytes as a whole are an answer. For tests and tools. */
bool sl_grammar_matches(sl_grammar *g, const char *bytes, size_t n);

#endif
