#include "bench/device_peak.h"

#include "base/clock.h"
#include "kernels/op.h"
#include "kernels/pass.h"

#define SIDE_MIN 256
#define SIDE_MAX 8192 /* 256 MiB a matrix */
#define MATRIX_BYTES ((size_t)SIDE_MAX * SIDE_MAX * sizeof(float))
#define LONG_NS 10000000 /* what a launch costs is nothing beside it */
#define TRIES 5

/* How long one takes. */
static int time_product(struct device_peak *d, int64_t side, int64_t *ret_ns, struct err *e)
{
    struct device *dev = d->arena.dev;
    int64_t dim[] = { side, side };
    struct pass p;

    arena_release_all(&d->arena);
    pass_init(&p, dev, &d->arena, NULL);
    struct tensor *a = pass_tensor(&p, DTYPE_F32, 2, dim), *b = pass_tensor(&p, DTYPE_F32, 2, dim);
    if (pass_finish(&p, e) || device_wait(dev, e))
        return -1;
    int64_t start = clock_ns();
    op_matmul(&p, a, false, b, false, 1);
    if (pass_finish(&p, e) || device_wait(dev, e))
        return -1;
    *ret_ns = clock_ns() - start;
    return 0;
}

static int time_copy(struct device_peak *d, int64_t *ret_ns, struct err *e)
{
    struct device *dev = d->arena.dev;
    struct tensor from = { .dtype = DTYPE_U8, .n_dims = 1, .dim = { (int64_t)MATRIX_BYTES } };
    struct tensor to = from;

    from.data = d->arena.block;
    to.data = d->arena.block + MATRIX_BYTES;
    if (device_wait(dev, e))
        return -1;
    int64_t start = clock_ns();
    if (device_copy(dev, &to, &from, e) || device_wait(dev, e))
        return -1;
    *ret_ns = clock_ns() - start;
    return 0;
}

/* Twice as large until it takes long; the first one of each size may load code. */
static int find_side(struct device_peak *d, struct err *e)
{
    int64_t ns = 0;

    for (d->side = SIDE_MIN;; d->side *= 2) {
        if (time_product(d, d->side, &ns, e) || time_product(d, d->side, &ns, e))
            return -1;
        if (ns >= LONG_NS || d->side == SIDE_MAX)
            return 0;
    }
}

int device_peak_open(struct device_peak *d, struct device *dev, struct err *e)
{
    *d = (struct device_peak){ 0 };
    if (arena_init(&d->arena, dev, 3 * MATRIX_BYTES, ARENA_HOST_BYTES, e))
        return -1;
    struct tensor all = {
        .dtype = DTYPE_U8, .n_dims = 1, .dim = { (int64_t)d->arena.size }, .data = d->arena.block
    };
    return device_zero(dev, &all, e) ? -1 : find_side(d, e);
}

void device_peak_close(struct device_peak *d)
{
    arena_free(&d->arena);
}

int device_peak_probe(struct device_peak *d, double *ret_gflops, double *ret_gbps, struct err *e)
{
    double flops = 2.0 * (double)d->side * (double)d->side * (double)d->side;
    int64_t product = INT64_MAX, copy = INT64_MAX;

    for (int i = 0; i < TRIES; i++) {
        int64_t a, b;
        if (time_product(d, d->side, &a, e) || time_copy(d, &b, e))
            return -1;
        product = a < product ? a : product;
        copy = b < copy ? b : copy;
    }
    *ret_gflops = flops / (double)product;
    *ret_gbps = 2.0 * (double)MATRIX_BYTES / (double)copy;
    return 0;
}
