/*
 * One run of a network: device, arena, optional tape, random stream and the first error.
 *
 *     struct pass p;
 *     pass_init(&p, dev, &arena, NULL);             no tape: inference
 *     struct tensor *y = gpt_forward(&p, ...);      no error branches inside
 *     if (pass_finish(&p, e)) ...                   the first error, once
 *
 * With a planning arena the same calls check shapes and count memory, and no kernel runs: size a
 * pass by running it once on tensors without data, then give arena_init what arena_peak says.
 */
#ifndef KERNELS_PASS_H
#define KERNELS_PASS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "kernels/arena.h"
#include "kernels/device.h"

struct tape;

struct pass {
    struct device *dev;   /* NULL while planning */
    struct arena *arena;  /* borrowed */
    struct tape *tape;    /* NULL: inference */
    bool training;        /* dropout and batch norm statistics are on */
    uint64_t seed;        /* of dropout and noise: give every training step its own */
    uint64_t n_streams;   /* random streams handed out so far in this pass */
    double flops;         /* floating point operations of all products so far */
    struct tensor *place; /* of the next result (pass_place), or NULL */
    struct err err;       /* sticky; ERR_NONE while all is well */
};

void pass_init(struct pass *p, struct device *dev, struct arena *a, struct tape *tape);
bool pass_failed(const struct pass *p);
/* Sets the sticky error unless one is set already; returns NULL, so that an op fails in one
 * statement. */
struct tensor *pass_fail(struct pass *p, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* 0, or -1 with the first error. Does not wait for the device. */
int pass_finish(struct pass *p, struct err *e);

/* Fresh memory from the pass's arena; NULL (sticky) when full. */
struct tensor *pass_tensor(struct pass *p, enum dtype t, int n_dims, const int64_t *dim);
/* The next op that makes F32 of y's shape puts it into y instead of fresh memory: for a result that
 * outlives the working memory between (nn_scope). NULL: no longer. */
void pass_place(struct pass *p, struct tensor *y);
/* A host array copied to a fresh tensor: the way positions, tokens and rows enter a pass. */
struct tensor *pass_upload(struct pass *p, enum dtype t, int n_dims, const int64_t *dim,
                           const void *src);

#endif
