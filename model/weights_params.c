/*
 * From a file into a network's parameters. First every name, shape and dtype is compared, so that
 * one message tells all; then the values go to the device, packed straight from the map or through
 * a staging buffer of a few MiB, and what was read is forgotten: the host never holds a second copy
 * of a network.
 */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "model/weights_dtype.h"
#include "model/weights_read.h"

#define STAGE_VALUES ((size_t)1 << 20)
#define MISFITS_MAX ((size_t)1 << 16)

void weights_filters_in(const float *src, size_t n, size_t in, size_t spatial, float *dst)
{
    for (size_t o = 0; o < n; o++, src += in * spatial, dst += in * spatial)
        for (size_t s = 0; s < spatial; s++)
            for (size_t i = 0; i < in; i++)
                dst[s * in + i] = src[i * spatial + s];
}

void weights_filters_out(const float *src, size_t n, size_t in, size_t spatial, float *dst)
{
    weights_filters_in(src, n, spatial, in, dst);
}

/* ---- comparing names and shapes ---- */

/* Everything that does not fit, as one list; the message is cut later. */
struct misfits {
    int n;
    struct buf text;
};

static void misfit(struct misfits *m, const char *what, const char *name)
{
    buf_printf(&m->text, "%s%s%s", m->n++ ? "; " : "", what, name);
}

static void misfit_dims(struct misfits *m, int n, const int64_t *dim)
{
    for (int i = 0; i < n; i++)
        buf_printf(&m->text, "%s%lld", i ? ", " : "[", (long long)dim[i]);
    buf_puts(&m->text, n ? "]" : "[]");
}

static void compare_param(const struct weights_entry *t, const char *name, const struct param *p,
                          struct misfits *m)
{
    int64_t dim[TENSOR_DIMS_MAX];

    if (!t) {
        misfit(m, "missing ", name);
        return;
    }
    param_file_dims(p, dim);
    if (t->n_dims == p->value.n_dims && !memcmp(t->dim, dim, (size_t)t->n_dims * sizeof *dim) &&
        weights_is_real(t->dtype))
        return;
    misfit(m, weights_dtype_name(t->dtype), "");
    misfit_dims(m, t->n_dims, t->dim);
    buf_puts(&m->text, " instead of real ");
    misfit_dims(m, p->value.n_dims, dim);
    buf_printf(&m->text, " for %s", name);
}

static bool ignored(const char *name, const char *const *ignore)
{
    size_t n = strlen(name);

    for (; ignore && *ignore; ignore++) {
        size_t k = strlen(*ignore);
        if (k <= n && !strcmp(name + n - k, *ignore))
            return true;
    }
    return false;
}

static void find_extra(const struct weights *w, const char *prefix, const struct param_list *l,
                       const char *const *ignore, struct misfits *m)
{
    size_t k = strlen(prefix);

    for (int i = 0; i < weights_n(w); i++) {
        const char *name = weights_at(w, i)->name;
        if (!strncmp(name, prefix, k) && !param_find(l, name + k) && !ignored(name, ignore))
            misfit(m, "unknown ", name);
    }
}

static const struct weights_entry *find_prefixed(const struct weights *w, const char *prefix,
                                                 const struct param *p, char *name, size_t size)
{
    snprintf(name, size, "%s%s", prefix, p->name);
    return weights_find(w, name);
}

int weights_check_params(const struct weights *w, const char *prefix, const struct param_list *l,
                         const char *const *ignore, struct err *e)
{
    struct misfits m = { 0 };
    char name[160];
    int rc = 0;

    buf_init(&m.text, MISFITS_MAX);
    for (int i = 0; i < l->n; i++) {
        const struct weights_entry *t = find_prefixed(w, prefix, l->item[i], name, sizeof name);
        compare_param(t, name, l->item[i], &m);
    }
    find_extra(w, prefix, l, ignore, &m);
    if (m.n)
        rc = err_set(e, ERR_FORMAT, "%d tensor%s not fit: %s", m.n, m.n > 1 ? "s do" : " does",
                     m.text.data ? m.text.data : "");
    buf_release(&m.text);
    return rc;
}

