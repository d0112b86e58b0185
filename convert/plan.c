#include "convert/plan.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

#define MISFITS_MAX ((size_t)4 << 20)

void plan_init(struct plan *p)
{
    *p = (struct plan){ 0 };
    buf_init(&p->misfits, MISFITS_MAX);
}

void plan_release(struct plan *p)
{
    mem_free(p->step);
    buf_release(&p->misfits);
}

/* ---- misfits ---- */

static void misfit(struct plan *p, const char *what, const char *name)
{
    p->n_misfits++;
    buf_printf(&p->misfits, "%-10s %s", what, name);
}

static void misfit_shape(struct plan *p, const char *name, const struct view *v, int n_dims,
                         const int64_t *dim)
{
    char got[VIEW_SHAPE_BYTES], want[VIEW_SHAPE_BYTES];

    view_shape(v->n_dims, v->dim, got);
    view_shape(n_dims, dim, want);
    misfit(p, "mis-shaped", name);
    buf_printf(&p->misfits, " %s %s, wanted are real numbers %s\n", weights_dtype_name(v->dtype),
               got, want);
}

/* ---- steps ---- */

static struct plan_step *new_step(struct plan *p, struct err *e)
{
    struct plan_step *step = mem_grow(p->step, p->n, &p->cap, sizeof *step);

    if (!step) {
        err_set(e, ERR_NOMEM, "no memory for more than %zu tensors", p->n);
        return NULL;
    }
    p->step = step;
    p->step[p->n] = (struct plan_step){ 0 };
    return &p->step[p->n++];
}

/* The tensor as one part of the parameter; dimensions of 1 at the end (1x1 convolutions) may be
 * there or not. */
static bool fits(struct view *v, bool transposed, const struct plan_step *s)
{
    struct view want = view_of(W_F32, s->n_dims, s->dim, NULL), squeezed;

    if (transposed && v->n_dims == 2)
        *v = view_transpose(v);
    want.dim[0] /= s->n_parts;
    want = view_squeeze(&want);
    squeezed = view_squeeze(v);
    return weights_is_real(v->dtype) && !weights_in_blocks(v->dtype) &&
           view_has_shape(&squeezed, want.n_dims, want.dim);
}

static void find_part(struct plan *p, struct plan_step *s, const struct renamed *r,
                      const char *their_prefix, int i, const struct tensors *t)
{
    char name[2 * TENSORS_NAME_MAX];
    const struct view *v;

    snprintf(name, sizeof name, "%s%s", their_prefix, r->name[i]);
    v = tensors_find(t, name);
    if (!v) {
        misfit(p, "missing", name);
        buf_puts(&p->misfits, "\n");
        return;
    }
    s->part[i] = *v;
    s->origin[i] = v;
    if (!fits(&s->part[i], r->transposed, s)) {
        int64_t want[TENSOR_DIMS_MAX];
        memcpy(want, s->dim, sizeof want);
        want[0] /= s->n_parts;
        misfit_shape(p, name, v, s->n_dims, want);
    }
}

static int plan_param(struct plan *p, const struct family *f, const struct networks *n,
                      const struct tensors *t, const char *prefix, const char *their_prefix,
                      const struct param *param, struct err *e)
{
    struct plan_step *s = new_step(p, e);
    struct renamed r;

    if (!s)
        return -1;
    snprintf(s->name, sizeof s->name, "%s%s", prefix, param->name);
    s->param = param;
    s->n_dims = param->value.n_dims;
    param_file_dims(param, s->dim);
    if (!family_rename(f, n, param->name, &r))
        return err_set(e, ERR_INTERNAL, "%s has no name for %s", f->name, param->name);
    s->n_parts = r.n;
    for (int i = 0; i < r.n; i++)
        find_part(p, s, &r, their_prefix, i, t);
    return 0;
}

int plan_params(struct plan *p, const struct family *f, const struct networks *n,
                const struct tensors *t, const char *prefix, const char *their_prefix,
                const struct param_list *l, struct err *e)
{
    for (int i = 0; i < l->n; i++)
        if (plan_param(p, f, n, t, prefix, their_prefix, l->item[i], e))
            return -1;
    return buf_check(&p->misfits, e);
}

static bool is_read(const struct plan *p, const struct view *v)
{
    for (size_t i = 0; i < p->n; i++)
        for (int k = 0; k < p->step[i].n_parts; k++)
            if (p->step[i].origin[k] == v)
                return true;
    return false;
}

void plan_unused(struct plan *p, const struct family *f, const struct tensors *t)
{
    char shape[VIEW_SHAPE_BYTES];

    for (size_t i = 0; i < t->n; i++) {
        const struct view *v = &t->item[i].view;
        if (is_read(p, v) || family_ignores(f, t->item[i].name))
            continue;
        view_shape(v->n_dims, v->dim, shape);
        misfit(p, "unknown", t->item[i].name);
        buf_printf(&p->misfits, " %s\n", shape);
    }
}

/* ---- values ---- */

static int check_finite(const float *x, size_t n, int64_t first, struct err *e)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return err_set(e, ERR_FORMAT, "element %lld is %g: these weights are damaged",
                           (long long)first + (long long)i, (double)x[i]);
    return 0;
}

int plan_fill(void *ctx, int64_t first, size_t n, float *dst, struct err *e)
{
    const struct plan_step *s = ctx;
    int64_t each = view_count(&s->part[0]), at = first;
    size_t left = n;
    float *to = dst;

    while (left) {
        const struct view *v = &s->part[at / each];
        int64_t in_part = at % each;
        size_t some = (size_t)(each - in_part) < left ? (size_t)(each - in_part) : left;
        view_read_f32(v, in_part, some, to);
        at += (int64_t)some;
        left -= some;
        to += some;
    }
    return check_finite(dst, n, first, e);
}

void plan_forget(const struct plan_step *s)
{
    for (int i = 0; i < s->n_parts; i++)
        file_map_forget(s->part[i].data, view_span(&s->part[i]));
}
