/*
 * A temporary directory for one test program: made before its first test, removed with all in it
 * after the last.
 */
#ifndef TESTS_TMP_H
#define TESTS_TMP_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/test.h"

static char tmp_dir[64];

/* The path of a name in the directory; valid until the next call but seven. */
static inline const char *tmp_path(const char *name)
{
    static char paths[8][256];
    static int next;
    char *path = paths[next++ % 8];

    snprintf(path, sizeof paths[0], "%s/%s", tmp_dir, name);
    return path;
}

static inline int tmp_make(void **state)
{
    (void)state;
    snprintf(tmp_dir, sizeof tmp_dir, "/tmp/clipgen-test-XXXXXX");
    return mkdtemp(tmp_dir) ? 0 : -1;
}

static inline int tmp_remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

static inline int tmp_remove(void **state)
{
    (void)state;
    return nftw(tmp_dir, tmp_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* TEST_MAIN with the directory around the tests. */
#define TEST_MAIN_TMP(tests) TEST_MAIN_WITH(tests, tmp_make, tmp_remove)

#endif