/* ---- values ---- */

struct stage {
    struct device *dev;
    float *values, *filters; /* two buffers of `cap` values */
    size_t cap;
};

static int stage_init(struct stage *s, const struct param_list *l, struct err *e)
{
    s->dev = l->dev;
    s->cap = STAGE_VALUES;
    for (int i = 0; i < l->n; i++) { /* whole filters must fit */
        const struct tensor *v = &l->item[i]->value;
        size_t filter = l->item[i]->flags & PARAM_CONV ? (size_t)(tensor_count(v) / v->dim[0]) : 0;
        s->cap = filter > s->cap ? filter : s->cap;
    }
    s->values = mem_alloc(s->cap, sizeof *s->values);
    s->filters = mem_alloc(s->cap, sizeof *s->filters);
    if (!s->values || !s->filters)
        return err_set(e, ERR_NOMEM, "no memory to stage %zu values", s->cap);
    return 0;
}

static void stage_release(struct stage *s)
{
    mem_free(s->values);
    mem_free(s->filters);
}

/* Values first .. first + n - 1, in memory layout. */
static const float *stage_fill(struct stage *s, const struct weights_entry *t,
                               const struct param *p, size_t first, size_t n)
{
    const int64_t *d = p->value.dim;
    size_t in, spatial;

    weights_convert_f32(t->dtype, t->data, first, n, s->values);
    if (!(p->flags & PARAM_CONV))
        return s->values;
    in = (size_t)d[3];
    spatial = (size_t)(d[1] * d[2]);
    weights_filters_in(s->values, n / (in * spatial), in, spatial, s->filters);
    return s->filters;
}

static int upload_param(struct stage *s, const struct weights_entry *t, struct param *p,
                        struct err *e)
{
    size_t count = (size_t)tensor_count(&p->value);
    size_t unit = p->flags & PARAM_CONV ? count / (size_t)p->value.dim[0] : 1;
    size_t most = s->cap / unit * unit;

    for (size_t first = 0; first < count; first += most) {
        size_t n = count - first < most ? count - first : most;
        const float *values = stage_fill(s, t, p, first, n);
        if (device_upload(s->dev, &p->value, first * sizeof *values, values, n * sizeof *values, e))
            return err_prefix(e, "tensor %s: ", t->name);
    }
    return 0;
}

/* F64, which no checkpoint of the networks here has: as floats first. */
static int pack_converted(struct param_list *l, const struct weights_entry *t, struct param *p,
                          struct err *e)
{
    float *values = mem_alloc((size_t)weights_entry_count(t), sizeof *values);
    int rc = values ? weights_read_f32(t, values, e) || param_set(l, p, values, e)
                    : err_set(e, ERR_NOMEM, "no memory for its values");

    mem_free(values);
    return rc ? -1 : 0;
}

static int pack_param(struct param_list *l, const struct weights_entry *t, struct param *p,
                      struct err *e)
{
    int rc = t->dtype == W_F64
                 ? pack_converted(l, t, p, e)
                 : device_pack(l->dev, &p->value, weights_dtype_device(t->dtype), t->data, e);

    return rc ? err_prefix(e, "tensor %s: ", t->name) : 0;
}

int weights_load_params(const struct weights *w, const char *prefix, struct param_list *l,
                        const char *const *ignore, struct err *e)
{
    struct stage s = { 0 };
    char name[160];
    int rc = -1;

    if (weights_check_params(w, prefix, l, ignore, e))
        return -1;
    if (stage_init(&s, l, e))
        goto out;
    for (int i = 0; i < l->n; i++) {
        struct param *p = l->item[i];
        const struct weights_entry *t = find_prefixed(w, prefix, p, name, sizeof name);
        if (p->value.packed ? pack_param(l, t, p, e) : upload_param(&s, t, p, e))
            goto out;
        weights_forget(w, t);
    }
    rc = 0;
out:
    stage_release(&s);
    return rc;
}
