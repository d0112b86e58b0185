#include "convert/view.h"

#include <stdio.h>
#include <string.h>

/* Elements that are gathered at a time where they do not lie side by side. */
#define GATHER 4096
/* Elements that are floats on their way to doubles. */
#define WIDEN 256
#define ELEMENT_MAX 8

struct view view_of(enum weights_dtype dtype, int n_dims, const int64_t *dim, const void *data)
{
    struct view v = { .dtype = dtype, .n_dims = n_dims, .data = data };
    int64_t stride = 1;

    for (int i = n_dims; i-- > 0;) {
        v.dim[i] = dim[i];
        v.stride[i] = stride;
        stride *= dim[i];
    }
    return v;
}

int64_t view_count(const struct view *v)
{
    int64_t n = 1;

    for (int i = 0; i < v->n_dims; i++)
        n *= v->dim[i];
    return n;
}

size_t view_span(const struct view *v)
{
    int64_t last = 0;

    if (view_count(v) == 0)
        return 0;
    for (int i = 0; i < v->n_dims; i++)
        last += (v->dim[i] - 1) * v->stride[i];
    return weights_bytes(v->dtype, (size_t)(last + 1));
}

struct view view_transpose(const struct view *v)
{
    struct view t = *v;

    for (int i = 0; i < 2; i++) {
        t.dim[i] = v->dim[1 - i];
        t.stride[i] = v->stride[1 - i];
    }
    return t;
}

struct view view_squeeze(const struct view *v)
{
    struct view s = *v;

    while (s.n_dims && s.dim[s.n_dims - 1] == 1)
        s.n_dims--;
    return s;
}

struct view view_rows(const struct view *v, int64_t first, int64_t n)
{
    struct view rows = *v;

    rows.dim[0] = n;
    rows.data += weights_bytes(v->dtype, (size_t)(first * v->stride[0]));
    return rows;
}

bool view_has_shape(const struct view *v, int n_dims, const int64_t *dim)
{
    return v->n_dims == n_dims && !memcmp(v->dim, dim, (size_t)n_dims * sizeof *dim);
}

/* ---- reading ---- */

static bool contiguous(const struct view *v)
{
    int64_t stride = 1;

    for (int i = v->n_dims; i-- > 0; stride *= v->dim[i])
        if (v->dim[i] != 1 && v->stride[i] != stride)
            return false;
    return true;
}

/* Where an element lies, by its place in C order. */
static const unsigned char *element(const struct view *v, int64_t i)
{
    int64_t at = 0;

    for (int k = v->n_dims; k-- > 0; i /= v->dim[k])
        at += i % v->dim[k] * v->stride[k];
    return v->data + (size_t)at * weights_dtype_size(v->dtype);
}

/* Copies elements side by side, a run along the last dimension at a time. */
static void gather(const struct view *v, int64_t first, size_t n, unsigned char *dst)
{
    size_t size = weights_dtype_size(v->dtype);
    int64_t row = v->dim[v->n_dims - 1];
    size_t step = (size_t)v->stride[v->n_dims - 1] * size;

    while (n) {
        const unsigned char *src = element(v, first);
        size_t run = (size_t)(row - first % row);
        run = run < n ? run : n;
        for (size_t i = 0; i < run; i++, src += step, dst += size)
            memcpy(dst, src, size);
        first += (int64_t)run;
        n -= run;
    }
}

/* Elements first .. first + n - 1 of a range that lies side by side. */
typedef void convert_range(enum weights_dtype t, const unsigned char *src, size_t first, size_t n,
                           void *dst);

static void convert_f32(enum weights_dtype t, const unsigned char *src, size_t first, size_t n,
                        void *dst)
{
    weights_convert_f32(t, src, first, n, dst);
}

static void widen(enum weights_dtype t, const unsigned char *src, size_t first, size_t n,
                  double *dst)
{
    float x[WIDEN];

    for (size_t done = 0; done < n; done += WIDEN) {
        size_t some = n - done < WIDEN ? n - done : WIDEN;
        weights_convert_f32(t, src, first + done, some, x);
        for (size_t i = 0; i < some; i++)
            dst[done + i] = x[i];
    }
}

static void convert_f64(enum weights_dtype t, const unsigned char *src, size_t first, size_t n,
                        void *dst)
{
    size_t size = weights_dtype_size(t);
    double *to = dst;

    if (t == W_F64)
        memcpy(to, src + first * size, n * size);
    else if (weights_is_real(t))
        widen(t, src, first, n, to);
    else
        for (size_t i = 0; i < n; i++)
            to[i] = (double)weights_load_int(t, src + (first + i) * size);
}

static void read_as(const struct view *v, int64_t first, size_t n, size_t dst_size, void *dst,
                    convert_range *convert)
{
    unsigned char gathered[GATHER * ELEMENT_MAX];
    char *to = dst;

    if (contiguous(v)) {
        convert(v->dtype, v->data, (size_t)first, n, dst);
        return;
    }
    while (n) {
        size_t some = n < GATHER ? n : GATHER;
        gather(v, first, some, gathered);
        convert(v->dtype, gathered, 0, some, to);
        first += (int64_t)some;
        n -= some;
        to += some * dst_size;
    }
}

void view_read_f32(const struct view *v, int64_t first, size_t n, float *dst)
{
    read_as(v, first, n, sizeof *dst, dst, convert_f32);
}

void view_read_f64(const struct view *v, int64_t first, size_t n, double *dst)
{
    read_as(v, first, n, sizeof *dst, dst, convert_f64);
}

void view_shape(int n_dims, const int64_t *dim, char text[VIEW_SHAPE_BYTES])
{
    int n = snprintf(text, VIEW_SHAPE_BYTES, "[");

    for (int i = 0; i < n_dims && i < WEIGHTS_DIMS_MAX; i++)
        n += snprintf(text + n, VIEW_SHAPE_BYTES - (size_t)n, "%s%lld", i ? ", " : "",
                      (long long)dim[i]);
    snprintf(text + n, VIEW_SHAPE_BYTES - (size_t)n, "]");
}
