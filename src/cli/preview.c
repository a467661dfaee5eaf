/*
 * preview.c: pictures as escape sequences.
 */
#include "cli/preview.h"

#include "base/base64.h"
#include "media/picture_write.h"
#include "media/resize.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* Asks for the terminal's attributes; 4 among the answer's numbers means sixels. */
static bool answers_sixel(void)
{
    static const char ask[] = "\033[c";
    struct termios before, raw;
    char text[128];
    size_t n = 0;
    if (tcgetattr(STDIN_FILENO, &before) != 0) return false;
    raw = before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    bool asked = write(STDOUT_FILENO, ask, sizeof ask - 1) == (ssize_t)(sizeof ask - 1);
    struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
    while (asked && n + 1 < sizeof text && poll(&p, 1, 200) > 0 && read(STDIN_FILENO, text + n, 1) == 1)
        if (text[n++] == 'c') break;
    tcsetattr(STDIN_FILENO, TCSANOW, &before);
    text[n] = '\0';
    return strstr(text, ";4;") || strstr(text, ";4c");
}

sl_preview sl_preview_find(void)
{
    const char *forced = getenv("SEEDLING_PREVIEW"), *term = getenv("TERM"), *program = getenv("TERM_PROGRAM");
    if (forced)
        return strcmp(forced, "kitty") == 0   ? SL_PREVIEW_KITTY
               : strcmp(forced, "sixel") == 0 ? SL_PREVIEW_SIXEL
                                              : SL_PREVIEW_NONE;
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || !term || strcmp(term, "dumb") == 0) return SL_PREVIEW_NONE;
    if (getenv("KITTY_WINDOW_ID") || strstr(term, "kitty") || strstr(term, "ghostty")) return SL_PREVIEW_KITTY;
    if (program && (strcmp(program, "WezTerm") == 0 || strcmp(program, "ghostty") == 0)) return SL_PREVIEW_KITTY;
    return answers_sixel() ? SL_PREVIEW_SIXEL : SL_PREVIEW_NONE;
}

/* PNG in base64, in pieces of at most 4096 characters. */
static sl_status encode_kitty(const struct sl_picture *p, struct sl_buf *out, sl_error *err)
{
    enum { PIECE = 4096 };
    struct sl_buf png = SL_BUF_INIT((size_t)1 << 28), text = SL_BUF_INIT((size_t)1 << 29);
    sl_status s = sl_picture_encode_png(p, &png, err);
    if (s == SL_OK) sl_base64_encode(png.data, png.len, &text);
    for (size_t at = 0; s == SL_OK && at < text.len; at += PIECE) {
        size_t n = text.len - at < PIECE ? text.len - at : PIECE;
        sl_buf_addf(out, at ? "\033_Gm=%d;" : "\033_Gf=100,a=T,q=2,m=%d;", at + n < text.len);
        sl_buf_add(out, text.data + at, n);
        sl_buf_addstr(out, "\033\\");
    }
    sl_buf_addch(out, '\n');
    sl_buf_release(&png);
    sl_buf_release(&text);
    return s;
}

enum { LEVELS = 6, N_COLOURS = LEVELS * LEVELS * LEVELS };

/* The colour of the 6 x 6 x 6 cube for a pixel, dithered by a 4 x 4 pattern. */
static int cube_colour(const struct sl_picture *p, int x, int y)
{
    static const int pattern[4][4] = {{0, 8, 2, 10}, {12, 4, 14, 6}, {3, 11, 1, 9}, {15, 7, 13, 5}};
    const uint8_t *rgb = p->rgb + 3 * ((size_t)y * (size_t)p->width + (size_t)x);
    int c = 0;
    for (int k = 0; k < 3; k++)
        c = c * LEVELS + (rgb[k] * (LEVELS - 1) * 16 + pattern[y & 3][x & 3] * 255) / (255 * 16);
    return c;
}

static void add_run(struct sl_buf *out, int bits, int n)
{
    if (n > 3)
        sl_buf_addf(out, "!%d%c", n, 63 + bits);
    else
        for (; n > 0; n--) sl_buf_addch(out, (char)(63 + bits));
}

/* One band of six rows: for each colour in it a row of sixels, one over the other. colours is the band's, (6, width).
 */
static void add_band(const uint8_t *colours, int width, int rows, struct sl_buf *out)
{
    bool used[N_COLOURS] = {false};
    for (int i = 0; i < rows * width; i++) used[colours[i]] = true;
    for (int c = 0; c < N_COLOURS; c++) {
        int last = -1, n = 0;
        if (!used[c]) continue;
        sl_buf_addf(out, "#%d", c);
        for (int x = 0; x < width; x++, n++) {
            int bits = 0;
            for (int r = 0; r < rows; r++) bits |= (colours[r * width + x] == c) << r;
            if (bits == last) continue;
            add_run(out, last, n);
            last = bits;
            n = 0;
        }
        if (last) add_run(out, last, n);
        sl_buf_addch(out, '$');
    }
    sl_buf_addch(out, '-');
}

static sl_status encode_sixel(const struct sl_picture *p, struct sl_buf *out, sl_error *err)
{
    uint8_t *colours = malloc(6 * (size_t)p->width);
    if (!colours) return sl_fail(err, SL_ERR_MEMORY, "out of memory for a preview");
    sl_buf_addf(out, "\033Pq\"1;1;%d;%d", p->width, p->height);
    for (int c = 0; c < N_COLOURS; c++)
        sl_buf_addf(out, "#%d;2;%d;%d;%d", c, c / (LEVELS * LEVELS) * 20, c / LEVELS % LEVELS * 20, c % LEVELS * 20);
    for (int y = 0; y < p->height; y += 6) {
        int rows = p->height - y < 6 ? p->height - y : 6;
        for (int i = 0; i < rows * p->width; i++) colours[i] = (uint8_t)cube_colour(p, i % p->width, y + i / p->width);
        add_band(colours, p->width, rows, out);
    }
    sl_buf_addstr(out, "\033\\\n");
    free(colours);
    return SL_OK;
}

sl_status sl_preview_encode(sl_preview how, const struct sl_picture *p, int max_side, struct sl_buf *out, sl_error *err)
{
    struct sl_picture small = {0};
    int longest = p->width > p->height ? p->width : p->height;
    double scale = longest > max_side ? (double)max_side / longest : 1;
    int w = (int)(p->width * scale + 0.5), h = (int)(p->height * scale + 0.5);
    if (how == SL_PREVIEW_NONE) return SL_OK;
    sl_status s = sl_picture_resize(p, w > 0 ? w : 1, h > 0 ? h : 1, SL_FILTER_BILINEAR, 1, &small, err);
    if (s == SL_OK) s = how == SL_PREVIEW_KITTY ? encode_kitty(&small, out, err) : encode_sixel(&small, out, err);
    if (s == SL_OK && !sl_buf_ok(out)) s = sl_fail(err, SL_ERR_MEMORY, "the preview is too large");
    sl_picture_free(&small);
    return s;
}
