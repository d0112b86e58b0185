#include "kernels/op_impl.h"

#include <string.h>

/* ---- sums and factors ---- */

/* Whether b's shape is the end of a's. */
static bool is_tail(const struct tensor *b, const struct tensor *a)
{
    int lead = a->n_dims - b->n_dims;
    return lead >= 0 && !memcmp(a->dim + lead, b->dim, (size_t)b->n_dims * sizeof *b->dim);
}

static void add_adjoint(struct pass *p, struct tape_node *node)
{
    const struct tensor *a = node->in[0], *b = node->in[1], *dy = node->out->grad;
    if (tensor_same_shape(a, b))
        grad_add(p, b, 1.0f, dy);
    else {
        struct tensor *db = tape_grad(p, b);
        if (db)
            CALL(p, sum_leading, dy, db);
    }
    grad_pass_on(p, a, dy);
}

struct tensor *op_add(struct pass *p, const struct tensor *a, const struct tensor *b)
{
    if (!INPUTS(p, a, b))
        return NULL;
    if (!is_tail(b, a))
        return MISFIT(p, a, b, "the second must have the last dimensions of the first");
    struct tensor *y = op_like(p, a);
    CALL(p, add, a, b, y);
    RECORD(p, add_adjoint, y, a, b);
    return op_result(p, y);
}

static void scale_adjoint(struct pass *p, struct tape_node *node)
{
    grad_add(p, node->in[0], node->farg[0], node->out->grad);
}

struct tensor *op_scale(struct pass *p, const struct tensor *x, float s)
{
    if (!INPUTS(p, x))
        return NULL;
    struct tensor *y = op_like(p, x);
    CALL(p, scale, x, s, y);
    struct tape_node *node = RECORD(p, scale_adjoint, y, x);
    if (node)
        node->farg[0] = s;
    return op_result(p, y);
}

static void scale_exp_adjoint(struct pass *p, struct tape_node *node)
{
    const struct tensor *x = node->in[0], *s = node->in[1];
    struct tensor *dx = tape_grad(p, x), *ds = tape_grad(p, s);
    CALL(p, scale_exp_bwd, node->out, s, node->out->grad, dx, ds);
}

struct tensor *op_scale_exp(struct pass *p, const struct tensor *x, const struct tensor *s)
{
    if (!INPUTS(p, x, s))
        return NULL;
    if (tensor_count(s) != 1)
        return MISFIT(p, x, s, "the second must be a scalar");
    struct tensor *y = op_like(p, x);
    CALL(p, scale_exp, x, s, y);
    RECORD(p, scale_exp_adjoint, y, x, s);
    return op_result(p, y);
}

/* ---- pieces: F32, or I32 for ids, which have no gradient. Moved as 4-byte words. ---- */

static bool is_words(struct pass *p, const char *op, const struct tensor *x)
{
    if (pass_failed(p))
        return false;
    if (!x)
        return pass_fail(p, ERR_INTERNAL, "%s: an input is missing", op);
    if (x->dtype != DTYPE_F32 && x->dtype != DTYPE_I32)
        return op_misfit(p, op, x, NULL, "must be f32 or i32");
    return true;
}

/* A tensor cut along an axis: `outer` runs of `run` words each. */
struct runs {
    int64_t outer, run;
};

static struct runs runs_along(const struct tensor *x, int axis)
{
    struct runs r = { 1, 1 };
    for (int i = 0; i < axis; i++)
        r.outer *= x->dim[i];
    for (int i = axis; i < x->n_dims; i++)
        r.run *= x->dim[i];
    return r;
}

/* Words [at, at + n) of every run of whole (or of its gradient) <-> part, which holds only these.
 */
static void copy_out(struct pass *p, const struct tensor *whole, struct runs r, int64_t at,
                     struct tensor *part, int64_t n, bool add)
{
    const float *src = whole->data;
    CALL(p, copy_2d, src + at, r.run, part->data, n, r.outer, n, add);
}

static void copy_in(struct pass *p, const struct tensor *part, int64_t n, struct tensor *whole,
                    struct runs r, int64_t at, bool add)
{
    float *dst = whole->data;
    CALL(p, copy_2d, part->data, n, dst + at, r.run, r.outer, n, add);
}

