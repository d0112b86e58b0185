/*
 * Writing safetensors. The header lists entries in the order added; the data lies by falling
 * element size (and in that order within one size), so that every tensor is aligned without gaps,
 * as the format's reference writer does it.
 */
#include "model/weights.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/half.h"
#include "model/weights_read.h"

#define ALIGN 8

struct out_entry {
    char *name; /* owned, as is data */
    enum weights_dtype dtype;
    int n_dims;
    int64_t dim[WEIGHTS_DIMS_MAX];
    void *data;
    size_t bytes, offset;
};

struct weights_out {
    json_t *metadata;
    struct out_entry *entry;
    size_t n, cap;
};

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
    size_t cap = o->cap ? 2 * o->cap : 64;
    struct out_entry *entry;

    if (o->n < o->cap)
        return 0;
    entry = mem_resize(o->entry, cap, sizeof *entry);
    if (!entry)
        return err_set(e, ERR_NOMEM, "no memory for %zu entries", cap);
    o->entry = entry;
    o->cap = cap;
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
        if (dim[i] < 0 || !num_mul(n, (size_t)dim[i], &n))
            return err_set(e, ERR_INVALID, "dimension %d is %lld: no size", i, (long long)dim[i]);
    *ret_n = n;
    return 0;
}

static void convert(enum weights_dtype t, const void *src, size_t n, void *dst)
{
    const float *x = src;
    uint16_t *half = dst;

    if (t == W_F16)
        for (size_t i = 0; i < n; i++)
            half[i] = half_to_f16(x[i]);
    else if (t == W_BF16)
        for (size_t i = 0; i < n; i++)
            half[i] = half_to_bf16(x[i]);
    else if (n)
        memcpy(dst, src, n * weights_dtype_size(t));
}

static int fill_entry(struct out_entry *t, const char *name, const void *src, size_t n,
                      struct err *e)
{
    t->name = mem_strdup(name);
    t->data = mem_alloc(n, weights_dtype_size(t->dtype));
    if (!t->name || !t->data) {
        mem_free(t->name);
        mem_free(t->data);
        return err_set(e, ERR_NOMEM, "no memory for %zu values", n);
    }
    t->bytes = n * weights_dtype_size(t->dtype);
    convert(t->dtype, src, n, t->data);
    return 0;
}

int weights_out_add(struct weights_out *o, const char *name, enum weights_dtype dtype, int n_dims,
                    const int64_t *dim, const void *src, struct err *e)
{
    struct out_entry *t;
    size_t n = 0;

    if (check_name(o, name, e) || reserve(o, e))
        return -1;
    t = &o->entry[o->n];
    *t = (struct out_entry){ .dtype = dtype, .n_dims = n_dims };
    if (count_values(n_dims, dim, &n, e) || fill_entry(t, name, src, n, e))
        return err_prefix(e, "tensor %.96s: ", name);
    if (n_dims)
        memcpy(t->dim, dim, (size_t)n_dims * sizeof *dim);
    o->n++;
    return 0;
}

/* ---- parameters ---- */

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
        if (device_download(l->dev, v, 0, values, tensor_bytes(v), e) ||
            add_param(o, name, l->item[i], dtype, values, spare, e))
            goto out;
    }
    rc = 0;
out:
    mem_free(values);
    mem_free(spare);
    return rc;
}

/* ---- writing ---- */

/* Calls for every entry, largest elements first. */
static void in_data_order(struct weights_out *o, void (*visit)(struct out_entry *t, void *ctx),
                          void *ctx)
{
    for (size_t size = ALIGN; size > 0; size /= 2)
        for (size_t i = 0; i < o->n; i++)
            if (weights_dtype_size(o->entry[i].dtype) == size)
                visit(&o->entry[i], ctx);
}

static void place_entry(struct out_entry *t, void *ctx)
{
    size_t *end = ctx;

    t->offset = *end;
    *end += t->bytes;
}

static void write_entry(struct out_entry *t, void *ctx)
{
    file_out_write(ctx, t->data, t->bytes);
}

static json_t *describe_entry(const struct out_entry *t)
{
    json_t *shape = json_array();

    for (int i = 0; i < t->n_dims; i++)
        json_array_append_new(shape, json_integer(t->dim[i]));
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", weights_dtype_name(t->dtype), "shape", shape,
                     "data_offsets", (json_int_t)t->offset, (json_int_t)(t->offset + t->bytes));
}

/* The header as JSON; NULL when memory is out. */
static json_t *describe(const struct weights_out *o)
{
    json_t *header = json_object();
    int failed = 0;

    if (json_object_size(o->metadata))
        failed |= json_object_set(header, "__metadata__", o->metadata);
    for (size_t i = 0; i < o->n; i++)
        failed |= json_object_set_new(header, o->entry[i].name, describe_entry(&o->entry[i]));
    if (!failed)
        return header;
    json_decref(header);
    return NULL;
}

static int append_text(const char *text, size_t n, void *ctx)
{
    buf_append(ctx, text, n);
    return 0;
}

/* Length, JSON, and spaces up to the next multiple of ALIGN. */
static int build_header(const struct weights_out *o, struct buf *b, struct err *e)
{
    json_t *header = describe(o);
    unsigned char length[8];

    if (!header)
        return err_set(e, ERR_NOMEM, "no memory for the header, or a name that is no UTF-8");
    buf_append(b, "12345678", sizeof length);
    json_dump_callback(header, append_text, b, JSON_COMPACT);
    json_decref(header);
    while (b->len % ALIGN && !b->failed)
        buf_puts(b, " ");
    if (buf_check(b, e))
        return err_prefix(e, "header: ");
    for (size_t i = 0, n = b->len - sizeof length; i < sizeof length; i++, n >>= 8)
        length[i] = n & 255;
    memcpy(b->data, length, sizeof length);
    return 0;
}

static int write_file(struct weights_out *o, const struct buf *header, const char *path,
                      struct err *e)
{
    struct file_out f;

    if (file_out_open(&f, path, e))
        return -1;
    file_out_write(&f, header->data, header->len);
    in_data_order(o, write_entry, &f);
    if (!file_out_commit(&f, e))
        return 0;
    file_out_abort(&f);
    return -1;
}

int weights_out_write(struct weights_out *o, const char *path, struct err *e)
{
    struct buf header;
    size_t end = 0;
    int rc;

    buf_init(&header, WEIGHTS_HEADER_MAX);
    in_data_order(o, place_entry, &end);
    rc = build_header(o, &header, e) || write_file(o, &header, path, e) ? -1 : 0;
    buf_release(&header);
    return rc;
}
