/*
 * What a safetensors file will hold. weights_out_write.c puts it there.
 */
#include "model/weights_out.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/half.h"
#include "kernels/blocks.h"
#include "model/weights_dtype.h"
#include "model/weights_read.h"

int weights_out_new(struct weights_out **ret_out, struct err *e)
{
    struct weights_out *o = mem_alloc(1, sizeof *o);

    if (o)
        o->metadata = json_object();
    if (!o || !o->metadata) {
        weights_out_free(o);
        return err_set(e, ERR_NOMEM, "no memory to write weights");
    }
    *ret_out = o;
    return 0;
}

void weights_out_free(struct weights_out *o)
{
    if (!o)
        return;
    for (size_t i = 0; i < o->n; i++) {
        mem_free(o->entry[i].name);
        mem_free(o->entry[i].data);
    }
    mem_free(o->entry);
    json_decref(o->metadata);
    mem_free(o);
}

int weights_out_metadata(struct weights_out *o, const char *key, const char *value, struct err *e)
{
    if (json_object_set_new(o->metadata, key, json_string(value)))
        return err_set(e, ERR_INVALID, "metadata %.96s: no UTF-8 text, or no memory", key);
    return 0;
}

/* ---- adding ---- */

static int reserve(struct weights_out *o, struct err *e)
{
    struct out_entry *entry = mem_grow(o->entry, o->n, &o->cap, sizeof *entry);

    if (!entry)
        return err_set(e, ERR_NOMEM, "no memory for more than %zu entries", o->n);
    o->entry = entry;
    return 0;
}

static int check_name(const struct weights_out *o, const char *name, struct err *e)
{
    for (size_t i = 0; i < o->n; i++)
        if (!strcmp(o->entry[i].name, name))
            return err_set(e, ERR_INVALID, "tensor %.96s: added twice", name);
    return 0;
}

static int count_values(int n_dims, const int64_t *dim, size_t *ret_n, struct err *e)
{
    size_t n = 1;

    if (n_dims < 0 || n_dims > WEIGHTS_DIMS_MAX)
        return err_set(e, ERR_INVALID, "%d dimensions are outside 0..%d", n_dims, WEIGHTS_DIMS_MAX);
    for (int i = 0; i < n_dims; i++)
        if (dim[i] < 0 || !num_mul(n, (size_t)dim[i], &n) || n > SIZE_MAX / sizeof(double))
            return err_set(e, ERR_INVALID, "dimension %d is %lld: no size", i, (long long)dim[i]);
    *ret_n = n;
    return 0;
}

static int check_values(enum weights_dtype t, const float *x, size_t n, struct err *e)
{
    size_t i = weights_dtype_misfit(t, x, n);

    return i == n
               ? 0
               : err_set(e, ERR_INVALID, "%g is beyond what %s holds, +-%g; BF16 and F32 hold it",
                         (double)x[i], weights_dtype_name(t), (double)weights_dtype_max(t));
}

int weights_out_convert(enum weights_dtype t, const void *src, size_t n, void *dst, struct err *e)
{
    const float *x = src;
    uint16_t *half = dst;

    if (t != W_F16 && t != W_BF16 && !weights_in_blocks(t)) {
        if (n)
            memcpy(dst, src, n * weights_dtype_size(t));
        return 0;
    }
    if (check_values(t, x, n, e))
        return -1;
    if (weights_in_blocks(t))
        blocks_round(weights_dtype_device(t), x, n / BLOCK_NUMBERS, dst);
    else
        for (size_t i = 0; i < n; i++)
            half[i] = t == W_F16 ? half_to_f16(x[i]) : half_to_bf16(x[i]);
    return 0;
}

static bool is_bytes(enum weights_dtype t)
{
    return t == W_U8 || weights_in_blocks(t);
}

/* One word of the metadata says what all bytes of a file are. */
static int check_bytes(const struct weights_out *o, enum weights_dtype t, struct err *e)
{
    for (size_t i = 0; i < o->n; i++)
        if (is_bytes(t) && is_bytes(o->entry[i].dtype) && o->entry[i].dtype != t)
            return err_set(e, ERR_INVALID, "%s beside the %s of %.64s: a file has one of them",
                           weights_dtype_name(t), weights_dtype_name(o->entry[i].dtype),
                           o->entry[i].name);
    return 0;
}

static int check_blocks(const struct out_entry *t, struct err *e)
{
    return t->n_dims == 2 && t->dim[1] % BLOCK_NUMBERS == 0
               ? 0
               : err_set(e, ERR_INVALID, "%s is for matrices whose rows are whole blocks of %d",
                         weights_dtype_name(t->dtype), BLOCK_NUMBERS);
}

