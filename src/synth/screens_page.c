/*
 * screens_page.c: themes, and controls as HTML. What a control does on the page is done by one small script.
 */
#include "synth/screens_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What a page looks like. Colours are CSS. */
struct theme {
    const char *ground, *card, *ink, *soft, *accent, *on_accent, *line;
    const char *font;
    int radius, padding;
    const char *shadow, *extra;
};

static const struct theme themes[] = {
    {"#f4f6f8", "#fff", "#1d2733", "#66707c", "#1f6feb", "#fff", "#d5dbe1", "'Liberation Sans'", 6, 10,
     "0 1px 3px rgba(0,0,0,.18)", ""},
    {"#fff", "#fff", "#111", "#555", "#111", "#fff", "#111", "'DejaVu Sans Mono'", 0, 8, "none",
     ".b{text-transform:uppercase;letter-spacing:1px}"},
    {"#1b1e24", "#262b33", "#e7ebf0", "#9aa4b0", "#4fb3a5", "#08211d", "#3a414c", "'DejaVu Sans'", 8, 10,
     "0 2px 8px rgba(0,0,0,.5)", ""},
    {"#fbf3e4", "#fffaf0", "#43352a", "#8a7663", "#b5532a", "#fff", "#e0cfb4", "'Liberation Serif'", 3, 10, "none",
     "h1,h2{font-style:italic}"},
    {"#eef2ff", "#fff", "#26215e", "#6f6aa8", "#6d4aff", "#fff", "#d6d3f5", "'DejaVu Sans'", 16, 12,
     "0 4px 14px rgba(80,60,200,.16)", ".b{border-radius:99px}"},
    {"#d8d8d8", "#e8e8e8", "#000", "#444", "#00007a", "#fff", "#8a8a8a", "'Liberation Sans'", 0, 6,
     "inset 1px 1px 0 #fff", ".b,.i,.tab{border:2px outset #f4f4f4;background:#d8d8d8;color:#000}"},
    {"#f2faf3", "#fff", "#173a22", "#5d7d67", "#2a8a4a", "#fff", "#cfe3d4", "'Liberation Sans'", 10, 10,
     "0 1px 2px rgba(0,0,0,.12)", ".top{background:#2a8a4a;color:#fff}.top .a,.top .i,.top .m{color:#fff}"},
    {"#0d1117", "#0d1117", "#c9d1d9", "#8b949e", "#f0883e", "#0d1117", "#30363d", "'DejaVu Sans Mono'", 4, 8, "none",
     ".b{background:none;color:#f0883e;border:1px solid #f0883e}"},
    {"#fff5f8", "#fff", "#4a1830", "#94607a", "#d6286e", "#fff", "#f3cfdd", "'DejaVu Sans Condensed'", 12, 10,
     "0 2px 6px rgba(200,40,110,.15)", ""},
    {"#e9eef2", "#fdfdfd", "#20343f", "#5f7683", "#0a7e8c", "#fff", "#c3d0d8", "'DejaVu Serif'", 5, 9,
     "0 1px 0 rgba(0,0,0,.2)", ".card{border-top:3px solid #0a7e8c}"},
    {"#fffbe6", "#fff", "#333", "#777", "#ffb300", "#222", "#eadfae", "'Liberation Sans Narrow'", 8, 10, "none",
     ".top{background:#333;color:#fff}.top .a,.top .i,.top .m{color:#ffd54f}"},
    {"linear-gradient(#e3ecff,#f9e8f3)", "rgba(255,255,255,.85)", "#2b2b44", "#6c6c8c", "#e0526a", "#fff", "#d9d4e8",
     "'DejaVu Serif Condensed'", 14, 11, "0 3px 10px rgba(60,40,90,.15)", ".tab{border-radius:99px}"},
};

