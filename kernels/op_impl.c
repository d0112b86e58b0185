#include "kernels/op_impl.h"

#include <string.h>

const struct device *op_device(const struct pass *p)
{
    return pass_failed(p) || p->arena->planning ? NULL : p->dev;
}

bool op_inputs(struct pass *p, const char *op, int n, const struct tensor *const *in)
{
    char shape[80];
    if (pass_failed(p))
        return false;
    for (int i = 0; i < n; i++) {
        if (!in[i])
            return pass_fail(p, ERR_INTERNAL, "%s: input %d is missing", op, i + 1);
        if (in[i]->dtype != DTYPE_F32 || in[i]->packed)
            return pass_fail(p, ERR_INTERNAL, "%s: input %d is %s, must be f32", op, i + 1,
                             tensor_describe(in[i], shape, sizeof shape));
    }
    return true;
}

struct tensor *op_misfit(struct pass *p, const char *op, const struct tensor *a,
                         const struct tensor *b, const char *rule)
{
    char a_shape[80], b_shape[80];
    tensor_describe(a, a_shape, sizeof a_shape);
    if (!b)
        return pass_fail(p, ERR_INTERNAL, "%s: %s does not fit: %s", op, a_shape, rule);
    tensor_describe(b, b_shape, sizeof b_shape);
    return pass_fail(p, ERR_INTERNAL, "%s: %s and %s do not fit: %s", op, a_shape, b_shape, rule);
}

bool op_records(const struct pass *p, int n, const struct tensor *const *in)
{
    if (!p->tape)
        return false;
    for (int i = 0; i < n; i++)
        if (in[i] && in[i]->wants_grad)
            return true;
    return false;
}

bool op_is(const struct tensor *t, enum dtype dtype, int n_dims, const int64_t *dim)
{
    return t->dtype == dtype && t->n_dims == n_dims &&
           !memcmp(t->dim, dim, (size_t)n_dims * sizeof *dim);
}

bool op_is_vector(const struct tensor *t, int64_t n)
{
    return op_is(t, DTYPE_F32, 1, &n);
}

struct tensor *op_new(struct pass *p, int n_dims, const int64_t *dim)
{
    struct tensor *place = p->place;
    if (!place || !op_is(place, DTYPE_F32, n_dims, dim))
        return pass_tensor(p, DTYPE_F32, n_dims, dim);
    pass_place(p, NULL);
    return pass_failed(p) ? NULL : place;
}

struct tensor *op_like(struct pass *p, const struct tensor *x)
{
    return op_new(p, x->n_dims, x->dim);
}

struct tensor *op_view(struct pass *p, const struct tensor *x, int n_dims, const int64_t *dim)
{
    if (pass_failed(p))
        return NULL;
    struct tensor *y = arena_host(p->arena, sizeof *y, &p->err);
    if (!y)
        return NULL;
    y->dtype = x->dtype;
    y->n_dims = n_dims;
    memcpy(y->dim, dim, (size_t)n_dims * sizeof *dim);
    y->data = x->data;
    return y;
}

struct tensor op_as_rows(const struct tensor *x)
{
    return (struct tensor){
        .dtype = x->dtype, .n_dims = 2, .dim = { tensor_rows(x), tensor_cols(x) }, .data = x->data
    };
}

struct tensor *op_result(const struct pass *p, struct tensor *y)
{
    return pass_failed(p) ? NULL : y;
}

struct tensor *grad_target(struct pass *p, const struct tensor *in, bool *ret_fresh)
{
    *ret_fresh = in && in->wants_grad && !in->grad;
    if (!*ret_fresh)
        return tape_grad(p, in);
    struct tensor *grad = op_like(p, in);
    tape_set_grad(in, grad);
    return grad;
}

void grad_add(struct pass *p, const struct tensor *in, float s, const struct tensor *dy)
{
    bool fresh;
    struct tensor *dx = grad_target(p, in, &fresh);
    if (dx && fresh)
        CALL(p, scale, dy, s, dx);
    else if (dx)
        CALL(p, axpy, s, dy, dx);
}

void grad_pass_on(struct pass *p, const struct tensor *in, const struct tensor *dy)
{
    if (!in->wants_grad)
        return;
    if (in->grad)
        CALL(p, axpy, 1.0f, dy, in->grad);
    else
        tape_set_grad(in, op_view(p, dy, in->n_dims, in->dim));
}
