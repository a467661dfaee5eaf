/*
 * features.c: a list of feature sets under a lock, and one file for each on disk.
 *
 * There are as many sets as pictures that fit into memory, hundreds at most, so a list is searched. A file is named
 * after key and fingerprint and holds a header and the rows; it is replaced by rename and checked when read, so a
 * damaged one only costs the encoding.
 */
#include "infer/features.h"

#include "base/file.h"
#include "base/mem.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

struct sl_features {
    sl_features_options o;
    char *dir; /* owned copy of o.dir, or NULL */
    pthread_mutex_t lock;
    sl_feature_set *sets;
    size_t bytes; /* of all sets, forgotten ones in use included */
    uint64_t clock;
    sl_features_counts counts;
};

/* What a file of features begins with; rows follow. All in the machine's byte order: a cache is not moved. */
struct file_header {
    char magic[8];
    uint64_t fingerprint, key_low, key_high;
    int32_t width, height, used_width, used_height, grid_rows, grid_cols;
    uint64_t row_bytes, n_rows, checksum;
};

static const char MAGIC[8] = "SLFEAT1";

sl_content_key sl_content_key_of(const void *bytes, size_t n, int64_t min_pixels, int64_t max_pixels)
{
    XXH128_hash_t h = XXH3_128bits(bytes, n);
    const uint64_t all[4] = {h.low64, h.high64, (uint64_t)min_pixels, (uint64_t)max_pixels};
    h = XXH3_128bits(all, sizeof all);
    return (sl_content_key){h.low64, h.high64};
}

sl_status sl_features_new(const sl_features_options *o, sl_features **out, sl_error *err)
{
    sl_features *f = sl_alloc_array(1, sizeof *f);
    if (!f) return sl_fail(err, SL_ERR_MEMORY, "out of memory for a cache of features");
    f->o = *o;
    pthread_mutex_init(&f->lock, NULL);
    sl_status s = SL_OK;
    if (o->dir) {
        s = sl_dir_make(o->dir, err);
        if (s == SL_OK && !(f->dir = sl_strdup(o->dir))) s = sl_fail(err, SL_ERR_MEMORY, "out of memory");
    }
    if (s != SL_OK)
        sl_features_free(f);
    else
        *out = f;
    return s;
}

static void set_free(sl_features *f, sl_feature_set *set)
{
    f->bytes -= set->bytes;
    free(set->patches);
    free(set->rows);
    free(set);
}

void sl_features_free(sl_features *f)
{
    if (!f) return;
    while (f->sets) {
        sl_feature_set *next = f->sets->next;
        set_free(f, f->sets);
        f->sets = next;
    }
    pthread_mutex_destroy(&f->lock);
    free(f->dir);
    free(f);
}

static void unlist(sl_features *f, sl_feature_set *set)
{
    sl_feature_set **at = &f->sets;
    while (*at && *at != set) at = &(*at)->next;
    if (*at) *at = set->next;
    set->listed = false;
}

/* Frees the longest unused sets until more bytes fit; false when what is in use leaves no room. */
static bool make_room(sl_features *f, size_t more)
{
    while (f->bytes + more > f->o.ceiling) {
        sl_feature_set *oldest = NULL;
        for (sl_feature_set *s = f->sets; s; s = s->next)
            if (!s->refs && (!oldest || s->used < oldest->used)) oldest = s;
        if (!oldest) return false;
        unlist(f, oldest);
        set_free(f, oldest);
    }
    return true;
}

static sl_feature_set *find_locked(sl_features *f, sl_content_key key)
{
    for (sl_feature_set *s = f->sets; s; s = s->next) {
        if (s->key.low != key.low || s->key.high != key.high) continue;
        s->refs++;
        s->used = ++f->clock;
        return s;
    }
    return NULL;
}

static sl_feature_set *list_new(sl_features *f, sl_feature_set *set)
{
    set->refs = 1;
    set->used = ++f->clock;
    set->listed = true;
    set->next = f->sets;
    f->sets = set;
    f->bytes += set->bytes;
    return set;
}

/* --- files ------------------------------------------------------------------------------------------------------ */

static void set_path(const sl_features *f, sl_content_key key, char *path, size_t n)
{
    snprintf(path, n, "%s/%016llx%016llx-%016llx.features", f->dir, (unsigned long long)key.high,
             (unsigned long long)key.low, (unsigned long long)f->o.fingerprint);
}

