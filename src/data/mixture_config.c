/*
 * mixture_config.c: mixture files (docs/DATA.md has the keys), and datasets as mixtures of one.
 *
 * Keys that nobody knows are errors: a misspelt "weight" would otherwise change a training run in silence.
 */
#include "base/file.h"
#include "base/mem.h"
#include "data/mixture.h"
#include "data/mixture_parts.h"
#include "data/paths.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_FILE = 16 << 20, MAX_DEPTH = 16, HEAD = 1 << 16 };

void sl_mixture_defaults(struct sl_mixture_options *o)
{
    *o = (struct sl_mixture_options){.shuffle = true, .check_media = true, .n_lanes = 1};
    sl_data_limits_defaults(&o->limits);
}

/* Reads "rebalance": true, or {"below": 0.5, "repeat": 2}. */
static void read_rebalance(struct sl_json_object *o, struct sl_source_options *s)
{
    if (!sl_json_has(o, "rebalance") || o->status) return;
    const json_t *value = json_object_get(o->value, "rebalance");
    if (json_is_boolean(value)) {
        s->rebalance_below = json_is_true(value) ? 0.5 : 0;
        return;
    }
    struct sl_json_object r;
    int64_t repeat = 2;
    static const char *const keys[] = {"below", "repeat"};
    s->rebalance_below = 0.5;
    sl_json_get_object(o, "rebalance", &r);
    if (r.status) {
        o->status = r.status;
        return;
    }
    sl_json_known_keys(&r, keys, 2);
    if (sl_json_has(&r, "below")) sl_json_get_number(&r, "below", &s->rebalance_below);
    if (!r.status && !(s->rebalance_below > 0 && s->rebalance_below <= 1e6))
        sl_json_fail(&r, "below", "expected a number over 0");
    if (sl_json_has(&r, "repeat")) sl_json_get_int(&r, "repeat", 1, 255, &repeat);
    s->rebalance_repeat = (int)repeat;
    o->status = r.status;
}

/* One source's keys; strings borrowed from the JSON, paths owned. */
struct source_keys {
    struct sl_source_options options;
    char **paths; /* (n_paths), owned */
    int n_paths;
    char *media; /* owned */
    double weight, epochs;
};

static void release_keys(struct source_keys *k)
{
    for (int i = 0; i < k->n_paths; i++) free(k->paths[i]);
    free(k->paths);
    free(k->media);
}

/* Returns path, from folder when it is relative; owned, NULL without memory. */
static char *from_folder(const char *folder, const char *path)
{
    return path[0] == '/' ? sl_strdup(path) : sl_path_join(folder, path);
}

static void read_paths(struct sl_json_object *o, const char *folder, struct source_keys *k)
{
    if (o->status) return;
    const json_t *value = json_object_get(o->value, "path");
    size_t n = json_is_array(value) ? json_array_size(value) : 1;
    if (n == 0 || n > 65536) {
        sl_json_fail(o, "path", "expected 1 to 65536 paths");
        return;
    }
    k->paths = sl_alloc_array(n, sizeof *k->paths);
    for (size_t i = 0; i < n && k->paths; i++) {
        const char *path = json_string_value(json_is_array(value) ? json_array_get(value, i) : value);
        if (!path || !*path) {
            sl_json_fail(o, "path", "expected a path or an array of paths");
            return;
        }
        k->paths[i] = from_folder(folder, path);
        if (!k->paths[i]) break;
        k->n_paths++;
    }
    if (k->n_paths < (int)n) {
        sl_json_fail(o, "path", "no memory for %zu paths", n);
        o->status = SL_ERR_MEMORY;
    }
}

/* Reads the numbers and switches of a source. */
static void read_settings(struct sl_json_object *o, struct source_keys *k)
{
    struct sl_source_options *s = &k->options;
    int64_t block = s->block_samples, seed = 0;
    if (sl_json_has(o, "weight")) {
        sl_json_get_number(o, "weight", &k->weight);
        if (!o->status && !(k->weight > 0 && k->weight <= 1e12)) sl_json_fail(o, "weight", "expected a number over 0");
    }
    if (sl_json_has(o, "epochs")) {
        sl_json_get_number(o, "epochs", &k->epochs);
        if (!o->status && !(k->epochs >= 0 && k->epochs <= 1e9))
            sl_json_fail(o, "epochs", "expected a number from 0 (no limit)");
    }
    if (sl_json_has(o, "block")) sl_json_get_int(o, "block", 1, 1 << 20, &block);
    s->block_samples = (int)block;
    if (sl_json_has(o, "shuffle")) sl_json_get_bool(o, "shuffle", &s->shuffle);
    if (sl_json_has(o, "absolute_paths")) sl_json_get_bool(o, "absolute_paths", &s->limits.absolute_paths);
    if (sl_json_has(o, "seed")) sl_json_get_int(o, "seed", INT64_MIN, INT64_MAX, &seed);
    s->seed += (uint64_t)seed;
    read_rebalance(o, s);
}

