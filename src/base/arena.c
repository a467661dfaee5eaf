/*
 * arena.c: bump allocation over one reserved address range.
 */
#include "base/arena.h"

#include <string.h>
#include <sys/mman.h>

enum { ALIGN = 64 };
static const size_t HUGE_PAGE = (size_t)2 << 20;

static sl_status reserve(struct sl_arena *a, size_t ceiling, int protection, sl_error *err)
{
    if (ceiling > (size_t)1 << 46) return sl_fail(err, SL_ERR_ARGUMENT, "arena of %zu bytes is too large", ceiling);
    size_t bytes = (ceiling + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    if (bytes == 0) bytes = HUGE_PAGE;
    void *p = mmap(NULL, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) return sl_fail(err, SL_ERR_MEMORY, "cannot reserve %zu bytes of address space", bytes);
    *a = (struct sl_arena){.base = p, .ceiling = bytes};
    return SL_OK;
}

sl_status sl_arena_init(struct sl_arena *a, size_t ceiling, sl_error *err)
{
    sl_status s = reserve(a, ceiling, PROT_READ | PROT_WRITE, err);
    /* Large pages are a wish: without them everything works, only with more TLB misses. */
    if (s == SL_OK) (void)madvise(a->base, a->ceiling, MADV_HUGEPAGE);
    return s;
}

sl_status sl_arena_init_dry(struct sl_arena *a, size_t ceiling, sl_error *err)
{
    return reserve(a, ceiling, PROT_NONE, err);
}

void *sl_arena_alloc(struct sl_arena *a, size_t n)
{
    if (n > a->ceiling - a->used) return NULL;
    size_t rounded = (n + ALIGN - 1) / ALIGN * ALIGN;
    if (rounded > a->ceiling - a->used) return NULL;
    void *p = a->base + a->used;
    a->used += rounded;
    if (a->used > a->peak) a->peak = a->used;
    return p;
}

void *sl_arena_zalloc(struct sl_arena *a, size_t n)
{
    void *p = sl_arena_alloc(a, n);
    if (p) memset(p, 0, n);
    return p;
}

size_t sl_arena_mark(const struct sl_arena *a)
{
    return a->used;
}

void sl_arena_release_to(struct sl_arena *a, size_t mark)
{
    SL_CHECK(mark <= a->used);
    a->used = mark;
}

bool sl_arena_owns_after(const struct sl_arena *a, size_t mark, const void *p)
{
    const char *c = p;
    return c >= a->base + mark && c < a->base + a->used;
}

void sl_arena_commit(const struct sl_arena *a, size_t from, size_t n)
{
    static const size_t PAGE = 4096;
    SL_CHECK(from <= a->ceiling && n <= a->ceiling - from);
    size_t begin = from / PAGE * PAGE, end = (from + n + PAGE - 1) / PAGE * PAGE;
    (void)madvise(a->base + begin, end - begin, MADV_POPULATE_WRITE);
}

void sl_arena_reset_peak(struct sl_arena *a)
{
    a->peak = a->used;
}

void sl_arena_free(struct sl_arena *a)
{
    if (a->base) munmap(a->base, a->ceiling);
    *a = (struct sl_arena){0};
}
