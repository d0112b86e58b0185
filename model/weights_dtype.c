#include "model/weights_dtype.h"

#include <math.h>
#include <string.h>

#include "base/num.h"
#include "kernels/blocks.h"

static const struct {
    const char *name;
    size_t size;
    float max; /* largest magnitude of reals */
} DTYPES[] = {
    [W_F64] = { "F64", 8, INFINITY },
    [W_F32] = { "F32", 4, INFINITY },
    [W_F16] = { "F16", 2, 65504 },
    [W_BF16] = { "BF16", 2, 0x1.fep127f },
    [W_I64] = { "I64", 8, 0 },
    [W_I32] = { "I32", 4, 0 },
    [W_I16] = { "I16", 2, 0 },
    [W_I8] = { "I8", 1, 0 },
    [W_U8] = { "U8", 1, 0 },
    [W_BOOL] = { "BOOL", 1, 0 },
    [W_Q8_0] = { "Q8_0", 1, Q8_0_MAX },
    [W_Q4_0] = { "Q4_0", 1, Q4_0_MAX },
};

bool weights_dtype_find(const char *name, enum weights_dtype *ret_dtype)
{
    for (enum weights_dtype t = W_F64; t <= W_BOOL; t++)
        if (!strcmp(name, DTYPES[t].name)) {
            *ret_dtype = t;
            return true;
        }
    return false;
}

const char *weights_dtype_name(enum weights_dtype t)
{
    return DTYPES[t].name;
}

size_t weights_dtype_size(enum weights_dtype t)
{
    return DTYPES[t].size;
}

size_t weights_bytes(enum weights_dtype t, size_t n)
{
    return weights_in_blocks(t) ? n / BLOCK_NUMBERS * blocks_bytes(weights_dtype_device(t))
                                : n * DTYPES[t].size;
}

bool weights_is_real(enum weights_dtype t)
{
    return DTYPES[t].max > 0;
}

bool weights_in_blocks(enum weights_dtype t)
{
    return t == W_Q8_0 || t == W_Q4_0;
}

float weights_dtype_max(enum weights_dtype t)
{
    return DTYPES[t].max;
}

size_t weights_dtype_misfit(enum weights_dtype t, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (isfinite(x[i]) ? fabsf(x[i]) > DTYPES[t].max : weights_in_blocks(t))
            return i;
    return n;
}

enum dtype weights_dtype_device(enum weights_dtype t)
{
    static const enum dtype TYPES[] = {
        [W_F32] = DTYPE_F32,   [W_F16] = DTYPE_F16,   [W_BF16] = DTYPE_BF16,
        [W_Q8_0] = DTYPE_Q8_0, [W_Q4_0] = DTYPE_Q4_0,
    };
    return TYPES[t];
}

/* ---- blocks ---- */

int weights_blocks_find(const char *name, enum weights_dtype *ret_blocks, struct err *e)
{
    *ret_blocks = W_U8;
    if (!name)
        return 0;
    for (enum weights_dtype t = W_Q8_0; t <= W_Q4_0; t++)
        if (!strcmp(name, weights_blocks_name(t))) {
            *ret_blocks = t;
            return 0;
        }
    return err_set(e, ERR_UNSUPPORTED, "metadata: blocks of '%.16s' are neither q8_0 nor q4_0",
                   name);
}

const char *weights_blocks_name(enum weights_dtype blocks)
{
    return dtype_name(weights_dtype_device(blocks));
}

int weights_blocks_in(enum weights_dtype blocks, struct weights_entry *t, struct err *e)
{
    size_t bytes = blocks_bytes(weights_dtype_device(blocks)), columns;

    if (t->n_dims != 3 || t->dim[2] != (int64_t)bytes ||
        !num_mul((size_t)t->dim[1], BLOCK_NUMBERS, &columns) || columns > INT64_MAX)
        return err_set(e, ERR_FORMAT,
                       "the file's bytes are %s blocks, but the shape is not [rows, blocks, %zu]",
                       weights_blocks_name(blocks), bytes);
    t->dtype = blocks;
    t->n_dims = 2;
    t->dim[1] = (int64_t)columns;
    t->dim[2] = 0;
    return 0;
}

void weights_blocks_out(enum weights_dtype blocks, const int64_t dim[2], int64_t ret_dim[3])
{
    ret_dim[0] = dim[0];
    ret_dim[1] = dim[1] / BLOCK_NUMBERS;
    ret_dim[2] = (int64_t)blocks_bytes(weights_dtype_device(blocks));
}