static const char sheet[] =
    "*{box-sizing:border-box;caret-color:transparent}body{margin:0;min-height:100vh}"
    "h1{font-size:1.5em;margin:.5em 0}h2{font-size:1.15em;margin:.4em 0}p{margin:.4em 0;line-height:1.45}"
    "input,select,button{font:inherit;color:inherit}"
    ".top{display:flex;gap:12px;align-items:center;padding:8px 14px;border-bottom:1px solid "
    "var(--l);background:var(--c)}"
    ".top .soft{color:inherit}.top "
    "b{margin-right:auto;font-size:1.1em}.nav{display:flex;gap:14px;flex-wrap:wrap;align-items:center}"
    ".main{padding:var(--p) calc(var(--p)*1.6)}.card{background:var(--c);border:1px solid "
    "var(--l);border-radius:var(--r);"
    "box-shadow:var(--s);padding:var(--p);margin-bottom:var(--p)}"
    ".grid{display:grid;gap:var(--p)}.grid .card{margin:0}.row{display:flex;align-items:center;gap:10px;padding:6px 0}"
    ".row .grow{flex:1}.line{border-top:1px solid var(--l)}.soft{color:var(--t)}"
    ".b{background:var(--a);color:var(--o);border:0;border-radius:var(--r);padding:.45em .9em;cursor:pointer}"
    ".b:hover{filter:brightness(.9)}.b2{background:none;color:var(--i);border:1px solid var(--l)}"
    ".a{color:var(--a)}.f{display:block;margin:.5em 0}.f span{display:block;font-size:.85em;color:var(--t)}"
    ".f input,.f select{width:100%;max-width:360px;padding:.4em .6em;border:1px solid var(--l);border-radius:var(--r);"
    "background:var(--c)}.c{display:inline-flex;gap:6px;align-items:center}"
    ".sw{appearance:none;width:38px;height:22px;border-radius:11px;background:#9aa3ad;position:relative;margin:0;flex:"
    "none}"
    ".sw::before{content:'';position:absolute;left:3px;top:3px;width:16px;height:16px;border-radius:8px;background:#"
    "fff}"
    ".sw:checked{background:var(--a)}.sw:checked::before{left:19px}"
    ".tabs{display:flex;gap:4px;border-bottom:1px solid var(--l);margin-bottom:8px;flex-wrap:wrap}"
    ".tab{background:none;border:0;border-bottom:3px solid transparent;padding:.4em .8em}"
    ".tab.on{border-color:var(--a);font-weight:bold}.panel{min-height:2em}"
    ".i{background:none;border:1px solid "
    "transparent;border-radius:var(--r);padding:4px;width:30px;height:30px;color:var(--t)}"
    ".i:hover{border-color:var(--l)}.i svg{display:block;width:20px;height:20px}"
    ".m{background:none;border:1px solid var(--l);border-radius:var(--r);padding:.35em .8em}"
    ".menu{display:none;position:absolute;z-index:5;background:var(--c);border:1px solid "
    "var(--l);border-radius:var(--r);"
    "box-shadow:0 4px 14px rgba(0,0,0,.25);color:var(--i)}.menu div{padding:6px 16px}.rel{position:relative}"
    "input[type=range]{accent-color:var(--a);width:220px;max-width:60vw}input[type=checkbox]{accent-color:var(--a)}"
    "#toast{display:none;position:fixed;left:0;right:0;bottom:18px;margin:0 "
    "auto;width:fit-content;background:#222;color:#fff;"
    "padding:9px 18px;border-radius:var(--r);z-index:9;pointer-events:none;max-width:90vw}"
    "#n{background:var(--a);color:var(--o);border-radius:99px;padding:1px 8px;font-size:.85em}"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:5px 8px;border-bottom:1px solid var(--l)}"
    ".shade{position:fixed;inset:0;background:rgba(0,0,0,.45);z-index:7}"
    ".dialog{position:fixed;inset:0 0 16% 0;margin:auto;height:fit-content;z-index:8;width:min(420px,88vw);"
    "background:var(--c);border-radius:var(--r);padding:18px;border:1px solid var(--l)}";

void sl_page_style(struct sl_page *p)
{
    const struct theme *t = &themes[sl_synth_choose(p->r, sizeof themes / sizeof *themes)];
    /* A dense page of the hardest level has the smallest letters. */
    int size = sl_synth_int(p->r, p->size == 2 ? 11 : 13, p->size == 2 ? 14 : p->phone ? 16 : 17);
    sl_buf_addf(&p->html,
                "<!DOCTYPE html><meta charset=utf-8><meta name=viewport content='width=device-width'><style>"
                ":root{--c:%s;--i:%s;--t:%s;--a:%s;--o:%s;--l:%s;--r:%dpx;--p:%dpx;--s:%s}"
                "body{background:%s;color:%s;font:%dpx %s,sans-serif}",
                t->card, t->ink, t->soft, t->accent, t->on_accent, t->line, t->radius, t->padding, t->shadow, t->ground,
                t->ink, size, t->font);
    sl_buf_addf(&p->html, "%s%s</style>", sheet, t->extra);
}