static sl_status read_source(const json_t *value, const char *folder, struct source_keys *k, sl_error *err)
{
    static const char *const known[] = {"name",    "path",           "media", "domain",    "weight", "epochs",
                                        "shuffle", "absolute_paths", "block", "rebalance", "seed"};
    struct sl_json_object o;
    sl_json_open(&o, value, err);
    if (o.status) return o.status;
    sl_json_known_keys(&o, known, sizeof known / sizeof *known);
    sl_json_get_string(&o, "name", &k->options.name);
    if (!o.status && (!*k->options.name || strlen(k->options.name) > 200))
        sl_json_fail(&o, "name", "expected 1 to 200 bytes");
    read_paths(&o, folder, k);
    const char *media = NULL;
    if (sl_json_has(&o, "media")) sl_json_get_string(&o, "media", &media);
    if (sl_json_has(&o, "domain")) sl_json_get_string(&o, "domain", &k->options.domain);
    if (!o.status) read_settings(&o, k);
    if (o.status) return o.status;
    if (media && !(k->media = from_folder(folder, media))) return sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
    k->options.media = k->media;
    k->options.paths = (const char *const *)k->paths;
    k->options.n_paths = k->n_paths;
    return SL_OK;
}

/* Opens the source that the keys describe as the mixture's next member. */
static sl_status add_source(struct sl_mixture *m, const struct source_keys *k, sl_error *err)
{
    for (int i = 0; i < m->n; i++)
        if (strcmp(sl_source_name(m->members[i].source), k->options.name) == 0)
            return sl_fail(err, SL_ERR_FORMAT, "two sources are called %s", k->options.name);
    struct sl_mixture_member *s = &m->members[m->n];
    sl_status status = sl_source_open(&k->options, &s->source, err);
    if (status) return status;
    m->n++;
    s->weight = k->weight;
    s->epochs = k->epochs;
    if (sl_source_epoch_rows(s->source) < 0 && k->epochs != floor(k->epochs))
        return sl_fail(err, SL_ERR_FORMAT, "epochs: %s is streamed, so they must be a whole number", k->options.name);
    return SL_OK;
}

/* Without weights every row is as likely as any other; then the numbers of rows must be known. */
static sl_status set_weights(struct sl_mixture *m, sl_error *err)
{
    int n_given = 0;
    for (int i = 0; i < m->n; i++) n_given += m->members[i].weight > 0;
    if (n_given == m->n) return SL_OK;
    if (n_given > 0) return sl_fail(err, SL_ERR_FORMAT, "weight: either all sources have one, or none");
    for (int i = 0; i < m->n; i++) {
        struct sl_mixture_member *s = &m->members[i];
        int64_t rows = sl_source_epoch_rows(s->source);
        if (rows < 0 && m->n > 1)
            return sl_fail(err, SL_ERR_FORMAT, "weight: %s is streamed, so its size is unknown: give weights",
                           sl_source_name(s->source));
        s->weight = rows > 0 ? (double)rows : 1;
    }
    return SL_OK;
}

static struct source_keys default_keys(const struct sl_mixture_options *o, bool shuffle, uint64_t seed)
{
    struct source_keys k = {.epochs = o->epochs};
    sl_source_defaults(&k.options);
    k.options.seed = seed;
    k.options.shuffle = o->shuffle && shuffle;
    k.options.check_media = o->check_media;
    k.options.lane = o->lane;
    k.options.n_lanes = o->n_lanes;
    k.options.limits = o->limits;
    k.options.limits.absolute_paths |= o->absolute_paths;
    k.options.skipped = o->skipped;
    return k;
}

/* Opens the sources of a mixture object. */
static sl_status add_sources(struct sl_mixture *m, const json_t *sources, const char *folder,
                             const struct source_keys *defaults, sl_error *err)
{
    size_t n = json_array_size(sources);
    if (n == 0 || n > SL_MAX_SOURCES)
        return sl_fail(err, SL_ERR_FORMAT, "sources: expected 1 to %d of them", SL_MAX_SOURCES);
    m->members = sl_alloc_array(n, sizeof *m->members);
    if (!m->members) return sl_fail(err, SL_ERR_MEMORY, "no memory for %zu sources", n);
    for (size_t i = 0; i < n; i++) {
        struct source_keys k = *defaults;
        sl_status status = read_source(json_array_get(sources, i), folder, &k, err);
        if (!status) status = add_source(m, &k, err);
        release_keys(&k);
        if (status) return sl_fail_context(err, status, "sources[%zu]", i);
    }
    return set_weights(m, err);
}

