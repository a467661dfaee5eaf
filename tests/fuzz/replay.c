/*
 * replay.c: the driver of a fuzz target without a fuzzer: feeds it every file of the folders named on the command line.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* Runs one file from memory of exactly its size, so that the sanitizer sees a read past the end. */
static int run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    struct stat st;
    if (!f || fstat(fileno(f), &st) != 0) {
        fprintf(stderr, "cannot read %s\n", path);
        if (f) fclose(f);
        return -1;
    }
    size_t n = (size_t)st.st_size;
    uint8_t *bytes = malloc(n ? n : 1);
    int rc = -1;
    if (bytes && fread(bytes, 1, n, f) == n) {
        /* A crash leaves this as the last line. */
        fprintf(stderr, "%s\n", path);
        LLVMFuzzerTestOneInput(bytes, n);
        rc = 0;
    }
    free(bytes);
    fclose(f);
    return rc;
}

static int run_folder(const char *folder, int *n_files)
{
    DIR *d = opendir(folder);
    if (!d) {
        fprintf(stderr, "cannot open the folder %s\n", folder);
        return -1;
    }
    int rc = 0;
    for (struct dirent *e = readdir(d); e && rc == 0; e = readdir(d)) {
        if (e->d_name[0] == '.') continue;
        char path[4096];
        int length = snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        rc = length < (int)sizeof path ? run_file(path) : -1;
        ++*n_files;
    }
    closedir(d);
    return rc;
}

int main(int argc, char **argv)
{
    int n_files = 0;
    for (int i = 1; i < argc; i++)
        if (run_folder(argv[i], &n_files) != 0) return 1;
    printf("%d files replayed\n", n_files);
    return n_files ? 0 : 1;
}
