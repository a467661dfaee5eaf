/*
 * prefix.c: the tree of pages.
 *
 * Nodes live in an array of one entry for each page of the cache, so numbers serve as pointers. Children of a node are
 * a list that is searched: conversations fork rarely and mostly near the root.
 */
#include "infer/prefix.h"

#include "base/file.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

struct node {
    bool taken;
    int32_t parent, first_child, next; /* next: sibling, or free node */
    int32_t page;
    int n; /* tokens */
    uint64_t used;
    uint64_t content[SL_KV_PAGE_SIZE];
};

struct sl_prefix {
    sl_kv_cache *kv;
    int n_nodes;
    struct node *nodes; /* (n_nodes) */
    int32_t roots, free_nodes;
    uint64_t clock;
};

sl_status sl_prefix_new(sl_kv_cache *kv, int n_pages, sl_prefix **out, sl_error *err)
{
    sl_prefix *p = sl_alloc_array(1, sizeof *p);
    if (p) p->nodes = sl_alloc_array((size_t)n_pages, sizeof *p->nodes);
    if (!p || !p->nodes) {
        free(p);
        return sl_fail(err, SL_ERR_MEMORY, "out of memory for a tree of %d pages", n_pages);
    }
    p->kv = kv;
    p->n_nodes = n_pages;
    p->roots = p->free_nodes = -1;
    for (int32_t i = n_pages - 1; i >= 0; i--) {
        p->nodes[i].next = p->free_nodes;
        p->free_nodes = i;
    }
    *out = p;
    return SL_OK;
}

void sl_prefix_free(sl_prefix *p)
{
    if (!p) return;
    sl_prefix_forget(p);
    free(p->nodes);
    free(p);
}

static int32_t *children(sl_prefix *p, int32_t node)
{
    return node < 0 ? &p->roots : &p->nodes[node].first_child;
}

static int common(const uint64_t *a, int n_a, const uint64_t *b, int n_b)
{
    int n = n_a < n_b ? n_a : n_b, i = 0;
    while (i < n && a[i] == b[i]) i++;
    return i;
}

int sl_prefix_adopt(sl_prefix *p, const uint64_t *content, int most, sl_kv_sequence *s, int32_t *at, sl_error *err)
{
    int before = s->length;
    while (s->length + SL_KV_PAGE_SIZE <= most) {
        int32_t i = *children(p, *at);
        for (; i >= 0; i = p->nodes[i].next)
            if (p->nodes[i].n == SL_KV_PAGE_SIZE &&
                common(p->nodes[i].content, SL_KV_PAGE_SIZE, content + s->length, SL_KV_PAGE_SIZE) == SL_KV_PAGE_SIZE)
                break;
        if (i < 0 || sl_kv_append_page(s, p->nodes[i].page, SL_KV_PAGE_SIZE, err) != SL_OK) break;
        sl_kv_page_share(p->kv, p->nodes[i].page);
        p->nodes[i].used = ++p->clock;
        *at = i;
    }
    return s->length - before;
}

int sl_prefix_similar(sl_prefix *p, const uint64_t *content, int most, const sl_kv_sequence *s, int32_t at,
                      int32_t *page)
{
    int best = 0;
    for (int32_t i = *children(p, at); i >= 0; i = p->nodes[i].next) {
        int n = common(p->nodes[i].content, p->nodes[i].n, content + s->length, most - s->length);
        if (n <= best) continue;
        best = n;
        *page = p->nodes[i].page;
        p->nodes[i].used = ++p->clock;
    }
    return best;
}

int32_t sl_prefix_publish(sl_prefix *p, int32_t parent, const uint64_t *content, int n, int32_t page)
{
    int32_t *list = children(p, parent);
    for (int32_t i = *list; i >= 0; i = p->nodes[i].next) {
        if (p->nodes[i].n < n || common(p->nodes[i].content, n, content, n) < n) continue;
        p->nodes[i].used = ++p->clock;
        return i;
    }
    int32_t i = p->free_nodes;
    if (i < 0) return -1;
    struct node *node = &p->nodes[i];
    p->free_nodes = node->next;
    node->taken = true;
    node->parent = parent;
    node->first_child = -1;
    node->next = *list;
    node->page = page;
    node->n = n;
    node->used = ++p->clock;
    memcpy(node->content, content, (size_t)n * sizeof *content);
    *list = i;
    sl_kv_page_share(p->kv, page);
    return i;
}

