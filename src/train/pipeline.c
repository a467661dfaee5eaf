/*
 * pipeline.c: stages by name, and what each starts from.
 */
#include "train/pipeline.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is being read. */
struct reading {
    const char *path, *out;
    const json_t *list; /* of a pipeline: its entries */
    const char *const *sets;
    int n_sets;
    sl_pipeline *p;
    sl_error *err;
};

static sl_status no_memory(sl_error *err)
{
    return sl_fail(err, SL_ERR_MEMORY, "no memory for recipes");
}

static const sl_stage *find_stage(const sl_pipeline *p, const char *name, size_t n)
{
    for (int i = 0; i < p->n; i++)
        if (p->stages[i].name && strlen(p->stages[i].name) == n && memcmp(p->stages[i].name, name, n) == 0)
            return &p->stages[i];
    return NULL;
}

static const char SKIP[] = "skip";

/* True for an override of the pipeline itself. */
static bool is_of_pipeline(const char *set)
{
    return strncmp(set, SKIP, sizeof SKIP - 1) == 0 && set[sizeof SKIP - 1] == '=';
}

/* Applies the overrides that concern the stage. */
static sl_status apply_sets(const struct reading *r, const sl_stage *stage, json_t *tree)
{
    for (int i = 0; i < r->n_sets; i++) {
        const char *set = r->sets[i];
        size_t first = strcspn(set, ".=");
        const sl_stage *meant = set[first] == '.' ? find_stage(r->p, set, first) : NULL;
        if ((meant && meant != stage) || (r->p->stages[0].name && is_of_pipeline(set))) continue;
        sl_status s = sl_yaml_set(tree, meant ? set + first + 1 : set, r->err);
        if (s) return s;
    }
    return SL_OK;
}

/* Sets tree's init.KEY to an earlier stage's folder. */
static sl_status set_init(const struct reading *r, json_t *tree, const char *key, const sl_stage *from)
{
    json_t *init = json_object_get(tree, "init");
    if (!json_is_object(init)) {
        init = json_object();
        if (json_object_set_new(tree, "init", init)) return no_memory(r->err);
    }
    return json_object_set_new(init, key, json_string(from->out)) ? no_memory(r->err) : SL_OK;
}

/* Returns the number of the earlier stage that entry i's init names for key, or -1 with an error. */
static int named_stage(const struct reading *r, int i, const char *key, const json_t *value)
{
    const char *name = json_string_value(value);
    const sl_stage *from = name ? find_stage(r->p, name, strlen(name)) : NULL;
    if (from && from < &r->p->stages[i]) return (int)(from - r->p->stages);
    sl_fail(r->err, SL_ERR_FORMAT, "%s: pipeline.%d.init.%s: expected the name of an earlier stage", r->path, i, key);
    return -1;
}

/*
 * Sets tree's init.KEY to stage i's folder. A stage that is skipped leaves nothing: then to what it would have started
 * from. Every step goes to an earlier stage.
 */
static sl_status set_origin(const struct reading *r, json_t *tree, int i, const char *key)
{
    if (!r->p->stages[i].skipped) return set_init(r, tree, key, &r->p->stages[i]);
    const json_t *init = json_object_get(json_array_get(r->list, (size_t)i), "init");
    if (!init) return i > 0 ? set_origin(r, tree, i - 1, key) : SL_OK;
    bool whole = strcmp(key, "model") == 0;
    const char *part;
    json_t *value;
    const char *wanted = json_object_get(init, key) ? key : "model";
    json_object_foreach((json_t *)(uintptr_t)init, part, value)
    {
        if (!whole && strcmp(part, wanted) != 0) continue;
        int from = named_stage(r, i, part, value);
        sl_status s = from < 0 ? SL_ERR_FORMAT : set_origin(r, tree, from, whole ? part : key);
        if (s) return s;
    }
    return SL_OK;
}

/* Fills in what stage i starts from: what its entry's init names, else the stage before. */
static sl_status link_stage(const struct reading *r, int i, const json_t *entry, json_t *tree)
{
    const json_t *init = json_object_get(entry, "init");
    if (!init) return i > 0 ? set_origin(r, tree, i - 1, "model") : SL_OK;
    const char *key;
    json_t *value;
    if (!json_is_object(init)) return sl_fail(r->err, SL_ERR_FORMAT, "%s: pipeline.%d.init: expected keys", r->path, i);
    json_object_foreach((json_t *)(uintptr_t)init, key, value)
    {
        int from = named_stage(r, i, key, value);
        sl_status s = from < 0 ? SL_ERR_FORMAT : set_origin(r, tree, from, key);
        if (s) return s;
    }
    return SL_OK;
}

/* Returns the owned path of name in the folder of the file at path. */
static char *beside(const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');
    if (!slash || name[0] == '/') return sl_strdup(name);
    char *folder = sl_strdup(path), *joined = NULL;
    if (folder) {
        folder[slash == path ? 1 : slash - path] = '\0';
        joined = sl_path_join(folder, name);
    }
    free(folder);
    return joined;
}

