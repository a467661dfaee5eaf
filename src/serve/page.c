/*
 * page.c: the files of page/, brought into the program by the assembler, without a build step of their own.
 */
#include "serve/page.h"

#include <string.h>

/* Puts a file between two labels that only this file sees. */
#define EMBED(name, file)                                                                                              \
    __asm__(".section .rodata\n" #name "_begin:\n.incbin \"src/serve/page/" file "\"\n" #name "_end:\n.text\n");       \
    extern const char name##_begin[], name##_end[]

EMBED(page_html, "index.html");
EMBED(page_css, "style.css");
EMBED(page_js, "app.js");

const struct sl_page_file *sl_page_find(const char *path, struct sl_page_file *out)
{
    const struct sl_page_file files[] = {
        {"/", "text/html; charset=utf-8", page_html_begin, (size_t)(page_html_end - page_html_begin)},
        {"/style.css", "text/css; charset=utf-8", page_css_begin, (size_t)(page_css_end - page_css_begin)},
        {"/app.js", "text/javascript; charset=utf-8", page_js_begin, (size_t)(page_js_end - page_js_begin)},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (strcmp(files[i].path, path) != 0) continue;
        *out = files[i];
        return out;
    }
    return NULL;
}