/* Icons on a 24 x 24 field, by what they stand for. */
static const struct {
    const char *name, *path;
} icons[] = {
    {"search", "M10 4a6 6 0 1 0 0 12a6 6 0 1 0 0-12M15 15l6 6"},
    {"delete", "M4 7h16M9 7V4h6v3M6 7l1 14h10l1-14M10 11v6M14 11v6"},
    {"edit", "M4 20l1-5L16 4l4 4L9 19zM14 6l4 4"},
    {"star", "M12 3l2.7 6 6.3.6-4.8 4.2 1.5 6.4L12 16.8 6.300 20.200l1.500-6.400L3 9.600l6.300-.6z"},
    {"notifications", "M6 17V11a6 6 0 0 1 12 0v6l2 2H4zM10 21h4"},
    {"account", "M12 4a4 4 0 1 0 0 8a4 4 0 1 0 0-8M4 21c0-9 16-9 16 0"},
    {"download", "M12 3v12M7 11l5 5 5-5M4 21h16"},
    {"settings",
     "M12 8a4 4 0 1 0 0 8a4 4 0 1 0 0-8M12 2v4M12 18v4M2 12h4M18 12h4M5 5l3 3M16 16l3 3M19 5l-3 3M8 16l-3 3"},
    {"share", "M6 9a3 3 0 1 0 0 6a3 3 0 1 0 0-6M18 3a3 3 0 1 0 0 6a3 3 0 1 0 0-6M18 15a3 3 0 1 0 0 6a3 3 0 1 0 0-6M9 "
              "11l6-4M9 13l6 4"},
    {"help", "M12 2a10 10 0 1 0 0 20a10 10 0 1 0 0-20M9 9c0-4 6-4 6 0c0 3-3 2-3 5M12 17v1"},
};

static void add_icon(struct sl_page *p, const char *name)
{
    for (size_t i = 0; i < sizeof icons / sizeof *icons; i++)
        if (strcmp(icons[i].name, name) == 0)
            sl_buf_addf(&p->html,
                        "<svg viewBox='0 0 24 24' fill=none stroke=currentColor stroke-width=2><path d='%s'/></svg>",
                        icons[i].path);
}

void sl_page_text(struct sl_page *p, const char *text)
{
    for (; *text; text++) {
        if (*text == '<')
            sl_buf_addstr(&p->html, "&lt;");
        else if (*text == '&')
            sl_buf_addstr(&p->html, "&amp;");
        else if (*text == '\'')
            sl_buf_addstr(&p->html, "&#39;");
        else
            sl_buf_addch(&p->html, *text);
    }
}

void sl_page_where(struct sl_page *p, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(p->where, sizeof p->where, fmt, args);
    va_end(args);
}

/* The attributes that the page's script acts on. */
static void add_attributes(struct sl_page *p, const struct sl_control *c)
{
    sl_buf_addf(&p->html, " data-k=%s", c->key);
    if (c->effect != SL_EFFECT_NONE) {
        sl_buf_addstr(&p->html, " data-t='");
        sl_page_text(p, c->shown);
        sl_buf_addch(&p->html, '\'');
    }
    if (c->effect == SL_EFFECT_COUNT) sl_buf_addstr(&p->html, " data-n=1");
    if (c->effect == SL_EFFECT_REMOVE) sl_buf_addstr(&p->html, " data-r=1");
}

/* Opens an element with the control's attributes and a class. */
static void open_tag(struct sl_page *p, const struct sl_control *c, const char *tag, const char *class)
{
    sl_buf_addf(&p->html, "<%s class='%s'", tag, class);
    add_attributes(p, c);
}

/* Adds " CLOSE" with text before it. */
static void close_tag(struct sl_page *p, const char *text, const char *close)
{
    sl_buf_addch(&p->html, '>');
    sl_page_text(p, text);
    sl_buf_addstr(&p->html, close);
}

/* A field or a list to choose from under its name. */
static void add_field(struct sl_page *p, const struct sl_control *c)
{
    sl_buf_addstr(&p->html, "<label class=f><span>");
    sl_page_text(p, c->name);
    sl_buf_addstr(&p->html, "</span>");
    if (c->kind == SL_CONTROL_SELECT) {
        open_tag(p, c, "select", "");
        sl_buf_addstr(&p->html, "><option>");
        sl_page_text(p, c->shown);
        sl_buf_addstr(&p->html, "</select></label>");
    } else {
        open_tag(p, c, "input", "");
        sl_buf_addstr(&p->html, " value='");
        sl_page_text(p, c->shown);
        sl_buf_addstr(&p->html, "'></label>");
    }
}

