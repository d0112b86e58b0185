#include "model/param.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"

/* Every parameter starts at a multiple of this many bytes, as vector loads want. */
#define PARAM_ALIGN ((size_t)64)

void param_list_init(struct param_list *l)
{
    *l = (struct param_list){ 0 };
}

void param_list_release(struct param_list *l)
{
    for (int i = 0; i < l->n; i++)
        mem_free(l->item[i]);
    mem_free(l->item);
    if (l->dev) {
        device_free(l->dev, l->values);
        device_free(l->dev, l->grads);
    }
    param_list_init(l);
}

/* ---- adding ---- */

static int set_shape(struct param *param, int n_dims, const int64_t *dim, struct err *e)
{
    struct tensor *t = &param->value;
    size_t bytes = dtype_size(DTYPE_F32);

    if (n_dims < 0 || n_dims > TENSOR_DIMS_MAX)
        return err_set(e, ERR_INTERNAL, "%s: %d dimensions, 0..%d are possible", param->name,
                       n_dims, TENSOR_DIMS_MAX);
    t->dtype = DTYPE_F32;
    t->n_dims = n_dims;
    for (int i = 0; i < n_dims; i++) {
        if (dim[i] < 1 || !num_mul(bytes, (size_t)dim[i], &bytes))
            return err_set(e, ERR_TOO_LARGE, "%s: dimension %d is %" PRId64, param->name, i,
                           dim[i]);
        t->dim[i] = dim[i];
    }
    param->grad = *t;
    return 0;
}

static int reserve(struct param_list *l)
{
    struct param **item = mem_grow(l->item, (size_t)l->n, &l->cap, sizeof *item);

    if (!item)
        return err_set(&l->err, ERR_NOMEM, "no memory for more than %d parameters", l->n);
    l->item = item;
    return 0;
}

static int set_name(struct param_list *l, struct param *param, const char *fmt, va_list args)
{
    int len = vsnprintf(param->name, sizeof param->name, fmt, args);

    if (len < 0 || (size_t)len >= sizeof param->name)
        return err_set(&l->err, ERR_INTERNAL, "parameter name %s... is longer than %zu bytes",
                       param->name, sizeof param->name - 1);
    if (param_find(l, param->name))
        return err_set(&l->err, ERR_INTERNAL, "parameter %s is there twice", param->name);
    return 0;
}

struct tensor *param_add(struct param_list *l, unsigned flags, enum param_start start, float scale,
                         int n_dims, const int64_t *dim, const char *name_fmt, ...)
{
    if (l->err.code || reserve(l))
        return NULL;
    struct param *param = mem_alloc(1, sizeof *param);
    if (!param) {
        err_set(&l->err, ERR_NOMEM, "no memory for a parameter");
        return NULL;
    }
    va_list args;
    va_start(args, name_fmt);
    int failed = set_name(l, param, name_fmt, args);
    va_end(args);
    if (failed || set_shape(param, n_dims, dim, &l->err)) {
        mem_free(param);
        return NULL;
    }
    param->flags = flags;
    param->start = start;
    param->scale = scale;
    l->item[l->n++] = param;
    return &param->value;
}

int param_list_check(const struct param_list *l, struct err *e)
{
    return l->err.code ? err_set(e, l->err.code, "%s", l->err.msg) : 0;
}

/* ---- memory ---- */

static bool is_trained(const struct param *param)
{
    return !(param->flags & PARAM_BUFFER);
}

static size_t aligned_bytes(const struct tensor *t)
{
    return (tensor_bytes(t) + PARAM_ALIGN - 1) / PARAM_ALIGN * PARAM_ALIGN;
}

/* Bytes of all values; with `grads` of all gradients. */
static int block_bytes(const struct param_list *l, bool grads, size_t *ret_bytes, struct err *e)
{
    size_t bytes = 0;

    for (int i = 0; i < l->n; i++)
        if (!grads || is_trained(l->item[i]))
            if (!num_add(bytes, aligned_bytes(&l->item[i]->value), &bytes))
                return err_set(e, ERR_TOO_LARGE, "parameters: more bytes than can be counted");
    *ret_bytes = bytes;
    return 0;
}

static int alloc_block(struct param_list *l, bool grads, void **ret_block, struct err *e)
{
    size_t bytes = 0;

    if (block_bytes(l, grads, &bytes, e))
        return -1;
    if (bytes && device_alloc(l->dev, bytes, ret_block, e))
        return err_prefix(e, "%s of %d parameters: ", grads ? "gradients" : "values", l->n);
    return 0;
}

static void place_values(struct param_list *l)
{
    unsigned char *at = l->values;

    for (int i = 0; i < l->n; i++) {
        l->item[i]->value.data = at;
        at += aligned_bytes(&l->item[i]->value);
    }
}

static void place_grads(struct param_list *l)
{
    unsigned char *at = l->grads;

    for (int i = 0; i < l->n; i++) {
        struct param *param = l->item[i];
        if (!is_trained(param))
            continue;
        param->grad.data = at;
        param->value.grad = &param->grad;
        param->value.wants_grad = true;
        at += aligned_bytes(&param->grad);
    }
}

