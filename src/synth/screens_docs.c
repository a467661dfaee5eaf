/*
 * screens_docs.c: documentation pages that are installed on this machine, as somebody reads them in a browser.
 *
 * Their scripts do not run and their letters are the machine's. Which page a sample shows follows from the request and
 * from what is installed.
 */
#include "synth/screens_parts.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_PAGES = 5000, MAX_DEPTH = 8, LEAST_BYTES = 1 << 10, MOST_BYTES = 200 << 10, MAX_TEXTS = 400 };

/* Adds a file when it is a page of a fitting size. */
static bool add_page(struct sl_doc_pages *d, size_t *cap, const char *path, const struct stat *st)
{
    size_t n = strlen(path);
    if (n < 5 || strcmp(path + n - 5, ".html") != 0 || st->st_size < LEAST_BYTES || st->st_size > MOST_BYTES)
        return true;
    if (strpbrk(path, "#?% ")) return true; /* would have to be written otherwise in an address */
    if (!sl_grow_array((void **)&d->paths, cap, (size_t)d->n + 1, sizeof *d->paths, MAX_PAGES)) return false;
    d->paths[d->n] = sl_strdup(path);
    d->n += d->paths[d->n] != NULL;
    return true;
}

/* Walks a folder; symbolic links to folders are not followed. Returns false when there is no room for more. */
static bool walk(struct sl_doc_pages *d, size_t *cap, const char *folder, int depth)
{
    DIR *dir = opendir(folder);
    bool room = true;
    if (!dir) return true;
    for (const struct dirent *e = readdir(dir); e && room; e = readdir(dir)) {
        char path[1024];
        struct stat st;
        if (e->d_name[0] == '.' || snprintf(path, sizeof path, "%s/%s", folder, e->d_name) >= (int)sizeof path)
            continue;
        if (lstat(path, &st) != 0) continue;
        if (S_ISDIR(st.st_mode) && depth < MAX_DEPTH) room = walk(d, cap, path, depth + 1);
        if (S_ISREG(st.st_mode)) room = add_page(d, cap, path, &st);
    }
    closedir(dir);
    return room;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

sl_status sl_doc_pages_find(struct sl_doc_pages *d, const char *folder, sl_error *err)
{
    size_t cap = 0;
    *d = (struct sl_doc_pages){0};
    if (!walk(d, &cap, folder, 0) && d->n < MAX_PAGES) {
        sl_doc_pages_free(d);
        return sl_fail(err, SL_ERR_MEMORY, "no memory for the names of the pages in %s", folder);
    }
    if (d->n) qsort(d->paths, (size_t)d->n, sizeof *d->paths, by_name);
    return SL_OK;
}

void sl_doc_pages_free(struct sl_doc_pages *d)
{
    for (int i = 0; i < d->n; i++) free(d->paths[i]);
    free(d->paths);
    *d = (struct sl_doc_pages){0};
}

/* True for a text that can be asked about: short, on one line, and written once on the screen. */
static bool askable(const struct sl_elements *list, int i)
{
    const struct sl_element *e = &list->items[i];
    size_t n = strlen(e->text);
    double height = e->ink[3] - e->ink[1], width = e->ink[2] - e->ink[0];
    if (!e->whole || n < 4 || n > 70 || height < 8 || height > 60 || width < 12 || strpbrk(e->text, "<>")) return false;
    if (height > 2.2 * width * 6 / (double)n + 30) return false;
    for (int k = 0; k < list->n; k++) {
        const double *b = list->items[k].ink;
        bool same = b[0] <= e->ink[0] + 1 && b[2] >= e->ink[2] - 1 && b[1] <= e->ink[1] + 1 && b[3] >= e->ink[3] - 1;
        bool within = e->ink[0] <= b[0] + 1 && e->ink[2] >= b[2] - 1 && e->ink[1] <= b[1] + 1 && e->ink[3] >= b[3] - 1;
        if (k != i && strstr(list->items[k].text, e->text) && !same && !within) return false;
    }
    return true;
}

static const char *kind_of(const struct sl_element *e)
{
    if (e->tag[0] == 'h' && e->tag[1] >= '1' && e->tag[1] <= '6') return "heading";
    if (strcmp(e->tag, "a") == 0) return "link";
    return "text";
}

/* Asks where a text is, or what stands in its box. */
static void ask(const struct sl_synth_request *r, const struct sl_element *e, const struct sl_screen *screen,
                struct sl_synth_sample *out)
{
    static const char *const find[] = {"Where is", "Find", "Give the box of", "Locate", NULL};
    static const char *const read[] = {"What is written in", "Read the text in", "Transcribe", "Which text stands in",
                                       NULL};
    struct sl_screen_box b = sl_screen_box_of(e->ink, screen);
    if (sl_synth_chance(r, 0.5)) {
        sl_synth_user(out, "%s the %s \"%s\" on this page? Answer as <bbox>x1 y1 x2 y2</bbox>.",
                      sl_synth_phrase(r, find), kind_of(e), e->text);
        sl_synth_answer(out, "<bbox>%d %d %d %d</bbox>", b.x1, b.y1, b.x2, b.y2);
        sl_synth_truth(out, "checker", json_string("boxes"));
        sl_synth_truth(out, "answer", json_pack("[o]", sl_screen_box_json(b)));
        sl_synth_truth(out, "threshold", json_real(0.5));
    } else {
        sl_synth_user(out, "%s <bbox>%d %d %d %d</bbox>? Answer with the text alone.", sl_synth_phrase(r, read), b.x1,
                      b.y1, b.x2, b.y2);
        sl_synth_answer(out, "%s", e->text);
        sl_synth_truth(out, "checker", json_string("text"));
        sl_synth_truth(out, "answer", json_string(e->text));
        sl_synth_truth(out, "threshold", json_real(0.9));
    }
}

/* Opens a page, scrolled somewhere; SL_ERR_ARGUMENT when nothing on it can be asked about. */
static sl_status show_page(struct sl_doc_view *v, struct sl_browser *b, const char *path,
                           const struct sl_synth_request *r, sl_error *err)
{
    char url[1100];
    bool found = false;
    struct sl_screen *screen = sl_browser_screen(b);
    snprintf(url, sizeof url, "file://%s", path);
    sl_status status = sl_browser_open(b, url, err);
    int down = sl_synth_chance(r, 0.6) ? sl_synth_int(r, 1, 3) * screen->height / 2 : 0;
    if (!status && down) status = sl_browser_scroll_to(b, down, err);
    if (!status)
        status = sl_browser_elements(b, "h1,h2,h3,h4,a,p,li,dt,th,td,code,pre,b,span", MAX_TEXTS, &v->list, err);
    for (int i = 0; !status && i < v->list.n && !found; i++) found = askable(&v->list, i);
    if (!status && !found) status = sl_fail(err, SL_ERR_ARGUMENT, "%s: nothing to ask about", path);
    return status ? status : sl_screen_capture(screen, &v->picture, err);
}

sl_status sl_doc_view_show(struct sl_doc_view *v, struct sl_browser *b, const struct sl_doc_pages *d,
                           const struct sl_synth_request *r, sl_error *err)
{
    *v = (struct sl_doc_view){0};
    sl_status status = sl_browser_scripts(b, false, err);
    if (!status) status = show_page(v, b, d->paths[sl_synth_choose(r, d->n)], r, err);
    sl_status back = sl_browser_scripts(b, true, status ? NULL : err);
    return status ? status : back;
}

void sl_doc_view_release(struct sl_doc_view *v)
{
    sl_elements_release(&v->list);
    sl_picture_free(&v->picture);
}

void sl_screens_document(const struct sl_doc_view *v, const struct sl_synth_request *r, struct sl_synth_sample *out)
{
    int order[MAX_TEXTS], k = 0;
    sl_synth_shuffle(r, order, v->list.n);
    while (!askable(&v->list, order[k])) k++; /* one of them is */
    sl_screens_add_picture(r, &v->picture, out);
    ask(r, &v->list.items[order[k]], &(struct sl_screen){.width = v->picture.width, .height = v->picture.height}, out);
}
