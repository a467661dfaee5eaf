/*
 * byte_level.h: the printable spelling of bytes that tokenizer.json uses.
 *
 * Each byte is written as one visible character: the printable Latin-1 bytes 33-126, 161-172 and 174-255 stand for
 * themselves, the other 68 become U+0100, U+0101, ... in order (GPT-2's bytes_to_unicode, Radford et al. 2019). So a
 * space is spelled U+0120 and a line feed U+010A, and a merge "a b" can use the space as its separator.
 */
#ifndef SL_TEXT_BYTE_LEVEL_H
#define SL_TEXT_BYTE_LEVEL_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* Appends the spelling of n bytes to out. */
void sl_byte_level_spell(const char *bytes, size_t n, struct sl_buf *out);

/* Appends the bytes that spelling (UTF-8, n bytes) stands for; false, out cut back, when a character is no byte. */
bool sl_byte_level_unspell(const char *spelling, size_t n, struct sl_buf *out);

#endif