int param_list_alloc(struct param_list *l, struct device *dev, bool with_grads, struct err *e)
{
    if (param_list_check(l, e))
        return -1;
    l->dev = dev;
    if (alloc_block(l, false, &l->values, e))
        return -1;
    place_values(l);
    if (!with_grads)
        return 0;
    if (alloc_block(l, true, &l->grads, e))
        return -1;
    place_grads(l);
    return param_list_zero_grads(l, e);
}

static const enum dtype FORMAT_DTYPES[] = {
    [PARAM_F32] = DTYPE_F32,   [PARAM_F16] = DTYPE_F16,   [PARAM_BF16] = DTYPE_BF16,
    [PARAM_Q8_0] = DTYPE_Q8_0, [PARAM_Q4_0] = DTYPE_Q4_0,
};

const char *param_format_name(enum param_format format)
{
    return format == PARAM_PLAIN  ? "plain"
           : format == PARAM_AUTO ? "auto"
                                  : dtype_name(FORMAT_DTYPES[format]);
}

static int plan_packed(struct param *param, const struct device *dev, enum param_format format,
                       struct err *e)
{
    const struct tensor *v = &param->value;

    if (format == PARAM_PLAIN || !(param->flags & PARAM_LINEAR))
        return 0;
    return device_packed(dev, FORMAT_DTYPES[format], v->dim[0], v->dim[1], &param->value, e);
}

int param_list_plan_packed(struct param_list *l, const struct device *dev, enum param_format format,
                           size_t *ret_bytes, struct err *e)
{
    if (param_list_check(l, e))
        return -1;
    for (int i = 0; i < l->n; i++)
        if (plan_packed(l->item[i], dev, format, e))
            return err_prefix(e, "%s: ", l->item[i]->name);
    return block_bytes(l, false, ret_bytes, e);
}

int param_list_alloc_packed(struct param_list *l, struct device *dev, enum param_format format,
                            struct err *e)
{
    size_t bytes;

    if (param_list_plan_packed(l, dev, format, &bytes, e))
        return -1;
    return param_list_alloc(l, dev, false, e);
}

int param_set(struct param_list *l, struct param *p, const float *values, struct err *e)
{
    size_t bytes = (size_t)tensor_count(&p->value) * sizeof *values;
    int rc = p->value.packed ? device_pack(l->dev, &p->value, DTYPE_F32, values, e)
                             : device_upload(l->dev, &p->value, 0, values, bytes, e);

    return rc ? err_prefix(e, "%s: ", p->name) : 0;
}

int param_list_zero_grads(struct param_list *l, struct err *e)
{
    for (int i = 0; i < l->n; i++)
        if (l->item[i]->grad.data && device_zero(l->dev, &l->item[i]->grad, e))
            return err_prefix(e, "%s: ", l->item[i]->name);
    return 0;
}

void param_list_want_grads(struct param_list *l, bool on)
{
    for (int i = 0; i < l->n; i++)
        l->item[i]->value.wants_grad = on && l->item[i]->grad.data;
}

/* ---- starting values ---- */

static float start_value(const struct param *param, uint64_t seed, uint64_t stream, uint64_t index)
{
    switch (param->start) {
    case START_ONE:
        return 1.0f;
    case START_CONSTANT:
        return param->scale;
    case START_NORMAL:
        return param->scale * rng_normal_at(seed, stream, index);
    case START_UNIFORM:
        return param->scale * (2.0f * rng_uniform_at(seed, stream, index) - 1.0f);
    case START_ZERO:
        break;
    }
    return 0.0f;
}

static int reset_one(struct param_list *l, int i, uint64_t seed, float *buf, struct err *e)
{
    struct param *param = l->item[i];
    int64_t n = tensor_count(&param->value);

    for (int64_t k = 0; k < n; k++)
        buf[k] = start_value(param, seed, (uint64_t)i, (uint64_t)k);
    return param_set(l, param, buf, e);
}

int param_list_reset(struct param_list *l, uint64_t seed, struct err *e)
{
    int64_t largest = 0;
    int failed = 0;

    for (int i = 0; i < l->n; i++)
        if (tensor_count(&l->item[i]->value) > largest)
            largest = tensor_count(&l->item[i]->value);
    float *buf = mem_alloc((size_t)largest, sizeof *buf);
    if (!buf)
        return err_set(e, ERR_NOMEM, "no memory for %" PRId64 " starting values", largest);
    for (int i = 0; i < l->n && !failed; i++)
        failed = reset_one(l, i, seed, buf, e);
    mem_free(buf);
    return failed;
}

/* ---- looking ---- */

struct param *param_find(const struct param_list *l, const char *name)
{
    for (int i = 0; i < l->n; i++)
        if (strcmp(l->item[i]->name, name) == 0)
            return l->item[i];
    return NULL;
}

int64_t param_list_count(const struct param_list *l)
{
    int64_t n = 0;

    for (int i = 0; i < l->n; i++)
        if (is_trained(l->item[i]))
            n += tensor_count(&l->item[i]->value);
    return n;
}

void param_file_dims(const struct param *p, int64_t ret_dim[TENSOR_DIMS_MAX])
{
    const int64_t *d = p->value.dim;

    memcpy(ret_dim, d, sizeof p->value.dim);
    if (p->flags & PARAM_CONV) {
        ret_dim[1] = d[3];
        ret_dim[2] = d[1];
        ret_dim[3] = d[2];
    }
}