static void remove_leaf(sl_prefix *p, int32_t i)
{
    struct node *node = &p->nodes[i];
    int32_t *at = children(p, node->parent);
    while (*at != i) at = &p->nodes[*at].next;
    *at = node->next;
    sl_kv_page_drop(p->kv, node->page);
    node->taken = false;
    node->next = p->free_nodes;
    p->free_nodes = i;
}

bool sl_prefix_evict(sl_prefix *p)
{
    int32_t oldest = -1;
    for (int32_t i = 0; i < p->n_nodes; i++) {
        const struct node *n = &p->nodes[i];
        if (!n->taken || n->first_child >= 0 || sl_kv_page_refs(p->kv, n->page) > 1) continue;
        if (oldest < 0 || n->used < p->nodes[oldest].used) oldest = i;
    }
    if (oldest >= 0) remove_leaf(p, oldest);
    return oldest >= 0;
}

int sl_prefix_idle_pages(const sl_prefix *p)
{
    int n = 0;
    for (int i = 0; i < p->n_nodes; i++) n += p->nodes[i].taken && sl_kv_page_refs(p->kv, p->nodes[i].page) == 1;
    return n;
}

void sl_prefix_forget(sl_prefix *p)
{
    for (bool more = true; more;) {
        more = false;
        for (int32_t i = 0; i < p->n_nodes; i++) {
            if (!p->nodes[i].taken || p->nodes[i].first_child >= 0) continue;
            remove_leaf(p, i);
            more = true;
        }
    }
}

/* --- across restarts -------------------------------------------------------------------------------------------- */

/* A file is this header, then for each page a record and its parts; a parent's record comes before its children's. */
struct file_header {
    char magic[8];
    uint64_t fingerprint, page_bytes, n_pages;
};

struct record {
    int32_t parent; /* number of its record, or -1 */
    int32_t n;
    uint64_t checksum; /* of the parts */
    uint64_t content[SL_KV_PAGE_SIZE];
};

static const char MAGIC[8] = "SLPAGE1";

static size_t page_bytes(sl_prefix *p, int *n_parts)
{
    size_t bytes;
    *n_parts = sl_kv_page_parts(p->kv);
    sl_kv_page_part(p->kv, 0, 0, &bytes);
    return bytes * (size_t)*n_parts;
}

static int by_use(const void *a, const void *b)
{
    uint64_t x = ((const uint64_t *)a)[0], y = ((const uint64_t *)b)[0];
    return x < y ? 1 : -(x > y);
}

/*
 * Chooses the pages to save: the last used, each with all pages before it. number[i] becomes 0 for chosen nodes, -1
 * for others. A parent is used whenever its child is adopted, but may be stamped a little earlier.
 */
static int choose(const sl_prefix *p, int most, int32_t *number)
{
    uint64_t(*order)[2] = sl_alloc_array((size_t)p->n_nodes, sizeof *order);
    int n = 0, chosen = 0;
    for (int32_t i = 0; i < p->n_nodes; i++) {
        number[i] = -1;
        if (order && p->nodes[i].taken) {
            order[n][0] = p->nodes[i].used;
            order[n++][1] = (uint64_t)i;
        }
    }
    if (order) qsort(order, (size_t)n, sizeof *order, by_use);
    for (int k = 0; k < n; k++) {
        int need = 0;
        for (int32_t i = (int32_t)order[k][1]; i >= 0 && number[i] < 0; i = p->nodes[i].parent) need++;
        if (chosen + need > most) continue;
        for (int32_t i = (int32_t)order[k][1]; i >= 0 && number[i] < 0; i = p->nodes[i].parent) number[i] = 0;
        chosen += need;
    }
    free(order);
    return chosen;
}

static void write_page(sl_prefix *p, struct sl_file_writer *w, int32_t i, int32_t parent, int n_parts)
{
    const struct node *node = &p->nodes[i];
    struct record r = {.parent = parent, .n = node->n};
    size_t bytes;
    memcpy(r.content, node->content, (size_t)node->n * sizeof *r.content);
    for (int part = 0; part < n_parts; part++) {
        const void *data = sl_kv_page_part(p->kv, node->page, part, &bytes);
        r.checksum = XXH3_64bits_withSeed(data, bytes, r.checksum);
    }
    sl_file_writer_add(w, &r, sizeof r);
    for (int part = 0; part < n_parts; part++) {
        const void *data = sl_kv_page_part(p->kv, node->page, part, &bytes);
        sl_file_writer_add(w, data, bytes);
    }
}

