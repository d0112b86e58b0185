/*
 * Nearest-neighbour doubling of pictures, and its adjoint.
 */
#include <string.h>

#include "kernels/cpu/check.h"
#include "kernels/cpu/par.h"

int CPU(upsample2x)(void *ctx, ctensor *x, struct tensor *y, struct err *e)
{
    if (CPU_ALL_F32("upsample2x", e, x, y))
        return -1;
    const struct cpu *c = ctx;
    int64_t lines = x->dim[0] * x->dim[1], width = x->dim[2], n = x->dim[3];
    size_t bytes = (size_t)n * sizeof(float);

#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t i = 0; i < lines; i++) {
        const float *src = (const float *)x->data + i * width * n;
        float *dst = (float *)y->data + 4 * i * width * n;
        for (int64_t j = 0; j < width; j++) {
            memcpy(dst + 2 * j * n, src + j * n, bytes);
            memcpy(dst + (2 * j + 1) * n, src + j * n, bytes);
        }
        memcpy(dst + 2 * width * n, dst, 2 * (size_t)width * bytes);
    }
    return 0;
}

int CPU(upsample2x_bwd)(void *ctx, ctensor *dy, struct tensor *dx, struct err *e)
{
    if (CPU_ALL_F32("upsample2x_bwd", e, dy, dx))
        return -1;
    const struct cpu *c = ctx;
    int64_t lines = dx->dim[0] * dx->dim[1], width = dx->dim[2], n = dx->dim[3];

#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t i = 0; i < lines; i++) {
        const float *upper = (const float *)dy->data + 4 * i * width * n;
        const float *lower = upper + 2 * width * n;
        float *dst = (float *)dx->data + i * width * n;
        for (int64_t j = 0; j < width; j++)
            for (int64_t k = 0; k < n; k++) {
                int64_t l = 2 * j * n + k, r = l + n;
                dst[j * n + k] += (upper[l] + upper[r]) + (lower[l] + lower[r]);
            }
    }
    return 0;
}
