/* search.c: which of some pictures fits a text best, by vectors.   search MODEL TEXT PICTURE... */
#include <seedling.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    sl_error err;
    sl_vectors *model = NULL;
    const char *best = NULL;
    float most = -2;
    if (argc < 4) return fprintf(stderr, "usage: search MODEL TEXT PICTURE...\n"), 2;
    if (sl_vectors_open(argv[1], 0, &model, &err) != SL_OK) return fprintf(stderr, "%s\n", err.message), 1;
    int width = sl_vectors_width(model);
    float *text = malloc((size_t)width * sizeof *text), *picture = malloc((size_t)width * sizeof *picture);
    sl_status s = text && picture ? sl_vectors_of_text(model, argv[2], text, &err) : SL_ERR_MEMORY;
    for (int i = 3; i < argc && s == SL_OK; i++) {
        float product = 0;
        s = sl_vectors_of_picture(model, argv[i], picture, &err);
        for (int k = 0; k < width; k++) product += text[k] * picture[k];
        if (s == SL_OK) printf("%+.3f  %s\n", (double)product, argv[i]);
        if (product > most) most = product, best = argv[i];
    }
    if (s == SL_OK)
        printf("best: %s\n", best);
    else
        fprintf(stderr, "%s\n", err.message);
    free(text);
    free(picture);
    sl_vectors_close(&model);
    return s == SL_OK ? 0 : 1;
}