/* Writes a node's chosen subtree, parents first. Depth is that of the longest sequence in pages. */
static void write_tree(sl_prefix *p, struct sl_file_writer *w, int32_t *number, int32_t *written, int n_parts)
{
    for (bool more = true; more;) {
        more = false;
        for (int32_t i = 0; i < p->n_nodes; i++) {
            int32_t parent = p->nodes[i].parent;
            if (number[i] != 0 || (parent >= 0 && number[parent] <= 0)) continue;
            write_page(p, w, i, parent < 0 ? -1 : number[parent] - 1, n_parts);
            number[i] = ++*written;
            more = true;
        }
    }
}

sl_status sl_prefix_save(sl_prefix *p, const char *path, uint64_t fingerprint, size_t max_bytes, sl_error *err)
{
    int n_parts;
    int32_t written = 0, *number = sl_alloc_array((size_t)p->n_nodes, sizeof *number);
    size_t each = page_bytes(p, &n_parts), most = max_bytes / (each + sizeof(struct record));
    if (!number) return sl_fail(err, SL_ERR_MEMORY, "out of memory while saving pages");
    int n = choose(p, most > INT32_MAX ? INT32_MAX : (int)most, number);
    struct file_header h = {.fingerprint = fingerprint, .page_bytes = each, .n_pages = (uint64_t)n};
    struct sl_file_writer w;
    memcpy(h.magic, MAGIC, sizeof MAGIC);
    sl_status s = sl_file_writer_open(&w, path, err);
    if (s == SL_OK) {
        sl_file_writer_add(&w, &h, sizeof h);
        write_tree(p, &w, number, &written, n_parts);
        s = sl_file_writer_commit(&w, err);
    }
    free(number);
    return s;
}

/* Puts one record's page into the tree; false when it is damaged or has no place. */
static bool restore_page(sl_prefix *p, const struct record *r, const unsigned char *data, int n_parts, int32_t *node,
                         uint64_t i)
{
    size_t bytes, at = 0;
    uint64_t checksum = 0;
    if (r->n < 1 || r->n > SL_KV_PAGE_SIZE || r->parent < -1 || (r->parent >= 0 && (uint64_t)r->parent >= i))
        return false;
    int32_t parent = r->parent < 0 ? SL_PREFIX_ROOT : node[r->parent];
    if (r->parent >= 0 && parent < 0) return false;
    sl_kv_page_part(p->kv, 0, 0, &bytes);
    for (int part = 0; part < n_parts; part++, at += bytes) checksum = XXH3_64bits_withSeed(data + at, bytes, checksum);
    if (checksum != r->checksum) return false;
    int32_t page = sl_kv_page_take(p->kv);
    if (page < 0) return false;
    for (int part = 0; part < n_parts; part++)
        memcpy(sl_kv_page_part(p->kv, page, part, &bytes), data + (size_t)part * bytes, bytes);
    node[i] = sl_prefix_publish(p, parent, r->content, r->n, page);
    sl_kv_page_drop(p->kv, page);
    return node[i] >= 0;
}

int sl_prefix_restore(sl_prefix *p, const char *path, uint64_t fingerprint)
{
    struct sl_mapped_file f = {0};
    struct file_header h;
    int n_parts, n = 0;
    size_t each = page_bytes(p, &n_parts), size = each + sizeof(struct record);
    if (!sl_file_exists(path) || sl_file_map(path, &f, NULL) != SL_OK) return 0;
    if (f.size >= sizeof h) memcpy(&h, f.data, sizeof h);
    bool ok = f.size >= sizeof h && memcmp(h.magic, MAGIC, sizeof MAGIC) == 0 && h.fingerprint == fingerprint &&
              h.page_bytes == each && h.n_pages <= (f.size - sizeof h) / size;
    int32_t *node = ok ? sl_alloc_array((size_t)h.n_pages + 1, sizeof *node) : NULL;
    for (uint64_t i = 0; node && i < h.n_pages; i++) {
        struct record r;
        const unsigned char *at = f.data + sizeof h + i * size;
        memcpy(&r, at, sizeof r);
        node[i] = -1;
        n += restore_page(p, &r, at + sizeof r, n_parts, node, i);
    }
    free(node);
    sl_file_unmap(&f);
    return n;
}
