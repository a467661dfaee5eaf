/*
 * loader_test.h: what the tests of encoding and loading share: a tokenizer of bytes alone, and small PNG files.
 */
#ifndef SL_TESTS_DATA_LOADER_TEST_H
#define SL_TESTS_DATA_LOADER_TEST_H

#include "test.h"

#include "text/bpe_train.h"

#include <png.h>

/* Returns an owned tokenizer without merges: every byte is a token, and the special ones follow. */
static inline struct sl_tokenizer *test_byte_tokenizer(void)
{
    struct sl_bpe_train_options o;
    struct sl_bpe_trainer *trainer = NULL;
    struct sl_tokenizer *t = NULL;
    sl_error err = {0};
    sl_bpe_train_defaults(&o);
    o.vocab_size = SL_BPE_MIN_VOCABULARY;
    assert_sl_ok(sl_bpe_trainer_new(&o, &trainer, &err), &err);
    assert_sl_ok(sl_bpe_trainer_finish(trainer, &t, &err), &err);
    sl_bpe_trainer_free(&trainer);
    return t;
}

/* Writes a width x height PNG to path whose pixels depend on seed. */
static inline void test_write_png(const char *path, int width, int height, unsigned seed)
{
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = (png_uint_32)width,
                       .height = (png_uint_32)height,
                       .format = PNG_FORMAT_RGB};
    uint8_t *rgb = malloc((size_t)width * (size_t)height * 3);
    assert_non_null(rgb);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < 3; c++)
                rgb[3 * (y * width + x) + c] = (uint8_t)(x * 3 + y * 5 + c * 40 + (int)seed * 17);
    assert_true(png_image_write_to_file(&image, path, 0, rgb, 0, NULL));
    free(rgb);
}

#endif