static void concat_adjoint(struct pass *p, struct tape_node *node)
{
    int axis = (int)node->iarg[0];
    struct runs r = runs_along(node->out, axis);
    int64_t at = 0;
    for (int i = 0; i < 2; i++) {
        bool fresh;
        int64_t n = runs_along(node->in[i], axis).run;
        struct tensor *d = grad_target(p, node->in[i], &fresh);
        if (d)
            copy_out(p, node->out->grad, r, at, d, n, !fresh);
        at += n;
    }
}

static bool same_but_axis(const struct tensor *a, const struct tensor *b, int axis)
{
    if (a->dtype != b->dtype || a->n_dims != b->n_dims || axis < 0 || axis >= a->n_dims)
        return false;
    for (int i = 0; i < a->n_dims; i++)
        if (i != axis && a->dim[i] != b->dim[i])
            return false;
    return true;
}

struct tensor *op_concat(struct pass *p, const struct tensor *a, const struct tensor *b, int axis)
{
    if (!is_words(p, __func__, a) || !is_words(p, __func__, b))
        return NULL;
    if (!same_but_axis(a, b, axis))
        return MISFIT(p, a, b, "all dimensions but the axis must be equal");
    int64_t dim[TENSOR_DIMS_MAX];
    memcpy(dim, a->dim, sizeof dim);
    dim[axis] += b->dim[axis];
    struct tensor *y = pass_tensor(p, a->dtype, a->n_dims, dim);
    if (!y)
        return NULL;
    struct runs r = runs_along(y, axis);
    int64_t n_a = runs_along(a, axis).run, n_b = runs_along(b, axis).run;
    copy_in(p, a, n_a, y, r, 0, false);
    copy_in(p, b, n_b, y, r, n_a, false);
    struct tape_node *node = RECORD(p, concat_adjoint, y, a, b);
    if (node)
        node->iarg[0] = axis;
    return op_result(p, y);
}

static void slice_adjoint(struct pass *p, struct tape_node *node)
{
    int axis = (int)node->iarg[0];
    struct tensor *dx = tape_grad(p, node->in[0]);
    if (dx)
        copy_in(p, node->out->grad, runs_along(node->out, axis).run, dx, runs_along(dx, axis),
                node->iarg[1], true);
}

struct tensor *op_slice(struct pass *p, const struct tensor *x, int axis, int64_t start, int64_t n)
{
    if (!is_words(p, __func__, x))
        return NULL;
    if (axis < 0 || axis >= x->n_dims || start < 0 || n < 1 || n > x->dim[axis] - start)
        return MISFIT(p, x, NULL, "the slice must lie within the axis");
    int64_t dim[TENSOR_DIMS_MAX];
    memcpy(dim, x->dim, sizeof dim);
    dim[axis] = n;
    struct tensor *y = pass_tensor(p, x->dtype, x->n_dims, dim);
    if (!y)
        return NULL;
    struct runs r = runs_along(x, axis);
    int64_t at = start * (r.run / x->dim[axis]);
    copy_out(p, x, r, at, y, runs_along(y, axis).run, false);
    struct tape_node *node = RECORD(p, slice_adjoint, y, x);
    if (node) {
        node->iarg[0] = axis;
        node->iarg[1] = at;
    }
    return op_result(p, y);
}

static void repeat_adjoint(struct pass *p, struct tape_node *node)
{
    struct tensor *dx = tape_grad(p, node->in[0]);
    if (dx)
        CALL(p, sum_leading, node->out->grad, dx);
}

struct tensor *op_repeat(struct pass *p, const struct tensor *x, int64_t n)
{
    if (!is_words(p, __func__, x))
        return NULL;
    if (x->n_dims == TENSOR_DIMS_MAX || n < 1)
        return MISFIT(p, x, NULL, "must leave room for one more dimension of at least 1");
    int64_t dim[TENSOR_DIMS_MAX] = { n };
    memcpy(dim + 1, x->dim, (size_t)x->n_dims * sizeof *dim);
    struct tensor *y = pass_tensor(p, x->dtype, x->n_dims + 1, dim);
    if (!y)
        return NULL;
    int64_t count = tensor_count(x);
    CALL(p, copy_2d, x->data, 0, y->data, count, n, count, false);
    RECORD(p, repeat_adjoint, y, x);
    return op_result(p, y);
}

/* ---- order ---- */

static void permute_adjoint(struct pass *p, struct tape_node *node)
{
    bool fresh;
    struct tensor *dx = grad_target(p, node->in[0], &fresh);
    int back[TENSOR_DIMS_MAX];
    for (int i = 0; i < node->out->n_dims; i++)
        back[node->iarg[i]] = i;
    if (dx)
        CALL(p, permute, node->out->grad, back, !fresh, dx);
}

