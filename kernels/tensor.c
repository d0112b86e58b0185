/*
 * Shape arithmetic. Dimensions were checked when the tensor was made (arena.c), so products here
 * cannot overflow.
 */
#include "kernels/tensor.h"

#include <inttypes.h>
#include <stdio.h>

static const struct {
    const char *name;
    size_t size;
} dtypes[] = {
    [DTYPE_F32] = { "f32", 4 },   [DTYPE_F16] = { "f16", 2 }, [DTYPE_BF16] = { "bf16", 2 },
    [DTYPE_I32] = { "i32", 4 },   [DTYPE_U8] = { "u8", 1 },   [DTYPE_Q8_0] = { "q8_0", 0 },
    [DTYPE_Q4_0] = { "q4_0", 0 },
};

size_t dtype_size(enum dtype t)
{
    return dtypes[t].size;
}

const char *dtype_name(enum dtype t)
{
    return dtypes[t].name;
}

int64_t tensor_count(const struct tensor *t)
{
    int64_t n = 1;
    for (int i = 0; i < t->n_dims; i++)
        n *= t->dim[i];
    return n;
}

size_t tensor_bytes(const struct tensor *t)
{
    return t->packed ? t->packed : (size_t)tensor_count(t) * dtype_size(t->dtype);
}

int64_t tensor_cols(const struct tensor *t)
{
    return t->n_dims ? t->dim[t->n_dims - 1] : 1;
}

int64_t tensor_rows(const struct tensor *t)
{
    int64_t n = 1;
    for (int i = 0; i < t->n_dims - 1; i++)
        n *= t->dim[i];
    return n;
}

bool tensor_same_shape(const struct tensor *a, const struct tensor *b)
{
    if (a->n_dims != b->n_dims)
        return false;
    for (int i = 0; i < a->n_dims; i++)
        if (a->dim[i] != b->dim[i])
            return false;
    return true;
}

const char *tensor_describe(const struct tensor *t, char *buf, size_t n)
{
    size_t used =
        (size_t)snprintf(buf, n, "%s%s[", t->packed ? "packed " : "", dtype_name(t->dtype));
    for (int i = 0; i < t->n_dims && used < n; i++)
        used += (size_t)snprintf(buf + used, n - used, "%s%" PRId64, i ? ", " : "", t->dim[i]);
    if (used < n)
        snprintf(buf + used, n - used, "]");
    return buf;
}
