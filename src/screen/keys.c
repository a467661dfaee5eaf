/*
 * keys.c: the table of named keys; virtual codes are those of Windows, which the protocol borrows.
 */
#include "screen/keys.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    struct sl_key key;
} named[] = {
    {"enter", {"Enter", "Enter", "\r", 13, 0}},
    {"return", {"Enter", "Enter", "\r", 13, 0}},
    {"tab", {"Tab", "Tab", "", 9, 0}},
    {"space", {" ", "Space", " ", 32, 0}},
    {"backspace", {"Backspace", "Backspace", "", 8, 0}},
    {"delete", {"Delete", "Delete", "", 46, 0}},
    {"del", {"Delete", "Delete", "", 46, 0}},
    {"insert", {"Insert", "Insert", "", 45, 0}},
    {"esc", {"Escape", "Escape", "", 27, 0}},
    {"escape", {"Escape", "Escape", "", 27, 0}},
    {"home", {"Home", "Home", "", 36, 0}},
    {"end", {"End", "End", "", 35, 0}},
    {"pageup", {"PageUp", "PageUp", "", 33, 0}},
    {"pagedown", {"PageDown", "PageDown", "", 34, 0}},
    {"left", {"ArrowLeft", "ArrowLeft", "", 37, 0}},
    {"up", {"ArrowUp", "ArrowUp", "", 38, 0}},
    {"right", {"ArrowRight", "ArrowRight", "", 39, 0}},
    {"down", {"ArrowDown", "ArrowDown", "", 40, 0}},
    {"arrowleft", {"ArrowLeft", "ArrowLeft", "", 37, 0}},
    {"arrowup", {"ArrowUp", "ArrowUp", "", 38, 0}},
    {"arrowright", {"ArrowRight", "ArrowRight", "", 39, 0}},
    {"arrowdown", {"ArrowDown", "ArrowDown", "", 40, 0}},
    {"shift", {"Shift", "ShiftLeft", "", 16, SL_KEY_SHIFT}},
    {"ctrl", {"Control", "ControlLeft", "", 17, SL_KEY_CTRL}},
    {"control", {"Control", "ControlLeft", "", 17, SL_KEY_CTRL}},
    {"alt", {"Alt", "AltLeft", "", 18, SL_KEY_ALT}},
    {"meta", {"Meta", "MetaLeft", "", 91, SL_KEY_META}},
    {"cmd", {"Meta", "MetaLeft", "", 91, SL_KEY_META}},
    {"win", {"Meta", "MetaLeft", "", 91, SL_KEY_META}},
};

/* Punctuation of the American keyboard: what it types, its code, its virtual code. */
static const struct {
    char character;
    const char *code;
    int virtual_code;
} punctuation[] = {
    {'-', "Minus", 189},      {'=', "Equal", 187},     {'[', "BracketLeft", 219}, {']', "BracketRight", 221},
    {'\\', "Backslash", 220}, {';', "Semicolon", 186}, {'\'', "Quote", 222},      {'`', "Backquote", 192},
    {',', "Comma", 188},      {'.', "Period", 190},    {'/', "Slash", 191},
};

static int character_key(char c, struct sl_key *out)
{
    *out = (struct sl_key){.key = {c}, .text = {c}};
    if (isalpha((unsigned char)c)) {
        out->virtual_code = toupper((unsigned char)c);
        snprintf(out->code, sizeof out->code, "Key%c", out->virtual_code);
        return 1;
    }
    if (isdigit((unsigned char)c)) {
        out->virtual_code = (unsigned char)c;
        snprintf(out->code, sizeof out->code, "Digit%c", c);
        return 1;
    }
    for (size_t i = 0; i < sizeof punctuation / sizeof *punctuation; i++)
        if (punctuation[i].character == c) {
            snprintf(out->code, sizeof out->code, "%s", punctuation[i].code);
            out->virtual_code = punctuation[i].virtual_code;
            return 1;
        }
    return 0;
}

/* "f1" to "f12". */
static int function_key(const char *name, size_t n, struct sl_key *out)
{
    int number = 0;
    if (n < 2 || n > 3 || name[0] != 'f') return 0;
    for (size_t i = 1; i < n; i++) {
        if (!isdigit((unsigned char)name[i])) return 0;
        number = 10 * number + (name[i] - '0');
    }
    if (number < 1 || number > 12) return 0;
    *out = (struct sl_key){.virtual_code = 111 + number};
    snprintf(out->key, sizeof out->key, "F%d", number);
    snprintf(out->code, sizeof out->code, "F%d", number);
    return 1;
}

int sl_key_find(const char *name, size_t n, struct sl_key *out)
{
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (strlen(named[i].name) == n && strncasecmp(named[i].name, name, n) == 0) {
            *out = named[i].key;
            return 1;
        }
    return n == 1 ? character_key(name[0], out) : function_key(name, n, out);
}
