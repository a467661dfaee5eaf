/*
 * answer_actions.h: the forms of actions, shared by those who read and who print them.
 */
#ifndef SL_TEXT_ANSWER_ACTIONS_H
#define SL_TEXT_ANSWER_ACTIONS_H

#include "text/answer.h"

/* The arguments of actions. */
enum {
    SL_ARGUMENT_POINT = 1, /* point; start_point or start_box */
    SL_ARGUMENT_END = 2,   /* end_point or end_box */
    SL_ARGUMENT_TEXT = 4,
    SL_ARGUMENT_DIRECTION = 8,
};

struct sl_action_form {
    const char *name;
    unsigned needs, may_have; /* of SL_ARGUMENT_* */
    const char *text;         /* what its text argument is called; NULL without one */
};

/* Returns the form of an action; static storage. */
const struct sl_action_form *sl_action_form_of(enum sl_action_kind kind);

/* Bytes of the longest hotkey. */
enum { SL_ACTION_KEYS_SIZE = 64 };

/*
 * Writes the keys of a hotkey (n bytes) as they should be written: lower case, one space between; a '+' that joins two
 * keys counts as a space. Returns the length, 0 when they are not one to three keys of SL_ACTION_KEYS_SIZE bytes.
 */
size_t sl_action_keys(const char *s, size_t n, char out[SL_ACTION_KEYS_SIZE]);

#endif
