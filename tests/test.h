/*
 * test.h: what every test program includes: cmocka with its prerequisites, and the small helpers of test.c.
 */
#ifndef SL_TESTS_TEST_H
#define SL_TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Fails the test with err's message unless status is SL_OK. */
#define assert_sl_ok(status, err)                                                                                      \
    do {                                                                                                               \
        if ((status) != 0) fail_msg("%s", (err)->message);                                                             \
    } while (0)

/* Returns the path of a fresh empty folder under $TMPDIR or /tmp, static storage; removed at exit. */
const char *test_temp_dir(void);

/* Returns "<temp folder>/<name>" in static storage that the next four calls keep. */
const char *test_temp_path(const char *name);

/* Writes n bytes to path; fails the test on an error. */
void test_write_file(const char *path, const void *bytes, size_t n);

#endif
