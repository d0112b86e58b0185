/*
 * One fuzz target is one file, fuzz_NAME.c: it defines LLVMFuzzerTestOneInput and includes this
 * header. Built by `make fuzz-NAME`, libFuzzer brings the main function. Built by `make check`, it
 * is here: the program runs the files given as arguments, or else every seed in
 * tests/data/fuzz/NAME and MUTANTS of each, the same ones every time.
 */
#ifndef TESTS_FUZZ_REPLAY_H
#define TESTS_FUZZ_REPLAY_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Stops with the place, also where NDEBUG would silence assert. */
#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s is false\n", __FILE__, __LINE__, #condition);               \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifndef LIBFUZZER

#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"

enum { FUZZ_MUTANTS = 300, FUZZ_SEED_MAX_BYTES = 1 << 20 };

/* Exactly size bytes of heap, so that reading past the end is seen by the address sanitizer. */
static void fuzz_run(const void *data, size_t size)
{
    uint8_t *copy = mem_alloc(size, 1);

    FUZZ_CHECK(copy);
    if (size)
        memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    mem_free(copy);
}

/* A few bytes flipped, set or moved, and perhaps the end cut off. */
static size_t fuzz_mutate(char *data, size_t size, struct rng *r)
{
    for (uint32_t n = 1 + rng_below(r, 4); n && size; n--) {
        size_t at = rng_below(r, (uint32_t)size), from = rng_below(r, (uint32_t)size);
        switch (rng_below(r, 4)) {
        case 0:
            data[at] ^= (char)(1 << rng_below(r, 8));
            break;
        case 1:
            data[at] = (char)rng_u32(r);
            break;
        case 2:
            data[at] = data[from];
            break;
        default:
            size = at;
        }
    }
    return size;
}

static void fuzz_run_mutants(const struct buf *seed, uint64_t stream)
{
    struct rng r = { 1, stream, 0 };

    for (int i = 0; i < FUZZ_MUTANTS && seed->len; i++) {
        char *mutant = mem_alloc(seed->len, 1);
        FUZZ_CHECK(mutant);
        memcpy(mutant, seed->data, seed->len);
        fuzz_run(mutant, fuzz_mutate(mutant, seed->len, &r));
        mem_free(mutant);
    }
}

static int fuzz_run_file(const char *path, int with_mutants, uint64_t stream)
{
    struct buf seed;
    struct err e;
    int status;

    buf_init(&seed, FUZZ_SEED_MAX_BYTES);
    status = file_read(path, FUZZ_SEED_MAX_BYTES, &seed, &e);
    if (status)
        fprintf(stderr, "%s\n", e.msg);
    else
        fuzz_run(seed.data, seed.len);
    if (!status && with_mutants)
        fuzz_run_mutants(&seed, stream);
    buf_release(&seed);
    return status;
}

static int fuzz_run_seeds(const char *program)
{
    const char *srcdir = getenv("SRCDIR"), *name = strstr(program, "fuzz_");
    char dir[512], **names;
    struct err e;
    int status = 0;
    size_t n;

    snprintf(dir, sizeof dir, "%s/tests/data/fuzz/%s", srcdir ? srcdir : ".", name ? name + 5 : "");
    if (file_list(dir, 1000, &names, &n, &e)) {
        fprintf(stderr, "%s\n", e.msg);
        return 1;
    }
    for (size_t i = 0; i < n; i++) {
        char *path = file_join(dir, names[i]);
        status |= path ? fuzz_run_file(path, 1, i) : -1;
        mem_free(path);
    }
    file_list_free(names, n);
    printf("%zu seeds, %d mutants of each\n", n, FUZZ_MUTANTS);
    return status || n == 0; /* an empty corpus tests nothing */
}

int main(int argc, char **argv)
{
    int status = 0;

    if (argc == 1)
        return fuzz_run_seeds(argv[0]);
    for (int i = 1; i < argc; i++)
        status |= fuzz_run_file(argv[i], 0, 0);
    return status ? 1 : 0;
}

#endif
#endif
