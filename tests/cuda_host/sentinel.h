/*
 * Bytes behind (and before) device memory that nobody may touch. Under AddressSanitizer a touch is
 * reported at once; elsewhere it shows when the sentinel is looked at.
 */
#ifndef CUDA_HOST_SENTINEL_H
#define CUDA_HOST_SENTINEL_H

#include <cstddef>
#include <cstring>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

namespace cuda_host {

static const size_t SENTINEL_BYTES = 256;

#ifdef __SANITIZE_ADDRESS__
static inline void sentinel_write(char *at)
{
    __asan_poison_memory_region(at, SENTINEL_BYTES);
}

static inline void sentinel_erase(char *at)
{
    __asan_unpoison_memory_region(at, SENTINEL_BYTES);
}

static inline bool sentinel_intact(const char *)
{
    return true;
}
#else
static const unsigned char SENTINEL = 0xa5;

static inline void sentinel_write(char *at)
{
    memset(at, SENTINEL, SENTINEL_BYTES);
}

static inline void sentinel_erase(char *)
{
}

static inline bool sentinel_intact(const char *at)
{
    for (size_t i = 0; i < SENTINEL_BYTES; i++)
        if ((unsigned char)at[i] != SENTINEL)
            return false;
    return true;
}
#endif

}

#endif