/* Names stage i by its entry. */
static sl_status name_stage(const struct reading *r, int i, const json_t *entry)
{
    static const char *const known[] = {"recipe", "name", "init"};
    struct sl_json_object o;
    const char *recipe = NULL, *name = NULL;
    sl_stage *s = &r->p->stages[i];
    sl_json_open(&o, entry, r->err);
    sl_json_known_keys(&o, known, 3);
    sl_json_get_string(&o, "recipe", &recipe);
    if (!o.status && sl_json_has(&o, "name")) sl_json_get_string(&o, "name", &name);
    if (o.status) return sl_fail_context(r->err, o.status, "%s: pipeline.%d", r->path, i);
    s->path = beside(r->path, recipe);
    const char *base = strrchr(recipe, '/');
    s->name = sl_strdup(name ? name : base ? base + 1 : recipe);
    if (!s->path || !s->name) return no_memory(r->err);
    char *dot = name ? NULL : strrchr(s->name, '.');
    if (dot) *dot = '\0';
    if (!s->name[0] || strchr(s->name, '/') || s->name[0] == '.')
        return sl_fail(r->err, SL_ERR_FORMAT, "%s: pipeline.%d.name: '%s' is no name of a folder", r->path, i, s->name);
    if (find_stage(r->p, s->name, strlen(s->name)) != s)
        return sl_fail(r->err, SL_ERR_FORMAT, "%s: pipeline.%d.name: '%s' is there twice", r->path, i, s->name);
    s->out = sl_path_join(r->out, s->name);
    return s->out ? SL_OK : no_memory(r->err);
}

static sl_status read_stage(const struct reading *r, int i, const json_t *entry)
{
    sl_stage *stage = &r->p->stages[i];
    json_t *tree = NULL;
    sl_status s = sl_yaml_load(stage->path, &tree, r->err);
    if (!s && !json_is_object(tree)) s = sl_fail(r->err, SL_ERR_FORMAT, "%s: expected keys", stage->path);
    if (!s) s = link_stage(r, i, entry, tree);
    if (!s) s = apply_sets(r, stage, tree);
    if (!s) s = sl_train_recipe_read(stage->path, tree, &stage->recipe, r->err);
    json_decref(tree);
    return s;
}

/* Marks the stages that the pipeline's `skip` names. */
static sl_status mark_skipped(const struct reading *r, const struct sl_json_object *o)
{
    const json_t *names = json_object_get(o->value, SKIP);
    int left = r->p->n;
    if (names && !json_is_array(names))
        return sl_fail(r->err, SL_ERR_FORMAT, "%s: skip: expected a list of stages", r->path);
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        const sl_stage *s = name ? find_stage(r->p, name, strlen(name)) : NULL;
        if (!s) return sl_fail(r->err, SL_ERR_FORMAT, "%s: skip: there is no stage '%s'", r->path, name ? name : "?");
        r->p->stages[s - r->p->stages].skipped = true;
    }
    for (int i = 0; i < r->p->n; i++) left -= r->p->stages[i].skipped;
    return left > 0 ? SL_OK : sl_fail(r->err, SL_ERR_ARGUMENT, "%s: skip: no stage is left", r->path);
}

/* Applies the overrides that concern the pipeline itself. */
static sl_status apply_pipeline_sets(const struct reading *r, json_t *tree)
{
    sl_status s = SL_OK;
    for (int i = 0; i < r->n_sets && !s; i++)
        if (is_of_pipeline(r->sets[i])) s = sl_yaml_set(tree, r->sets[i], r->err);
    return s;
}

static sl_status read_pipeline(struct reading *r, json_t *tree)
{
    static const char *const known[] = {"pipeline", SKIP, "about"};
    struct sl_json_object o;
    const json_t *list = NULL;
    sl_status s = apply_pipeline_sets(r, tree);
    if (s) return s;
    sl_json_open(&o, tree, r->err);
    sl_json_known_keys(&o, known, 3);
    sl_json_get_array(&o, "pipeline", &list);
    size_t n = json_array_size(list);
    if (!o.status && (n == 0 || n > SL_MAX_STAGES))
        sl_json_fail(&o, "pipeline", "expected 1 to %d stages", SL_MAX_STAGES);
    if (o.status) return sl_fail_context(r->err, o.status, "%s", r->path);
    r->p->stages = sl_alloc_array(n, sizeof *r->p->stages);
    if (!r->p->stages) return no_memory(r->err);
    r->list = list;
    for (size_t i = 0; i < n && !s; i++) {
        r->p->n++;
        s = name_stage(r, (int)i, json_array_get(list, i));
    }
    if (!s) s = mark_skipped(r, &o);
    for (size_t i = 0; i < n && !s; i++)
        if (!r->p->stages[i].skipped) s = read_stage(r, (int)i, json_array_get(list, i));
    return s;
}

static sl_status read_single(const struct reading *r, json_t *tree)
{
    sl_stage *stage = r->p->stages = sl_alloc_array(1, sizeof *stage);
    if (!stage) return no_memory(r->err);
    r->p->n = 1;
    stage->path = sl_strdup(r->path);
    stage->out = sl_strdup(r->out);
    if (!stage->path || !stage->out) return no_memory(r->err);
    sl_status s = apply_sets(r, stage, tree);
    return s ? s : sl_train_recipe_read(stage->path, tree, &stage->recipe, r->err);
}

sl_status sl_pipeline_read(const char *path, const char *out, const char *const *sets, int n_sets, sl_pipeline *p,
                           sl_error *err)
{
    *p = (sl_pipeline){0};
    struct reading r = {.path = path, .out = out, .sets = sets, .n_sets = n_sets, .p = p, .err = err};
    json_t *tree = NULL;
    sl_status s = sl_yaml_load(path, &tree, err);
    if (!s && !json_is_object(tree)) s = sl_fail(err, SL_ERR_FORMAT, "%s: expected keys", path);
    if (!s) s = json_object_get(tree, "pipeline") ? read_pipeline(&r, tree) : read_single(&r, tree);
    json_decref(tree);
    return s;
}

void sl_pipeline_release(sl_pipeline *p)
{
    for (int i = 0; i < p->n; i++) {
        sl_train_recipe_release(&p->stages[i].recipe);
        free(p->stages[i].name);
        free(p->stages[i].path);
        free(p->stages[i].out);
    }
    free(p->stages);
    *p = (sl_pipeline){0};
}