/* Returns the set in a mapped file, not listed, or NULL when it is not what its name says. */
static sl_feature_set *set_of_file(const sl_features *f, sl_content_key key, const struct sl_mapped_file *file)
{
    struct file_header h;
    if (file->size < sizeof h) return NULL;
    memcpy(&h, file->data, sizeof h);
    size_t bytes = file->size - sizeof h;
    bool ok = memcmp(h.magic, MAGIC, sizeof MAGIC) == 0 && h.fingerprint == f->o.fingerprint && h.key_low == key.low &&
              h.key_high == key.high && h.row_bytes == f->o.row_bytes && h.grid_rows > 0 && h.grid_cols > 0 &&
              h.n_rows == (uint64_t)h.grid_rows * (uint64_t)h.grid_cols / 4 && bytes / h.row_bytes == h.n_rows &&
              bytes % h.row_bytes == 0 && XXH3_64bits(file->data + sizeof h, bytes) == h.checksum;
    sl_feature_set *set = ok ? sl_alloc_array(1, sizeof *set) : NULL;
    if (!set) return NULL;
    *set = (sl_feature_set){
        .key = key,
        .picture = {h.width, h.height, h.used_width, h.used_height, {h.grid_rows, h.grid_cols}},
        .n_rows = (int64_t)h.n_rows,
        .rows = malloc(bytes),
        .bytes = bytes,
        .from_disk = true,
    };
    if (!set->rows) {
        free(set);
        return NULL;
    }
    memcpy(set->rows, file->data + sizeof h, bytes);
    return set;
}

static sl_feature_set *read_set(const sl_features *f, sl_content_key key)
{
    char path[4200];
    struct sl_mapped_file file = {0};
    if (!f->dir) return NULL;
    set_path(f, key, path, sizeof path);
    if (!sl_file_exists(path) || sl_file_map(path, &file, NULL) != SL_OK) return NULL;
    sl_feature_set *set = set_of_file(f, key, &file);
    sl_file_unmap(&file);
    return set;
}

/* Removes the oldest files until the folder is under its ceiling; called after each write, so one pass suffices. */
static void prune_dir(const sl_features *f)
{
    DIR *d = opendir(f->dir);
    char path[4400], oldest[4400];
    for (bool more = d != NULL; more;) {
        size_t total = 0;
        time_t least = 0;
        oldest[0] = '\0';
        rewinddir(d);
        for (struct dirent *e; (e = readdir(d));) {
            struct stat st;
            size_t n = strlen(e->d_name);
            if (n < 9 || strcmp(e->d_name + n - 9, ".features") != 0) continue;
            snprintf(path, sizeof path, "%s/%s", f->dir, e->d_name);
            if (stat(path, &st) != 0) continue;
            total += (size_t)st.st_size;
            if (!oldest[0] || st.st_mtime < least) {
                least = st.st_mtime;
                memcpy(oldest, path, sizeof oldest);
            }
        }
        more = total > f->o.dir_ceiling && oldest[0] && unlink(oldest) == 0;
    }
    if (d) closedir(d);
}

static sl_status write_set(const sl_features *f, const sl_feature_set *set, sl_error *err)
{
    char path[4200];
    size_t bytes = (size_t)set->n_rows * f->o.row_bytes;
    struct file_header h = {
        .fingerprint = f->o.fingerprint,
        .key_low = set->key.low,
        .key_high = set->key.high,
        .width = set->picture.width,
        .height = set->picture.height,
        .used_width = set->picture.used_width,
        .used_height = set->picture.used_height,
        .grid_rows = set->picture.grid.rows,
        .grid_cols = set->picture.grid.cols,
        .row_bytes = f->o.row_bytes,
        .n_rows = (uint64_t)set->n_rows,
        .checksum = XXH3_64bits(set->rows, bytes),
    };
    struct sl_file_writer w;
    memcpy(h.magic, MAGIC, sizeof MAGIC);
    set_path(f, set->key, path, sizeof path);
    sl_status s = sl_file_writer_open(&w, path, err);
    if (s != SL_OK) return s;
    sl_file_writer_add(&w, &h, sizeof h);
    sl_file_writer_add(&w, set->rows, bytes);
    s = sl_file_writer_commit(&w, err);
    if (s == SL_OK) prune_dir(f);
    return s;
}

