/*
 * Which CUDA plugin the tests load: that of CLIPGEN_PLUGIN_DIR, else the one that runs on the CPU.
 * Asked before any device is opened.
 */
#ifndef TESTS_CUDA_HOST_PLUGIN_H
#define TESTS_CUDA_HOST_PLUGIN_H

#include <stdio.h>
#include <stdlib.h>

static inline void plugin_choose(void)
{
    char dir[1024];
    const char *build = getenv("BUILDDIR");

    snprintf(dir, sizeof dir, "%s/tests/cuda_host/plugin", build ? build : ".");
    setenv("CLIPGEN_PLUGIN_DIR", dir, 0);
    setenv("CLIPGEN_TEST_BACKEND", "cuda", 1);
}

#endif