/* A button that opens a list of entries, which `shown` holds with ", " between them. */
static void add_menu(struct sl_page *p, const struct sl_control *c)
{
    const char *s = c->shown;
    sl_buf_addstr(&p->html, "<span class=rel>");
    open_tag(p, c, "button", "m");
    sl_buf_addf(&p->html, " data-o=o%s", c->key);
    close_tag(p, c->name, " ▾</button>");
    sl_buf_addf(&p->html, "<div class=menu id=o%s>", c->key);
    while (*s) {
        size_t n = strcspn(s, ",");
        sl_buf_addf(&p->html, "<div>%.*s</div>", (int)n, s);
        s += n;
        s += strspn(s, ", ");
    }
    sl_buf_addstr(&p->html, "</div></span>");
}

static void add_markup(struct sl_page *p, const struct sl_control *c)
{
    switch (c->kind) {
    case SL_CONTROL_BUTTON:
        open_tag(p, c, "button", sl_synth_chance(p->r, 0.3) ? "b b2" : "b");
        close_tag(p, c->name, "</button>");
        return;
    case SL_CONTROL_LINK:
        open_tag(p, c, "a", "a");
        sl_buf_addstr(&p->html, " href='#'");
        close_tag(p, c->name, "</a>");
        return;
    case SL_CONTROL_FIELD:
    case SL_CONTROL_SELECT:
        add_field(p, c);
        return;
    case SL_CONTROL_CHECKBOX:
        open_tag(p, c, "label", "c");
        sl_buf_addf(&p->html, "><input type=checkbox%s><span", c->on ? " checked" : "");
        close_tag(p, c->name, "</span></label>");
        return;
    case SL_CONTROL_SWITCH:
        sl_buf_addstr(&p->html, "<div class='row line'><span class=grow");
        close_tag(p, c->name, "</span>");
        open_tag(p, c, "input", "sw");
        sl_buf_addf(&p->html, " type=checkbox%s></div>", c->on ? " checked" : "");
        return;
    case SL_CONTROL_SLIDER:
        sl_buf_addstr(&p->html, "<div class='row line'><span class=grow");
        close_tag(p, c->name, "</span>");
        open_tag(p, c, "input", "");
        sl_buf_addf(&p->html, " type=range min=0 max=100 value=%d></div>", c->value);
        return;
    case SL_CONTROL_TAB:
        open_tag(p, c, "button", c->on ? "tab on" : "tab");
        sl_buf_addstr(&p->html, " data-p='");
        sl_page_text(p, c->shown);
        sl_buf_addch(&p->html, '\'');
        close_tag(p, c->name, "</button>");
        return;
    case SL_CONTROL_ICON:
        open_tag(p, c, "button", "i");
        sl_buf_addch(&p->html, '>');
        add_icon(p, c->name);
        sl_buf_addstr(&p->html, "</button>");
        return;
    case SL_CONTROL_MENU:
        add_menu(p, c);
        return;
    case SL_N_CONTROLS:
        return;
    }
}

struct sl_control *sl_page_control(struct sl_page *p, sl_control_kind kind, sl_control_effect effect,
                                   const struct sl_control_text *text)
{
    bool full = p->n == SL_PAGE_MAX_CONTROLS - 1; /* the last one is the spare */
    struct sl_control *c = &p->controls[p->n];
    *c = (struct sl_control){.kind = kind, .effect = effect};
    snprintf(c->key, sizeof c->key, "k%d", p->n);
    snprintf(c->name, sizeof c->name, "%s", text->name);
    snprintf(c->does, sizeof c->does, "%s", text->does ? text->does : "");
    snprintf(c->shown, sizeof c->shown, "%s", text->shown ? text->shown : "");
    snprintf(c->where, sizeof c->where, "%s", p->where);
    if (kind == SL_CONTROL_CHECKBOX || kind == SL_CONTROL_SWITCH) c->on = sl_synth_chance(p->r, 0.5);
    /* Of a row of tabs the page says which one is selected. */
    if (kind == SL_CONTROL_TAB) c->on = p->selected-- == 0;
    if (kind == SL_CONTROL_SLIDER) c->value = sl_synth_int(p->r, 5, 95);
    c->last = kind == SL_CONTROL_LINK || kind == SL_CONTROL_MENU;
    if (kind == SL_CONTROL_CHECKBOX || kind == SL_CONTROL_SWITCH)
        snprintf(c->does, sizeof c->does, "turn %s \"%s\"", c->on ? "off" : "on", text->name);
    if (full) return c;
    p->n++;
    add_markup(p, c);
    return c;
}