sl_status sl_mixture_open_json(const json_t *object, const char *folder, const struct sl_mixture_options *o,
                               struct sl_mixture **out, sl_error *err)
{
    static const char *const known[] = {"seed", "shuffle", "epochs", "sources"};
    *out = NULL;
    struct sl_json_object top;
    const json_t *sources = NULL;
    int64_t seed = 0;
    bool shuffle = true;
    double epochs = o->epochs;
    sl_json_open(&top, object, err);
    if (top.status) return top.status;
    sl_json_known_keys(&top, known, sizeof known / sizeof *known);
    if (sl_json_has(&top, "seed")) sl_json_get_int(&top, "seed", INT64_MIN, INT64_MAX, &seed);
    if (sl_json_has(&top, "shuffle")) sl_json_get_bool(&top, "shuffle", &shuffle);
    if (sl_json_has(&top, "epochs")) sl_json_get_number(&top, "epochs", &epochs);
    if (!top.status && !(epochs >= 0 && epochs <= 1e9))
        sl_json_fail(&top, "epochs", "expected a number from 0 (no limit)");
    sl_json_get_array(&top, "sources", &sources);
    if (top.status) return top.status;
    struct sl_mixture *m;
    struct source_keys defaults = default_keys(o, shuffle, o->seed + (uint64_t)seed);
    defaults.epochs = epochs;
    sl_status status = sl_mixture_new(defaults.options.seed, &m, err);
    if (!status) status = add_sources(m, sources, folder, &defaults, err);
    if (status) {
        sl_mixture_close(&m);
        return status;
    }
    *out = m;
    return SL_OK;
}

/*
 * Decides whether the file at path is a mixture: named .json, and an object. One whose first line is an object by
 * itself is a file of JSON lines, as many are named .json, unless that object has "sources".
 */
static bool is_mixture_file(const char *path)
{
    size_t n = strlen(path);
    if (n < 5 || strcmp(path + n - 5, ".json") != 0 || !sl_file_exists(path)) return false;
    char *line = malloc(HEAD);
    int fd = line ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t got = fd < 0 ? 0 : read(fd, line, HEAD);
    if (fd >= 0) close(fd);
    ssize_t i = 0;
    while (i < got && (line[i] == ' ' || line[i] == '\t' || line[i] == '\r' || line[i] == '\n')) i++;
    bool mixture = i < got && line[i] == '{';
    const char *end = mixture ? memchr(line + i, '\n', (size_t)(got - i)) : NULL;
    json_t *first = NULL;
    if (mixture) sl_json_parse(line + i, (size_t)(end ? end - line - i : got - i), MAX_DEPTH, &first, NULL);
    if (first && !json_object_get(first, "sources")) mixture = false;
    /* A line too long to see its end is a row: mixture files have short ones. */
    if (mixture && !end && got == HEAD) mixture = false;
    json_decref(first);
    free(line);
    return mixture;
}

static sl_status open_file(const char *path, const struct sl_mixture_options *o, struct sl_mixture **out, sl_error *err)
{
    json_t *object;
    sl_status status = sl_json_load(path, MAX_FILE, MAX_DEPTH, &object, err);
    if (status) return status;
    const char *slash = strrchr(path, '/');
    char *folder = slash ? sl_strdup(path) : sl_strdup(".");
    if (folder && slash) folder[slash == path ? 1 : slash - path] = '\0';
    status = folder ? sl_mixture_open_json(object, folder, o, out, err)
                    : sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
    if (status) sl_fail_context(err, status, "%s", path);
    free(folder);
    json_decref(object);
    return status;
}

/* Makes a mixture of the one dataset at path. */
static sl_status open_dataset(const char *path, const struct sl_mixture_options *o, struct sl_mixture **out,
                              sl_error *err)
{
    char name[201];
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') n--;
    size_t begin = n;
    while (begin > 0 && path[begin - 1] != '/') begin--;
    snprintf(name, sizeof name, "%.*s", (int)(n - begin), path + begin);
    struct source_keys k = default_keys(o, true, o->seed);
    k.options.name = n > begin ? name : "data";
    k.options.paths = &path;
    k.options.n_paths = 1;
    struct sl_mixture *m;
    sl_status status = sl_mixture_new(o->seed, &m, err);
    if (status) return status;
    m->members = sl_alloc_array(1, sizeof *m->members);
    status = m->members ? add_source(m, &k, err) : sl_fail(err, SL_ERR_MEMORY, "no memory for a mixture");
    if (!status) status = set_weights(m, err);
    if (status) {
        sl_mixture_close(&m);
        return status;
    }
    *out = m;
    return SL_OK;
}

sl_status sl_mixture_open(const char *path, const struct sl_mixture_options *o, struct sl_mixture **out, sl_error *err)
{
    *out = NULL;
    return is_mixture_file(path) ? open_file(path, o, out, err) : open_dataset(path, o, out, err);
}