static int set_shape(struct weights_out *o, struct out_entry *t, int n_dims, const int64_t *dim,
                     struct err *e)
{
    t->n_dims = n_dims;
    if (count_values(n_dims, dim, &t->count, e) || check_bytes(o, t->dtype, e))
        return -1;
    if (n_dims)
        memcpy(t->dim, dim, (size_t)n_dims * sizeof *dim);
    t->bytes = weights_bytes(t->dtype, t->count);
    if (!weights_in_blocks(t->dtype))
        return 0;
    return check_blocks(t, e) ||
                   weights_out_metadata(o, WEIGHTS_BLOCKS, weights_blocks_name(t->dtype), e)
               ? -1
               : 0;
}

/* Space and name for one more entry, which counts only when its maker says so. */
static int new_entry(struct weights_out *o, const char *name, enum weights_dtype dtype, int n_dims,
                     const int64_t *dim, struct out_entry **ret_entry, struct err *e)
{
    struct out_entry *t;

    if (check_name(o, name, e) || reserve(o, e))
        return -1;
    t = &o->entry[o->n];
    *t = (struct out_entry){ .dtype = dtype };
    if (set_shape(o, t, n_dims, dim, e))
        return err_prefix(e, "tensor %.96s: ", name);
    t->name = mem_strdup(name);
    if (!t->name)
        return err_set(e, ERR_NOMEM, "no memory for a name");
    *ret_entry = t;
    return 0;
}

int weights_out_add(struct weights_out *o, const char *name, enum weights_dtype dtype, int n_dims,
                    const int64_t *dim, const void *src, struct err *e)
{
    struct out_entry *t;

    if (new_entry(o, name, dtype, n_dims, dim, &t, e))
        return -1;
    t->data = mem_alloc(t->bytes, 1);
    if (!t->data)
        err_set(e, ERR_NOMEM, "no memory for %zu values", t->count);
    if (!t->data || weights_out_convert(dtype, src, t->count, t->data, e)) {
        mem_free(t->name);
        mem_free(t->data);
        return err_prefix(e, "tensor %.96s: ", name);
    }
    o->n++;
    return 0;
}

static bool from_floats(enum weights_dtype t)
{
    return t == W_F32 || t == W_F16 || t == W_BF16 || weights_in_blocks(t);
}

int weights_out_stream(struct weights_out *o, const char *name, enum weights_dtype dtype,
                       int n_dims, const int64_t *dim, weights_fill *fill, void *ctx, struct err *e)
{
    struct out_entry *t;

    if (!from_floats(dtype))
        return err_set(e, ERR_INVALID, "tensor %.96s: %s is not written from floats", name,
                       weights_dtype_name(dtype));
    if (new_entry(o, name, dtype, n_dims, dim, &t, e))
        return -1;
    t->fill = fill;
    t->ctx = ctx;
    o->n++;
    return 0;
}

/* ---- parameters ---- */

enum weights_dtype weights_param_dtype(enum weights_dtype dtype, const struct param *p)
{
    bool whole = p->flags & PARAM_LINEAR && p->value.dim[1] % BLOCK_NUMBERS == 0;

    return weights_in_blocks(dtype) && !whole ? W_F32 : dtype;
}

/* values: the parameter in memory layout; spare: as many values to turn filters in. */
static int add_param(struct weights_out *o, const char *name, const struct param *p,
                     enum weights_dtype dtype, const float *values, float *spare, struct err *e)
{
    const int64_t *d = p->value.dim;
    const int64_t conv[4] = { d[0], d[3], d[1], d[2] };

    if (!(p->flags & PARAM_CONV))
        return weights_out_add(o, name, dtype, p->value.n_dims, d, values, e);
    weights_filters_out(values, (size_t)d[0], (size_t)d[3], (size_t)(d[1] * d[2]), spare);
    return weights_out_add(o, name, dtype, 4, conv, spare, e);
}

static size_t largest(const struct param_list *l)
{
    size_t most = 0;

    for (int i = 0; i < l->n; i++) {
        size_t n = (size_t)tensor_count(&l->item[i]->value);
        most = n > most ? n : most;
    }
    return most;
}

int weights_out_add_params(struct weights_out *o, const char *prefix, const struct param_list *l,
                           enum weights_dtype dtype, struct err *e)
{
    float *values = mem_alloc(largest(l), sizeof *values);
    float *spare = mem_alloc(largest(l), sizeof *spare);
    int rc = -1;

    if (!values || !spare) {
        err_set(e, ERR_NOMEM, "no memory for %zu values", largest(l));
        goto out;
    }
    for (int i = 0; i < l->n; i++) {
        const struct tensor *v = &l->item[i]->value;
        char name[160];
        snprintf(name, sizeof name, "%s%s", prefix, l->item[i]->name);
        if (v->packed) {
            err_set(e, ERR_UNSUPPORTED, "tensor %.96s: packed matrices are not written", name);
            goto out;
        }
        if (device_download(l->dev, v, 0, values, tensor_bytes(v), e) ||
            add_param(o, name, l->item[i], weights_param_dtype(dtype, l->item[i]), values, spare,
                      e))
            goto out;
    }
    rc = 0;
out:
    mem_free(values);
    mem_free(spare);
    return rc;
}