struct tensor *op_permute(struct pass *p, const struct tensor *x, const int *order)
{
    if (!INPUTS(p, x))
        return NULL;
    int64_t dim[TENSOR_DIMS_MAX];
    unsigned seen = 0;
    for (int i = 0; i < x->n_dims; i++) {
        if (order[i] < 0 || order[i] >= x->n_dims || seen & 1u << order[i])
            return MISFIT(p, x, NULL, "the order must name every dimension once");
        seen |= 1u << order[i];
        dim[i] = x->dim[order[i]];
    }
    struct tensor *y = pass_tensor(p, DTYPE_F32, x->n_dims, dim);
    CALL(p, permute, x, order, false, y);
    struct tape_node *node = RECORD(p, permute_adjoint, y, x);
    for (int i = 0; node && i < x->n_dims; i++)
        node->iarg[i] = order[i];
    return op_result(p, y);
}

/* ---- the same memory ---- */

static void reshape_adjoint(struct pass *p, struct tape_node *node)
{
    grad_pass_on(p, node->in[0], node->out->grad);
}

/* Puts the number that makes the counts equal in place of one -1; false when none does. */
static bool solve_shape(int64_t count, int n_dims, int64_t *dim)
{
    int64_t known = 1;
    int open = -1;
    for (int i = 0; i < n_dims; i++) {
        if (dim[i] == -1 && open < 0)
            open = i;
        else if (dim[i] < 1 || dim[i] > count / known)
            return false;
        else
            known *= dim[i];
    }
    if (open < 0)
        return known == count;
    if (count % known)
        return false;
    dim[open] = count / known;
    return true;
}

struct tensor *op_reshape(struct pass *p, const struct tensor *x, int n_dims, const int64_t *dim)
{
    if (pass_failed(p))
        return NULL;
    if (!x)
        return pass_fail(p, ERR_INTERNAL, "op_reshape: input 1 is missing");
    if (n_dims < 0 || n_dims > TENSOR_DIMS_MAX)
        return pass_fail(p, ERR_INTERNAL, "op_reshape: %d dimensions, at most %d", n_dims,
                         TENSOR_DIMS_MAX);
    struct tensor wanted = { .dtype = x->dtype, .n_dims = n_dims };
    for (int i = 0; i < n_dims; i++) /* dim may be NULL for a scalar */
        wanted.dim[i] = dim[i];
    if (!solve_shape(tensor_count(x), n_dims, wanted.dim))
        return MISFIT(p, x, &wanted, "both must have as many elements");
    struct tensor *y = op_view(p, x, n_dims, wanted.dim);
    RECORD(p, reshape_adjoint, y, x);
    return op_result(p, y);
}

struct tensor *op_detach(struct pass *p, const struct tensor *x)
{
    if (pass_failed(p))
        return NULL;
    if (!x)
        return pass_fail(p, ERR_INTERNAL, "op_detach: input 1 is missing");
    return op_view(p, x, x->n_dims, x->dim);
}

/* ---- chosen rows ---- */

static void replace_rows_adjoint(struct pass *p, struct tape_node *node)
{
    const struct tensor *x = node->in[0], *mask = node->in[1], *row = node->in[2];
    struct tensor *dx = tape_grad(p, x), *drow = tape_grad(p, row);
    CALL(p, replace_rows_bwd, mask, node->out->grad, dx, drow);
}

struct tensor *op_replace_rows(struct pass *p, const struct tensor *x, const struct tensor *mask,
                               const struct tensor *row)
{
    if (!INPUTS(p, x, row))
        return NULL;
    if (!mask)
        return pass_fail(p, ERR_INTERNAL, "op_replace_rows: input 2 is missing");
    if (x->n_dims != 2 || !op_is(mask, DTYPE_I32, 1, x->dim))
        return MISFIT(p, x, mask, "x [B, D] and mask i32 [B] must agree in B");
    if (!op_is_vector(row, x->dim[1]))
        return MISFIT(p, x, row, "x [B, D] and row [D] must agree in D");
    struct tensor *y = op_like(p, x);
    CALL(p, replace_rows, x, mask, row, y);
    RECORD(p, replace_rows_adjoint, y, x, mask, row);
    return op_result(p, y);
}
