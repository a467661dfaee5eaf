/*
 * replay.c: the driver of a fuzz target without a fuzzer.
 *
 * Feeds the target every file named on the command line or found in a folder named there, and then mutations of each:
 * flipped bits, odd bytes and numbers, truncations, spans removed and repeated. They follow from the file's contents
 * alone, so a failure repeats; -v prints each input before it runs, so that a crash leaves its name as the last line.
 */
#include "base/rng.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

enum {
    MAX_MUTATIONS = 200,     /* of one file */
    MUTATED_BYTES = 2 << 20, /* of all mutations of one file, so that large files do not take long */
    MAX_FILE_BYTES = 64 << 20,
    MAX_SPAN = 64,
};

struct input {
    uint8_t *bytes; /* owned, of exactly n bytes, so that a sanitizer sees a read past the end */
    size_t n;
};

/* Returns an owned copy of n bytes with room for extra more; exits without memory, as a test may. */
static uint8_t *copy_of(const uint8_t *bytes, size_t n, size_t extra)
{
    uint8_t *copy = malloc(n + extra ? n + extra : 1);
    if (!copy) {
        fprintf(stderr, "no memory for an input of %zu bytes\n", n);
        exit(1);
    }
    if (n) memcpy(copy, bytes, n);
    return copy;
}

/* Writes one of the numbers that parsers get wrong over up to 8 bytes at p. */
static void put_odd_number(struct sl_rng *r, uint8_t *p, size_t room)
{
    static const uint64_t odd[] = {
        0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, INT64_MAX, (uint64_t)1 << 63, UINT64_MAX};
    uint64_t x = odd[sl_rng_below(r, sizeof odd / sizeof *odd)];
    size_t n = (size_t)1 << sl_rng_below(r, 4);
    memcpy(p, &x, n < room ? n : room);
}

/* Changes b in one way; buf has room for MAX_SPAN more bytes. */
static size_t mutate(struct sl_rng *r, uint8_t *b, size_t n)
{
    static const char odd[] = "\0\x7f\x80\xff\"{}[],:-9e.\\ ";
    size_t at = sl_rng_below(r, (uint32_t)n);
    size_t span = 1 + sl_rng_below(r, MAX_SPAN);
    if (span > n - at) span = n - at;
    switch (sl_rng_below(r, 6)) {
    case 0:
        b[at] ^= (uint8_t)(1u << sl_rng_below(r, 8));
        return n;
    case 1:
        b[at] = (uint8_t)odd[sl_rng_below(r, sizeof odd - 1)];
        return n;
    case 2:
        put_odd_number(r, b + at, n - at);
        return n;
    case 3:
        return at;
    case 4:
        memmove(b + at, b + at + span, n - at - span);
        return n - span;
    default:
        memmove(b + at + span, b + at, n - at);
        return n + span;
    }
}

/* Runs mutation number k of a file: one to three changes. */
static void run_mutation(const struct input *in, uint64_t seed, int k)
{
    struct sl_rng r;
    sl_rng_init(&r, seed, (uint64_t)k);
    int n_changes = 1 + (int)sl_rng_below(&r, 3);
    uint8_t *b = copy_of(in->bytes, in->n, (size_t)n_changes * MAX_SPAN);
    size_t n = in->n;
    for (int i = 0; i < n_changes && n; i++) n = mutate(&r, b, n);
    uint8_t *exact = copy_of(b, n, 0);
    free(b);
    LLVMFuzzerTestOneInput(exact, n);
    free(exact);
}

/* Returns the number of inputs run, or -1. */
static int run_input(const struct input *in, const char *path, bool verbose)
{
    if (verbose) fprintf(stderr, "%s\n", path);
    LLVMFuzzerTestOneInput(in->bytes, in->n);
    if (in->n == 0) return 1;
    uint64_t seed = 14695981039346656037u; /* FNV-1a of the contents */
    for (size_t i = 0; i < in->n; i++) seed = (seed ^ in->bytes[i]) * 1099511628211u;
    size_t fits = MUTATED_BYTES / in->n;
    int n_mutations = fits < MAX_MUTATIONS ? (int)fits : MAX_MUTATIONS;
    for (int k = 0; k < n_mutations; k++) {
        if (verbose) fprintf(stderr, "%s mutation %d\n", path, k);
        run_mutation(in, seed, k);
    }
    return 1 + n_mutations;
}

static int run_file(const char *path, bool verbose)
{
    FILE *f = fopen(path, "rb");
    struct stat st;
    struct input in = {0};
    int n_run = -1;
    if (f && fstat(fileno(f), &st) == 0 && st.st_size <= MAX_FILE_BYTES) {
        in.n = (size_t)st.st_size;
        in.bytes = malloc(in.n ? in.n : 1);
        if (in.bytes && fread(in.bytes, 1, in.n, f) == in.n) n_run = run_input(&in, path, verbose);
    }
    if (n_run < 0) fprintf(stderr, "cannot read %s\n", path);
    free(in.bytes);
    if (f) fclose(f);
    return n_run;
}

static int is_visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

/* Returns the number of inputs run from the file or, one level deep, the folder at path; -1 on an error. */
static int run_path(const char *path, bool verbose)
{
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) return run_file(path, verbose);
    struct dirent **entries;
    int n = scandir(path, &entries, is_visible, alphasort), n_run = 0;
    for (int i = 0; i < n; i++) {
        char file[4096];
        int length = snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
        int more = n_run >= 0 && length < (int)sizeof file ? run_file(file, verbose) : -1;
        n_run = more < 0 ? -1 : n_run + more;
        free(entries[i]);
    }
    if (n < 0) return -1;
    free(entries);
    return n_run;
}

int main(int argc, char **argv)
{
    int total = 0;
    bool verbose = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-v") == 0) {
            verbose = true;
            continue;
        }
        int n = run_path(argv[i], verbose);
        if (n < 0) return 1;
        total += n;
    }
    printf("%d inputs\n", total);
    return total ? 0 : 1;
}