/* --- the cache -------------------------------------------------------------------------------------------------- */

sl_feature_set *sl_features_find(sl_features *f, sl_content_key key)
{
    pthread_mutex_lock(&f->lock);
    sl_feature_set *set = find_locked(f, key);
    if (set) f->counts.memory_hits++;
    pthread_mutex_unlock(&f->lock);
    if (set) return set;
    sl_feature_set *read = read_set(f, key);
    pthread_mutex_lock(&f->lock);
    if (read) set = find_locked(f, key); /* another thread may have been faster */
    if (read && !set && make_room(f, read->bytes)) {
        set = list_new(f, read);
        read = NULL;
    }
    if (set)
        f->counts.disk_hits++;
    else
        f->counts.misses++;
    pthread_mutex_unlock(&f->lock);
    if (read) {
        free(read->rows);
        free(read);
    }
    return set;
}

sl_status sl_features_add(sl_features *f, sl_content_key key, const sl_prompt_picture *picture, float *patches,
                          sl_feature_set **out, sl_error *err)
{
    int64_t n_patches = sl_grid_patches(picture->grid);
    size_t bytes = (size_t)n_patches * f->o.patch_bytes + (size_t)n_patches / 4 * f->o.row_bytes;
    sl_status s = SL_OK;
    pthread_mutex_lock(&f->lock);
    sl_feature_set *set = find_locked(f, key);
    if (!set && bytes > f->o.ceiling)
        s = sl_fail(err, SL_ERR_MEMORY, "a picture takes %zu bytes; there is room for %zu", bytes, f->o.ceiling);
    else if (!set && !make_room(f, bytes))
        s = sl_fail(err, SL_ERR_BUSY, "pictures of other requests take all of the %zu bytes for pictures",
                    f->o.ceiling);
    if (!set && s == SL_OK) {
        set = sl_alloc_array(1, sizeof *set);
        if (!set) s = sl_fail(err, SL_ERR_MEMORY, "out of memory for a picture");
        if (set) {
            *set = (sl_feature_set){.key = key, .picture = *picture, .n_rows = n_patches / 4, .bytes = bytes};
            set->patches = patches;
            patches = NULL;
            list_new(f, set);
        }
    }
    pthread_mutex_unlock(&f->lock);
    free(patches);
    *out = set;
    return s;
}

sl_status sl_features_encoded(sl_features *f, sl_feature_set *set, const void *rows, sl_error *err)
{
    size_t bytes = (size_t)set->n_rows * f->o.row_bytes;
    void *copy = malloc(bytes);
    if (!copy) return sl_fail(err, SL_ERR_MEMORY, "out of memory for the features of a picture");
    memcpy(copy, rows, bytes);
    pthread_mutex_lock(&f->lock);
    float *patches = set->patches;
    set->rows = copy;
    set->patches = NULL;
    f->bytes -= set->bytes - bytes;
    set->bytes = bytes;
    bool listed = set->listed;
    pthread_mutex_unlock(&f->lock);
    free(patches);
    return f->dir && listed ? write_set(f, set, err) : SL_OK;
}

void sl_features_drop(sl_features *f, sl_feature_set *set)
{
    if (!set) return;
    pthread_mutex_lock(&f->lock);
    if (--set->refs == 0 && (!set->rows || !set->listed)) {
        if (set->listed) unlist(f, set);
        set_free(f, set);
    }
    pthread_mutex_unlock(&f->lock);
}

void sl_features_forget(sl_features *f)
{
    pthread_mutex_lock(&f->lock);
    sl_feature_set *s = f->sets;
    f->sets = NULL;
    while (s) {
        sl_feature_set *next = s->next;
        s->listed = false;
        if (!s->refs) set_free(f, s);
        s = next;
    }
    pthread_mutex_unlock(&f->lock);
}

sl_features_counts sl_features_count(sl_features *f)
{
    pthread_mutex_lock(&f->lock);
    sl_features_counts c = f->counts;
    c.bytes = f->bytes;
    for (sl_feature_set *s = f->sets; s; s = s->next) c.sets++;
    pthread_mutex_unlock(&f->lock);
    return c;
}
